"""The lock file: pinned, hashed, free of addresses, and in step with pyproject.toml."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
LOCK = (ROOT / "requirements.lock").read_text()
PINS = {canonicalize_name(name): version for name, version in re.findall(r"^([\w.-]+)==(\S+)", LOCK, re.MULTILINE)}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
WANTED = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]]


@pytest.mark.parametrize("wanted", WANTED)
def test_every_dependency_is_pinned_to_an_allowed_version(wanted: str) -> None:
    requirement = Requirement(wanted)
    pinned = PINS.get(canonicalize_name(requirement.name))
    assert pinned is not None, "run `make lock`"
    assert requirement.specifier.contains(pinned, prereleases=True), "run `make lock`"


def test_every_pin_has_a_hash() -> None:
    entries = re.split(r"\n(?=[\w.-]+==)", LOCK)
    assert len(entries) >= len(PINS)
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []


def test_no_address_and_no_machine_path_is_recorded() -> None:
    assert re.findall(r"\S*://\S*|^--(?:index|extra-index|find-links)\S*|\s/\S+", LOCK, re.MULTILINE) == []
