"""Entities together: whether each reference leads to the key of its parent, and none back to where it began."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from domain.pipeline.config import Parent
from domain.pipeline.definition import Definition
from domain.pipeline.dependencies import EntitiesInACycle, in_order


def family_problems(saved: Definition, others: Iterable[Definition]) -> tuple[str, ...]:
    """What saving this one would break: one sentence for each, none when it fits.

    A parent that is not defined yet is no problem: its children wait, and it is looked at when it is saved.
    """
    everyone = {definition.entity.name: definition for definition in [*others, saved]}
    name = saved.entity.name
    related = [
        problem
        for child in everyone.values()
        for parent in child.entity.parents
        if name in (child.entity.name, parent.entity)
        for problem in _reference_problems(child, parent, everyone)
    ]
    return (*related, *_cycle_problems(everyone))


def _reference_problems(child: Definition, parent: Parent, everyone: Mapping[str, Definition]) -> Iterator[str]:
    found = everyone.get(parent.entity)
    if found is None:
        return
    who = f"The reference {parent.ref!r} of {child.entity.name!r}"
    if found.source.name != child.source.name:
        yield f"{who} leads to another source system, where its keys are not known."
    if set(parent.fields) != set(found.entity.key):
        yield f"{who} must name the key of {parent.entity!r}: {', '.join(found.entity.key)}."
    if found.entity.hash_scheme != child.entity.hash_scheme:
        yield f"{who} leads to keys of another hash scheme."


def _cycle_problems(everyone: Mapping[str, Definition]) -> Iterator[str]:
    try:
        in_order(definition.entity for definition in everyone.values())
    except EntitiesInACycle as cycle:
        yield f"Entities are parents of each other: {cycle}."
