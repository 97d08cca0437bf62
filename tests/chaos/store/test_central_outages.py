"""Central killed and revived at random while a shop sells, with real servers and workers: the demo as it is run.

`CHAOS_SEEDS` or `CHAOS_SEED` plays the long form: 10,000 movements.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[3]
_IS_LONG: Final = bool(os.environ.get("CHAOS_SEEDS") or os.environ.get("CHAOS_SEED"))
UPDATES: Final = 10_000 if _IS_LONG else 100
OUTAGES: Final = 15 if _IS_LONG else 1
SECONDS: Final = 2400 if _IS_LONG else 200


@pytest.mark.timeout(SECONDS + 20)
def test_nothing_is_lost_doubled_or_left_behind_while_central_dies_and_comes_back(tmp_path: Path) -> None:
    size = ("--updates", str(UPDATES), "--outages", str(OUTAGES), "--seed", os.environ.get("CHAOS_SEED", "1"))
    argv = [sys.executable, "-m", "cli", "store", "demo", *size, "--exit", "--data-dir", str(tmp_path)]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures["laws_held"] is True
    assert figures["outages"] == OUTAGES
    assert figures["accepted"] + figures["refused"] == figures["updates"] == UPDATES
    assert figures["while_away"] > 0
    assert figures["most_waiting"] > 0
    assert figures["pushed"] + figures["conflicts"] == figures["accepted"]
    assert figures["lost"] == figures["doubled"] == figures["out_of_order"] == figures["drift"] == 0
