"""References must lead to the key of a parent of the same source and scheme, and never back to where they began."""

from __future__ import annotations

from typing import Any

import pytest

from domain.pipeline.definition import Definition, definition, read
from domain.pipeline.family import family_problems


def defined(name: str, key: str = "id", *, source: str = "erp", scheme: str = "v2", **parents: str) -> Definition:
    """An entity; each parent by its name, with the key field that the reference names."""
    refs = {parent: {"parent_entity": parent, "fields": {field: "up"}} for parent, field in parents.items()}
    row: dict[str, Any] = {"entity_name": name, "source_system": source, "connector_api_slug": "s"}
    key_fields = {"business_key_fields": [key], "options": {"hash_scheme": scheme}}
    return definition(read({**row, **key_fields, "parent_refs_config": refs}))


SITES, ITEMS = defined("sites"), defined("items", sites="id")


@pytest.mark.parametrize(
    ("saved", "others"),
    [(ITEMS, [SITES]), (SITES, [ITEMS]), (ITEMS, []), (defined("lines", items="id"), [SITES, ITEMS])],
    ids=["child", "parent", "parent unknown", "grandchild"],
)
def test_what_fits_is_no_problem(saved: Definition, others: list[Definition]) -> None:
    assert family_problems(saved, others) == ()


KEY = "The reference 'sites' of 'items' must name the key of 'sites': code."


@pytest.mark.parametrize(
    ("saved", "others", "problem"),
    [
        (ITEMS, [defined("sites", "code")], KEY),
        (defined("sites", "code"), [ITEMS], KEY),
        (
            ITEMS,
            [defined("sites", source="sap")],
            "The reference 'sites' of 'items' leads to another source system, where its keys are not known.",
        ),
        (
            defined("sites", scheme="v1"),
            [ITEMS],
            "The reference 'sites' of 'items' leads to keys of another hash scheme.",
        ),
    ],
    ids=["key seen from the child", "key seen from the parent", "source", "scheme"],
)
def test_what_does_not_fit_is_told(saved: Definition, others: list[Definition], problem: str) -> None:
    assert family_problems(saved, others) == (problem,)


def test_what_others_are_among_themselves_is_not_this_ones_matter() -> None:
    assert family_problems(defined("orders"), [ITEMS, defined("sites", "code")]) == ()


@pytest.mark.parametrize(
    ("saved", "others"),
    [(defined("a", a="id"), []), (defined("a", b="id"), [defined("b", c="id"), defined("c", a="id")])],
    ids=["itself", "a circle"],
)
def test_a_circle_is_told(saved: Definition, others: list[Definition]) -> None:
    [problem] = family_problems(saved, others)
    assert problem.startswith("Entities are parents of each other: ")
