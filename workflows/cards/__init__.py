"""Workflows of the `cards` context."""
