"""README and docs: every command in them parses, every route exists, every link leads somewhere."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.main import get_command

from api.main import create_app
from cli.app import app
from settings import Settings

# What a variable of a page may stand for, unless it is an id of the usual form.
EXAMPLES = {"$RECORD": "7", "$BLUEPRINT": "7"}
ROOT = Path(__file__).resolve().parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
TEXT = "\n".join(page.read_text() for page in PAGES)
README = (ROOT / "README.md").read_text()


def commands(start: str) -> list[str]:
    """Every command line that begins so, in a block or between back-ticks, without its comment."""
    in_blocks = re.findall(rf"^(?:\$ |  )?({start}[^\n`#]*)", TEXT, re.MULTILINE)
    inline = re.findall(rf"`({start}[^`\n]*)`", TEXT)
    return sorted({line.strip() for line in [*in_blocks, *inline]})


def parse(arguments: list[str]) -> None:
    """Walk down to the command and let it parse its arguments, without running it."""
    command, name = get_command(app), "cli"
    while hasattr(command, "commands"):
        name, *arguments = arguments
        assert name in command.commands, f"no command {name}"
        command = command.commands[name]
    command.make_context(name, arguments)


def test_commands_are_found() -> None:
    assert len(commands("python -m cli")) >= 10
    assert len(commands("make ")) >= 5


@pytest.mark.parametrize("line", [line for line in commands("python -m cli") if line != "python -m cli"])
def test_command_lines_parse(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARDTRADER_TOKEN", "otherwise it is asked for")
    words = re.sub(r"\$\w+", lambda name: EXAMPLES.get(name[0], "11111111-1111-4111-8111-111111111111"), line)
    parse(shlex.split(words)[3:])


@pytest.mark.parametrize("line", commands("make "))
def test_make_targets_exist(line: str) -> None:
    argv = shlex.split(line)
    subprocess.run([*argv, "--dry-run", "VENV=/nonexistent"], cwd=ROOT, check=True, capture_output=True)


def test_demo_options_in_make_lines_parse() -> None:
    options = re.findall(r'ARGS="([^"]*)"', TEXT)
    assert options
    for given in options:
        parse(["demo", *shlex.split(given)])


def links() -> Iterator[tuple[Path, str]]:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text()):
            if not target.startswith(("http://", "https://")):
                yield page, target


@pytest.mark.parametrize(("page", "target"), list(links()), ids=lambda part: getattr(part, "name", part))
def test_links_lead_somewhere(page: Path, target: str) -> None:
    assert (page.parent / target).exists()


def test_the_route_table_is_the_api() -> None:
    table = set(re.findall(r"`(GET|POST|PUT|DELETE) (/[^`]*)`", README)) - {("GET", "/docs")}
    document = create_app(Settings(environment="development", _env_file=None)).openapi()
    served = {(method.upper(), path) for path, item in document["paths"].items() for method in item}
    assert table <= served
    assert {route for route in served if route[1].startswith("/api/")} <= table


def test_every_folder_that_is_named_exists() -> None:
    rows = re.findall(r"^\| `([\w./-]+/)` \|", README, re.MULTILINE)
    assert len(rows) > 8
    assert [name for name in rows if not (ROOT / name).is_dir()] == []


def test_the_tables_written_by_commands_have_their_markers() -> None:
    for name in ("demo", "bench"):
        assert README.count(f"<!-- {name}:begin -->") == README.count(f"<!-- {name}:end -->") == 1


def test_every_test_that_is_named_exists() -> None:
    sources = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    named = set(re.findall(r"`(test_\w+)`", TEXT))
    assert len(named) >= 50
    assert named <= set(re.findall(r"def (test_\w+)", sources))
