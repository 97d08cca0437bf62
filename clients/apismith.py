"""APISmith, the source: pages of a connector's rows, as the bytes they came in.

NeighbourError
├── SourceRejected       credentials, an unknown connector, a request that it refuses
├── SourceUnusable       no page of rows
└── SourceUnavailable    5xx, 429, network, or rows that the ERP could not give; also a `Postponed`
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final, Literal

import httpx
import msgspec

from clients.lenient_json import bytes_of, member, objects, text_of
from clients.neighbour import Credentials, Faults, Patience, Place, Rejected, Request, Transport, Unavailable, Unusable
from clients.neighbour.transport import segment

Operator = Literal["=", ">", ">=", "<", "<="]
Direction = Literal["asc", "desc"]
_rows: Final = msgspec.json.Decoder(list[dict[str, object]], float_hook=Decimal)
# Keys are compared as what they are: a number written as a text would be compared as one.
_encode: Final = msgspec.json.Encoder(decimal_format="number").encode


class SourceRejected(Rejected):
    """APISmith refused the request."""


class SourceUnusable(Unusable):
    """APISmith answered something that is no page of rows."""


class SourceUnavailable(Unavailable):
    """APISmith cannot be reached or fails."""


FAULTS: Final = Faults("APISmith", SourceRejected, SourceUnusable, SourceUnavailable)


class Filter(msgspec.Struct, frozen=True):
    """Rows whose field compares like this with the value; several are joined by AND."""

    field: str
    operator: Operator
    value: str | int | Decimal


class Sort(msgspec.Struct, frozen=True):
    """By one field."""

    field: str
    direction: Direction = "asc"


class SourcePage(msgspec.Struct, frozen=True):
    """`rows` are JSON objects, undecoded; `total`: rows that match the filters, None where it was not told."""

    rows: list[msgspec.Raw]
    total: int | None
    size: int
    """Bytes of the answer."""


class _Execute(msgspec.Struct, frozen=True):
    page: int
    page_size: int
    filters: Sequence[Filter]
    sort: Sort | msgspec.UnsetType = msgspec.UNSET


class _Metadata(msgspec.Struct, frozen=True):
    total_rows: int | None = None


class _Executed(msgspec.Struct, frozen=True):
    success: bool = True
    data: list[msgspec.Raw] | None = None
    metadata: _Metadata = _Metadata()


class ApiSmith:
    """The client; every method raises `NeighbourError`. Timeouts are seconds."""

    def __init__(self, transport: Transport, *, execute_timeout: float = 60.0) -> None:
        self._transport, self._timeout = transport, execute_timeout

    @classmethod
    def connect(
        cls,
        http: httpx.AsyncClient,
        place: Place,
        credentials: Credentials,
        *,
        execute_timeout: float = 60.0,
        patience: Patience | None = None,
    ) -> ApiSmith:
        """On a pool that stays open longer; nothing is sent before it is asked for."""
        return cls(Transport(http, place, credentials, FAULTS, patience=patience), execute_timeout=execute_timeout)

    async def execute(
        self,
        slug: str,
        *,
        page: int = 1,
        page_size: int,
        filters: Sequence[Filter] = (),
        sort: Sort | None = None,
    ) -> SourcePage:
        """One page (from 1) of a connector's rows, at most `page_size` <= 10,000 of them."""
        body = _Execute(page, page_size, filters, sort or msgspec.UNSET)
        path = f"runtime/{segment(slug)}/execute"
        request = Request("POST", path, _encode(body), self._timeout)
        return await self._transport.ask(request, _page)

    async def ping(self) -> None:
        """Raise unless it answers and accepts our credentials."""
        await self._transport.ask(Request("GET", "apis?page=1&page_size=1", timeout=5.0), len)


def decode_rows(rows: Sequence[bytes | msgspec.Raw]) -> list[dict[str, object]]:
    """The rows of a page; fractions are exact, integers of any size.

    Raises:
        msgspec.MsgspecError: one of them is no JSON object.
    """
    return _rows.decode(b"[%b]" % b",".join(map(bytes, rows)))


def _page(body: bytes) -> SourcePage:
    try:
        answer = msgspec.json.decode(body, type=_Executed)
    except (msgspec.DecodeError, UnicodeDecodeError):
        answer = _leniently(body)
    if not answer.success:
        raise SourceUnavailable("APISmith could not get the rows from the ERP.")
    if answer.data is None:
        raise ValueError
    return SourcePage(answer.data, answer.metadata.total_rows, len(body))


def _leniently(body: bytes) -> _Executed:
    """A text that is no Unicode spoils its row, not the page: msgspec refuses it even in what it only passes over."""
    text = text_of(body)
    rows = member(text, "data") or slice(0, 0)
    answer = msgspec.json.decode(bytes_of(text[: rows.start] + "[]" + text[rows.stop :]), type=_Executed)
    return msgspec.structs.replace(answer, data=[msgspec.Raw(row) for row in objects(text[rows])])
