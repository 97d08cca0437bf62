"""Who runs a server that refuses to be root, or a user without a name (as in `docker run --user 12345`).

Three identities, the first that works is taken:

- `same`: we are an ordinary user already.
- `namespace`: a user namespace in which we are `nobody`. Nothing is copied, no owner or mode changes, and folders
  closed to others (a clone below a 0700 directory) stay open because outside the namespace we are who we were.
- a numeric uid (`nobody`): where namespaces are forbidden, as in most containers, or a folder is not root's.
  The server keeps only the capability to pass closed folders; its data directory becomes its own. Since access(2)
  ignores that capability and PostgreSQL asks it about its own programs, those are copied if they lie in one.

Modes of the folders above the data directory are never changed.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from devstack.errors import DevStackError, NotReadyError
from devstack.process import Command, run_to_end

SAME = "same"
NAMESPACE = "namespace"
NOBODY = "65534"
SUBSTITUTES_OF_ROOT = (NAMESPACE, NOBODY)
_ANY_PROGRAM = Path("/bin/sh")
_OPEN_PLACE = Path("/var/tmp")  # noqa: S108 - a copy there is trusted only if root made it


@dataclass(frozen=True, slots=True)
class Installation:
    """Programs that may be copied elsewhere: the folders `parts` of `root`, with the programs in `bin_dir`."""

    root: Path
    parts: tuple[str, ...]
    bin_dir: str

    def program(self, name: str) -> Path:
        """Path of one program."""
        return self.root / self.bin_dir / name


def choose_identity(
    installation: Installation,
    probe: str,
    run_dir: Path,
    substitutes: Sequence[str] = SUBSTITUTES_OF_ROOT,
    open_place: Path = _OPEN_PLACE,
) -> tuple[str, Installation]:
    """The first identity under which the program `probe` runs and `run_dir` can be written, and what to run.

    Raises:
        DevStackError: we are root, or a number without a name, and no substitute works here.
    """
    if os.geteuid() != 0 and _has_a_name(os.geteuid()):
        return SAME, installation
    for identity in substitutes:
        if works(identity, installation.program(probe), run_dir):
            return identity, installation
    if works(NOBODY, _ANY_PROGRAM, run_dir):
        return NOBODY, _open_copy(installation, probe, open_place)
    raise DevStackError(
        "PostgreSQL wants to be an ordinary user with a name, and this machine allows neither user namespaces nor a "
        "change of user. Run as such a user, or give DATABASE_URL."
    )


def own(directory: Path, identity: str) -> None:
    """Create a directory and make the identity the owner of everything in it."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    if os.geteuid() != 0:
        return
    uid = int(identity) if identity.isdecimal() else 0
    if directory.stat().st_uid == uid:
        return
    for path in (directory, *directory.rglob("*")):
        os.chown(path, uid, uid, follow_symlinks=False)


def works(identity: str, program: Path, run_dir: Path) -> bool:
    """True when the identity can write `run_dir` and run the program."""
    script = 'test -w "$0" && exec "$1"'
    argv: Sequence[str] = ("/bin/sh", "-c", script, str(run_dir), str(program))
    try:
        run_to_end(Command(f"identity-{identity}", argv, run_dir, identity=identity))
    except NotReadyError:
        return False
    return True


def _has_a_name(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def _open_copy(original: Installation, probe: str, place: Path) -> Installation:
    """The programs where everybody may pass, copied once per version; root's alone, readable by all."""
    version = f"{original.program(probe)} {original.program(probe).stat().st_mtime_ns}"
    copy = Installation(
        place / f"brx-sync-{hashlib.sha256(version.encode()).hexdigest()[:16]}", original.parts, original.bin_dir
    )
    if not copy.root.exists():
        _copy_whole(original, copy.root)
    # The name can be foreseen and the place is everybody's.
    if copy.root.is_symlink() or copy.root.stat().st_uid != 0:
        raise DevStackError(f"{copy.root} belongs to somebody else. Remove it, or give DATABASE_URL.")
    return copy


def _copy_whole(original: Installation, target: Path) -> None:
    """All or nothing: a draft beside the target is renamed when it is complete."""
    draft = Path(tempfile.mkdtemp(prefix=f"{target.name}.", dir=target.parent))
    try:
        for part in original.parts:
            shutil.copytree(original.root / part, draft / part)
        draft.chmod(0o755)
        with suppress(FileExistsError):
            draft.rename(target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
