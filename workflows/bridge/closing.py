"""How a batch is closed that did not end well; of one mind for batches and nights."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import NoReturn

from temporalio import workflow
from temporalio.exceptions import ApplicationError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from uuid import UUID

    from domain.pipeline.batch_errors import code_for, sentence
    from workflows.bridge.contracts import Abort
    from workflows.steps import wire_type


def abort_for(batch_uid: UUID, error: BaseException) -> Abort:
    """What to close the batch with."""
    cancelled = is_cancelled_exception(error)
    code = "BATCH_CANCELLED" if cancelled else code_for(wire_type(error))
    return Abort(batch_uid=batch_uid, code=code, cancelled=cancelled)


async def to_the_end(closing: Coroutine[None, None, None]) -> None:
    """Await it, whatever is cancelled meanwhile: nobody else would close the batch."""
    task = asyncio.create_task(closing)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task


def give_up(abort: Abort, error: BaseException) -> NoReturn:
    """End the workflow as cancelled, or as failed with the code as its type."""
    if abort.cancelled:
        raise error
    raise ApplicationError(sentence(abort.code), type=abort.code, non_retryable=True) from error
