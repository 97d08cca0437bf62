"""The activities of the `store` context, as its workflows call them."""

from __future__ import annotations

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from workflows import policies
    from workflows.steps import Step
    from workflows.store.contracts import PushReport, StockRead, StorePage, StoreRef, SweptStores
    from workflows.task_queues import DEFAULT

PUSH_CHANGES = Step("push_changes", StoreRef, PushReport, policies.STORE_PASS, DEFAULT)
READ_STOCK = Step("read_stock", StoreRef, StockRead, policies.STORE_PASS, DEFAULT)
WAKE_STORES = Step("wake_stores", StorePage, SweptStores, policies.FINISH, DEFAULT)
