"""The activities that forget, as the workflow calls them: one per context, by its name."""

from __future__ import annotations

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from workflows import policies
    from workflows.retention.contracts import Forgotten, Retention
    from workflows.steps import Step
    from workflows.task_queues import DEFAULT

CONTEXTS = ("bridge", "cards")
STEPS = {context: Step(f"forget_{context}", Retention, Forgotten, policies.FORGET, DEFAULT) for context in CONTEXTS}
