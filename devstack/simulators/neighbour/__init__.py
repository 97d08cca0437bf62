"""What the simulators of the bridge's two neighbours share: their tokens, their gate, their faults, their server."""
