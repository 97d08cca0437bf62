"""Pure functions and value types: no I/O, no Temporal, nothing of ours imported."""
