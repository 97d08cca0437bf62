"""After some work, the pages of a running service have what the table, the rules and the dashboards name."""

from __future__ import annotations

import re
from uuid import uuid4

import httpx
import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from api.backlog import BACKLOGS
from tests.helpers.observing import documented, expressions
from tests.helpers.promql import asked
from tests.helpers.shop import Shop
from tests.helpers.waiting import eventually
from tests.integration.observability.conftest import Observed
from workflows.cards.contracts import BULK_SYNC_WORKFLOW, BulkSyncInput

# Of a histogram or of Prometheus' own making; le is of buckets.
IMPLIED = {"le"}
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}")
Pages = dict[str, dict[str, Metric]]


@pytest.fixture(scope="module")
async def pages(observed: Observed, shop: Shop) -> Pages:
    """Families by page and name, once the service has done a little of everything, well and badly."""
    await shop.sync()
    await shop.api.post(f"/webhook/user/{shop.user_id}", content=b"{}")
    await _import_receipt(observed)
    await _fail(observed)
    for route in ("/health/ready", "/invented"):
        async with httpx.AsyncClient(base_url=observed.service.api_url) as http:
            await http.get(route)

    async def all_there() -> Pages:
        found = {name: _families(await observed.page(name)) for name in ("api", "worker")}
        failures = {"temporal_workflow_task_execution_failed", "temporal_activity_execution_failed"}
        assert failures | {"brx_sync_neighbour_requests"} <= set(found["worker"])
        return found

    return await eventually(all_there, 30, pause=0.2)


async def _import_receipt(observed: Observed) -> None:
    headers = {"Authorization": f"Bearer {observed.service.access_token(uuid4(), org='org-1')}"}
    base = f"{observed.service.api_url}/marketplace"
    async with httpx.AsyncClient(base_url=base, headers=headers, timeout=30) as http:
        body = {
            "organizationId": "org-1",
            "marketplace": "etsy",
            "externalStoreId": "ext-1",
            "storeName": "Store",
            "accessToken": "token-abc",
            "currency": "usd",
        }
        store = (await http.post("/stores/register", json=body)).raise_for_status().json()
        receipt = {"syncToken": store["syncToken"], "receipt": "R-1"}
        (await http.post("/orders/import", json=receipt)).raise_for_status()


async def _fail(observed: Observed) -> None:
    """A workflow task that fails, and an activity."""
    address = observed.service.environment["TEMPORAL_ADDRESS"]
    client = await Client.connect(address, data_converter=pydantic_data_converter)
    wedged = await client.start_workflow("NoSuchWorkflow", id=f"wedged-{uuid4()}", task_queue="high-priority")
    start = BulkSyncInput(user_id=uuid4(), operation_id=uuid4())
    closed = await client.start_workflow(BULK_SYNC_WORKFLOW, start, id=f"closed-{uuid4()}", task_queue="high-priority")

    async def failed() -> None:
        history = await wedged.fetch_history()
        assert "EVENT_TYPE_WORKFLOW_TASK_FAILED" in history.to_json()

    await eventually(failed)
    await wedged.terminate()
    await eventually(lambda: _over(closed))


async def _over(handle: object) -> None:
    description = await handle.describe()  # type: ignore[attr-defined]
    assert description.close_time is not None


def _families(page: str) -> dict[str, Metric]:
    return {family.name: family for family in text_string_to_metric_families(page)}


def _series(pages: Pages) -> dict[str, set[str]]:
    """Label names by the names of samples, over both pages."""
    found: dict[str, set[str]] = {}
    for families in pages.values():
        for family in families.values():
            for sample in family.samples:
                found.setdefault(sample.name, set()).update(sample.labels)
    return found


async def test_every_series_of_the_rules_and_dashboards_is_there_with_its_labels(pages: Pages) -> None:
    series = _series(pages)
    for where, expression in expressions():
        for name, labels in asked(expression):
            assert name == "up" or name in series, (where, name)
            assert labels <= series.get(name, set()), (where, name, labels)


async def test_the_table_is_what_the_pages_are(pages: Pages) -> None:
    rows = {row.name.removesuffix("_total"): row for row in documented()}
    for name, row in rows.items():
        places = {page: families[name] for page, families in pages.items() if name in families}
        labels = {label for family in places.values() for sample in family.samples for label in sample.labels}
        wanted = {"api", "worker"} if row.page == "both" else {row.page.lower()}
        assert {family.type for family in places.values()} == {row.type}, name
        if name.startswith("brx_sync"):
            assert (set(places), labels - IMPLIED) == (wanted, set(row.labels)), name
        else:
            # Which calls and tasks fail, and whose, differs from run to run.
            assert set(places) <= wanted, name
            assert labels - IMPLIED <= row.labels, name
    ours = {name for families in pages.values() for name in families if name.startswith("brx_sync")}
    assert ours == {name for name in rows if name.startswith("brx_sync")}


async def test_nobody_is_named_by_a_label(pages: Pages, observed: Observed, shop: Shop) -> None:
    values = {
        value
        for families in pages.values()
        for name, family in families.items()
        if name != "target_info"
        for sample in family.samples
        for value in sample.labels.values()
    }
    assert not {value for value in values if UUID.search(value) or "org-1" in value or "ext-1" in value}


async def test_every_context_and_every_queue_tells_what_waits(pages: Pages) -> None:
    depths = pages["api"]["brx_sync_backlog_depth"].samples
    assert {sample.labels["context"] for sample in depths} == set(BACKLOGS)
    readable = {sample.labels["source"]: sample.value for sample in pages["api"]["brx_sync_backlog_readable"].samples}
    assert readable == dict.fromkeys([*BACKLOGS, "temporal", "health"], 1)
    pollers = pages["api"]["brx_sync_task_queue_pollers"].samples
    polled = {sample.labels["queue_name"] for sample in pollers if sample.value}
    assert polled == {"high-priority", "bulk-sync", "default"}
