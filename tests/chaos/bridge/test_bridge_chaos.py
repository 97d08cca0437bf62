"""The whole pipeline with ill neighbours, dying workers and dying servers: in the end the hub is the ERP, row by row.

By the simulators' own books, with law L6 on every batch that ended, however it did, and law L4: doing it all once more
tells the hub nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import pytest
from sqlalchemy import text
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from cli.bridge_demo.contents import compare
from db.bridge.history import Batch
from devstack import DevStack
from tests.chaos import site
from tests.chaos.bridge.plot import OF_BOTH, OF_ERP, OF_HUB, SERVERS, TABLES, WORKERS, Round, plot
from tests.chaos.bridge.world import ENTITIES, World
from tests.chaos.report import Report

LEFT = """
SELECT (SELECT count(*) FROM sync_batches WHERE status IN ('pending', 'running')) AS "open batches",
       (SELECT count(*) FROM failed_records WHERE resolved_at IS NULL) AS "open letters",
       (SELECT count(*) FROM pending_children WHERE resolved_at IS NULL) AS "waiting children",
       (SELECT count(*) FROM batch_pages WHERE payload IS NOT NULL) AS "staged pages"
"""
LIVE = "SELECT entity_name, count(*) FROM record_state WHERE deleted_at IS NULL GROUP BY 1"


def test_seeds_tell_of_every_fault_and_every_death() -> None:
    many = [plot(seed) for seed in range(100)]
    assert [plot(seed) for seed in range(100)] == many
    rounds = [one for story in many for one in story.rounds]
    assert {strike.target for one in rounds for strike in one.strikes} == {*WORKERS, *SERVERS}
    both = {fault["kind"] for fault in OF_BOTH}
    assert {fault["kind"] for one in rounds for fault in one.of_erp} == both | {fault["kind"] for fault in OF_ERP}
    assert {fault["kind"] for one in rounds for fault in one.of_hub} == both | {fault["kind"] for fault in OF_HUB}
    assert all(both <= {fault["kind"] for fault in (*one.of_erp, *one.of_hub)} for one in rounds)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevStack]:
    """Durable servers at fixed addresses."""
    directory = tmp_path_factory.mktemp("bridge")
    with DevStack(
        directory, services=frozenset(site.SERVERS), durable=True, ports=site.chaos_ports(), environ={}
    ) as running:
        yield running


async def play(world: World, round_: Round) -> None:
    """Every entity is synchronised, all at once, while neighbours are ill, the ERP changes and something dies."""
    await world.upset(round_.of_erp, round_.of_hub)
    syncs = asyncio.gather(*(world.sync(name) for name in TABLES))
    strikes = [world.strike(strike, syncs.done) for strike in round_.strikes]
    await asyncio.gather(syncs, world.move(round_.moves, round_.moved_after, syncs.done), *strikes)
    # What the hub refused is tried again, from the stage that failed.
    await asyncio.gather(*(world.sync(name, "retry") for name in TABLES))


async def settle(world: World) -> None:
    """Nobody is ill any more: parents first, everything comes right."""
    await world.upset((), ())
    for names in (("sites",), ("items", "orders"), ("order_lines",)):
        await asyncio.gather(*(world.sync(name) for name in names))


async def judge(world: World) -> list[str]:
    """What breaks a law."""
    broken = [f"L6: {batch}" for batch in world.ended if not conserved(batch)]
    async with world.database.begin() as connection:
        left = (await connection.execute(text(LEFT))).mappings().one()
        live = {row[0]: row[1] for row in await connection.execute(text(LIVE))}
    broken += [f"{count} {what}" for what, count in left.items() if count]
    verdicts = (await world.control("schedulehub", "GET", "books")).json()["entities"]
    for name, entity in ENTITIES.items():
        erp, hub = (
            await world.lines("apismith", "rows", slug=name),
            await world.lines("schedulehub", "records", entity=name),
        )
        if (difference := compare(erp, hub, entity)).total or len(hub) != len(erp):
            broken.append(f"{name}: {difference}, {len(erp)} rows of the ERP, {len(hub)} records")
        if live.get(name) != len(erp):
            broken.append(f"{name}: {live.get(name)} rows are known of {len(erp)}")
        told = verdicts.get(name, {}).get("verdicts", {})
        if told.get("inserted", 0) - told.get("deleted", 0) != len(hub):
            broken.append(f"L4: {name}: {told} came to {len(hub)} records")
    return broken


async def once_more(world: World) -> list[str]:
    """Law L4 over everything: whatever ran twice, ran once; the hub hears nothing new."""
    await world.control("schedulehub", "DELETE", "journal")
    again = await asyncio.gather(*(world.sync(name) for name in TABLES))
    broken = [
        f"{batch.entity_name} once more: {batch.status} {batch.metrics}"
        for batch in again
        if batch.status != "completed" or batch.metrics.rows_skipped != batch.metrics.rows_fetched
    ]
    for name in TABLES:
        journal = (await world.control("schedulehub", "GET", "journal", entity=name)).json()
        if any(journal.values()):
            broken.append(f"{name} once more: the hub was told {journal}")
    return broken


def conserved(batch: Batch) -> bool:
    """Law L6, also of a batch that was lost in its middle."""
    return batch.metrics.conserved


@pytest.mark.no_cover
@pytest.mark.timeout(600)
async def test_the_hub_is_the_erp_whatever_fails_and_whoever_dies(stack: DevStack, report: Report, seed: int) -> None:
    story, began = plot(seed), time.monotonic()
    client = await Client.connect(stack.env()["TEMPORAL_ADDRESS"], data_converter=pydantic_data_converter)
    world = await World.open(stack, story, client)
    try:
        for round_ in story.rounds:
            await play(world, round_)
        await settle(world)
        broken = [*await judge(world), *await once_more(world)]
        if not any(kind.startswith("kill") for kind in world.struck):
            broken.append("nobody died in the middle of anything")
        assert not broken, "\n".join([f"repeat with `make chaos SEED={seed}`", str(story), *broken])
    finally:
        await world.close()
    failed = sum(not batch.status.startswith("completed") for batch in world.ended)
    repeated = sum(batch.metrics.retries for batch in world.ended)
    troubles = ", ".join(f"{kind} {count}" for kind, count in sorted(world.struck.items()))
    report.remarks.append(
        f"bridge, seed {seed}: {len(world.ended)} batches, {failed} of them failed and begun again, {repeated} pages"
        f" repeated, 0 violations, {time.monotonic() - began:.0f} s ({troubles})"
    )
