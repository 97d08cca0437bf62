"""What a workflow's sandbox executes anew for every run: the workflow's own module and nothing else of ours.

Temporal's importer never sees the module in `from package import module`: it is not passed through, whatever block the
import stands in, and is executed again, with all it imports, whenever a workflow starts.
"""

from __future__ import annotations

import ast
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
WORKFLOWS = {
    f"{path.parent.name} {path.stem}": path
    for path in sorted((ROOT / "workflows").glob("*/*.py"))
    if "@workflow.defn" in path.read_text()
}


def modules_imported_from_packages(source: str) -> list[str]:
    """Every `from package import module`, by the module's name."""
    imports = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom) and node.module)
    names = [f"{node.module}.{alias.name}" for node in imports for alias in node.names]
    return [name for name in names if name.startswith(("workflows.", "domain.")) and _is_module(name)]


def _is_module(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        return False


@pytest.mark.parametrize("path", WORKFLOWS.values(), ids=WORKFLOWS.keys())
def test_no_module_is_imported_from_its_package(path: Path) -> None:
    assert modules_imported_from_packages(path.read_text()) == []


def test_such_an_import_is_seen_and_others_are_not() -> None:
    source = (
        "from workflows.cards import steps\nfrom workflows.cards.steps import SEND_CHANGES\nimport workflows.policies"
    )
    assert modules_imported_from_packages(source) == ["workflows.cards.steps"]
