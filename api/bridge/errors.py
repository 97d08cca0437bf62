"""Failures that only the routes of the `bridge` context answer with; the others are in api.errors.

ApiError
├── InvalidInput                400
│   ├── EntityInvalid
│   ├── BatchNotRunning
│   └── ScheduleRests
├── NotFound                    404
│   ├── EntityNotFound
│   ├── MappingNotFound
│   ├── BatchNotFound
│   ├── RecordNotFound
│   └── ScheduleNotFound
├── EntityExists                409
├── EntityInUse                 409
├── EntityHasState              409
├── EntityDiffers               409
├── EntityDisabled              409
├── MappingExists               409
├── BatchInProgress             409
├── ScheduleExists              409
└── Unavailable                 503, Retry-After
    ├── SourceUnavailable
    └── HubUnavailable
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from api.errors import ApiError, InvalidInput, NotFound, Unavailable


class EntityInvalid(InvalidInput):
    """This configuration cannot be used; `problems` in the context says why."""

    code = "ENTITY_INVALID"

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__(" ".join(problems), problems=list(problems))


class BatchNotRunning(InvalidInput):
    """The batch is not running"""

    code = "BATCH_NOT_RUNNING"


class EntityNotFound(NotFound):
    """Entity not found"""

    code = "ENTITY_NOT_FOUND"

    def __init__(self, key: str) -> None:
        super().__init__(f"Entity not found: {key}", entity=key)


class MappingNotFound(NotFound):
    """Mapping not found"""

    code = "MAPPING_NOT_FOUND"


class BatchNotFound(NotFound):
    """Batch not found"""

    code = "BATCH_NOT_FOUND"

    def __init__(self, batch_uid: object) -> None:
        super().__init__(f"Batch not found: {batch_uid}", batch_uid=str(batch_uid))


class RecordNotFound(NotFound):
    """Failed record not found"""

    code = "RECORD_NOT_FOUND"


class EntityExists(ApiError):
    """Entity already exists"""

    status, code = 409, "ENTITY_EXISTS"

    def __init__(self, name: str) -> None:
        super().__init__(f"Entity already exists: {name}", entity_name=name)


class EntityInUse(ApiError):
    """Something depends on the entity; `used_by` in the context says what."""

    status, code = 409, "ENTITY_IN_USE"


class EntityHasState(ApiError):
    """Rows of the entity are known at the hub by their hashes, so what these are made of cannot change."""

    status, code = 409, "ENTITY_HAS_STATE"


class EntityDiffers(ApiError):
    """The entity is configured, and differently from this request. Change the entity, or leave these fields out."""

    status, code = 409, "ENTITY_DIFFERS"


class EntityDisabled(ApiError):
    """Synchronisation of the entity is switched off."""

    status, code = 409, "ENTITY_DISABLED"


class MappingExists(ApiError):
    """The field is mapped to this target already."""

    status, code = 409, "MAPPING_EXISTS"


class BatchInProgress(ApiError):
    """A batch of this entity is under way. Wait for it, or stop it."""

    status, code = 409, "BATCH_IN_PROGRESS"

    def __init__(self, entity_name: str, batch_uid: object = None, **context: Any) -> None:
        named = None if batch_uid is None else str(batch_uid)
        super().__init__(entity_name=entity_name, batch_uid=named, **context)


class SourceUnavailable(Unavailable):
    """APISmith does not answer, or not to us."""

    code = "SOURCE_UNAVAILABLE"


class HubUnavailable(Unavailable):
    """ScheduleHub does not answer, or not to us."""

    code = "HUB_UNAVAILABLE"


class ScheduleRests(InvalidInput):
    """A night of the schedule would do nothing"""

    code = "SCHEDULE_RESTS"


class ScheduleNotFound(NotFound):
    """Schedule not found"""

    code = "SCHEDULE_NOT_FOUND"


class ScheduleExists(ApiError):
    """The entity has a background schedule already"""

    status, code = 409, "SCHEDULE_EXISTS"

    def __init__(self, entity_name: str) -> None:
        super().__init__(f"Schedule already exists for entity: {entity_name}", entity_name=entity_name)
