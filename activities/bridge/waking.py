"""Tells who looks after waiting children that rows came which they may wait for."""

from __future__ import annotations

from datetime import timedelta

from temporalio import activity
from temporalio.client import Client

from workflows.bridge.contracts import BatchRef
from workflows.bridge.starting import wake_pending_children

_CALL = timedelta(seconds=10)


class ChildrenWaking:
    """One activity. To wake twice, or in vain, costs a look."""

    def __init__(self, temporal: Client) -> None:
        self._temporal = temporal

    @activity.defn
    async def wake_children(self, ref: BatchRef) -> None:
        """Signal-with-start of `PendingChildrenWorkflow`; which children, it finds out itself."""
        activity.logger.debug("batch %s brought parents", ref.batch_uid)
        await wake_pending_children(self._temporal, timeout=_CALL)
