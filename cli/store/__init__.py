"""`store`: a shop's stock, its queue to the central inventory, and a rehearsal of an outage."""
