from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from bench.rows import Origin, Row, load, merged, record

ORIGIN = Origin(cores=2, commit="abc1234", at=datetime(2026, 1, 1, tzinfo=UTC))


def row(name: str, n: int, value: float = 1.0) -> Row:
    return Row(name=name, n=n, value=value, unit="s", target="<= 1 x", met=True, **ORIGIN.model_dump())


def test_a_row_replaces_the_one_of_its_name_and_size_and_no_other() -> None:
    old = [row("b", 1), row("a", 10), row("a", 2)]
    assert [(r.name, r.n, r.value) for r in merged(old, [row("a", 2, 7.0), row("c", 1)])] == [
        ("a", 2, 7.0),
        ("a", 10, 1.0),
        ("b", 1, 1.0),
        ("c", 1, 1.0),
    ]


def test_what_is_recorded_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "results" / "latest.json"
    assert load(path) == []
    record([row("b", 1)], path)
    assert record([row("a", 1)], path) == load(path) == [row("a", 1), row("b", 1)]
    assert path.read_text().startswith("[\n  {\n")


def test_the_origin_names_a_commit_and_no_machine() -> None:
    origin = Origin.here()
    assert origin.commit.rstrip("+").isalnum()
    assert origin.at.tzinfo is UTC
    assert set(Origin.model_fields) == {"cores", "commit", "at"}
