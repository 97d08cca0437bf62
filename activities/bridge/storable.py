"""Texts of others as PostgreSQL can keep them."""

from __future__ import annotations

import re
from typing import Final

_NUL: Final = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")


def storable(text: str) -> str:
    """PostgreSQL's texts have no NUL."""
    return text.replace("\x00", "\\0")


def storable_json(text: str) -> str:
    """Nor has its jsonb: such a character is shown as six."""
    return _NUL.sub(r"\1\\\\u0000", text)
