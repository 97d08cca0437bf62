"""Benchmarks: every figure next to a floor or a peer measured in the same run. `python -m bench --help`."""
