"""Side effects of the `bridge` context: pages fetched, processed and told to the hub, batches begun and ended."""
