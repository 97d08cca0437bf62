"""Activities of the `cards` context."""
