"""Why a batch ended without success: one code, one sentence."""

from __future__ import annotations

SENTENCES = {
    "ENTITY_UNKNOWN": "There is no entity of this name any more.",
    "ENTITY_DISABLED": "Synchronisation of this entity is switched off.",
    "ENTITY_UNUSABLE": "The configuration of this entity, or of what it refers to, cannot be worked with.",
    "SOURCE_REJECTED": "The source refused our credentials or the request; nothing is known to be wrong with its rows.",
    "SOURCE_UNUSABLE": "The source answered with something that is not a page of rows.",
    "SOURCE_UNAVAILABLE": "The source could not be reached for too long. What was synchronised before stays.",
    "HUB_REJECTED": "The hub refused our credentials or the whole request.",
    "HUB_UNUSABLE": "The hub answered with something that does not tell what became of the rows.",
    "HUB_UNAVAILABLE": "The hub could not be reached for too long. What was synchronised before stays.",
    "PAGE_TOO_SLOW": "A page took too long. What was synchronised before stays; a smaller page may help.",
    "BATCH_CANCELLED": "The batch was stopped. Pages that were done stay; the next sync does the rest.",
    "BATCH_INTERRUPTED": "The batch was ended from outside before it could finish. Start it again.",
    "BATCH_NOT_STARTED": "The workflow engine did not answer, so the batch was not started. Start it again.",
    "BATCH_FAILED": "The batch failed for a reason of ours. Start it again; if it fails again, tell the operator.",
}

_BY_ERROR = {
    "EntityUnknown": "ENTITY_UNKNOWN",
    "EntityDisabled": "ENTITY_DISABLED",
    "EntityUnusable": "ENTITY_UNUSABLE",
    "SourceRejected": "SOURCE_REJECTED",
    "SourceUnusable": "SOURCE_UNUSABLE",
    "SourceUnavailable": "SOURCE_UNAVAILABLE",
    "HubRejected": "HUB_REJECTED",
    "HubUnusable": "HUB_UNUSABLE",
    "HubUnavailable": "HUB_UNAVAILABLE",
    "TimeoutError": "PAGE_TOO_SLOW",
    "BatchClosed": "BATCH_INTERRUPTED",
}


def code_for(error_type: str | None) -> str:
    """The code for the wire type of a failed activity."""
    return _BY_ERROR.get(error_type or "", "BATCH_FAILED")


def sentence(code: str) -> str:
    """What a person reads for a code; unknown codes read as `BATCH_FAILED`."""
    return SENTENCES.get(code, SENTENCES["BATCH_FAILED"])
