"""Properties of a listing: which a seller may set, and which decide what a buyer gets (reference: cardtrader.md 2.1).

Names differ by game and new games bring new ones, so they are told by their endings. Values a seller wishes for are
checked here: another spelling of a known value is understood, an unknown value is refused and never bent into a known
one, and language codes are never cut. Whether a blueprint offers a value at all, only CardTrader knows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final, TypeVar

from domain.cards.vocabulary import CONDITION_SPELLINGS, CONDITIONS, FLAG_SPELLINGS, LANGUAGES

T = TypeVar("T")
Scalar = bool | int | float | str
Value = bool | str

_FINISH = ("_foil", "_foil_new", "_reverse")
_DECISIVE = ("condition", "language", *_FINISH)
_EDITABLE_NAMES = frozenset(("condition", "signed", "altered", "first_edition", "sealed"))
_EDITABLE_ENDINGS = ("_condition", "_language", "_first_edition", *_FINISH)
# Other games have words for it ("Cold Foil", "Full Art"), or both.
_FLAG_FINISHES: Final = tuple(
    f"{game}_foil" for game in ("mtg", "digimon", "dragonball", "lorcana", "onepiece", "riftbound")
)
_FLAGS: Final = frozenset(("signed", "altered", "first_edition", "sealed", *_FLAG_FINISHES))
_FLAG_ENDINGS: Final = ("_first_edition", "_reverse")
_LANGUAGE: Final = re.compile(r"[a-z]{2}(?:-[A-Z]{2})?")
_KNOWN_LANGUAGES: Final = {code.lower(): code for code in LANGUAGES}


class UnfitValue(ValueError):
    """A value no listing can have; the message names the property and what is expected, never the value."""


def is_editable(name: str) -> bool:
    """Whether CardTrader lets a seller choose this property; all others describe the print."""
    return name in _EDITABLE_NAMES or name.endswith(_EDITABLE_ENDINGS)


def is_decisive(name: str) -> bool:
    """Whether a wrong value sells something else than the card at hand: condition, language or finish."""
    return name.lower().endswith(_DECISIVE)


def editable_properties(properties: Mapping[str, T]) -> dict[str, T]:
    """What may be sent back of the properties CardTrader shows: read-only names left out, values untouched."""
    return {name: value for name, value in properties.items() if is_editable(name)}


def sendable_properties(current: Mapping[str, object], changed: Mapping[str, object]) -> dict[str, Value]:
    """The editable properties after a change, as CardTrader takes them: flags and words.

    A finish that was and stays "no" is left out: CardTrader warns about it where a print has no such choice, and an
    ignored finish counts as a refusal.
    """
    merged = editable_properties({**current, **changed})
    return {
        name: value
        for name, value in merged.items()
        if isinstance(value, bool | str) and (name in changed or not (value is False and name.endswith(_FINISH)))
    }


def checked_property(name: str, value: Scalar) -> Scalar:
    """The value in CardTrader's spelling; a read-only property is left as it is. Raises `UnfitValue`."""
    return _rule(name)(name, value) if is_editable(name) else value


def _rule(name: str) -> Callable[[str, Scalar], Value]:
    if name == "condition":
        return _condition
    if name.endswith("_language"):
        return _language
    if name in _FLAGS or name.endswith(_FLAG_ENDINGS):
        return _flag
    return _flag_or_text if name.endswith("_foil") else _text


def _condition(name: str, value: Scalar) -> Value:
    known = CONDITION_SPELLINGS.get(value.strip().lower()) if isinstance(value, str) else None
    if known is None:
        raise UnfitValue(f"{name} must be one of {', '.join(CONDITIONS)}")
    return known


def _language(name: str, value: Scalar) -> Value:
    code = value.strip() if isinstance(value, str) else ""
    known = _KNOWN_LANGUAGES.get(code.lower(), code)
    if not _LANGUAGE.fullmatch(known):
        raise UnfitValue(f"{name} must be a language code of CardTrader, such as en, jp or zh-CN")
    return known


def _flag(name: str, value: Scalar) -> Value:
    spelt = value.strip().lower() if isinstance(value, str) else value
    known = FLAG_SPELLINGS.get(spelt)
    if known is None:
        raise UnfitValue(f"{name} must be true or false")
    return known


def _flag_or_text(name: str, value: Scalar) -> Value:
    spelt = value.strip().lower() if isinstance(value, str) else value
    known = FLAG_SPELLINGS.get(spelt)
    return _text(name, value) if known is None else known


def _text(name: str, value: Scalar) -> Value:
    if not isinstance(value, str) or not value.strip():
        raise UnfitValue(f"{name} must be one of CardTrader's words for it")
    return value.strip()
