"""The files that observe the service: alert rules, dashboards, and the table of docs/observability.md."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
PROMETHEUS = ROOT / "deploy" / "prometheus"
GRAFANA = ROOT / "deploy" / "grafana"
RULES: list[dict[str, Any]] = [
    rule for group in yaml.safe_load((PROMETHEUS / "rules.yml").read_text())["groups"] for rule in group["rules"]
]
DASHBOARDS: dict[str, dict[str, Any]] = {
    path.stem: json.loads(path.read_text()) for path in sorted((GRAFANA / "dashboards").glob("*.json"))
}
_ROW = re.compile(r"\| `((?:brx_sync|temporal)_\w+)` \| (\w+) \|([^|]*)\| (API|worker|both) \|")


@dataclass(frozen=True)
class Documented:
    """A row of the table."""

    name: str
    type: str
    labels: frozenset[str]
    page: str


def expressions() -> Iterator[tuple[str, str]]:
    """Every expression, with where it stands."""
    for rule in RULES:
        yield rule["alert"], rule["expr"]
    for name, dashboard in DASHBOARDS.items():
        for panel in dashboard["panels"]:
            for target in panel["targets"]:
                yield f"{name}: {panel['title']}", target["expr"]


def documented() -> list[Documented]:
    """The table of metrics."""
    text = (ROOT / "docs" / "observability.md").read_text()
    found = [match.groups() for line in text.splitlines() if (match := _ROW.match(line))]
    return [
        Documented(name, kind, frozenset(re.findall(r"`(\w+)`", labels)), page) for name, kind, labels, page in found
    ]
