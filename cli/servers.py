"""`api`, `worker`, `migrate`: the processes of an installation; settings come from the environment and `.env`."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

from cli.console import out
from cli.options import Queue
from settings import Settings

if TYPE_CHECKING:
    from fastapi import FastAPI

# Longer than a load balancer or a sender keeps an idle connection (60 s as a rule): whoever closes first must not be
# us, or a webhook that is on its way through a connection just closed is lost.
_KEEP_ALIVE_SECONDS: Final = 75
App = Literal["cards", "bridge", "store", "marketplace", "all"]


def api(
    app: Annotated[
        App, typer.Option(help="which context to serve at the root; all: cards there, the others below their names")
    ] = "all",
    host: Annotated[str, typer.Option(help="address to bind")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8000,
) -> None:
    """Serve the HTTP API."""
    from api.main import create_app

    serve(create_app(Settings(), only=None if app == "all" else app), host, port)


def serve(app: FastAPI, host: str, port: int) -> None:
    """Serve an application until SIGTERM."""
    import uvicorn

    # Two hundred thousand objects that live as long as the process: to look through them for garbage takes a tenth of
    # a second, in which nobody is answered.
    gc.collect()
    gc.freeze()
    uvicorn.run(
        app,
        host=host,
        port=port,
        loop="uvloop",
        http="httptools",
        # Whose X-Forwarded-For is believed is a setting of ours: TRUSTED_PROXIES.
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        log_config=None,
        access_log=False,
    )


def worker(
    queue: Annotated[list[Queue] | None, typer.Option(help="repeat for several; all when not given")] = None,
) -> None:
    """Run workers for task queues until SIGTERM."""
    import worker as workers

    workers.main([chosen.value for chosen in queue or Queue])


def migrate(revision: Annotated[str, typer.Option(help="revision to migrate to")] = "head") -> None:
    """Bring the database schema up to date; does nothing when it is."""
    from db.migrate import upgrade

    upgrade(Settings().database_url, revision)
    out().print(f"Database schema is at {revision}")
