"""`python -m cli bridge demo` as a person runs it: the ERP at the hub, and exactly the changes after it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SECONDS = 220


# Twenty seconds; more only where many share the processors.
@pytest.mark.timeout(240)
def test_it_ends_by_itself_with_exact_figures(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "cli", "bridge", "demo", "--items", "300", "--page-size", "100"]
    argv += ["--exit", "--data-dir", str(tmp_path)]
    demo = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert demo.returncode == 0, demo.stdout + demo.stderr
    figures = json.loads(demo.stdout.splitlines()[-1])
    assert figures["laws_held"] is True
    assert (figures["waited"], figures["waiting"], figures["differences"]) == (300, 0, 0)
    moved = {moves["table"]: (moves["changed"], moves["added"], moves["removed"]) for moves in figures["moves"]}
    assert moved["items"] == (3, 3, 0)
    second = {batch["entity_name"]: batch for batch in figures["second"]}
    assert (second["items"]["rows_updated"], second["items"]["rows_inserted"]) == (3, 3)
    assert second["order_lines"]["rows_deleted"] == moved["order_lines"][2] == 1
