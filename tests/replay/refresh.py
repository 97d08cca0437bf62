"""`python -m tests.replay.refresh [scenario ...]` records the histories anew, without anything of this machine.

Only for a change of the workflow that no running sync can meet; any other change uses `workflow.patched`, and
its histories are added beside the old ones.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from devstack import DevStack
from tests.replay.scenarios import DIRECTORY, SCENARIOS

# Where programs lay and who ran them. The flags in `sdkMetadata` stay: they decide how the SDK replays.
_OURS = frozenset({"stackTrace", "identity", "workerVersion", "meteringMetadata"})


def scrub(node: Any) -> Any:
    """A history without what belongs to the machine that recorded it."""
    if isinstance(node, list):
        return [scrub(inner) for inner in node]
    if not isinstance(node, dict):
        return node
    kept = {key: scrub(inner) for key, inner in node.items() if key not in _OURS}
    if kept.get("kind") == "TASK_QUEUE_KIND_STICKY":
        kept["name"] = "sticky"
    return kept


async def record(client: Client, names: Sequence[str], directory: Path) -> list[Path]:
    """Run the scenarios one after the other; a file per run."""
    written = []
    for name in names:
        for number, handle in enumerate(await SCENARIOS[name](client)):
            history = json.loads((await handle.fetch_history()).to_json())
            path = directory / f"{name}-{number}.json"
            path.write_text(json.dumps(scrub(history), separators=(",", ":"), sort_keys=True) + "\n")
            written.append(path)
    return written


async def main(names: Sequence[str]) -> None:
    """Record `names` on a server of our own."""
    DIRECTORY.mkdir(exist_ok=True)
    with (
        TemporaryDirectory() as directory,
        DevStack(Path(directory), services={"temporal"}, durable=False, environ={}) as stack,
    ):
        client = await Client.connect(stack.env()["TEMPORAL_ADDRESS"], data_converter=pydantic_data_converter)
        await record(client, names, DIRECTORY)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:] or list(SCENARIOS)))
