"""docs/bridge.md: its entity can be defined, its table of routes is the API."""

from __future__ import annotations

import json
import re
from pathlib import Path

from api.bridge.entity_models import EntityBody
from domain.pipeline.config_check import entity_problems, source_problems
from domain.pipeline.definition import definition
from domain.pipeline.metrics import Metrics
from tests.helpers.bridge_api import bridge_app
from tests.unit.api.bridge.test_access_matrix import OPEN, OPERATOR, READER

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = (DOCS / "bridge.md").read_text()
METHODS = "GET|POST|PUT|PATCH|DELETE"


def test_the_entity_of_the_page_can_be_defined() -> None:
    [example] = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    body = json.loads(example)
    assert body == json.loads((DOCS / "examples" / "items.json").read_text())
    defined = definition(EntityBody.model_validate(body).stored())
    assert (*source_problems(defined.source), *entity_problems(defined.entity, defined.source)) == ()


def test_the_table_of_routes_is_the_api_with_its_roles() -> None:
    rows = re.findall(r"^\| (`.*?) \| (-|reader|operator) \|", PAGE, re.MULTILINE)
    told = {(*route, role) for names, role in rows for route in re.findall(rf"`({METHODS}) (/[^`]*)`", names)}
    expected = {*((*route, "-") for route in OPEN), *((*route, "reader") for route in READER)}
    assert told == expected | {(*route, "operator") for route in OPERATOR}
    paths = bridge_app().openapi()["paths"]
    assert {route[:2] for route in told} == {(method.upper(), path) for path, ops in paths.items() for method in ops}


def test_every_metric_is_explained() -> None:
    [table] = re.findall(r"(?:^\| `rows_fetched`.*?)(?=\n\n)", PAGE, re.DOTALL | re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", table)) == set(Metrics().as_dict())
