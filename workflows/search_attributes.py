"""Typed keys of every search attribute; `temporal-dev/search-attributes.txt` lists the same for the server."""

from __future__ import annotations

from temporalio.common import SearchAttributeKey

USER_ID = SearchAttributeKey.for_keyword("UserId")
SYNC_STATUS = SearchAttributeKey.for_keyword("SyncStatus")
SYNC_PHASE = SearchAttributeKey.for_keyword("SyncPhase")
PROGRESS = SearchAttributeKey.for_int("Progress")
CONTEXT = SearchAttributeKey.for_keyword("Context")
ENTITY_NAME = SearchAttributeKey.for_keyword("EntityName")
STORE_ID = SearchAttributeKey.for_keyword("StoreId")

ALL = (USER_ID, SYNC_STATUS, SYNC_PHASE, PROGRESS, CONTEXT, ENTITY_NAME, STORE_ID)
