"""The commands against the whole service: real servers, simulated CardTrader, API and workers as processes."""

from __future__ import annotations

import asyncio
import json
import re
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from temporalio.client import Client

from cli.demo.books import Simulator, compare, local_stock
from db.vault import Vault
from devstack import DevStack, NotReadyError
from devstack.addresses import Addresses
from devstack.keys import PRIVATE_KEY_FILE, DevelopmentKeys
from devstack.service import CARDTRADER_TOKEN, RunningService, ServiceOptions, start_service
from devstack.simulators.apismith.erp import Sizes
from tests.helpers.canaries import Canaries, Visitor, histories, logs_of, opening_client
from tests.helpers.fake_api import CommandLine
from workflows.cards.schedules import RECONCILE

PRODUCTS = 1500


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    data_dir = tmp_path_factory.mktemp("service")
    options = ServiceOptions(
        products=PRODUCTS,
        workers={"worker": ("bulk-sync", "high-priority", "default")},
        # So seldom that none will be met.
        variables={
            "RECONCILE_INTERVAL_HOURS": "167",
            "RECEIPT_RETRY_SCHEDULE": "0.5s",
            "ORDER_SWEEP_SECONDS": "1",
            # Everything here works as well with what travels through Temporal sealed.
            "TEMPORAL_PAYLOAD_ENCRYPTION": "on",
        },
        callbacks=True,
        erp=Sizes(sites=3, items=5, orders=12, order_lines=5),
    )
    with DevStack(data_dir, services={"postgres", "valkey", "temporal"}, durable=False, environ={}) as stack:
        running = start_service(stack, options)
        yield running
        running.stop()


@pytest.fixture
def user(service: RunningService, monkeypatch: pytest.MonkeyPatch) -> uuid.UUID:
    """A new seller, with the environment of a person who acts for it."""
    user_id = uuid.uuid4()
    monkeypatch.setenv("BRX_API_URL", service.api_url)
    monkeypatch.setenv("BRX_TOKEN", service.access_token(user_id))
    monkeypatch.setenv("CARDTRADER_TOKEN", CARDTRADER_TOKEN)
    return user_id


