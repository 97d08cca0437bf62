"""What the catalogue knows of CardTrader's blueprints: shared by the catalogue's client, the merge and the rows."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

PRINT_TABLES: Final = ("cards_prints", "op_prints", "pk_prints", "sealed_products")
"""In the order in which they are searched; a code is an index into it."""
NO_TABLE: Final = 255


class MappingStatus(IntEnum):
    """Whether a blueprint has exactly one print; the names are those of the database's enum."""

    MISSING = 0
    MAPPED = 1
    AMBIGUOUS = 2


@dataclass(frozen=True, slots=True)
class BlueprintMapping:
    """Answers in the order asked. An ambiguous blueprint shows its first match; a missing one 0 and `NO_TABLE`."""

    print_id: NDArray[np.int64]
    table: NDArray[np.uint8]
    status: NDArray[np.uint8]
