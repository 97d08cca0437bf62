"""Tables and queries of the `bridge` context."""
