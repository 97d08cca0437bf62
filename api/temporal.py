"""The boundary to Temporal: how long a call may take, and what its failures become."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

from temporalio.client import Client, Interceptor
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import DataConverter
from temporalio.runtime import Runtime
from temporalio.service import RPCError, RPCStatusCode

from api.errors import TemporalUnavailable

CALL: Final = timedelta(seconds=3)
GLANCE: Final = timedelta(seconds=1)
_AWAY: Final = frozenset(
    {
        RPCStatusCode.CANCELLED,
        RPCStatusCode.DEADLINE_EXCEEDED,
        RPCStatusCode.RESOURCE_EXHAUSTED,
        RPCStatusCode.UNAVAILABLE,
    }
)


async def connect(
    address: str,
    namespace: str,
    *,
    data_converter: DataConverter = pydantic_data_converter,
    runtime: Runtime | None = None,
    interceptors: Sequence[Interceptor] = (),
) -> Client:
    """A client that connects at its first call, so that the facade starts while Temporal is away."""
    return await Client.connect(
        address,
        namespace=namespace,
        data_converter=data_converter,
        runtime=runtime,
        interceptors=interceptors,
        lazy=True,
        connect_timeout=timedelta(seconds=2),
    )


@contextmanager
def temporal_faults() -> Iterator[None]:
    """Raise `TemporalUnavailable` for every way in which the server does not answer."""
    try:
        yield
    except RPCError as error:
        if error.status in _AWAY:
            raise TemporalUnavailable from error
        raise
    except RuntimeError as error:
        # What a lazy client raises when it cannot connect.
        raise TemporalUnavailable from error
