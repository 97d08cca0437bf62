"""`python -m bench`: run benchmarks, record their rows, and write README's table. `make bench ONLY=bulk N=1000000`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from bench import bridge, bridge_stages, bucket, bulk, edits, purchases, scale, store, table, webhooks
from bench.campaign import Say
from bench.errors import BenchError
from bench.rows import LATEST, Row, record
from devstack.errors import DevStackError

DATA_DIR: Final = Path(".devstack/bench")
Only = Annotated[
    str,
    typer.Option(
        help="a group (bulk, bucket, webhook, edits, purchase, store, bridge, scale) or one of its rows; all when empty"
    ),
]
Size = Annotated[int | None, typer.Option(min=10_000, help="products of bulk, rows of bridge; 1,000,000 unless given")]
Seconds = Annotated[int, typer.Option(min=5, help="load of the webhook group; below 60 for a quick look")]
Full = Annotated[bool, typer.Option(help="also 5 N products for bulk_memory and bulk_scale: minutes, 6 GB of disk")]


def main(
    only: Only = "",
    n: Size = None,
    seconds: Seconds = webhooks.SECONDS,
    full: Full = False,
    data_dir: Annotated[Path, typer.Option(help="emptied before and after", file_okay=False)] = DATA_DIR,
    results: Annotated[Path, typer.Option(help="rows are merged into this file, profiles go beside it")] = LATEST,
) -> None:
    """Measure. Exit code 1 when something measured did not do its work; a missed target is a result, not an error."""
    console = Console()
    groups: dict[str, Callable[[Say], list[Row]]] = {
        "bulk": lambda say: bulk.run(data_dir, results.parent, n or bulk.PRODUCTS, say, full=full),
        "bucket": lambda say: bucket.run(data_dir, say),
        "webhook": lambda say: webhooks.run(data_dir, results.parent, say, seconds),
        "edits": lambda say: edits.run(data_dir, results.parent, say),
        "purchase": lambda say: purchases.run(data_dir, results.parent, say),
        "store": lambda say: store.run(data_dir, say),
        "bridge_stages": lambda say: bridge_stages.run(n or bridge_stages.ROWS, say),
        "bridge": lambda say: bridge.run(data_dir, results.parent, n or bridge.ROWS, say),
        "scale": lambda say: scale.run(data_dir, results.parent, say),
    }
    chosen = [only] if only in groups else [group for group in groups if wanted(group, only)]
    if not chosen:
        raise typer.BadParameter(f"no benchmark {only!r}; there are {', '.join(groups)}", param_hint="--only")
    for group in chosen:
        try:
            rows = groups[group](lambda line: console.print(line, highlight=False))
        except (BenchError, DevStackError) as error:
            console.print(f"[bold red]{group}[/bold red] {error}")
            raise typer.Exit(1) from None
        record(rows, results)
        console.print(table.render(rows), markup=False, soft_wrap=True)
    if results == LATEST:
        table.write()


def wanted(group: str, only: str) -> bool:
    """Whether a group is asked for: by its name, by one of its rows, or because nothing was."""
    return not only or only == group or only.startswith(f"{group}_")


if __name__ == "__main__":
    typer.run(main)
