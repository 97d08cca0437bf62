"""Which command is where. Modules with heavy imports are reached from inside the commands, so that help is instant."""

from __future__ import annotations

import typer

from cli import changes, failed, inventory, keys, reconciling, servers, settings_example, sync
from cli.bridge import schedules
from cli.bridge.app import app as bridge_app
from cli.demo.command import demo
from cli.doctor.command import doctor
from cli.marketplace.app import app as marketplace_app
from cli.store.commands import app as store_app
from cli.store.worker_health import worker_health

app = typer.Typer(
    name="brx-sync",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="BRX Sync: keeps a seller's stock the same everywhere.",
)
app.command()(demo)
app.command()(doctor)
app.command()(servers.api)
app.command()(servers.worker)
app.command()(servers.migrate)
app.command()(worker_health)
app.command()(sync.link)
app.command()(sync.disconnect)
app.command()(reconciling.drift)
sync.app.command("from-cardtrader")(reconciling.from_cardtrader)
app.add_typer(sync.app, name="sync")
app.add_typer(bridge_app, name="bridge")
app.add_typer(marketplace_app, name="marketplace")
app.add_typer(store_app, name="store")
app.add_typer(schedules.app, name="schedules")
app.add_typer(inventory.app, name="inventory")
app.add_typer(changes.app, name="changes")
app.add_typer(failed.app, name="failed")
app.add_typer(keys.token_app, name="token")
app.add_typer(keys.keys_app, name="keys")
app.add_typer(settings_example.app, name="settings")
