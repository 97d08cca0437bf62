"""Activities of the `bridge` context."""
