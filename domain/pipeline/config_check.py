"""What is wrong with a configuration, told when it is saved: afterwards no stage can fail because of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import polars as pl

from domain.pipeline.columns import Kind, has
from domain.pipeline.config import Entity, FieldMapping, Length, Regex, Rule, Source
from domain.pipeline.identity import ADDED
from domain.pipeline.mapping import default_cell


def entity_problems(entity: Entity, source: Source) -> tuple[str, ...]:
    """One sentence for each; none when the entity can be used. Cycles among entities: `dependencies.in_order`."""
    return (*_name_problems(entity), *_mapping_problems(entity, source), *_overlap_problems(entity))


def source_problems(source: Source) -> tuple[str, ...]:
    """The same for a source system."""
    if source.zones.local is None:
        return ()
    try:
        ZoneInfo(source.zones.local)
        pl.Series([None], dtype=pl.Datetime).dt.replace_time_zone(source.zones.local)
    except (ZoneInfoNotFoundError, ValueError, OSError, pl.exceptions.ComputeError):
        return (f"There is no time zone {source.zones.local!r}.",)
    return ()


def _name_problems(entity: Entity) -> Iterator[str]:
    if not entity.key:
        yield "The entity has no key."
    yield from _repeated("The key names {} twice.", entity.key)
    yield from _repeated("{} is declared twice.", (field.name for field in entity.fields))
    yield from _repeated("Two mappings lead to {}.", (mapping.target for mapping in entity.mappings))
    yield from _repeated("Two references are called {}.", (parent.ref for parent in entity.parents))
    for mapping in entity.mappings:
        if mapping.target in ADDED:
            yield f"{mapping.target!r} is a field of the bridge's own."
    if not entity.pass_unmapped:
        yield from _undelivered(entity)


def _repeated(sentence: str, names: Iterable[str]) -> Iterator[str]:
    return (sentence.format(repr(name)) for name, times in Counter(names).items() if times > 1)


def _undelivered(entity: Entity) -> Iterator[str]:
    """Fields that identity needs must be among the targets; a missing rowversion only means to compare by hash."""
    targets = {mapping.target for mapping in entity.mappings}
    needed = [*entity.key, *(child for parent in entity.parents for child in parent.fields.values())]
    for field in dict.fromkeys(needed):
        if field not in targets:
            yield f"{field!r} is needed for a key, and no mapping leads to it."


def _mapping_problems(entity: Entity, source: Source) -> Iterator[str]:
    declared = {field.name: field for field in entity.fields}
    for mapping in entity.mappings:
        if has(default_cell(mapping, declared.get(mapping.source), source), Kind.BROKEN):
            yield f"The default of {mapping.source!r} is not of the field's type."
        for rule in mapping.rules:
            yield from _rule_problems(mapping, rule)
    for parent in entity.parents:
        if not parent.fields:
            yield f"The reference {parent.ref!r} names no field of its parent."


def _rule_problems(mapping: FieldMapping, rule: Rule) -> Iterator[str]:
    if isinstance(rule, Length) and rule.high is not None and rule.low > rule.high:
        yield f"No text of {mapping.source!r} can be as long as its rule asks."
    if isinstance(rule, Regex) and not _compiles(rule.pattern):
        yield f"The pattern of {mapping.source!r} is no regular expression."


def _compiles(pattern: str) -> bool:
    try:
        # Alone, not between the parentheses of its use: "a)(b" would be sound there.
        pl.Series([""]).str.contains(pattern)
    except pl.exceptions.PolarsError:
        return False
    return True


def _overlap_problems(entity: Entity) -> Iterator[str]:
    if entity.rowversion.overlap < 0:
        yield "An overlap cannot be negative."
    if entity.rowversion.overlap and entity.rowversion.kind == "text":
        yield "Text rowversions have no distance, so they can have no overlap."
