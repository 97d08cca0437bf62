"""Many products at once: CardTrader takes a list, answers with a job, and works on it item by item.

A job is accepted whole or not at all, and then succeeds in parts; every item's result is to be read. Items of two
jobs may be worked on in any order, so one account has one job at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal, get_args
from uuid import UUID

import msgspec

from clients.cardtrader.changes import Body, NewProduct, ProductChanges, alteration, creation
from clients.cardtrader.errors import NotFound
from clients.cardtrader.remarks import Outcome, Remark, fields_of, judge
from clients.cardtrader.transport import Transport

MOST_ITEMS: Final = 500

JobState = Literal["pending", "running", "completed", "unprocessable", "unknown", "other"]
_STATES: Final[dict[str, JobState]] = {state: state for state in get_args(JobState)}
_ENDS: Final = ("completed", "unprocessable", "unknown")


class ItemResult(msgspec.Struct, frozen=True):
    """What became of one item. A refused item may name a product: then only a part of the change was ignored."""

    outcome: Outcome
    product_id: int | None = None
    remarks: tuple[Remark, ...] = ()

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of what was refused or ignored, as far as CardTrader tells."""
        return fields_of(self.remarks)


class Job(msgspec.Struct, frozen=True):
    """A bulk call on its way; `results` by position in the call, complete only in state `completed`.

    `unknown`: CardTrader has no such job (any more). `other`: a state that is not documented.
    """

    uuid: UUID
    state: JobState
    results: dict[int, ItemResult] = {}

    @property
    def is_over(self) -> bool:
        """Whether asking again tells nothing new."""
        return self.state in _ENDS

    def item(self, position: int) -> ItemResult:
        """The result of an item; of one that the job is silent about nothing is known."""
        return self.results.get(position, ItemResult("unknown"))


class Bulk:
    """The calls that start jobs; `CardTraderClient.job` follows them.

    Every method raises `ValueError` for no items or more than 500, `Refused` when CardTrader takes none of them.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def create(self, products: Sequence[NewProduct]) -> UUID:
        """Put products on sale; not idempotent."""
        return await self._start("bulk_create", [creation(product) for product in products])

    async def update(self, changes: Sequence[tuple[int, ProductChanges]]) -> UUID:
        """Change products, each named by its id."""
        return await self._start("bulk_update", [alteration(change, number) for number, change in changes])

    async def destroy(self, product_ids: Sequence[int]) -> UUID:
        """Take products off sale."""
        return await self._start("bulk_destroy", [Body(id=number) for number in product_ids])

    async def _start(self, action: str, items: list[Body]) -> UUID:
        if not 1 <= len(items) <= MOST_ITEMS:
            raise ValueError(f"a bulk call takes 1 to {MOST_ITEMS} items, not {len(items)}")
        return (await self._transport.change("POST", f"products/{action}", _Accepted, _Call(items))).job


async def read_job(transport: Transport, uuid: UUID) -> Job:
    """How a job stands; one that CardTrader does not know is an answer, not an error."""
    try:
        answer = await transport.get(f"jobs/{uuid}", _Job, scarce=transport.shared.jobs_bucket)
    except NotFound:
        return Job(uuid, "unknown")
    results = {found.job_index: found.result_of_item() for found in answer.results or []}
    return Job(uuid, answer.known_state(), results)


class _Call(msgspec.Struct, frozen=True):
    products: list[Body]


class _Accepted(msgspec.Struct, frozen=True):
    job: UUID


class _Result(msgspec.Struct, frozen=True):
    result: str
    job_index: int
    product_id: int | None = None
    errors: Any = None
    warnings: Any = None

    def result_of_item(self) -> ItemResult:
        verdict = judge(self.result, self.errors, self.warnings)
        return ItemResult(verdict.outcome, self.product_id, verdict.remarks)


class _Job(msgspec.Struct, frozen=True):
    state: str
    results: list[_Result] | None = None

    def known_state(self) -> JobState:
        return _STATES.get(self.state, "other")
