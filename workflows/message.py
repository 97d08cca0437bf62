"""The base of every message on the wire, of every context."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Message(BaseModel):
    """A frozen wire model; fields are only ever added, always with a default."""

    model_config = ConfigDict(frozen=True)
