"""`demo`: the whole service against a simulated CardTrader, judged by the simulator's own books."""
