"""Rules of safe code that are read off the source: statements are constants with bound values, nobody is redirected."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SERVICE = ("activities", "api", "cli", "clients", "db", "domain", "observability", "workflows")
# What makes or sends a statement.
STATEMENTS = {"text", "literal_column", "exec_driver_sql", "execute", "executemany", "fetch", "fetchrow", "fetchval"}
CONDITIONS = "db/backlog.py"


@cache
def sources() -> tuple[tuple[str, ast.Module], ...]:
    """Every module of the service, parsed once."""
    paths = [ROOT / "worker.py", ROOT / "process.py", ROOT / "settings.py"]
    for package in SERVICE:
        paths += sorted((ROOT / package).rglob("*.py"))
    return tuple((str(path.relative_to(ROOT)), ast.parse(path.read_text())) for path in paths)


class Constants:
    """Which expressions of a module are the same in every run, whoever calls."""

    def __init__(self, module: ast.Module) -> None:
        self._known: set[str] = set()
        for node in module.body:
            if isinstance(node, ast.ImportFrom):
                self._known |= {alias.asname or alias.name for alias in node.names if alias.name.isupper()}
            elif isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None and self.holds(node.value):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                self._known |= {target.id for target in targets if isinstance(target, ast.Name)}

    def holds(self, node: ast.expr) -> bool:
        """Made of literals and constants of the module alone."""
        if isinstance(node, ast.Constant):
            return True
        if isinstance(node, ast.Name):
            return node.id in self._known
        if isinstance(node, ast.JoinedStr):
            return all(self.holds(part) for part in node.values)
        if isinstance(node, ast.FormattedValue):
            return self.holds(node.value)
        if isinstance(node, ast.BinOp):
            return self.holds(node.left) and self.holds(node.right)
        if isinstance(node, (ast.Tuple, ast.List, ast.Set)):
            return all(self.holds(part) for part in node.elts)
        if isinstance(node, ast.Dict):
            return all(part is not None and self.holds(part) for part in (*node.keys, *node.values))
        if isinstance(node, ast.Attribute):
            return self.holds(node.value)
        if isinstance(node, ast.Call):
            # text("..."), ", ".join(COLUMNS), TEXT.format(NAME)
            return self.holds_call(node)
        if isinstance(node, (ast.GeneratorExp, ast.ListComp)):
            return self._holds_loop(node)
        return False

    def holds_call(self, node: ast.Call) -> bool:
        named = isinstance(node.func, ast.Name) and node.func.id in {"text", "sorted", "tuple", "list"}
        method = isinstance(node.func, ast.Attribute) and self.holds(node.func.value)
        arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
        return (named or method) and all(self.holds(argument) for argument in arguments)

    def _holds_loop(self, node: ast.GeneratorExp | ast.ListComp) -> bool:
        inner, names = [loop.iter for loop in node.generators], set()
        for loop in node.generators:
            names |= {name.id for name in ast.walk(loop.target) if isinstance(name, ast.Name)}
        if not all(self.holds(one) for one in inner):
            return False
        before, self._known = self._known, self._known | names
        try:
            return self.holds(node.elt)
        finally:
            self._known = before


def is_text(node: ast.expr) -> bool:
    """An expression that puts a text together."""
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Attribute) and node.func.attr in ("format", "join", "replace")
    return isinstance(node, (ast.JoinedStr, ast.BinOp))


def loose_statements(module: ast.Module) -> Iterator[int]:
    """Lines where a statement is put together from what is no constant."""
    constants = Constants(module)
    for node in ast.walk(module):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        makes = name in ("text", "literal_column") and isinstance(node.func, ast.Name)
        if name in STATEMENTS and (makes or is_text(node.args[0])) and not constants.holds(node.args[0]):
            yield node.lineno


def test_every_statement_is_a_constant_with_bound_values() -> None:
    found = [f"{name}:{line}" for name, module in sources() for line in loose_statements(module)]
    assert [place for place in found if not place.startswith(f"{CONDITIONS}:")] == []
    assert len(found) <= 1


def conditions() -> Iterator[tuple[str, bool]]:
    """Where a queue is declared, and whether its condition is a constant."""
    for name, module in sources():
        constants = Constants(module)
        for node in ast.walk(module):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "waiting" and name != CONDITIONS:
                yield f"{name}:{node.lineno}", constants.holds(node.args[2])


def test_the_conditions_of_queues_are_constants() -> None:
    """`waiting` puts them into a statement as they are, so that partial indexes are used."""
    found = dict(conditions())
    assert [place for place, is_constant in found.items() if not is_constant] == []
    assert len(found) > 10


@pytest.mark.parametrize(
    "source",
    [
        'def f(name): return text(f"SELECT {name}")',
        'def f(name): return text("SELECT " + name)',
        'def f(name): return text("SELECT {}".format(name))',
        "def f(name): return text(name)",
        'async def f(c, name): await c.execute(f"SELECT {name}")',
        'async def f(c, name): await c.fetch("SELECT %s" % name)',
        'def f(name): return literal_column(f"{name} DESC")',
        'A = input()\ndef f(): return text(f"SELECT {A}")',
    ],
)
def test_the_rule_finds_what_it_should(source: str) -> None:
    assert list(loose_statements(ast.parse(source)))


@pytest.mark.parametrize(
    "source",
    [
        'A = "x"\nB = text(f"SELECT {A}")\nC = text(B.text + A)',
        'from db.x import SHOWN\nA = text(f"SELECT {SHOWN}")',
        'NAMES = ("a", "b")\nA = text(f"SELECT {\', \'.join(NAMES)}")',
        'async def f(c, name): await c.execute(text("SELECT :name"), {"name": name})',
    ],
)
def test_the_rule_allows_constants(source: str) -> None:
    assert list(loose_statements(ast.parse(source))) == []


def keywords(name: str, value: bool) -> Iterator[str]:
    """Where a call of the service is given that keyword with that value."""
    for path, module in sources():
        for node in ast.walk(module):
            given = isinstance(node, ast.keyword) and node.arg == name and node.value
            if isinstance(given, ast.Constant) and given.value is value:
                yield f"{path}:{given.lineno}"


def test_nobody_follows_redirects_skips_certificates_or_starts_a_shell() -> None:
    assert list(keywords("follow_redirects", value=True)) == []
    assert list(keywords("verify", value=False)) == []
    assert list(keywords("shell", value=True)) == []
    assert len(list(keywords("follow_redirects", value=False))) >= 4
