"""The layering of architecture.md: import-linter's contracts, and what they cannot say by module pattern."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from importlinter.application import use_cases
from importlinter.configuration import configure

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = set(PROJECT["tool"]["importlinter"]["root_packages"])
OURS = PACKAGES | set(PROJECT["tool"]["setuptools"]["py-modules"])
SHARED_BY_WORKFLOWS = {
    *("contracts", "poking", "policies", "purchasing", "schedules", "search_attributes", "starting", "task_queues"),
}


def test_contracts_are_kept(capsys: pytest.CaptureFixture[str]) -> None:
    configure()
    kept = use_cases.lint_imports(config_filename=str(ROOT / "pyproject.toml"), cache_dir=None, no_logo=True)
    assert kept, capsys.readouterr().out


def imports_of(source: str, package: str) -> Iterator[str]:
    """Absolute names of every import, wherever it stands; `from a import b` yields `a.b`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*parents, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def modules(package: str) -> Iterator[tuple[str, str]]:
    """(dotted package of the module, source) of every module below a package."""
    for path in sorted((ROOT / Path(*package.split("."))).rglob("*.py")):
        yield ".".join(path.relative_to(ROOT).parent.parts), path.read_text()


def our_imports(package: str) -> set[str]:
    names = (name for parent, source in modules(package) for name in imports_of(source, parent))
    return {name for name in names if name.split(".")[0] in OURS}


def is_shared_by_workflows(name: str) -> bool:
    return not name.startswith("workflows.") or bool(SHARED_BY_WORKFLOWS & set(name.split(".")))


def is_of_the_simulators(name: str) -> bool:
    return not name.startswith("devstack") or name.startswith("devstack.simulators.")


def test_activities_see_contracts_and_policies_but_no_workflow() -> None:
    assert {name for name in our_imports("activities") if not is_shared_by_workflows(name)} == set()


def test_the_worker_sees_no_facade_no_command_line_and_no_development_stack() -> None:
    assert {name.split(".")[0] for name in imports_of((ROOT / "worker.py").read_text(), "")} & {
        "api",
        "cli",
        "devstack",
    } == set()


def test_simulators_import_only_their_own_packages() -> None:
    assert {name for name in our_imports("devstack.simulators") if not is_of_the_simulators(name)} == set()


def test_every_package_of_the_distribution_is_under_a_contract() -> None:
    found = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"bench", "tests"}
    assert found == PACKAGES


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import db.session", ["db.session"]),
        ("def f():\n    from db import session", ["db.session"]),
        ("from . import b", ["clients.cards.b"]),
        ("from ..x import b", ["clients.x.b"]),
    ],
)
def test_imports_are_found_wherever_they_hide(source: str, expected: list[str]) -> None:
    assert list(imports_of(source, "clients.cards")) == expected


def test_the_patterns_reject_what_they_should() -> None:
    assert not is_shared_by_workflows("workflows.cards.bulk_sync.BulkSyncWorkflow")
    assert is_shared_by_workflows("workflows.cards.contracts.Manifest")
    assert not is_of_the_simulators("devstack.stack.DevStack")
