"""The CardTrader client against answers of every shape, without a server."""

from __future__ import annotations

import gzip
import json
import traceback
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st

from clients import cardtrader
from clients.cardtrader import clean_token, errors
from clients.errors import CircuitOpen, ClientError
from clients.errors import RateLimited as BucketRateLimited
from clients.token_bucket import fingerprint
from tests.helpers.cardtrader_client import INFO, JOB, SECRET, TOKEN, Handler, answering, make_client


def files(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def test_a_request_passes_bucket_and_breaker_and_is_recorded() -> None:
    requests: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, json=INFO)

    journal: list[Any] = []
    info = await make_client(handler, journal).info()
    assert (info.id, info.user_id, info.shared_secret) == (4711, 88123, SECRET)
    key = fingerprint(TOKEN)
    assert journal == [("general", key, "bulk"), ("check", key), ("record", True)]
    assert str(requests[0].url) == "https://cardtrader.test/api/v2/info"
    assert requests[0].headers["Authorization"] == f"Bearer {TOKEN}"
    assert requests[0].headers["Accept-Encoding"] == "gzip"


STANDARD = {"error_code": "unauthorized", "errors": [], "extra": {"message": "no"}, "request_id": "x"}
ANSWERS = [
    (401, STANDARD, errors.TokenRejected, True),
    (401, b"", errors.TokenRejected, True),
    (403, STANDARD, errors.AccessDenied, True),
    (403, b"<html>blocked</html>", errors.EdgeBlocked, True),
    (403, {"message": "cloudflare"}, errors.EdgeBlocked, True),
    (404, {"error_code": "not_found", "errors": []}, errors.NotFound, True),
    (422, {"error_code": "missing_parameter", "errors": []}, errors.Refused, True),
    (422, {"errors": {"price": ["is too low"]}, "error_code": "validation_error"}, errors.Refused, True),
    (422, {"errors": ["Must have at least one item"]}, errors.Refused, True),
    (422, {"errors": [{"scheduler": "Another synchronization is in progress."}]}, errors.Refused, True),
    (422, [1, 2], errors.Refused, True),
    (400, b"\xff\xfe", errors.Refused, True),
    (429, {"error": "Too many requests: max 200 requests per 10 seconds"}, errors.RateLimited, True),
    (500, b"[" * 60_000, errors.Unavailable, False),
    (503, b"queue full", errors.Unavailable, False),
    (301, b"", errors.MalformedAnswer, True),
    (200, b"[]", errors.MalformedAnswer, True),
    (200, b"{", errors.MalformedAnswer, True),
    (200, {"id": 0, "user_id": 1, "shared_secret": "s"}, errors.MalformedAnswer, True),
]


@pytest.mark.parametrize(("status", "body", "expected", "healthy"), ANSWERS)
async def test_every_answer_has_its_error(status: int, body: Any, expected: type[ClientError], healthy: bool) -> None:
    journal: list[Any] = []
    with pytest.raises(expected) as caught:
        await make_client(answering(status, body), journal).info()
    assert type(caught.value) is expected
    assert ("record", healthy) in journal


@pytest.mark.parametrize("status", [200, 404, 422, 502])
async def test_an_html_page_is_an_outage_whatever_its_status(status: int) -> None:
    handler = answering(status, b"<!DOCTYPE html><p>x</p>", **{"Content-Type": "text/html; charset=utf-8"})
    with pytest.raises(errors.Unavailable):
        await make_client(handler).info()


JSON_BODIES = st.fixed_dictionaries(
    {},
    optional={
        name: st.recursive(st.none() | st.integers() | st.text(max_size=9), st.lists, max_leaves=5)
        for name in ("error_code", "errors", "error", "extra")
    },
).map(lambda body: json.dumps(body).encode())


@given(status=st.integers(300, 599), body=st.binary(max_size=200) | JSON_BODIES)
@settings(max_examples=100, deadline=None)
def test_no_error_body_is_unreadable(status: int, body: bytes) -> None:
    assert isinstance(errors.error_from(httpx.Response(status), body), errors.CardTraderError)


