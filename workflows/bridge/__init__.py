"""Workflows of the `bridge` context."""
