"""Side effects of the `marketplace` context."""
