"""Every route of the four contexts, from their OpenAPI documents, as docs/api.md shows them.

`python -m tests.helpers.route_table` writes the page anew.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI
from starlette.routing import Mount

from api.main import create_app
from tests.helpers.api import settings_for_tests

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "api.md"
CONTEXTS: Final = ("cards", "bridge", "store", "marketplace")


def documents() -> dict[str, tuple[str, dict[str, Any]]]:
    """Mount and OpenAPI document by context."""
    app = create_app(settings_for_tests())
    mounts = {mount.path: mount.app for mount in app.routes if isinstance(mount, Mount)}
    found = {"cards": ("", app.openapi())}
    for name in CONTEXTS[1:]:
        context = mounts[f"/{name}"]
        assert isinstance(context, FastAPI)
        found[name] = (f"/{name}", context.openapi())
    return found


def route_tables() -> dict[str, str]:
    """Markdown by context."""
    return {name: _table(mount, document["paths"]) for name, (mount, document) in documents().items()}


def _table(mount: str, paths: dict[str, dict[str, Any]]) -> str:
    rows = [
        f"| `{method.upper()} {mount}{path}` | {_sentence(operation)} | {_statuses(operation)} |"
        for path, operations in paths.items()
        for method, operation in operations.items()
    ]
    return "\n".join(["| route | does | answers |", "|---|---|---|", *rows])


def _sentence(operation: dict[str, Any]) -> str:
    first = " ".join(operation["description"].split("\n\n")[0].split())
    return first.replace("|", "\\|")


def _statuses(operation: dict[str, Any]) -> str:
    # Those that every route can answer are told once, above the tables.
    return ", ".join(sorted(status for status in operation["responses"] if status not in {"500", "503"}))


def written(page: str) -> str:
    """The page with its tables made anew; each follows the heading of its context."""
    for name, table in route_tables().items():
        begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
        assert page.count(begin) == page.count(end) == 1, f"docs/api.md has no markers for {name}"
        head, _, rest = page.partition(begin)
        page = f"{head}{begin}\n{table}\n{end}{rest.partition(end)[2]}"
    return page


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text()))
