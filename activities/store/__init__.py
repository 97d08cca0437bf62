"""Side effects of the `store` context."""
