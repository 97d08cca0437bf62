"""Decisions of the `cards` context."""
