"""A seller's browser: follows the progress stream, and opens it again whenever it breaks."""

from __future__ import annotations

from collections.abc import AsyncIterable
from typing import Final

import httpx
import msgspec

from tests.chaos.site import within
from tests.helpers.shop import Shop

_OPEN: Final = ("pending", "running")
_SILENCE_SECONDS: Final = 30.0
_AGAIN_SECONDS: Final = 0.1
_HONEST: Final = (httpx.codes.OK, httpx.codes.SERVICE_UNAVAILABLE)


class _Event(msgspec.Struct):
    state: str = "pending"


class StreamBroken(Exception):
    """The stream did what a browser cannot live with."""


async def watch(shop: Shop, seconds: float) -> list[str]:
    """Follow until the sync is seen to have ended; what was wrong with the stream, in words."""
    try:
        await within(seconds, lambda: _tells_the_end(shop), "the progress stream has not told the end", _AGAIN_SECONDS)
    except (AssertionError, StreamBroken) as error:
        return [str(error)]
    return []


async def _tells_the_end(shop: Shop) -> bool:
    """Whether the last event of a stream, before it ends or breaks, is that of an ended sync."""
    timeout = httpx.Timeout(10, read=_SILENCE_SECONDS)
    try:
        async with shop.api.stream("GET", f"/progress/{shop.user_id}/stream", timeout=timeout) as answer:
            if answer.status_code not in _HONEST:
                raise StreamBroken(f"the progress stream answered {answer.status_code}")
            return await _last_state(answer.aiter_lines()) not in _OPEN
    except httpx.ReadTimeout:
        raise StreamBroken(f"the progress stream was silent for {_SILENCE_SECONDS:g} s") from None
    except httpx.TransportError:
        return False


async def _last_state(lines: AsyncIterable[str]) -> str:
    state, event = "pending", ""
    async for line in lines:
        name, _, value = line.partition(": ")
        if name == "event":
            event = value
        elif name == "data" and event == "progress":
            state = msgspec.json.decode(value, type=_Event).state
    return state
