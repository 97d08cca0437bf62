"""CardTrader's answers. Unknown fields are ignored; ids need 64 bits."""

from __future__ import annotations

from typing import Annotated

import msgspec

Id = Annotated[int, msgspec.Meta(gt=0, le=2**63 - 1)]


class AppInfo(msgspec.Struct, frozen=True):
    """`GET /info`: the account's app. `shared_secret` is the key of webhook signatures and stays out of `repr`."""

    id: Id
    user_id: Id
    shared_secret: Annotated[str, msgspec.Meta(min_length=1, max_length=512)]
    name: str = ""

    def __repr__(self) -> str:
        return f"AppInfo(id={self.id}, user_id={self.user_id}, name={self.name!r})"


class Expansion(msgspec.Struct, frozen=True):
    """A row of `GET /expansions/export`; `code` is unique within a game only."""

    id: Id
    game_id: int = 0
    code: str | None = None
    name: str | None = None
