"""One client per remote system, the shared request limit and the circuit breaker."""
