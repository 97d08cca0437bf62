"""Facade of the `cards` context."""
