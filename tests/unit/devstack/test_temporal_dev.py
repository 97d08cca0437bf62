"""`temporal-dev/` says the same to everybody who reads it."""

from __future__ import annotations

import subprocess
from pathlib import Path

from devstack.temporal import CONFIG_DIR, configuration_flags, pragma_flags
from workflows import search_attributes


def test_flags_carry_every_dynamic_value() -> None:
    flags = configuration_flags()
    assert "matching.enableFairness=true" in flags
    lines = (CONFIG_DIR / "dynamicconfig.yaml").read_text().splitlines()
    values = [line for line in lines if line.lstrip().startswith("- value:")]
    assert flags.count("--dynamic-config-value") == len(values) > 0


def test_the_server_registers_the_attributes_the_workflows_use() -> None:
    used = [f"{key.name}={key.indexed_value_type.name.title()}" for key in search_attributes.ALL]
    assert (CONFIG_DIR / "search-attributes.txt").read_text().split() == used


def test_the_start_script_passes_the_same_flags(tmp_path: Path) -> None:
    recorder = tmp_path / ".venv" / "bin" / "temporal"
    recorder.parent.mkdir(parents=True)
    recorder.write_text('#!/bin/sh\nfor part in "$@"; do echo "$part"; done\n')
    recorder.chmod(0o755)
    (tmp_path / "temporal-dev").symlink_to(CONFIG_DIR)
    arguments = ["/bin/sh", str(tmp_path / "temporal-dev" / "start.sh"), "--ui-public-path", "/a b"]
    printed = subprocess.run(arguments, check=True, capture_output=True, text=True).stdout.splitlines()
    database = str(tmp_path / ".devstack" / "temporal" / "temporal.db")
    expected = ["server", "start-dev", "--ip", "127.0.0.1", "--db-filename", database]
    assert printed == [*expected, *configuration_flags(), *pragma_flags(), "--ui-public-path", "/a b"]
