"""Wire models of the retention: a turn, and how many rows went."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from workflows.message import Message

RETENTION_WORKFLOW: Final = "RetentionWorkflow"
RETENTION_ID: Final = "retention"


class Retention(Message):
    """Start of a turn, and of what a context does in it; how old is too old, the worker's settings say.

    `portion`: rows of one transaction.
    """

    portion: int = Field(1_000, ge=1, le=10_000)


class Forgotten(Message):
    """How many rows went."""

    rows: int = Field(0, ge=0)

    def __add__(self, other: Forgotten) -> Forgotten:
        return Forgotten(rows=self.rows + other.rows)
