"""A port that somebody takes between our look and the server's bind costs another try, not the stack."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from devstack import temporal
from devstack.errors import NotReadyError
from devstack.ports import LOOPBACK, free_ports
from devstack.temporal import TemporalServer


def taken_at_first(port: int, looks: list[int]) -> Callable[[int], list[int]]:
    def look(count: int) -> list[int]:
        looks.append(count)
        return [port, *free_ports(count - 1)] if len(looks) == 1 else free_ports(count)

    return look


@pytest.mark.parametrize("given", [False, True], ids=["drawn", "given"])
def test_a_port_taken_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: bool) -> None:
    looks: list[int] = []
    with socket.socket() as other:
        other.bind((LOOPBACK, 0))
        port = int(other.getsockname()[1])
        monkeypatch.setattr(temporal, "free_ports", taken_at_first(port, looks))
        server = TemporalServer(tmp_path / "run", port=port if given else None, web_ui=False)
        if given:
            with pytest.raises(NotReadyError, match="address already in use"):
                server.start()
        else:
            assert server.start() == f"{LOOPBACK}:{server.port}" != f"{LOOPBACK}:{port}"
            server.stop()
    assert len(looks) == (3 if given else 2)
