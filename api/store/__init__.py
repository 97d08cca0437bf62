"""Facade of the `store` context."""
