"""`worker-health`: whether this installation's workers do their work; for a container's health check."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated, Any

import typer

from cli.console import complain, emit, out


def worker_health(as_json: Annotated[bool, typer.Option("--json", help="print the findings as JSON")] = False) -> None:
    """Temporal reachable, workers polling, the shops' queue not stuck. Exit code 1 if anything is wrong."""
    from observability import configure_logging
    from settings import Settings

    # What is broken is told below, once.
    configure_logging("ERROR")
    found = asyncio.run(_examine(Settings()))
    broken = [f"{name}: {part['message']}" for name, part in found["components"].items() if part["status"] != "healthy"]
    if as_json:
        emit(json.dumps(found))
    elif not broken:
        queue = found["queue"]
        out().print(f"healthy, {queue['waiting']} movements on their way, {queue['for_people']} wait for a person")
    for sentence in broken:
        complain(sentence)
    if broken:
        raise typer.Exit(1)


async def _examine(settings: Any) -> dict[str, Any]:
    from api.connections import open_connections
    from api.store.health import examine_store
    from api.store.services import open_store
    from observability import Telemetry

    telemetry = Telemetry.of("brx-sync-cli")
    async with open_connections(settings, telemetry) as connections, open_store(settings, connections) as services:
        found = (await examine_store(services)).model_dump(mode="json")
    telemetry.close()
    if not settings.central_api_base_url:
        # No shop belongs to this installation: that is no fault of its workers.
        del found["components"]["central"]
    return found
