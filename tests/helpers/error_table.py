"""Every error of the API by its code, as docs/integrators.md tells them."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

import api
from api.errors import ApiError

_CONTEXTS = ("bridge", "cards", "marketplace", "store")


def error_table() -> str:
    """Markdown: code, status, contexts, sentence; by status."""
    for module in pkgutil.walk_packages(api.__path__, "api."):
        importlib.import_module(module.name)
    told: dict[tuple[int, str], tuple[set[str], str]] = {}
    for error in _all(ApiError):
        if {"code", "status"} & set(vars(error)):
            told.setdefault((error.status, error.code), (set(), str(error.__doc__)))[0].add(_context(error))
    rows = [
        f"| `{code}` | {status} | {', '.join(sorted(contexts))} | {text.rstrip('.')}. |"
        for (status, code), (contexts, text) in sorted(told.items())
    ]
    return "\n".join(["| code | status | context | means |", "|---|---:|---|---|", *rows])


def _all(base: type[ApiError]) -> Iterator[type[ApiError]]:
    for error in base.__subclasses__():
        # Those of tests are none of ours.
        if error.__module__.startswith("api."):
            yield error
        yield from _all(error)


def _context(error: type[ApiError]) -> str:
    folder = error.__module__.split(".")[1]
    return folder if folder in _CONTEXTS else "all"
