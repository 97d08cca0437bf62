"""The page's pure functions, called in the browser that runs them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Browser, Page, Route

from api.dashboard.router import HEADERS, PAGE, load
from tests.helpers.browser import Visit, require_chromium

require_chromium()
ORIGIN = "http://dashboard.test"
DASH = "\N{EN DASH}"
NOW = 1_800_000_000_000


@pytest.fixture(scope="module")
async def page(browser: Browser) -> AsyncIterator[Page]:
    """The files under an address that is none."""
    files = load()

    async def serve(route: Route) -> None:
        file = files.get(route.request.url.rpartition("/")[2], files[PAGE])
        await route.fulfill(body=file.content, headers={**HEADERS, "Content-Type": file.media_type})

    async with Visit.opened(browser, ORIGIN) as visit:
        await visit.page.route(f"{ORIGIN}/**", serve)
        await visit.page.goto(f"{ORIGIN}/dashboard")
        yield visit.page


async def call(page: Page, module: str, name: str, *arguments: object) -> Any:
    script = "async ([from, name, given]) => (await import(`/dashboard/${from}.js`))[name](...given)"
    return await page.evaluate(script, [module, name, list(arguments)])


FORMATS = [
    ("count", [12345], "12,345"),
    ("count", [None], DASH),
    ("capped", [100, 100], "100+"),
    ("capped", [99, 100], "99"),
    ("money", [1234], "12.34"),
    ("money", [5], "0.05"),
    ("money", [123456700], "1,234,567.00"),
    ("parseMoney", ["12.34"], 1234),
    ("parseMoney", [" 12,3 "], 1230),
    ("parseMoney", ["1,234.50"], 123450),
    ("parseMoney", ["1,234"], 123400),
    ("parseMoney", ["0.29"], 29),
    ("parseMoney", ["1.234"], None),
    ("parseMoney", ["-1"], None),
    ("parseMoney", ["1e3"], None),
    ("parseMoney", [""], None),
    ("parseMoney", ["21474836.47"], 2_147_483_647),
    ("parseMoney", ["21474836.48"], None),
    ("parseCount", ["1,000"], 1000),
    ("parseCount", ["1.5"], None),
    ("parseCount", ["2147483648"], None),
    ("duration", [0], "0 s"),
    ("duration", [59.6], "1 min"),
    ("duration", [200], "3 min 20 s"),
    ("duration", [90061], "1 d 1 h"),
    ("duration", [None], DASH),
    ("ago", ["2027-01-15T07:59:30Z", NOW], "just now"),
    ("ago", ["2027-01-15T07:57:00Z", NOW], "3 min ago"),
    ("ago", ["2027-01-15T10:00:00Z", NOW], "in 2 h"),
    ("ago", [None, NOW], "never"),
    ("clock", ["no date"], DASH),
    ("sentence", ["completed_with_errors"], "Completed with errors"),
    ("brief", [None], "nothing"),
    ("brief", [{"foil": True}], '{"foil":true}'),
    ("brief", ["x" * 61], "x" * 59 + "…"),
]


@pytest.mark.parametrize(
    ("name", "given", "wanted"), FORMATS, ids=[f"{name}{number}" for number, (name, *_) in enumerate(FORMATS)]
)
async def test_formats(page: Page, name: str, given: list[object], wanted: object) -> None:
    assert await call(page, "format", name, *given) == wanted


STREAM = (
    ': ping\n\nevent: progress\ndata: {"a":\r\ndata: 1}\r\n\r\ndata:plain\r\rignored: x\n\nevent: lost\n\ndata: half'
)
EVENTS = [{"event": "progress", "data": '{"a":\n1}'}, {"event": "message", "data": "plain"}]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
async def test_events_are_read_however_they_are_cut(page: Page, size: int) -> None:
    script = """async ([text, size]) => {
      const { EventParser } = await import("/dashboard/sse.js");
      const [parser, events] = [new EventParser(), []];
      for (let at = 0; at < text.length; at += size) events.push(...parser.push(text.slice(at, at + size)));
      return events;
    }"""
    assert await page.evaluate(script, [STREAM, size]) == EVENTS


async def test_the_use_of_a_window_is_the_growth_of_the_counter(page: Page) -> None:
    samples = [{"at": at, "granted": granted} for at, granted in ((0, 100), (2, 140), (4, 180), (6, 180), (14, 196))]
    assert await call(page, "series", "windowUse", samples, 10) == [0, 40, 80, 80, 16]
    # Between two looks the counter is taken to have grown evenly.
    assert await call(page, "series", "windowUse", samples, 11) == [0, 40, 80, 80, 36]
    assert await call(page, "series", "heights", [0, 100, 250], 200, 4) == [None, 0, 0.5, 1]


async def test_a_counter_that_fell_begins_anew(page: Page) -> None:
    old = [{"at": 1, "granted": 50}, {"at": 2, "granted": 60}]
    for sample, kept in (
        ({"at": 3, "granted": 70}, [*old, {"at": 3, "granted": 70}]),
        ({"at": 3, "granted": 5}, [{"at": 3, "granted": 5}]),
        ({"at": 2, "granted": 70}, old),
    ):
        assert await call(page, "series", "withSample", old, sample, 9) == kept
    assert await call(page, "series", "withSample", old, {"at": 3, "granted": 70}, 2) == [
        old[1],
        {"at": 3, "granted": 70},
    ]


ITEM = {"quantity": 2, "raise_pending": 1, "price_cents": 100}


@pytest.mark.parametrize(
    ("copies", "price", "wanted"),
    [
        ("3", "1.00", {"wanted": {}}),
        ("0", "1.00", {"wanted": {"quantity": 0}}),
        ("3", "1.01", {"wanted": {"price_cents": 101}}),
    ],
    ids=["nothing", "copies", "price"],
)
async def test_only_what_differs_is_wished_for(page: Page, copies: str, price: str, wanted: dict[str, Any]) -> None:
    assert await call(page, "editor", "wish", ITEM, copies, price) == wanted


async def test_addresses_that_are_no_web_pages_are_not_linked(page: Page) -> None:
    script = """async (address) => (await import("/dashboard/dom.js")).outward(address, "x")?.outerHTML ?? null"""
    for address in ("javascript:alert(1)", "data:text/html,x", "", None):
        assert await page.evaluate(script, address) is None
    link = await page.evaluate(script, "https://ui.example.test/a")
    assert link == '<a href="https://ui.example.test/a" target="_blank" rel="noopener noreferrer">x</a>'
