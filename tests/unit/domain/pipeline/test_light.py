"""What workflows decide with loads no Polars: it would be imported again for every run in their sandbox."""

from __future__ import annotations

import subprocess
import sys

LIGHT = ("background", "backoff", "config", "deletion", "dependencies", "metrics", "windows")


def test_workflow_modules_load_no_polars() -> None:
    imports = ", ".join(f"domain.pipeline.{name}" for name in LIGHT)
    program = f"import sys, {imports}; sys.exit('polars' in sys.modules)"
    assert subprocess.run((sys.executable, "-c", program), check=False).returncode == 0
