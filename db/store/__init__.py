"""Tables and statements of the `store` context."""
