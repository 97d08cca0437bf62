"""What CardTrader says about a change, in any of its shapes, as values that are safe to store and to show.

Errors and warnings come as nothing, a text, a list of texts or objects, or an object of any of these, nested
(`{"properties": {"mtg_foil": ["Read only property mtg_foil has been ignored"]}}`). Names and texts are kept only
while they look like CardTrader's own words: no address, token or mail address gets through.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Final, Literal

import msgspec

from domain.cards.properties import is_decisive

Outcome = Literal["done", "refused", "unknown"]

_MOST: Final = 50
_DEEPEST: Final = 5
_LONGEST_TEXT: Final = 200
_LONGEST_WORD: Final = 24
_SAFE_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,31}")
_SAFE_TEXT: Final = re.compile(r"[A-Za-z0-9_ ',.()%-]+")
_NAMED: Final = re.compile(r"(?:property|for) ([A-Za-z]\w{0,31}) has been ignored")
# Names of the wrapping, not of what is wrong.
_WRAPPINGS: Final = frozenset(("", "properties", "base", "message"))


class Remark(msgspec.Struct, frozen=True):
    """One reason or hint. `field` names what it is about, `text` is CardTrader's; "" where either is not safe."""

    field: str = ""
    text: str = ""

    @property
    def is_grave(self) -> bool:
        """Whether, as a warning, it makes the change a refusal; one that names nothing may hide anything."""
        return not self.field or is_decisive(self.field)


class Verdict(msgspec.Struct, frozen=True):
    """What became of a change; `remarks` are the reasons of a refusal, else what was ignored without harm."""

    outcome: Outcome
    remarks: tuple[Remark, ...] = ()


def fields_of(remarks: tuple[Remark, ...]) -> tuple[str, ...]:
    """The fields that remarks name, each once, in their order."""
    return tuple(dict.fromkeys(remark.field for remark in remarks if remark.field))


def judge(result: str, errors: object, warnings: object) -> Verdict:
    """What an answer's `result`, `errors` and `warnings` mean: an ignored condition, language or foil is a refusal."""
    wrong, noted = remarks_of(errors), remarks_of(warnings)
    if result == "error":
        return Verdict("refused", wrong + noted or (Remark(),))
    if result not in ("ok", "warning") or wrong:
        return Verdict("unknown", wrong + noted)
    if result == "warning" and not noted:
        return Verdict("refused", (Remark(),))
    grave = tuple(remark for remark in noted if remark.is_grave)
    return Verdict("refused", grave) if grave else Verdict("done", noted)


def remarks_of(said: object) -> tuple[Remark, ...]:
    """The remarks in a decoded JSON value of any shape, at most fifty."""
    return tuple(islice(_walk(said, "", _DEEPEST), _MOST))


def _walk(said: object, field: str, depth: int) -> Iterator[Remark]:
    match said:
        case None:
            return
        case dict() if depth:
            for name, inner in said.items():
                yield from _walk(inner, _name(name) or field, depth - 1)
        case list() if depth:
            for inner in said:
                yield from _walk(inner, field, depth - 1)
        case str():
            yield Remark(field or _named_in(said), _safe(said))
        case _:
            yield Remark(field)


def _name(name: str) -> str:
    return name if name not in _WRAPPINGS and _SAFE_NAME.fullmatch(name) else ""


def _named_in(text: str) -> str:
    start = text[:_LONGEST_TEXT]
    if named := _NAMED.search(start):
        return named[1]
    return next((word.lower() for word in re.findall(r"\w+", start) if _name(word) and is_decisive(word)), "")


def _safe(text: str) -> str:
    text = " ".join(text[:_LONGEST_TEXT].split())
    is_safe = _SAFE_TEXT.fullmatch(text) and all(len(word) <= _LONGEST_WORD for word in text.split())
    return text if is_safe else ""
