"""Free ports."""

from __future__ import annotations

import random
import socket

import pytest

from devstack.ports import LOOPBACK, free_ports, is_free


def test_ports_are_distinct_and_bindable() -> None:
    ports = free_ports(5)
    assert len(set(ports)) == 5
    assert all(is_free(port) for port in ports)


def test_a_taken_port_is_not_handed_out() -> None:
    (first,) = free_ports(1, random.Random(7))
    with socket.socket() as holder:
        holder.bind((LOOPBACK, first))
        holder.listen()
        assert not is_free(first)
        assert free_ports(1, random.Random(7)) != [first]


def test_no_port_left_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("devstack.ports.is_free", lambda _: False)
    with pytest.raises(OSError, match="no 2 free ports"):
        free_ports(2)
