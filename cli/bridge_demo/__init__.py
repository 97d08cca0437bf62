"""`bridge demo`: a generated ERP comes to the hub, changes, and comes again; both sides are compared row by row."""
