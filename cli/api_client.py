"""A thin HTTP client of our own API for the user commands; every failure becomes a `CliError`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

import httpx
from pydantic import BaseModel, ValidationError

from cli.errors import RefusedError, UnreachableError

Params = Mapping[str, str | int | bool]
Body = Mapping[str, Any]
Headers = Mapping[str, str]

_PREFIX = "/api/v1/sync"
_TIMEOUT = httpx.Timeout(30.0, connect=5.0)
# The server sends a comment line every few seconds while nothing changes.
_STREAM_TIMEOUT = httpx.Timeout(60.0, connect=5.0)


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event."""

    name: str
    data: str


class _Refused(BaseModel):
    field: str
    message: str


class _Problem(BaseModel):
    code: str = "HTTP_ERROR"
    message: str
    errors: list[_Refused] = []

    @property
    def sentence(self) -> str:
        """The message, and what is wrong with which field."""
        return "; ".join([self.message, *(f"{refused.field}: {refused.message}" for refused in self.errors)])


class _Envelope(BaseModel):
    error: _Problem


class _Flat(BaseModel):
    """The errors of the marketplace."""

    error: str
    message: str = ""
    details: list[_Refused] = []

    def problem(self) -> _Problem:
        return _Problem(code=self.error, message=self.message or self.error, errors=self.details)


class Api:
    """One caller of one API. Paths are those below its prefix, `/api/v1/sync` unless told otherwise."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    @classmethod
    @contextmanager
    def connect(cls, url: str, token: str, prefix: str = _PREFIX) -> Iterator[Self]:
        """A client that is closed at the end of the block; every context has a prefix of its own.

        Raises:
            UnreachableError: the API did not answer, at whatever point of the block.
        """
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            with httpx.Client(base_url=url.rstrip("/") + prefix, headers=headers, timeout=_TIMEOUT) as http:
                yield cls(http)
        except (httpx.TransportError, httpx.InvalidURL):
            raise UnreachableError(url) from None

    def get(self, path: str, params: Params | None = None) -> str:
        """Body of a successful answer.

        Raises:
            RefusedError: any status but 2xx.
        """
        return _checked(self._http.get(path, params=params)).text

    def post(
        self, path: str, body: Body | None = None, params: Params | None = None, headers: Headers | None = None
    ) -> str:
        """As `get`."""
        return _checked(self._http.post(path, json=body, params=params, headers=headers)).text

    def put(self, path: str, body: Body, headers: Headers | None = None) -> str:
        """As `get`."""
        return _checked(self._http.put(path, json=body, headers=headers)).text

    def patch(self, path: str, body: Body) -> str:
        """As `get`."""
        return _checked(self._http.patch(path, json=body)).text

    def delete(self, path: str, headers: Headers | None = None) -> str:
        """As `get`."""
        return _checked(self._http.delete(path, headers=headers)).text

    def events(self, user_id: UUID) -> Iterator[Event]:
        """Progress events of a seller, until the server closes the stream.

        Raises:
            RefusedError: any status but 2xx.
        """
        with self._http.stream("GET", f"/progress/{user_id}/stream", timeout=_STREAM_TIMEOUT) as response:
            if response.is_error:
                response.read()
            yield from parse_events(_checked(response).iter_lines())


def parse_events(lines: Iterable[str]) -> Iterator[Event]:
    """Server-sent events from the lines of a stream; comments and other fields are passed over."""
    name, data = "message", list[str]()
    for line in lines:
        field, _, value = line.partition(":")
        match field:
            case "event":
                name = value.strip()
            case "data":
                data.append(value.removeprefix(" "))
            case "" if not line and data:
                yield Event(name, "\n".join(data))
                name, data = "message", []


def _checked(response: httpx.Response) -> httpx.Response:
    if response.is_success:
        return response
    problem = _problem(response)
    raise RefusedError(problem.code, problem.sentence, response.status_code)


def _problem(response: httpx.Response) -> _Problem:
    with suppress(ValidationError):
        return _Envelope.model_validate_json(response.text).error
    try:
        return _Flat.model_validate_json(response.text).problem()
    except ValidationError:
        return _Problem(message=f"The answer ({response.status_code}) is not this API's. Is the address right?")
