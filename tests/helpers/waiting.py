"""Waiting for something that happens elsewhere, without a fixed sleep."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar, overload

T = TypeVar("T")


@overload
async def eventually(
    assertion: Callable[[], Coroutine[Any, Any, T]], deadline: float = 10.0, pause: float = 0.02
) -> T: ...


@overload
async def eventually(assertion: Callable[[], T], deadline: float = 10.0, pause: float = 0.02) -> T: ...


async def eventually(assertion: Callable[[], Any], deadline: float = 10.0, pause: float = 0.02) -> Any:
    """Repeat a (possibly async) assertion until it holds, and return what it returned.

    Raises:
        AssertionError: the last one, when it still fails after `deadline` seconds.
    """
    end = asyncio.get_running_loop().time() + deadline
    while True:
        try:
            result = assertion()
            return await result if inspect.isawaitable(result) else result
        except AssertionError:
            if asyncio.get_running_loop().time() > end:
                raise
        await asyncio.sleep(pause)
