"""A simulated central inventory: versions, idempotency keys, expiring tokens, faults, and books of its own.

Serves `python -m devstack.simulators.central`. What the seed leaves open about central is a knob.
"""
