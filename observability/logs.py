"""Logs, set up once per process by a composition root (`api/main.py`, `worker.py`).

Nothing secret may pass: values under telling keys are blanked, and an exception is logged as its types and
frames, because its text may quote a row, a parameter or an upstream body.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from collections import deque
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, Literal

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

REDACTED: Final = "[redacted]"
_TELLING: Final = ("token", "secret", "password", "authorization", "cookie", "fernet", "signature")
# Loggers that would print request lines with their query strings.
_CHATTY: Final = ("uvicorn.access", "httpx", "httpcore")
_TEMPORAL_NAMES: Final = ("workflow_id", "workflow_type", "run_id", "activity_type", "attempt")


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Blank every value whose key says that it is a secret."""
    return {key: REDACTED if _is_telling(key) else value for key, value in event.items()}


@lru_cache(maxsize=1024)
def _is_telling(key: str) -> bool:
    return any(word in key.lower() for word in _TELLING)


def with_temporal(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Name the workflow or activity of a record that the SDK, or a workflow's own logger, has written."""
    record = event.get("_record")
    if record is not None:
        details = getattr(record, "temporal_workflow", None) or getattr(record, "temporal_activity", None)
        found = details or getattr(getattr(record, "temporal_log", None), "fields", {})
        for name in _TEMPORAL_NAMES:
            if found.get(name):
                event.setdefault(name, found[name])
    return event


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def exception_without_text(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace `exc_info` by `exception`: the types of the chain and the frames of its head."""
    info = event.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    error = info[1] if isinstance(info, tuple) else info
    if isinstance(error, BaseException):
        frames = traceback.extract_tb(error.__traceback__)
        event["exception"] = {
            "types": [type(link).__qualname__ for link in _chain(error)],
            "frames": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
        }
    return event


def _shared_processors() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        with_temporal,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        exception_without_text,
        redact,
    ]


class _ServiceHandler(logging.Handler):
    """Writes to whatever stderr is now. A class of ours, so that a second set-up replaces only ours."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            sys.stderr.write(self.format(record) + "\n")
            sys.stderr.flush()
        except Exception:
            self.handleError(record)


class RecentLogs(logging.Handler):
    """The last records of this process as JSON lines, blanked like all others; for development only."""

    def __init__(self, capacity: int = 1000) -> None:
        super().__init__()
        # What our own loggers tell is kept as it is and rendered when it is asked for: nobody may ever ask.
        self._records: deque[str | EventDict] = deque(maxlen=capacity)
        self.setFormatter(_formatter(structlog.processors.JSONRenderer(default=str)))

    @classmethod
    def keep(cls) -> RecentLogs:
        """Begin to keep records, in place of an earlier keeper."""
        root, recent = logging.getLogger(), cls()
        root.handlers = [kept for kept in root.handlers if not isinstance(kept, RecentLogs)] + [recent]
        return recent

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._records.append(dict(record.msg) if isinstance(record.msg, dict) else self.format(record))
        except Exception:
            self.handleError(record)

    def newest(self, limit: int) -> list[str]:
        """Up to `limit` lines, newest first."""
        newest = list(self._records)[: -limit - 1 : -1]
        return [kept if isinstance(kept, str) else json.dumps(kept, default=str) for kept in newest]

    def __len__(self) -> int:
        return len(self._records)


def _formatter(renderer: Processor) -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_shared_processors(),
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
    )


def configure_logging(level: str = "INFO", format: Literal["json", "console"] = "json") -> None:
    """Send structlog and standard-library records to stderr, one line each, in one format. Idempotent."""
    renderer: Processor = (
        structlog.processors.JSONRenderer() if format == "json" else structlog.dev.ConsoleRenderer(colors=False)
    )
    handler = _ServiceHandler()
    handler.setFormatter(_formatter(renderer))
    root = logging.getLogger()
    root.handlers = [kept for kept in root.handlers if not isinstance(kept, _ServiceHandler)] + [handler]
    root.setLevel(level)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[*_shared_processors(), structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
    )
