"""Finds values in JSON that msgspec refuses as a whole because one text in it is no Unicode (half a surrogate).

One poisoned row must not cost its page: what is found is the bytes of each value, for the stages to judge.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Final

_GAP: Final = re.compile(r"[\s,:]*")
_scan: Final = json.JSONDecoder().raw_decode


def text_of(body: bytes) -> str:
    """The text; what is no UTF-8 becomes half surrogates, as an escape of one does."""
    return body.decode(errors="surrogateescape")


def bytes_of(text: str) -> bytes:
    """The bytes that the text was made of."""
    return text.encode(errors="surrogateescape")


def objects(array: str) -> Iterator[bytes]:
    """The bytes of each object of an array of objects. Raises `ValueError` for anything else."""
    at = _after("[", array)
    while array[at : at + 1] == "{":
        _, end = _scan(array, at)
        yield bytes_of(array[at:end])
        at = _skip(array, end)
    if array[at:].strip() != "]":
        raise ValueError(array[at : at + 1])


def member(text: str, name: str) -> slice | None:
    """Where the value of that member of an object stands; None when it has none. Raises `ValueError`."""
    at = _after("{", text)
    while text[at : at + 1] == '"':
        found, end = _scan(text, at)
        start = _skip(text, end)
        _, end = _scan(text, start)
        if found == name:
            return slice(start, end)
        at = _skip(text, end)
    return None


def _after(opening: str, text: str) -> int:
    at = _skip(text, 0)
    if text[at : at + 1] != opening:
        raise ValueError(text[at : at + 1])
    return _skip(text, at + 1)


def _skip(text: str, at: int) -> int:
    found = _GAP.match(text, at)
    return at if found is None else found.end()
