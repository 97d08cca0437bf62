"""The parent of one server process: the server ends when the guardian's standard input does.

Run as a script with one JSON argument (`Orders`) and nothing but the standard library, so that it starts in
milliseconds. Its owner holds the other end of the pipe: a clean stop closes it, kill -9 of the owner makes the
kernel close it, and both take the same path. Unlike PR_SET_PDEATHSIG alone this does not depend on which
thread started the process; that signal covers the one case left, the death of the guardian itself.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import threading
from typing import Final, NoReturn, TypedDict

_PR_SET_PDEATHSIG: Final = 1
_PR_CAP_AMBIENT: Final = 47
_PR_CAP_AMBIENT_RAISE: Final = 2
_PR_SET_KEEPCAPS: Final = 8
_CLONE_NEWUSER: Final = 0x10000000
_CAP_DAC_OVERRIDE: Final = 1
_CAPABILITY_VERSION_3: Final = 0x20080522
_NAMESPACE_UID: Final = 65534
_CANNOT_EXECUTE: Final = 126


class Orders(TypedDict):
    """What to run. `identity`: `same`, `namespace`, or a numeric uid; `stop_signal` by number, `grace` in seconds."""

    argv: list[str]
    log: str
    pid_file: str
    stop_signal: int
    grace: float
    identity: str


def main(orders: Orders) -> int:
    """Run the server until it ends or our input does; its exit code is ours."""
    guardian, log = os.getpid(), os.open(orders["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    server = os.fork()
    if server == 0:
        _become_server(orders, guardian, log)
    os.close(log)
    _announce(server, orders["pid_file"])
    threading.Thread(target=_stop_with_owner, args=(server, orders), daemon=True).start()
    _, status = os.waitpid(server, 0)
    _signal_group(server, signal.SIGKILL)
    _remove(orders["pid_file"])
    return os.waitstatus_to_exitcode(status) & 0xFF


def _announce(server: int, pid_file: str) -> None:
    with open(f"{pid_file}.new", "w") as file:
        file.write(f"{server}\n")
    os.replace(f"{pid_file}.new", pid_file)
    os.write(1, f"{server}\n".encode())
    os.close(1)


def _stop_with_owner(server: int, orders: Orders) -> None:
    while os.read(0, 1024):
        pass
    _signal_process(server, orders["stop_signal"])
    # The main thread leaves as soon as the server has, and takes this daemon thread with it.
    threading.Event().wait(orders["grace"])
    _signal_group(server, signal.SIGKILL)


def _signal_process(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _signal_group(group: int, number: int) -> None:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return


def _remove(path: str) -> None:
    try:
        os.remove(path)
    except FileNotFoundError:
        return


def _become_server(orders: Orders, guardian: int, log: int) -> NoReturn:
    try:
        os.setsid()
        _redirect(log)
        _assume(orders["identity"])
        # After the change of identity, which clears the setting; the owner may have gone meanwhile.
        _die_with_parent(guardian)
        os.execvp(orders["argv"][0], orders["argv"])  # noqa: S606 - no shell is the point
    except OSError as error:
        os.write(2, f"cannot run {orders['argv'][0]}: {error}\n".encode())
    os._exit(_CANNOT_EXECUTE)


def _redirect(log: int) -> None:
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(log, 1)
    os.dup2(log, 2)


def _libc_call(name: str, *arguments: object) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")


def _die_with_parent(guardian: int) -> None:
    if sys.platform == "linux":
        _libc_call("prctl", _PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != guardian:
        os._exit(_CANNOT_EXECUTE)


def _assume(identity: str) -> None:
    if identity == "namespace":
        _enter_user_namespace()
    elif identity != "same":
        _drop_to(int(identity))


def _enter_user_namespace() -> None:
    """Be `nobody` by number only: outside the namespace we are who we were, so our folders stay open to us."""
    uid, gid = os.geteuid(), os.getegid()
    _libc_call("unshare", _CLONE_NEWUSER)
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"{_NAMESPACE_UID} {uid} 1")
    _write("/proc/self/gid_map", f"{_NAMESPACE_UID} {gid} 1")


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)


def _drop_to(uid: int) -> None:
    """Become an ordinary user that may still pass closed folders (CAP_DAC_OVERRIDE as an ambient capability)."""
    _libc_call("prctl", _PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    os.setgid(uid)
    os.setuid(uid)
    capability = 1 << _CAP_DAC_OVERRIDE
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    data = (ctypes.c_uint32 * 6)(capability, capability, capability, 0, 0, 0)
    _libc_call("capset", ctypes.byref(header), ctypes.byref(data))
    _libc_call("prctl", _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_OVERRIDE, 0, 0)


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
