"""Durable shells of the `store` context."""
