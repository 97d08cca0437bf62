"""Which command of `bridge` is where."""

from __future__ import annotations

import typer

from cli.bridge import entities, letters, records, syncs
from cli.bridge_demo.command import demo

app = typer.Typer(no_args_is_help=True, help="ERP rows to the hub.")
app.command()(demo)
app.add_typer(entities.app, name="entities")
app.add_typer(entities.mappings_app, name="mappings")
app.command()(syncs.start)
app.command()(syncs.status)
app.command()(syncs.stop)
app.command()(syncs.history)
app.command()(records.planned)
app.command()(records.superseded)
app.command()(letters.retry)
app.command()(letters.failed)
app.command()(letters.resolve)
app.command()(letters.pending)
app.command()(letters.stats)