@pytest.fixture
def brx(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    monkeypatch.setenv("COLUMNS", "150")
    return CommandLine(capsys)


async def test_link_sync_and_look_until_both_stocks_are_the_same(
    brx: CommandLine, service: RunningService, user: uuid.UUID
) -> None:
    assert brx("link", user).code == 0
    followed = brx("sync", "start", user, "--follow")
    assert followed.code == 0, followed
    assert f"created {PRODUCTS:,}" in followed.out
    assert brx("sync", "status", user).out.startswith("Account active")
    page = json.loads(brx("inventory", "list", user, "--limit", 1, "--json").out)
    assert (page["total"], len(page["items"])) == (PRODUCTS, 1)
    ours = await local_stock(service.environment["DATABASE_URL"], user)
    with httpx.Client(base_url=service.simulator_url) as http:
        assert compare(ours, Simulator(http).stock()).total == 0
    reconciled = brx("sync", "from-cardtrader", user, "--dry-run", "--follow")
    assert reconciled.code == 0, reconciled
    assert f"equal {PRODUCTS:,}  corrected 0  missing 0  extra 0" in reconciled.out
    assert "(dry run: nothing was changed)" in brx("drift", user).out


async def test_a_worker_schedules_the_sweep(service: RunningService) -> None:
    client = await Client.connect(service.environment["TEMPORAL_ADDRESS"])
    schedule = (await client.get_schedule_handle(RECONCILE).describe()).schedule
    assert schedule.spec.intervals[0].every == timedelta(hours=167)
    assert not schedule.state.paused


def test_a_seller_who_is_not_linked_is_told_so(brx: CommandLine, user: uuid.UUID) -> None:
    outcome = brx("sync", "start", user, "--follow")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.startswith("SYNC_NOT_FOUND: ")


def test_a_token_of_someone_else_is_refused(brx: CommandLine, user: uuid.UUID) -> None:
    outcome = brx("sync", "status", uuid.uuid4())
    assert outcome.code == 1
    assert outcome.err.startswith("FORBIDDEN: ")


def test_the_doctor_finds_a_running_service_well(
    brx: CommandLine, service: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in service.environment.items():
        monkeypatch.setenv(name, value)
    outcome = brx("doctor", "--json")
    findings = json.loads(outcome.out)
    assert {finding["level"] for finding in findings} == {"ok"}, findings
    assert outcome.code == 0


def test_the_doctor_names_the_broken_one(
    brx: CommandLine, service: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in service.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    outcome = brx("doctor", "--json")
    assert outcome.code == 1
    assert [finding["name"] for finding in json.loads(outcome.out) if finding["level"] == "failed"] == ["Redis"]


def test_the_workers_health_is_told_and_a_broken_part_named(
    brx: CommandLine, service: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in service.environment.items():
        monkeypatch.setenv(name, value)
    healthy = brx("worker-health")
    assert (healthy.code, healthy.out.startswith("healthy, 0 movements")) == (0, True), healthy
    monkeypatch.setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
    broken = brx("worker-health", "--json")
    assert broken.code == 1
    found = {name: part["status"] for name, part in json.loads(broken.out)["components"].items()}
    assert found == {"postgresql": "healthy", "temporal": "unhealthy", "worker": "unhealthy"}


def test_a_process_that_dies_is_named_with_its_log(tmp_path: Path) -> None:
    with DevStack(tmp_path, services={"postgres"}, durable=False, environ={}) as stack:
        options = ServiceOptions(products=10, workers={}, simulator_flags=("--no-such-flag",))
        with pytest.raises(NotReadyError, match=r"simulator ended with exit code 2\. Last lines of .*simulator\.log"):
            start_service(stack, options)


def test_the_flow_of_the_marketplace_shows_the_signed_events(
    brx: CommandLine, service: RunningService, tmp_path: Path
) -> None:
    DevelopmentKeys.ensure(tmp_path / "keys")
    (tmp_path / "keys" / PRIVATE_KEY_FILE).write_text(service.keys.private_key)
    Addresses.of(service).leave(tmp_path)
    outcome = brx("marketplace", "flow", "--data-dir", tmp_path, "--seconds", 30)
    assert (outcome.code, outcome.err) == (0, ""), outcome
    titles = ("1. POST /stores/register", "2. POST /orders/import order-101", "3. GET /stores/sync-status")
    for title in (*titles, "4. POST /webhooks/register sync.started", "5. GET /webhooks", "Events at the receiver"):
        assert title in outcome.out
    assert '"amount": 741,' in outcome.out
    assert outcome.out.count("signature verified") >= 5
    (endpoint, *_) = re.findall(r'"webhookId": "(\S+)"', outcome.out)
    place = ("--api-url", service.api_url, "--token")
    headers = (*place, service.access_token(uuid.uuid4(), org="org-1"))
    listed = brx("marketplace", "deliveries", endpoint, *headers)
    assert (listed.code, "delivered" in listed.out) == (0, True), listed
    assert brx("marketplace", "webhooks", "org-1", *headers).out.count("True") == 3
    assert "partial" in brx("marketplace", "stores", "org-1", *headers).out
    assert brx("marketplace", "test", endpoint, *headers).out.endswith("is on its way\n")
    replayed = brx("marketplace", "replay", endpoint, "--from", 1, *headers)
    assert re.match(r"Replay \S+ of numbers 1 to \d", replayed.out), replayed
    stranger = brx("marketplace", "webhooks", "org-1", *place, service.access_token(uuid.uuid4()))
    assert (stranger.code, stranger.err) == (1, "forbidden: The token does not speak for this organization.\n")


async def test_no_secret_and_no_person_comes_to_light(
    brx: CommandLine, service: RunningService, user: uuid.UUID
) -> None:
    """Not in a log, an error, a metric or a history, whatever went through the four contexts."""
    canaries = Canaries()
    assert brx("link", user).code == 0
    assert brx("sync", "start", user, "--follow").code == 0
    await asyncio.to_thread(Visitor(service, canaries, user).visit)
    assert len(canaries.sent) > 25
    for refusal in canaries.refusals:
        assert canaries.found_in(refusal) == set(), refusal
    for name, log in logs_of(service):
        assert log, name
        assert canaries.found_in(log) == set(), name
    async with httpx.AsyncClient(base_url=service.api_url) as http:
        assert canaries.found_in((await http.get("/metrics")).text) == set()
    client = await opening_client(service, Vault([service.keys.fernet_key]))
    told = [history async for history in histories(client)]
    kinds = {history.workflow_id.split(":")[0] for history in told}
    assert kinds >= {"bulk-sync", "account", "bridge-batch", "callback", "order-import"}
    for history in told:
        assert canaries.found_in(history.text) == set(), history.workflow_id
        assert history.encodings <= {"binary/encrypted"}, history.workflow_id
    assert any(history.encodings for history in told)
