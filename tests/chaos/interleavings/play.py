"""Plays a story: everybody at once, then rest, then the laws."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from tests.chaos.interleavings import laws, ledger
from tests.chaos.interleavings.schedule import StuckError
from tests.chaos.interleavings.stage import Stage
from tests.chaos.interleavings.story import Story
from tests.chaos.interleavings.world import World

_MOST_TURNS: Final = 12
_APPROVED: Final = 0.7
_PLAN: Final = "SELECT plan_id FROM change_plans WHERE user_id = $1 AND state = 'waiting'"
# A start that died has left no sync, and one that was cancelled left part of a stock.
_SYNCED: Final = """
SELECT 1 FROM sync_operations WHERE user_id = $1 AND operation_type = 'bulk_sync' AND status = 'completed'
"""
_INITIAL: Final = "/start/{user}"


@dataclass
class Outcome:
    """What a story came to."""

    story: Story
    violations: list[str] = field(default_factory=list)
    trace: list[str] = field(default_factory=list)
    faults: int = 0
    steps: int = 0
    operations: int = 0
    seconds_to_rest: float = 0.0


async def play(stage: Stage, story: Story) -> Outcome:
    """One seed, from the link to the last law."""
    world = await stage.open(story)
    outcome = Outcome(story)
    try:
        begin(world)
        await world.rest()
        calm = time.monotonic()
        await settle(world)
        outcome.seconds_to_rest = time.monotonic() - calm
        outcome.violations += await judged(world)
    except StuckError as stuck:
        outcome.violations.append(f"stuck: {stuck}")
    outcome.violations += (
        world.watch.violations
        + world.postman.violations
        + world.hands.violations
        + world.keeper.violations
        + world.errors
        + world.engine.failed
    )
    outcome.trace, outcome.steps = world.schedule.trace, world.schedule.steps
    counts = world.postman.counts
    outcome.faults = world.schedule.deaths + world.weather.struck + counts.dropped + counts.repeated + counts.forged
    outcome.operations = world.engine.attempts + world.crowd.bought + counts.delivered
    return outcome


def begin(world: World) -> None:
    """Let everybody who takes part loose."""
    story = world.story
    world.spawn(world.schedule.process("site", lambda: world.crowd.play(story.site), mortal=False))
    for person in story.hands:
        world.spawn(world.schedule.process("hands", partial(world.hands.play, person), mortal=False))
    if story.keeper:
        world.spawn(world.schedule.process("keeper", lambda: world.keeper.play(story.keeper), mortal=False))
    world.spawn(syncs(world, story.syncs))


async def syncs(world: World, count: int) -> None:
    """The seller starts a sync, and another one when it has ended."""
    for _ in range(count):
        answer = await world.act("start", "POST", _INITIAL)
        expected = (202, 404, 409) if world.story.keeper else (202,)
        if answer is not None and answer.status_code not in expected:
            world.errors.append(f"start: {answer.status_code} {answer.text}")
        await world.schedule.until(lambda: not any(run.startswith("bulk-sync") for run in world.engine.runs))


async def settle(world: World) -> None:
    """Rest: pokes are repeated until nothing is open; what no news told of is repaired by a whole sync."""
    world.calm()
    await work_off(world)
    # A start that died keeps the account from being linked until somebody ends it.
    world.spawn(world.schedule.process("keeper", world.keeper.link, mortal=False))
    await work_off(world)
    synced = await world.rows(_SYNCED)
    if world.story.losses or not synced:
        await reconcile(world)


async def work_off(world: World) -> None:
    """What pokes were lost for is told again; what waits for the seller's decision gets it."""
    await world.rest()
    for _ in range(_MOST_TURNS):
        if not (await decide_plan(world) or await world.relay()):
            break
        await world.rest()


async def decide_plan(world: World) -> bool:
    """Approve, or sometimes cancel, what was held because it does too much at once."""
    if not (waiting := await world.rows(_PLAN)):
        return False
    decision = "approve" if world.rng.random() < _APPROVED else "cancel"
    path = f"/changes/{{user}}/plan/{waiting[0]['plan_id']}/{decision}"
    world.spawn(world.hands.decide(path))
    return True


async def reconcile(world: World) -> None:
    """A whole sync that may take off everything CardTrader does not list."""

    async def again() -> None:
        await world.act("reconcile", "POST", _INITIAL, params={"force": "true"})

    world.spawn(again())
    await world.rest()
    await work_off(world)


async def judged(world: World) -> list[str]:
    """All laws."""
    return [
        *await laws.converged(world),
        *await laws.accounted_for(world),
        *await ledger.conserved(world),
        *await laws.repeatable(world),
    ]
