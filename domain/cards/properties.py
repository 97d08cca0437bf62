"""Properties of a listing: which a seller may set, and which decide what a buyer gets (reference: cardtrader.md 2.1).

Names differ by game and new games bring new ones, so they are told by their endings.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

T = TypeVar("T")

_FINISH = ("_foil", "_foil_new", "_reverse")
_DECISIVE = ("condition", "language", *_FINISH)
_EDITABLE_NAMES = frozenset(("condition", "signed", "altered", "first_edition", "sealed"))
_EDITABLE_ENDINGS = ("_condition", "_language", "_first_edition", *_FINISH)


def is_editable(name: str) -> bool:
    """Whether CardTrader lets a seller choose this property; all others describe the print."""
    return name in _EDITABLE_NAMES or name.endswith(_EDITABLE_ENDINGS)


def is_decisive(name: str) -> bool:
    """Whether a wrong value sells something else than the card at hand: condition, language or finish."""
    return name.lower().endswith(_DECISIVE)


def editable_properties(properties: Mapping[str, T]) -> dict[str, T]:
    """What may be sent back of the properties CardTrader shows: read-only names left out, values untouched."""
    return {name: value for name, value in properties.items() if is_editable(name)}