async def test_only_a_safe_error_code_is_kept() -> None:
    for code, kept in (("validation_error", "validation_error"), (f"oops {TOKEN}", ""), ({"a": 1}, "")):
        with pytest.raises(errors.Refused) as caught:
            await make_client(answering(422, {"error_code": code})).info()
        assert caught.value.error_code == kept


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 10),
        ({"Retry-After": "3"}, 3),
        ({"Retry-After": "9999"}, 60),
        ({"Retry-After": "-4"}, 0),
        ({"Retry-After": "nan"}, 10),
        ({"Retry-After": "soon"}, 10),
        ({"Retry-After": "Mon, 02 Mar 2026 10:00:07 GMT", "Date": "Mon, 02 Mar 2026 10:00:00 GMT"}, 7),
        ({"Retry-After": "Mon, 02 Mar 2026 10:00:07 GMT"}, 10),
    ],
)
async def test_a_429_penalises_the_bucket_for_as_long_as_it_says(headers: dict[str, str], seconds: float) -> None:
    journal: list[Any] = []
    with pytest.raises(BucketRateLimited) as caught:
        await make_client(answering(429, {"error": "Too many"}, **headers), journal).job(JOB)
    assert caught.value.retry_after == seconds
    assert ("general", "penalised", seconds) in journal
    assert ("jobs", "penalised", seconds) in journal


async def test_an_open_breaker_sends_nothing() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise AssertionError("sent")

    with pytest.raises(CircuitOpen):
        await make_client(refuse, opened=True).info()


async def test_redirects_are_not_followed() -> None:
    hosts: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        hosts.append(request.url.host)
        return httpx.Response(302, headers={"Location": "https://elsewhere.test/steal"})

    with pytest.raises(errors.MalformedAnswer):
        await make_client(handler).info()
    assert hosts == ["cardtrader.test"]


@pytest.mark.parametrize(
    "fault", [httpx.ConnectTimeout, httpx.ReadTimeout, httpx.ConnectError, httpx.RemoteProtocolError]
)
async def test_network_faults_count_for_the_breaker(fault: type[httpx.TransportError]) -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        raise fault(f"{TOKEN} at {request.url}")

    journal: list[Any] = []
    with pytest.raises(errors.Unavailable) as caught:
        await make_client(handler, journal).info()
    assert ("record", False) in journal
    assert TOKEN not in "".join(traceback.format_exception(caught.value))
    assert caught.value.__cause__ is None


async def test_nothing_shows_the_token_or_the_secret() -> None:
    client = make_client(answering(200, INFO))
    info = await client.info()
    shown = [repr(client), str(client), repr(vars(client)), repr(info), str(info)]
    for status in (400, 401, 403, 404, 422, 429, 500):
        with pytest.raises(ClientError) as caught:
            await make_client(answering(status, {"error_code": TOKEN, "error": TOKEN})).info()
        shown += [str(caught.value), repr(caught.value), repr(vars(caught.value))]
    assert not [text for text in shown if TOKEN in text or SECRET in text]


async def test_answers_have_a_cap() -> None:
    bomb = gzip.compress(b" " * 5_000_000)
    handler = answering(200, bomb, **{"Content-Encoding": "gzip"})
    with pytest.raises(errors.MalformedAnswer):
        await make_client(handler, answer_cap=1_000_000).info()


@pytest.mark.parametrize("pasted", [f" {TOKEN}\n", f"Bearer {TOKEN}", f"bearer  \u00ad{TOKEN}\u200b"])
def test_pasted_tokens_are_cleaned(pasted: str) -> None:
    assert clean_token(pasted) == TOKEN


@pytest.mark.parametrize("pasted", ["", "Bearer ", "t\u00f6ken", "x" * 5000])
def test_what_cannot_be_a_token_is_not_sent(pasted: str) -> None:
    with pytest.raises(errors.TokenRejected):
        clean_token(pasted)


def test_all_accounts_share_a_pool_without_cookies() -> None:
    http = cardtrader.new_http_client()
    response = httpx.Response(
        200, headers={"Set-Cookie": "session=1"}, request=httpx.Request("GET", "https://cardtrader.test")
    )
    http.cookies.extract_cookies(response)
    assert not http.cookies
    assert not http.follow_redirects


async def test_a_job_is_polled_under_its_own_limit_with_a_fresh_slot() -> None:
    journal: list[Any] = []
    await make_client(answering(200, {"state": "pending"}), journal, waits=[0.3, 0.0]).job(JOB)
    assert [step[0] for step in journal[:4]] == ["jobs", "general", "jobs", "general"]


async def test_expansions_of_the_account() -> None:
    rows = [{"id": 979, "game_id": 1, "code": "m20", "name": "Core Set 2020", "new_field": []}]
    assert [row.id for row in await make_client(answering(200, rows)).expansions_export()] == [979]


EXPORT = json.dumps([{"id": i, "name_en": f"Card {i}"} for i in range(20_000)]).encode()
PACKED = gzip.compress(EXPORT)


