"""A sync that is fast but wrong is worth nothing: what each measured sync must have done."""

from __future__ import annotations

from collections.abc import Mapping

from bench.errors import WrongResult
from bench.syncing import MeasuredSync
from cli.demo.figures import Changes, Drift

COUNTERS = ("processed", "created", "updated", "unchanged", "contested", "failed", "stale", "removed", "held")

Expected = Mapping[str, int]


def first_sync(products: int) -> Expected:
    """Everything is new."""
    return {"processed": products, "created": products}


def same_again(products: int) -> Expected:
    """Nothing changed."""
    return {"processed": products, "unchanged": products}


def after(products: int, changes: Changes) -> Expected:
    """Exactly the changed rows are written, exactly the gone ones retired."""
    left = products - changes.gone
    unchanged = left - changes.changed
    return {"processed": left, "updated": changes.changed, "unchanged": unchanged, "stale": changes.gone}


def require(name: str, sync: MeasuredSync, expected: Expected, drift: Drift) -> None:
    """Counters as expected (those not named are 0), account active, and no drift.

    Raises:
        WrongResult: lists every deviation.
    """
    counted = [(counter, getattr(sync.story, counter), expected.get(counter, 0)) for counter in COUNTERS]
    deviations = [f"{counter} {found}, not {wanted}" for counter, found, wanted in counted if found != wanted]
    if sync.state != "completed":
        deviations.append(f"operation {sync.state}, not completed")
    if sync.account != "active":
        deviations.append(f"account {sync.account}, not active")
    if drift.total:
        deviations.append(f"drift {drift.model_dump()}")
    if deviations:
        raise WrongResult(f"{name}: " + "; ".join(deviations))
