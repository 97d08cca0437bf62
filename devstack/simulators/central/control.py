"""The control API: what tests, benchmarks and the demo use to move central, and to read its books."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Body
from pydantic import BaseModel, Field

from .central import Central
from .faults import FaultSpec
from .knobs import Knobs

BASE: Final = "/control"


class Items(BaseModel):
    """Stock to bring in."""

    quantities: dict[str, int] = Field(max_length=100_000)


class Move(BaseModel):
    """A movement made by somebody else."""

    sku: str
    delta: int


def control_router(central: Central) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix=BASE)

    @router.post("/items", status_code=204)
    async def items(wanted: Items) -> None:
        """Bring stock in."""
        for sku, quantity in wanted.quantities.items():
            central.books.open_item(sku, quantity)

    @router.post("/move")
    async def move(wanted: Move) -> dict[str, bool]:
        """Somebody else moves stock."""
        return {"moved": central.books.move(wanted.sku, wanted.delta)}

    @router.get("/stock")
    async def stock() -> dict[str, tuple[int, int]]:
        """Version and quantity by SKU."""
        return {sku: (found.version, found.quantity) for sku, found in central.books.stocks.items()}

    @router.get("/movements")
    async def movements(since: int = 0) -> list[tuple[str, str, int]]:
        """Operation, SKU and delta of every applied movement, oldest first."""
        return [(one.operation_id, one.sku, one.delta) for one in central.books.movements[since:]]

    @router.get("/counts")
    async def counts() -> dict[str, int]:
        """Verdicts since the start of this process, requests, and faults that struck."""
        faults = {f"fault_{kind}": count for kind, count in central.faults.report().items()}
        return {**central.books.verdicts, **faults, "requests": central.requests, "tokens": central.token_requests}

    @router.post("/faults", status_code=204)
    async def add_fault(spec: FaultSpec) -> None:
        """Switch a fault on."""
        central.faults.add(spec)

    @router.delete("/faults", status_code=204)
    async def clear_faults() -> None:
        """Switch all faults off."""
        central.faults.clear()

    @router.patch("/knobs")
    async def change_knobs(changes: Annotated[dict[str, Any], Body()]) -> Knobs:
        """Change some knobs."""
        central.knobs = Knobs.model_validate({**central.knobs.model_dump(), **changes})
        return central.knobs

    return router
