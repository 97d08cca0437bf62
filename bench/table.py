"""`python -m bench.table`: writes the recorded results into README.md between its markers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from bench.errors import BenchError
from bench.rows import Row, load

README: Final = Path(__file__).parent.parent / "README.md"
BEGIN: Final = "<!-- bench:begin -->"
END: Final = "<!-- bench:end -->"
_EMPTY: Final = "`make bench` measures; this table is written from its recorded results."
_HEADER: Final = (
    "| name | n | value | floor or peer | ratio | target | met | peak RSS, MiB |",
    "|---|---:|---:|---:|---:|---|---|---:|",
)


def render(rows: Sequence[Row]) -> str:
    """Markdown of the largest size of each benchmark, one origin line per different origin."""
    if not rows:
        return _EMPTY
    shown = largest(rows)
    return "\n".join((*_HEADER, *map(_line, shown), "", _origins(shown)))


def largest(rows: Iterable[Row]) -> list[Row]:
    """The row with the largest n of each name, by name."""
    chosen: dict[str, Row] = {}
    for row in sorted(rows, key=lambda row: (row.name, row.n)):
        chosen[row.name] = row
    return list(chosen.values())


def between_markers(page: str) -> str:
    """What stands between the markers of a page.

    Raises:
        BenchError: the markers are missing.
    """
    before, begin, rest = page.partition(BEGIN)
    inside, end, _ = rest.partition(END)
    if not (before and begin and end):
        raise BenchError("README.md has no markers for the table of benchmarks")
    return inside.strip("\n")


def replaced(page: str, table: str) -> str:
    """The page with another table."""
    between_markers(page)
    head, _, rest = page.partition(BEGIN)
    return f"{head}{BEGIN}\n{table}\n{END}{rest.partition(END)[2]}"


def write(readme: Path = README) -> None:
    """Bring the page up to date with the recorded results."""
    readme.write_text(replaced(readme.read_text(), render(load())))


def _line(row: Row) -> str:
    cells = (
        row.name,
        f"{row.n:,}",
        f"{_number(row.value)} {row.unit}",
        "" if row.floor is None else f"{_number(row.floor)} {row.unit}",
        "" if row.ratio is None else f"{row.ratio:.2f}",
        row.target,
        {True: "yes", False: "**no**", None: "open"}[row.met],
        "" if row.peak_rss_mib is None else f"{row.peak_rss_mib:.0f}",
    )
    return f"| {' | '.join(cells)} |"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _origins(rows: Sequence[Row]) -> str:
    origins = sorted({(row.commit, row.at.date().isoformat(), row.cores) for row in rows})
    measured = "; ".join(f"commit {commit}, {day}, {cores} cores" for commit, day, cores in origins)
    return (
        f"Measured at {measured}; simulator, servers and workers share the cores. Notes and profiles: `bench/results/`."
    )


if __name__ == "__main__":
    write()
