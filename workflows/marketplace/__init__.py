"""Durable shells of the `marketplace` context."""