def exporting(content: bytes, **headers: str) -> Handler:
    async def pieces() -> AsyncIterator[bytes]:
        for i in range(0, len(content), 10_000):
            yield content[i : i + 10_000]

    return lambda _: httpx.Response(200, content=pieces(), headers={"Content-Type": "application/json"} | headers)


@pytest.mark.parametrize(("content", "encoding"), [(EXPORT, ""), (EXPORT, "identity"), (PACKED, "gzip")])
async def test_an_export_is_written_whole(tmp_path: Path, content: bytes, encoding: str) -> None:
    seen: list[int] = []
    target = tmp_path / "export.json"
    client = make_client(exporting(content, **{"Content-Encoding": encoding}))
    export = await client.download_export(target, on_progress=seen.append)
    assert (export.path, export.bytes) == (target, len(EXPORT))
    assert export.checksum == xxhash.xxh3_128(EXPORT).hexdigest()
    assert target.read_bytes() == EXPORT
    assert files(tmp_path) == [target]
    assert seen
    assert seen[-1] == len(EXPORT)


@given(kept=st.integers(0, len(PACKED) - 1))
@settings(max_examples=60, deadline=None)
async def test_a_truncated_export_never_passes(tmp_path_factory: pytest.TempPathFactory, kept: int) -> None:
    folder = tmp_path_factory.mktemp("export")
    client = make_client(exporting(PACKED[:kept], **{"Content-Encoding": "gzip"}))
    with pytest.raises(errors.ExportTruncated):
        await client.download_export(folder / "export.json")
    assert not files(folder)


@given(where=st.integers(10, len(PACKED) - 1), bit=st.integers(0, 7))
@settings(max_examples=60, deadline=None)
async def test_a_damaged_export_never_passes(tmp_path_factory: pytest.TempPathFactory, where: int, bit: int) -> None:
    damaged = bytearray(PACKED)
    damaged[where] ^= 1 << bit
    client = make_client(exporting(bytes(damaged), **{"Content-Encoding": "gzip"}))
    with pytest.raises((errors.ExportTruncated, errors.MalformedAnswer)):
        await client.download_export(tmp_path_factory.mktemp("export") / "export.json")


@pytest.mark.parametrize(
    ("content", "headers", "expected"),
    [
        (EXPORT[:-5], {"Content-Length": str(len(EXPORT))}, errors.ExportTruncated),
        (PACKED + b"more", {"Content-Encoding": "gzip"}, errors.MalformedAnswer),
        (EXPORT, {"Content-Encoding": "br"}, errors.MalformedAnswer),
        (b"<html>", {"Content-Type": "text/html"}, errors.Unavailable),
        (gzip.compress(b" " * 9_000_000), {"Content-Encoding": "gzip"}, errors.MalformedAnswer),
    ],
)
async def test_what_is_not_a_whole_export_is_refused(
    tmp_path: Path, content: bytes, headers: dict[str, str], expected: type[ClientError]
) -> None:
    with pytest.raises(expected):
        await make_client(exporting(content, **headers), export_cap=8_000_000).download_export(tmp_path / "e.json")
    assert not files(tmp_path)


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (httpx.ReadTimeout, errors.ExportTimedOut),
        (httpx.ReadError, errors.ExportTruncated),
        (httpx.RemoteProtocolError, errors.ExportTruncated),
    ],
)
async def test_a_transfer_that_breaks_off(
    tmp_path: Path, fault: type[httpx.TransportError], expected: type[ClientError]
) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield EXPORT[:300_000]
        raise fault("gone")

    journal: list[Any] = []
    client = make_client(lambda _: httpx.Response(200, content=pieces()), journal)
    with pytest.raises(expected):
        await client.download_export(tmp_path / "e.json")
    assert ("record", False) in journal
    assert not files(tmp_path)


@pytest.mark.parametrize(
    ("wanted", "query"),
    [({}, ""), ({"expansion_id": "null"}, "expansion_id=null"), ({"blueprint_id": 7}, "blueprint_id=7")],
)
async def test_an_export_may_be_a_part(tmp_path: Path, wanted: dict[str, Any], query: str) -> None:
    urls: list[httpx.URL] = []

    def handler(request: httpx.Request) -> httpx.Response:
        urls.append(request.url)
        assert request.extensions["timeout"]["read"] == 180
        assert request.extensions["timeout"]["connect"] == 10
        return exporting(b"[]")(request)

    await make_client(handler).download_export(tmp_path / "e.json", **wanted)
    assert urls[0].query.decode() == query
