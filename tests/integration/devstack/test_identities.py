"""PostgreSQL below a folder closed to others (pytest's are 0700), as whoever runs the tests."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from devstack.postgres import PostgresServer, installation
from devstack.privileges import NAMESPACE, NOBODY, SAME, SUBSTITUTES_OF_ROOT, choose_identity, own, works

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to be somebody else")


@pytest.fixture
def closed(tmp_path: Path) -> Path:
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def open_place() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.parametrize("identity", SUBSTITUTES_OF_ROOT if os.geteuid() == 0 else (SAME,))
def test_postgres_starts_and_restarts_in_a_closed_folder(closed: Path, identity: str) -> None:
    if not works(identity, Path("/bin/true"), closed):
        pytest.skip(f"this machine does not allow the identity {identity}")
    server = PostgresServer(closed / "postgres", closed / "run", durable=False, substitutes=(identity,))
    for _ in range(2):
        assert server.start().endswith("/brx_sync")
        server.stop()
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


@needs_root
def test_programs_in_a_closed_folder_are_copied_once_for_nobody(closed: Path, open_place: Path) -> None:
    original = installation()
    for part in original.parts:
        shutil.copytree(original.root / part, closed / part)
    hidden = replace(original, root=closed)
    chosen = [choose_identity(hidden, "pg_config", closed, (NOBODY,), open_place) for _ in range(2)]
    assert chosen[0] == chosen[1]
    identity, copy = chosen[0]
    assert identity == NOBODY
    assert [path.parent for path in open_place.iterdir()] == [copy.root.parent]
    assert works(identity, copy.program("pg_config"), closed)


@needs_root
def test_a_directory_changes_hands_whole(closed: Path) -> None:
    (closed / "data" / "base").mkdir(parents=True)
    for identity, uid in ((NOBODY, 65534), (NAMESPACE, 0)):
        own(closed / "data", identity)
        assert {path.stat().st_uid for path in (closed / "data", closed / "data" / "base")} == {uid}
    assert closed.stat().st_uid == os.geteuid()
