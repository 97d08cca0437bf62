"""Account tokens as sellers paste them."""

from __future__ import annotations

import re
from typing import Final

from clients.cardtrader.errors import TokenRejected

_INVISIBLE: Final = re.compile(r"[\s\u00ad\u200b-\u200f\u2060\ufeff]+")
_TOKEN: Final = re.compile(r"[\x21-\x7e]{1,4096}")


def clean_token(token: str) -> str:
    """A token as pasted, without white space, soft hyphens and a leading "Bearer".

    Raises:
        TokenRejected: what is left cannot be a token; it is never sent.
    """
    bare = _INVISIBLE.sub("", re.sub(r"^\s*bearer\s+", "", token, flags=re.IGNORECASE))
    if not _TOKEN.fullmatch(bare):
        raise TokenRejected
    return bare
