"""Parents before children: the order in which entities are synchronised. No Polars here: workflows import it."""

from __future__ import annotations

from collections.abc import Iterable
from graphlib import CycleError, TopologicalSorter

from domain.pipeline.config import Entity


class EntitiesInACycle(ValueError):
    """The entities are parents of each other in a circle."""

    def __init__(self, cycle: tuple[str, ...]) -> None:
        super().__init__(" -> ".join(cycle))
        self.cycle = cycle


def in_order(entities: Iterable[Entity]) -> tuple[str, ...]:
    """Names, each after its parents, otherwise as given; a parent that is not among the entities is left out.

    Raises:
        EntitiesInACycle: the references lead back to where they began.
    """
    parents = {entity.name: [parent.entity for parent in entity.parents] for entity in entities}
    try:
        order = tuple(TopologicalSorter(parents).static_order())
    except CycleError as error:
        # graphlib names a cycle from each node to the one that depends on it; read as child -> parent.
        raise EntitiesInACycle(tuple(reversed(error.args[1]))) from None
    return tuple(name for name in order if name in parents)
