"""Who runs a server that refuses to be root.

Three identities, the first that works is taken:

- `same`: we are an ordinary user already.
- `namespace`: a user namespace in which root has another number. Nothing is copied, no owner or mode changes,
  and folders closed to others (a clone below a 0700 directory) stay readable because outside it is still root.
- a numeric uid (`nobody`): where namespaces are forbidden, as in most containers, or a folder is not root's.
  The server keeps only the capability to pass closed folders; its data directory becomes its own.

Modes of the folders above the data directory are never changed.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from devstack.errors import DevStackError, NotReadyError
from devstack.process import Command, run_to_end

SAME = "same"
NAMESPACE = "namespace"
NOBODY = "65534"


def choose_identity(program: Path, run_dir: Path) -> str:
    """The first identity under which `program --version` runs and `run_dir` can be written.

    Raises:
        DevStackError: we are root and neither way of not being root works here.
    """
    if os.geteuid() != 0:
        return SAME
    for identity in (NAMESPACE, NOBODY):
        if works(identity, program, run_dir):
            return identity
    raise DevStackError(
        f"{program.name} refuses to run as root and this machine allows neither user namespaces nor a change "
        "of user. Run as an ordinary user, or give DATABASE_URL."
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
    script = 'test -w "$0" && exec "$1" --version'
    argv: Sequence[str] = ("/bin/sh", "-c", script, str(run_dir), str(program))
    try:
        run_to_end(Command(f"identity-{identity}", argv, run_dir, identity=identity))
    except NotReadyError:
        return False
    return True
