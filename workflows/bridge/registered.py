"""The workflows of the `bridge` context, for the worker that runs them."""

from __future__ import annotations

from workflows.bridge.background import BackgroundSyncWorkflow
from workflows.bridge.batch import BridgeBatchWorkflow
from workflows.bridge.children import PendingChildrenWorkflow
from workflows.bridge.entity_sync import EntitySyncWorkflow

BRIDGE_WORKFLOWS = (BackgroundSyncWorkflow, BridgeBatchWorkflow, EntitySyncWorkflow, PendingChildrenWorkflow)
