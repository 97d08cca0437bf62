"""Queries of the `marketplace` context."""
