"""docs/operations.md as a whole: every command on it is typed by a test, and every alert leads to a section of it."""

from __future__ import annotations

import re

import pytest
import yaml

from tests.helpers.operations_page import PAGE, ROOT, sections

TEXT = PAGE.read_text()
SECTIONS = sections(TEXT)
COMMANDS = [command for typed in SECTIONS.values() for command in typed]
TESTS = "\n".join(path.read_text() for path in (ROOT / "tests" / "docs").glob("test_operations_of_*.py"))
# What an operator must find here, by how each begins.
WANTED = (
    *("temporal activity pause", "temporal activity unpause", "temporal activity reset"),
    *("temporal activity update-options", "temporal workflow reset -w", "temporal workflow reset -q"),
    *("temporal workflow terminate", "temporal workflow cancel -w", "temporal workflow cancel -q"),
    *("temporal workflow signal -w", "temporal workflow update execute", "temporal workflow query"),
    *('temporal workflow list -q "UserId', "temporal workflow list -q 'SyncPhase", "temporal workflow count"),
    *("temporal workflow describe", "temporal workflow show", "temporal workflow stack", "temporal batch list"),
    *("temporal schedule toggle -s brx-reconcile --pause", "temporal schedule toggle -s brx-reconcile --unpause"),
    *("temporal schedule trigger", "temporal schedule backfill", "temporal schedule list"),
    *("temporal task-queue describe", "temporal task-queue config set"),
    *("temporal worker deployment set-current-version", "temporal worker deployment set-ramping-version"),
)


@pytest.mark.parametrize("section", [name for name, commands in SECTIONS.items() if commands])
def test_a_test_types_the_section(section: str) -> None:
    """`Operator` types all of its section, or fails: so it is enough that somebody plays it."""
    assert re.search(rf'(?:play|plays|about)\(\s*"{section}"', TESTS)


@pytest.mark.parametrize("start", WANTED)
def test_an_operator_finds(start: str) -> None:
    assert any(command.startswith(start) for command in COMMANDS)


def test_every_command_on_the_page_is_in_a_block_that_is_typed() -> None:
    outside = re.sub(r"^```sh\n.*?^```", "", TEXT, flags=re.DOTALL | re.MULTILINE)
    table = re.findall(r"^\| `[^|]*` \| `(temporal [^`]+)` \|", outside, re.MULTILINE)
    assert len(table) >= 25
    assert [command for command in table if command not in {_plain(typed) for typed in COMMANDS}] == []
    inline = set(re.findall(r"`(temporal [a-z-]+ [^`]*)`", outside)) - set(table)
    named = {" ".join(command.split()[:3]) for command in COMMANDS}
    assert [command for command in inline if " ".join(command.split()[:3]) not in named] == []


def test_every_variable_is_set_before_it_is_used() -> None:
    """By an export on the page, or by the words of the section it is used in."""
    used = {name for command in COMMANDS for name in re.findall(r"\$(\w+)", command)}
    assert used <= set(re.findall(r"export (\w+)=", TEXT)) | set(_in_table())


def test_the_first_table_leads_to_every_incident() -> None:
    [table] = re.findall(r"^\| you see \|.*?\n\n", TEXT, re.DOTALL | re.MULTILINE)
    incidents = [name for name, commands in SECTIONS.items() if commands and name != "many-at-once"]
    assert sorted(set(re.findall(r"\(#([\w-]+)\)", table))) == sorted(incidents)


def test_every_alert_is_named_at_the_section_it_leads_to() -> None:
    rules = yaml.safe_load((ROOT / "deploy" / "prometheus" / "rules.yml").read_text())
    alerts = [rule for group in rules["groups"] for rule in group["rules"] if "alert" in rule]
    rows = {place: row for row, place in re.findall(r"^(\| .*\(#([\w-]+)\) \|)$", TEXT, re.MULTILINE)}
    assert len(alerts) > 5
    for alert in alerts:
        page, _, place = alert["annotations"]["runbook_url"].partition("#")
        assert (page, f"`{alert['alert']}`" in rows.get(place, "")) == ("docs/operations.md", True), alert["alert"]


def _in_table() -> set[str]:
    [table] = re.findall(r"^\| what else.*?\n\n", TEXT, re.DOTALL | re.MULTILINE)
    return set(re.findall(r"`\$(\w+)`", table))


def _plain(command: str) -> str:
    """As a table shows it: the pipe would end a cell."""
    return command.replace("|", "\\|")
