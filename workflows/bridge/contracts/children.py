"""Wire models of what waits: children for their parents, and batches whose start was lost."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from workflows.bridge.contracts.batch import BatchRun
from workflows.message import Message

PENDING_CHILDREN_WORKFLOW: Final = "PendingChildrenWorkflow"
PENDING_CHILDREN_ID: Final = "bridge-children"
PARENTS_ARRIVED: Final = "parents_arrived"
MOST_BATCHES: Final = 50


class ChildrenState(Message):
    """Start of the workflow, and all it carries from round to round."""

    rounds: int = Field(0, ge=0)
    batches: int = Field(0, ge=0)


class Round(Message):
    """One look at what waits: at most so many batches."""

    most: int = Field(MOST_BATCHES, ge=1, le=MOST_BATCHES)


class ChildrenBatches(Message):
    """Batches of sync_type `children`, registered as pending: one per source and entity, parents first."""

    batches: list[BatchRun] = Field([], max_length=MOST_BATCHES)


class LeftoverBatches(Message):
    """Batches that nobody worked on: those started again, and those that were closed with a reason."""

    started: int = Field(0, ge=0)
    closed: int = Field(0, ge=0)
