"""Embedded servers and simulators for development, tests and the demo. Never imported by the service itself."""

from __future__ import annotations

from devstack.errors import AlreadyRunningError, DevStackError, MissingServerError, NotReadyError
from devstack.postgres import create_database, drop_database
from devstack.process import Command, ManagedProcess
from devstack.stack import ALL_SERVICES, DevStack, Service

__all__ = [
    "ALL_SERVICES",
    "AlreadyRunningError",
    "Command",
    "DevStack",
    "DevStackError",
    "ManagedProcess",
    "MissingServerError",
    "NotReadyError",
    "Service",
    "create_database",
    "drop_database",
]
