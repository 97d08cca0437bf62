"""Wire models of children that wait for their parents."""

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
    """One look at the children that are due: at most so many batches of them."""

    most: int = Field(MOST_BATCHES, ge=1, le=MOST_BATCHES)


class ChildrenBatches(Message):
    """Batches of sync_type `children`, registered as pending: one per source and entity, parents first."""

    batches: list[BatchRun] = Field([], max_length=MOST_BATCHES)
