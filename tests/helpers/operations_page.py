"""docs/operations.md as a script: its commands by section, typed one after the other as an operator would."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self
from unittest.mock import patch

from devstack.temporal import temporal_program
from tests.helpers.fake_api import CommandLine
from tests.helpers.waiting import eventually

ROOT: Final = Path(__file__).resolve().parents[2]
PAGE: Final = ROOT / "docs" / "operations.md"
CLI: Final = "python -m cli "
Anchor = str


def sections(page: str) -> dict[Anchor, tuple[str, ...]]:
    """The commands of each section of the second level, in order; a continued line is one command."""
    found: dict[Anchor, tuple[str, ...]] = {}
    for title, body in re.findall(r"^## (.+)\n((?:(?!^## )[^\n]*\n?)*)", page, re.MULTILINE):
        blocks = re.findall(r"^```sh\n(.*?)^```", body, re.DOTALL | re.MULTILINE)
        lines = "".join(blocks).replace("\\\n", " ").splitlines()
        commands = (re.sub(r"\s+# .*$", "", line).strip() for line in lines)
        found[anchor(title)] = tuple(line for line in commands if line and not line.startswith(("export ", "#")))
    return found


def anchor(title: str) -> Anchor:
    """Where a heading can be linked to."""
    return re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-")


class UnexpectedCommandError(Exception):
    """The page says something else than the test of its section; no failed assertion, for those are tried again."""


@dataclass
class Operator:
    """Types the commands of one section in their order; `values` are the page's variables."""

    section: Anchor
    values: dict[str, str]
    brx: CommandLine
    _left: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self._left = list(sections(PAGE.read_text())[self.section])

    async def types(self, start: str, *, code: int = 0) -> str:
        """The page's next command, which begins so and ends with `code`; what it says."""
        return await self._says(self._next(start), code)

    async def sees(self, start: str, *words: str, code: int = 0, seconds: float = 60) -> str:
        """Type it until it says all `words`, as people do: lists of workflows lag behind."""
        command = self._next(start)

        async def said() -> str:
            output = await self._says(command, code)
            assert [word for word in words if word not in output] == [], output
            return output

        return await eventually(said, seconds, 0.2)

    def _next(self, start: str) -> str:
        if not self._left or not self._left[0].startswith(start):
            raise UnexpectedCommandError(f"{self.section} goes on with {self._left[:1]}, the test with {start!r}")
        return self._left.pop(0)

    async def _says(self, command: str, code: int) -> str:
        run = self._ours if command.startswith(CLI) and "|" not in command else self._shell
        ended, output = await run(command)
        assert ended == code, f"{command}: {output}"
        return output

    def give(self, **values: object) -> None:
        """What the operator has read off the screen."""
        self.values |= {name: str(value) for name, value in values.items()}

    def has_typed_all(self) -> None:
        """Nothing of the section is left."""
        assert self._left == []

    async def _ours(self, command: str) -> tuple[int, str]:
        """In this process: to start Python anew for each would take longer than the rest of the test."""
        arguments = [_expanded(part, self.values) for part in shlex.split(command)[3:]]
        with patch.dict(os.environ, self.values):
            outcome = await asyncio.to_thread(self.brx, *arguments)
        return outcome.code, outcome.out + outcome.err

    async def _shell(self, command: str) -> tuple[int, str]:
        folders = f"{os.path.dirname(temporal_program())}:{os.environ['PATH']}"
        process = await asyncio.create_subprocess_exec(
            "/bin/sh",
            "-euc",
            command,
            cwd=ROOT,
            env={"HOME": os.environ.get("HOME", "/"), "PATH": folders, **self.values},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        return process.returncode or 0, output.decode()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.has_typed_all()


def _expanded(word: str, values: Mapping[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        return values[match[1]]

    return re.sub(r"\$(\w+)", value, word)


Play = Callable[[Anchor], Operator]
