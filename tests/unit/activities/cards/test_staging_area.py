"""Folders of staging attempts: what is published is whole, and attempts do not meet."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from activities.cards.staging_area import Download, StagingArea, Workspace, began_at

_FIRST = Download(datetime(2026, 1, 1, tzinfo=UTC), complete=True, files=["export.json"])
_SECOND = Download(datetime(2026, 1, 2, tzinfo=UTC), complete=True, files=["export.json"])


def test_nothing_is_published_before_the_download_is_complete(tmp_path: Path) -> None:
    folder = Workspace(tmp_path, 1).begin("download")
    (folder / "export.json").write_text("[")
    (folder / "download.json").write_text("")
    assert Workspace(tmp_path, 2).published() is None


def test_a_published_download_is_there_for_later_attempts(tmp_path: Path) -> None:
    first = Workspace(tmp_path, 1)
    folder = first.begin("download")
    (folder / "export.json").write_text("[]")
    assert first.publish(folder, _FIRST) == _FIRST
    later = Workspace(tmp_path, 2)
    assert later.published() == _FIRST
    assert (later.downloaded / "export.json").read_text() == "[]"


def test_attempts_side_by_side_agree_on_the_first_download(tmp_path: Path) -> None:
    zombie, successor = Workspace(tmp_path, 1), Workspace(tmp_path, 2)
    left, right = zombie.begin("download"), successor.begin("download")
    (left / "export.json").write_text("left")
    (right / "export.json").write_text("right")
    assert successor.publish(right, _SECOND) == _SECOND
    assert zombie.publish(left, _FIRST) == _SECOND
    assert (zombie.downloaded / "export.json").read_text() == "right"


def test_a_repeated_attempt_begins_empty(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path, 1)
    (workspace.begin("spool") / "source.bin").touch()
    assert not list(workspace.begin("spool").iterdir())


def test_only_folders_of_the_named_operations_are_forgotten(tmp_path: Path) -> None:
    area = StagingArea(tmp_path)
    gone, kept = uuid4(), uuid4()
    for operation_id, strategy in ((gone, "full"), (gone, "by_expansion"), (kept, "full")):
        area.workspace(operation_id, strategy, 1).begin("download")
    (tmp_path / "lost+found").mkdir()
    assert area.operations() == {gone, kept}
    area.forget({gone})
    assert {path.name for path in tmp_path.iterdir()} == {f"{kept}-full", "lost+found"}


def test_an_area_that_was_never_used_is_empty(tmp_path: Path) -> None:
    assert StagingArea(tmp_path / "none").operations() == set()


def test_a_later_attempt_takes_over_what_an_earlier_one_has_downloaded(tmp_path: Path) -> None:
    zombie, successor = Workspace(tmp_path, 1), Workspace(tmp_path, 2)
    (zombie.resume() / "export-1.json").touch()
    (zombie.resume() / "export-2.json.part").touch()
    folder = successor.resume()
    assert [path.name for path in folder.iterdir()] == ["export-1.json"]
    with pytest.raises(FileNotFoundError):
        (tmp_path / "attempt-1" / "download" / "export-2.json").touch()


def test_a_resumed_download_is_as_old_as_its_oldest_part(tmp_path: Path) -> None:
    folder = Workspace(tmp_path, 1).resume()
    early, late = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
    assert began_at(folder, early) == early
    assert began_at(Workspace(tmp_path, 2).resume(), late) == early
