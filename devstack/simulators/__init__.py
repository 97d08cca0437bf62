"""Simulators of every remote system, each with its own books, so that it can judge its clients."""
