"""`python -m devstack.simulators.cardtrader`: serves one market on loopback."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Final

import typer
import uvicorn

from .app import create_app
from .clock import new_ids
from .knobs import Knobs
from .market import Market, MarketSpec
from .seller import SellerSpec

DEFAULT_TOKEN: Final = "simulator-token"  # noqa: S105 - opens nothing but a simulator
_EPOCH: Final = 1_767_225_600
"""Start of 2026: seconds since then move the ids of every run above those of the runs before it."""


def main(
    port: Annotated[int, typer.Option(help="on 127.0.0.1")] = 9001,
    products: Annotated[int, typer.Option(min=0, help="size of the first seller's stock")] = 10_000,
    seed: int = 1,
    token: str = DEFAULT_TOKEN,
    blueprints: Annotated[int | None, typer.Option(min=1, help="universe of blueprints")] = None,
    cache_dir: Annotated[Path | None, typer.Option(help="where rendered stocks are kept")] = None,
    control_token: Annotated[str, typer.Option(help="asked for in X-Control-Token")] = "",
    knobs: Annotated[str, typer.Option(help="JSON object of knobs")] = "{}",
) -> None:
    """Serve a simulated CardTrader."""
    sellers = (SellerSpec(0, products, seed, token, blueprints),)
    spec = MarketSpec(sellers, cache_dir, blueprints, Knobs.model_validate_json(knobs), seed)
    market = Market(spec, ids=new_ids(int(time.time()) - _EPOCH))
    config = uvicorn.Config(
        create_app(market, control_token), "127.0.0.1", port, http=market.connections.protocol(),
        access_log=False, log_level="critical",
    )  # fmt: skip
    uvicorn.Server(config).run()


if __name__ == "__main__":
    typer.run(main)
