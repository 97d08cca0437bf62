"""Durable shells: deterministic, thin, no I/O. The decisions they take are functions of `domain`."""
