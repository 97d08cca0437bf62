"""Everything the seed leaves open about central, with the likeliest behaviour as default."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Knobs(BaseModel):
    """How this central behaves. Changed in part by `PATCH /control/knobs`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    token_seconds: float = Field(600.0, gt=0, description="life of a token")
    token_field: Literal["access_token", "token"] = "access_token"  # noqa: S105 - a name
    tell_expiry: bool = Field(True, description="whether expires_in is in the answer")
    tell_quantity: bool = Field(True, description="whether a success tells the quantity beside the version")
    tell_state: bool = Field(True, description="whether a refusal has current_state")
    too_little_status: Literal[400, 409, 422] = Field(409, description="of a movement below zero")
    strict_keys: bool = Field(True, description="whether a key that comes with another request is refused")
