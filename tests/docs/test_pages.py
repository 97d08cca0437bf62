"""The documents as a whole: every page is led to, every index is complete, every block is run by a test."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from tests.helpers.route_table import CONTEXTS, PAGE, documents, written

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted(DOCS.rglob("*.md")),
    *sorted((ROOT / "temporal-dev").glob("*.md")),
    *sorted((ROOT / "deploy").rglob("*.md")),
]
NOT_RUN = "a picture, or the output of a run: a test that renders or repeats it would show nothing"
# Who runs the blocks of a page, by their language; a block without one holds commands that test_readme parses.
RUN_BY = {
    ("README.md", "mermaid"): NOT_RUN,
    ("README.md", "text"): NOT_RUN,
    ("docs/bridge.md", "json"): "tests/docs/test_bridge_page.py",
    ("docs/integrators.md", "python"): "tests/docs/test_integrators_page.py",
    ("docs/integrators.md", "sh"): "tests/docs/test_integrators_page.py",
    ("docs/marketplace.md", "python"): "tests/docs/test_marketplace_page.py",
    ("docs/operations.md", "sh"): "tests/docs/test_operations_page.py",
    ("docs/security.md", "sh"): "tests/docs/test_security_page.py",
    ("temporal-dev/commands.md", "sh"): "tests/integration/devstack/test_commands.py",
}


def blocks(page: Path) -> set[str]:
    """Languages of the page's fenced blocks, without those that name none."""
    return set(re.findall(r"^ *```(\w+)$", page.read_text(), re.MULTILINE))


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_every_block_is_run_by_a_test_or_says_why_not(page: Path) -> None:
    name = str(page.relative_to(ROOT))
    for language in blocks(page):
        runner = RUN_BY[name, language]
        assert runner == NOT_RUN or page.name in (ROOT / runner).read_text()


def test_no_block_is_said_to_be_run_that_is_not_there() -> None:
    assert {key for key in RUN_BY if key[1] not in blocks(ROOT / key[0])} == set()


def test_the_front_page_of_the_documents_leads_to_every_page() -> None:
    linked = set(re.findall(r"\]\((?:\.\./)?([\w/-]+\.md|[\w/-]+\.md#[\w-]+)\)", (DOCS / "README.md").read_text()))
    pages = {page.name for page in DOCS.glob("*.md")} - {"README.md"}
    assert pages <= linked
    assert {"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "decisions/README.md"} <= linked


def test_every_decision_is_in_the_index_with_its_title() -> None:
    index = (DOCS / "decisions" / "README.md").read_text()
    told = re.findall(r"^- \[(\d{4})\]\((\d{4}-[\w-]+\.md)\) (.+)$", index, re.MULTILINE)
    there = [
        (page.name[:4], page.name, re.sub(r"^# \d+\.? ", "", page.read_text().splitlines()[0]))
        for page in sorted((DOCS / "decisions").glob("0*.md"))
    ]
    assert told == there


def test_the_tables_of_routes_are_the_api() -> None:
    page = PAGE.read_text()
    assert page == written(page), "python -m tests.helpers.route_table writes it anew"
    assert sum(page.count(f"`{method} ") for method in ("GET", "POST", "PUT", "PATCH", "DELETE")) == sum(
        len(operations) for _, document in documents().values() for operations in document["paths"].values()
    )
    assert all(f"<!-- {name}:begin -->" in page for name in CONTEXTS)


def test_the_changelog_keeps_its_form() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert re.findall(r"^## \[(.+?)\]", text, re.MULTILINE)[0] == "Unreleased"
    assert version in text
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert {heading.split(",")[0] for heading in re.findall(r"^### (.+)$", text, re.MULTILINE)} <= kinds


def test_what_contributing_names_is_there() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    named = re.findall(r"`((?:domain|workflows|activities|db|clients|api|tests|docs)/[\w/.-]*)`", text)
    assert len(named) > 10
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_there_is_no_licence_and_the_readme_says_who_may_use_it() -> None:
    assert list(ROOT.glob("LICEN[SC]E*")) == []
    assert (ROOT / "README.md").read_text().endswith("Internal use only.\n")
