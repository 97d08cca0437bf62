"""The disk below the staging of exports: what attempts share, and what must not outlive its sync.

    {root}/{operation}-{strategy}/download/     a complete download, published by one rename
                                 /attempt-{n}/  what attempt n downloads and sorts

An attempt that was given up for dead may live on beside its successor. So each works in a folder of its own,
nobody reads what another is still writing, and a successor takes finished files away together with their folder.
Blocking: call it from a thread.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

import msgspec

_MARKER = "download.json"
_BEGAN = "began"
_UUID_LENGTH = 36


class Download(msgspec.Struct, frozen=True):
    """A complete download; `began` (database clock) names it, `files` lie beside its marker."""

    began: datetime
    complete: bool
    files: list[str]


@dataclass(frozen=True, slots=True)
class Workspace:
    """One attempt's view of the folder of its export."""

    directory: Path
    attempt: int

    @property
    def downloaded(self) -> Path:
        """Where the published download lies."""
        return self.directory / "download"

    def begin(self, purpose: str) -> Path:
        """An empty folder of this attempt."""
        folder = self.directory / f"attempt-{self.attempt}" / purpose
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder

    def resume(self) -> Path:
        """The folder to download into, with the files that an earlier attempt has completed.

        They are taken from it: if it lives on, it fails at its next file.
        """
        folder = self.directory / f"attempt-{self.attempt}" / "download"
        folder.parent.mkdir(parents=True, exist_ok=True)
        if not folder.exists():
            for earlier in self.directory.glob("attempt-*/download"):
                earlier.rename(folder)
                break
        folder.mkdir(exist_ok=True)
        for unfinished in folder.glob("*.part"):
            # Not written over: the earlier attempt may still hold it open.
            unfinished.unlink()
        return folder

    def published(self) -> Download | None:
        """The complete download of this machine, if any."""
        try:
            return msgspec.json.decode((self.downloaded / _MARKER).read_bytes(), type=Download)
        except FileNotFoundError:
            return None

    def publish(self, folder: Path, download: Download) -> Download:
        """Offer a download to later attempts; the answer is the one that counts: the first."""
        (folder / _MARKER).write_bytes(msgspec.json.encode(download))
        try:
            folder.rename(self.downloaded)
        except OSError:
            if (first := self.published()) is None:
                raise
            return first
        return download

    def clear(self) -> None:
        """Forget the export, whatever other attempts are doing with it."""
        shutil.rmtree(self.directory, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class StagingArea:
    """The folders of all exports on this machine."""

    root: Path

    def workspace(self, operation_id: UUID, strategy: str, attempt: int) -> Workspace:
        """Where an attempt works."""
        return Workspace(self.root / f"{operation_id}-{strategy}", attempt)

    def operations(self) -> set[UUID]:
        """The operations that have left something here."""
        if not self.root.is_dir():
            return set()
        return {found for path in self.root.iterdir() if (found := _operation(path)) is not None}

    def forget(self, operation_ids: Collection[UUID]) -> None:
        """Delete what these operations have left."""
        for path in self.root.iterdir():
            if _operation(path) in operation_ids:
                shutil.rmtree(path, ignore_errors=True)


def began_at(folder: Path, now: datetime) -> datetime:
    """When the oldest part of a download was asked for: `now` for a new one. Kept in the folder."""
    clock = folder / _BEGAN
    try:
        return datetime.fromisoformat(clock.read_text())
    except FileNotFoundError:
        unfinished = clock.with_suffix(".new")
        unfinished.write_text(now.isoformat())
        unfinished.replace(clock)
        return now


def _operation(path: Path) -> UUID | None:
    """The operation a folder belongs to; None for what is not ours."""
    try:
        return UUID(path.name[:_UUID_LENGTH])
    except ValueError:
        return None
