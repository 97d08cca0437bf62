"""What workflow code sees of Temporal while the stand-in runs it, in place of `temporalio.workflow`.

Only what our workflows use is there: an unknown function fails loudly, outside of Temporal.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, Final, NoReturn
from unittest.mock import patch

from temporalio import workflow
from temporalio.common import RetryPolicy

from tests.chaos.interleavings.schedule import pause
from tests.chaos.interleavings.stand_in import RUN, ContinueAsNew


async def _execute_activity(
    name: str, request: Any = None, *, activity_id: str = "", retry_policy: RetryPolicy | None = None, **_: Any
) -> Any:
    run = RUN.get()
    return await run.engine.execute(name, request, id=activity_id or name, retry=retry_policy or RetryPolicy())


async def _wait_condition(condition: Callable[[], bool], *, timeout: timedelta | float | None = None, **_: Any) -> None:
    if not condition() and not await RUN.get().engine.schedule.until(condition, may_time_out=timeout is not None):
        raise TimeoutError


async def _sleep(duration: float | timedelta, **_: Any) -> None:
    run = RUN.get()
    await run.engine.schedule.process(f"{run.id} sleeps", lambda: pause("wake"), mortal=False)


def _continue_as_new(start: object, **_: Any) -> NoReturn:
    raise ContinueAsNew(start)


def _nothing(*_: Any, **__: Any) -> None:
    """Operators' details are not looked at here."""


_FUNCTIONS: Final[dict[str, Any]] = {
    "execute_activity": _execute_activity,
    "execute_local_activity": _execute_activity,
    "wait_condition": _wait_condition,
    "sleep": _sleep,
    "continue_as_new": _continue_as_new,
    "upsert_search_attributes": _nothing,
    "upsert_memo": _nothing,
    "set_current_details": _nothing,
    "patched": lambda _: True,
    "deprecate_patch": _nothing,
    "all_handlers_finished": lambda: True,
    "info": lambda: SimpleNamespace(
        is_continue_as_new_suggested=lambda: False, is_target_worker_deployment_version_changed=lambda: False
    ),
    "now": lambda: datetime.now().astimezone(),
    "logger": logging.getLogger("workflow"),
}


@contextmanager
def standing_in() -> Iterator[None]:
    """Workflow code sees the stand-in while the block runs."""
    with patch.multiple(workflow, **_FUNCTIONS):
        yield
