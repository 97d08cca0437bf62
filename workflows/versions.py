"""How a workflow moves from one deployed build to the next (WORKER_BUILD_ID; without it all builds are one).

Whatever runs is pinned: it ends on the build that began it, so that a change of a workflow's code cannot meet it. An
entity lives longer than builds do; it moves at its continue-as-new, where nothing of the old code's state is left but
the message that it passes on.
"""

from __future__ import annotations

from typing import Any, NoReturn

from temporalio import workflow


def is_superseded() -> bool:
    """Another build than this run's is the current one. Always False where builds are not told apart."""
    return workflow.info().is_target_worker_deployment_version_changed()


def continue_on_current_build(state: Any) -> NoReturn:
    """Continue as new, on the build that is current now instead of the one that began this run."""
    upgrade = workflow.ContinueAsNewVersioningBehavior.AUTO_UPGRADE
    workflow.continue_as_new(state, initial_versioning_behavior=upgrade if is_superseded() else None)
