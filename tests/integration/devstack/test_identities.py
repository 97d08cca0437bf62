"""PostgreSQL below a folder closed to others (pytest's are 0700), as whoever runs the tests."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from devstack.postgres import PostgresServer
from devstack.privileges import NAMESPACE, NOBODY, SAME, own, works

IDENTITIES = (NAMESPACE, NOBODY) if os.geteuid() == 0 else (SAME,)


@pytest.fixture
def closed(tmp_path: Path) -> Path:
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o700)
    return folder


@pytest.mark.parametrize("identity", IDENTITIES)
def test_postgres_starts_and_restarts_in_a_closed_folder(closed: Path, identity: str) -> None:
    if not works(identity, Path("/bin/true"), closed):
        pytest.skip(f"this machine does not allow the identity {identity}")
    server = PostgresServer(closed / "postgres", closed / "run", durable=False, identity=identity)
    for _ in range(2):
        assert server.start().endswith("/brx_sync")
        server.stop()
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_directory_changes_hands_whole(closed: Path) -> None:
    (closed / "data" / "base").mkdir(parents=True)
    for identity, uid in ((NOBODY, 65534), (NAMESPACE, 0)):
        own(closed / "data", identity)
        assert {path.stat().st_uid for path in (closed / "data", closed / "data" / "base")} == {uid}
    assert closed.stat().st_uid == os.geteuid()
