"""Free loopback ports.

They are drawn below the range the kernel gives to outgoing connections, so that no client can take one between
our look and the server's bind.
"""

from __future__ import annotations

import random
import socket

LOOPBACK = "127.0.0.1"
_RANGE = range(15_000, 32_000)


def is_free(port: int) -> bool:
    """True when a server could bind the port on loopback now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def free_ports(count: int, rng: random.Random | None = None) -> list[int]:
    """`count` distinct ports that are free now.

    Raises:
        OSError: hardly any port of the range is free.
    """
    candidates = (rng or random.SystemRandom()).sample(_RANGE, k=min(len(_RANGE), count * 50))
    found: list[int] = []
    for port in candidates:
        if len(found) == count:
            break
        if is_free(port):
            found.append(port)
    if len(found) < count:
        raise OSError(f"no {count} free ports on {LOOPBACK}")
    return found


def free_port() -> int:
    """One port that is free now."""
    return free_ports(1)[0]
