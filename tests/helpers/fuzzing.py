"""Schemathesis against a running API: what it is told of us, and how it is run.

`CONFIG` lists every answer that is right here although a general rule would call it a fault, each with its reason.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
FORMATS: Final = Path(__file__).with_name("fuzz_formats.py")
MOUNTS: Final = {"cards": "", "bridge": "/bridge", "store": "/store", "marketplace": "/marketplace"}
LONGEST_SECONDS: Final = 1800

CONFIG: Final = """
hooks = {hooks}
request-timeout = 30
warnings = false

[generation]
deterministic = {deterministic}

# 400 and 412 say of a request that is valid by its schema what no schema can say: a cursor that is none of ours, a
# text that is no address, an item that has changed. 422 would mean that the schema does not tell what is checked.
[checks.positive_data_acceptance]
expected-statuses = ["2xx", 400, 401, 403, 404, 409, 412, 429]

# There is no ERP, and the bridge says so.
[[operations]]
include-path = "/api/v1/monitoring/health/detailed"
checks.not_a_server_error.expected-statuses = ["2xx", "4xx", 503]
checks.positive_data_acceptance.expected-statuses = ["2xx", 503]

# The neighbour refuses a token that was made up: its answer is the point.
[[operations]]
include-path = ["/api/v1/sync/link/{{user_id}}", "/api/v1/sync/setup-test-user"]
checks.not_a_server_error.expected-statuses = ["2xx", "4xx", 502]
checks.positive_data_acceptance.expected-statuses = ["2xx", 400, 401, 403, 409, 429, 502]

# Parts of an entity must agree with each other, and a number may have too many digits for an exact one.
[[operations]]
include-path-regex = "/api/v1/(mappings|entities)"
checks.positive_data_acceptance.expected-statuses = ["2xx", 400, 401, 403, 404, 409, 412, 422, 429]

# Which properties of a listing a seller may choose, and their values, depend on their names.
[[operations]]
include-path-regex = "/inventory/.user_id./item"
checks.positive_data_acceptance.expected-statuses = ["2xx", 400, 401, 403, 404, 409, 412, 422, 429]

# A neighbour of theirs with a name in its place serves the method: "start" is then an id that is none.
[[operations]]
include-path = [
    "/api/v1/schedules/start", "/api/v1/schedules/stop", "/api/v1/schedules/stats", "/api/v1/schedules/status",
    "/api/v1/mappings/{{entity}}/all", "/api/v1/mappings/{{entity}}/bulk", "/webhooks/register",
]
phases.coverage.unexpected-methods = ["TRACE"]

# The stream of a sync ends with it: tests/integration/api/test_watching.py reads it.
[[operations]]
include-path = "/api/v1/sync/progress/{{user_id}}/stream"
enabled = false
"""


@dataclass(frozen=True)
class Caller:
    """A token, and names of what exists for it: `path.item_id` -> 1."""

    token: str
    known: Mapping[str, str | int]


@dataclass(frozen=True)
class Effort:
    """How hard it tries; examples are per operation."""

    examples: int
    phases: str = "fuzzing"
    seed: int | None = None


def run(
    api_url: str, context: str, caller: Caller, effort: Effort, directory: Path
) -> subprocess.CompletedProcess[str]:
    """Try every operation of one context's document with every check; the exit code is 0 if nothing was found."""
    config = directory / f"{context}.toml"
    config.write_text(_config(caller, effort))
    schemathesis = [sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()"]
    options = ["--checks", "all", "--phases", effort.phases, "--max-examples", str(effort.examples), "--no-color"]
    seed = [] if effort.seed is None else ["--seed", str(effort.seed)]
    token = ["--header", f"Authorization: Bearer {caller.token}"]
    document = f"{api_url}{MOUNTS[context]}/openapi.json"
    return subprocess.run(
        [*schemathesis, "--config-file", str(config), "run", document, *options, *seed, *token],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=LONGEST_SECONDS,
    )


def _config(caller: Caller, effort: Effort) -> str:
    known = [
        f"[dictionaries.known-{number}]\nvalues = [{json.dumps(value)}]\n"
        f'[parameters."{place}"]\ndictionary = "known-{number}"\nprobability = 0.8\n'
        for number, (place, value) in enumerate(caller.known.items())
    ]
    general = CONFIG.format(hooks=json.dumps(str(FORMATS)), deterministic=json.dumps(effort.seed is None))
    return "\n".join([general, *known])
