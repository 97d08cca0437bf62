"""What can be done about a record that could not be used, by the stage it failed in."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

Remedy = Literal["reread", "sync"]

_REMEDIES: Final[dict[str, Remedy]] = {"validate": "reread", "apply": "sync"}


class _Product(msgspec.Struct):
    blueprint_id: Annotated[int, msgspec.Meta(gt=0, lt=2**31 - 1)]


def remedy(stage: str) -> Remedy | None:
    """Read its blueprint again, run a whole sync, or nothing: what was to be changed at CardTrader is not repeated."""
    return _REMEDIES.get(stage)


def blueprint_of(raw: bytes) -> int | None:
    """The blueprint a raw product names; None when it names none that could be asked for."""
    try:
        return msgspec.json.decode(raw, type=_Product).blueprint_id
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
