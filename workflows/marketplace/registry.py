"""Every workflow of the context, for the composition root of the workers."""

from __future__ import annotations

from typing import Final

from workflows.marketplace.callback_delivery import CallbackDeliveryWorkflow
from workflows.marketplace.callback_replay import CallbackReplayWorkflow
from workflows.marketplace.order_import import OrderImportWorkflow
from workflows.marketplace.order_sweep import OrderSweepWorkflow
from workflows.marketplace.store_orders import StoreOrdersWorkflow

MARKETPLACE_WORKFLOWS: Final[tuple[type, ...]] = (
    CallbackDeliveryWorkflow,
    CallbackReplayWorkflow,
    OrderImportWorkflow,
    OrderSweepWorkflow,
    StoreOrdersWorkflow,
)
