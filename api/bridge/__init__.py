"""Facade of the `bridge` context."""
