"""What the metadata of an operation say about the report it is to give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Reporting:
    """`reports`: drift is recorded. `dry_run`: and nothing else is. `orders_read`: every sale was asked for before."""

    reports: bool = False
    dry_run: bool = False
    orders_read: bool = False

    @classmethod
    def of(cls, metadata: Mapping[str, Any]) -> Self:
        """From the metadata, or from their texts as the database gives single ones."""
        return cls(**{field.name: metadata.get(field.name) in (True, "true") for field in fields(cls)})


NAMES = tuple(field.name for field in fields(Reporting))
