"""Call-backs over real workflows and real HTTP: signed, numbered, retried per endpoint, replayable."""

from __future__ import annotations

import json
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from db.marketplace import outbox
from devstack.simulators.callbacks.receiver import Manners, Received
from domain.marketplace.events import Event
from tests.helpers import eventually
from tests.helpers.marketplace import Organization
from tests.helpers.marketplace_service import Consumer


async def tell(consumer: Consumer, event: str = "sync.completed", **data: Any) -> str:
    """An event of the organisation."""
    async with consumer.service.database.begin() as connection:
        told = await outbox.record(connection, Event(event, consumer.organization_id, str(uuid4()), data))
    return str(told)


async def came(consumer: Consumer, count: int, name: str = "a") -> list[Received]:
    """That many requests at an inbox."""

    def enough() -> list[Received]:
        found = consumer.received(name)
        assert len(found) >= count
        return found

    return await eventually(enough, 45)


async def deliveries(consumer: Consumer, endpoint: Any) -> list[Any]:
    found: list[Any] = (await consumer.ask("GET", f"/webhooks/{endpoint['id']}/deliveries"))["deliveries"]
    return found


async def in_state(consumer: Consumer, endpoint: Any, *states: str) -> list[Any]:
    """The endpoint's deliveries once they are in these states, newest first."""

    async def there() -> list[Any]:
        found = await deliveries(consumer, endpoint)
        assert [one["state"] for one in found] == list(states)
        return found

    return await eventually(there, 45)


async def test_an_event_arrives_signed_in_both_ways(consumer: Consumer) -> None:
    endpoint = await consumer.listen()
    assert endpoint["secret"].startswith("whsec_")
    assert "secret" not in (await consumer.ask("GET", "/webhooks", organizationId=consumer.organization_id))[0]
    event_id = await tell(consumer, processedCount=2)
    (received,) = await came(consumer, 1)
    body, headers = json.loads(received.body), received.headers
    assert list(body) == ["eventId", "event", "timestamp", "organizationId", "storeId", "data"]
    assert (body["eventId"], body["event"], body["data"]) == (event_id, "sync.completed", {"processedCount": 2})
    assert headers["x-event-id"] == headers["webhook-id"] == event_id
    assert headers["x-event-sequence"] == "1"
    assert headers["x-webhook-timestamp"].endswith("Z")
    Webhook(endpoint["secret"]).verify(received.body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(endpoint["secret"]).verify(received.body + " ", headers)
    (delivery,) = await in_state(consumer, endpoint, "delivered")
    assert (delivery["attempts"], delivery["lastStatus"], delivery["sequence"]) == (1, 200, 1)


async def test_a_rotated_secret_signs_beside_the_one_before(consumer: Consumer) -> None:
    endpoint = await consumer.listen()
    rotated = await consumer.ask("POST", f"/webhooks/{endpoint['id']}/rotate-secret")
    await tell(consumer)
    (received,) = await came(consumer, 1)
    for secret in (endpoint["secret"], rotated["secret"]):
        Webhook(secret).verify(received.body, received.headers)
    ended = "UPDATE webhook_endpoints SET previous_secret_until = now() WHERE id = :id"
    await Organization(consumer.service.database).rows(ended, id=endpoint["id"])
    await tell(consumer)
    _, received = await came(consumer, 2)
    Webhook(rotated["secret"]).verify(received.body, received.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(endpoint["secret"]).verify(received.body, received.headers)


async def test_a_dead_endpoint_does_not_touch_the_healthy_one(consumer: Consumer) -> None:
    well, ill = await consumer.listen("well"), await consumer.listen("ill", manners=Manners([500]))
    event_id = await tell(consumer)
    (dead,) = await in_state(consumer, ill, "dead")
    assert (dead["attempts"], dead["lastStatus"], dead["lastError"]) == (4, 500, "answered 500")
    assert len(consumer.received("ill")) == 4
    assert {one.headers["x-event-id"] for one in consumer.received("ill")} == {event_id}
    await in_state(consumer, well, "delivered")
    assert len(consumer.received("well")) == 1


@pytest.mark.parametrize("status", [201, 202, 204])
async def test_any_2xx_is_taken_for_success(consumer: Consumer, status: int) -> None:
    endpoint = await consumer.listen(manners=Manners([status]))
    await tell(consumer)
    await in_state(consumer, endpoint, "delivered")
    assert len(consumer.received()) == 1


async def test_410_switches_off_and_resuming_sends_what_was_kept(consumer: Consumer) -> None:
    endpoint = await consumer.listen(manners=Manners([410, 200]))
    await tell(consumer)
    await in_state(consumer, endpoint, "held")
    (shown,) = await consumer.ask("GET", "/webhooks", organizationId=consumer.organization_id)
    assert (shown["isActive"], shown["disabledReason"]) == (False, "gone")
    assert (await consumer.send("POST", f"/webhooks/{endpoint['id']}/test")).status_code == 409
    await tell(consumer)
    await in_state(consumer, endpoint, "held", "held")
    assert (await consumer.ask("POST", f"/webhooks/{endpoint['id']}/resume"))["isActive"]
    await in_state(consumer, endpoint, "delivered", "delivered")
    assert len(consumer.received()) == 3


async def test_429_is_tried_again_when_it_asked_to_be(consumer: Consumer) -> None:
    manners = Manners([429, 200], {"Retry-After": "1"})
    endpoint = await consumer.listen(manners=manners)
    await tell(consumer)
    first, second = await came(consumer, 2)
    assert second.at - first.at >= 1
    (delivery,) = await in_state(consumer, endpoint, "delivered")
    assert delivery["attempts"] == 2


async def test_redirects_are_not_followed(consumer: Consumer) -> None:
    target = f"{consumer.receiver_url}/webhook/{consumer.inbox('other')}"
    endpoint = await consumer.listen(manners=Manners([307], {"Location": target}))
    await tell(consumer)
    (delivery,) = await in_state(consumer, endpoint, "dead")
    assert (delivery["lastStatus"], delivery["lastError"]) == (307, "redirects are not followed")
    assert consumer.received("other") == []


async def test_an_endpoint_that_hangs_times_out(consumer: Consumer) -> None:
    endpoint = await consumer.listen(manners=Manners([], {}, 3))
    await tell(consumer)

    async def failed() -> None:
        (delivery,) = await deliveries(consumer, endpoint)
        assert (delivery["lastStatus"], delivery["lastError"]) == (None, "timed out")

    await eventually(failed, 45)
    await consumer.ask("POST", f"/webhooks/{endpoint['id']}/pause")


async def test_a_paused_endpoint_gets_its_events_in_the_end(consumer: Consumer) -> None:
    endpoint = await consumer.listen()
    assert not (await consumer.ask("POST", f"/webhooks/{endpoint['id']}/pause"))["isActive"]
    told = [await tell(consumer) for _ in range(3)]
    await in_state(consumer, endpoint, "held", "held", "held")
    await consumer.ask("POST", f"/webhooks/{endpoint['id']}/resume")
    received = await came(consumer, 3)
    assert {one.headers["x-event-id"] for one in received} == set(told)
    assert len(received) == 3


async def test_a_consumer_fills_its_gaps(consumer: Consumer) -> None:
    endpoint = await consumer.listen()
    told = [await tell(consumer, n=number) for number in range(5)]
    page = await consumer.ask("GET", f"/webhooks/{endpoint['id']}/events", after=1, limit=3)
    assert [(one["sequence"], one["payload"]["eventId"]) for one in page["events"]] == list(
        zip((2, 3, 4), told[1:4], strict=True)
    )
    assert page["lastSequence"] == 5
    received = await came(consumer, 5)
    assert {one.headers["x-event-sequence"] for one in received} == {"1", "2", "3", "4", "5"}


async def test_a_test_goes_the_way_of_every_event_and_to_one_endpoint(consumer: Consumer) -> None:
    endpoint, _ = await consumer.listen("a"), await consumer.listen("b")
    sent = await consumer.ask("POST", f"/webhooks/{endpoint['id']}/test")
    (received,) = await came(consumer, 1)
    assert json.loads(received.body)["event"] == "webhook.test"
    assert (received.headers["x-event-id"], sent["sequence"]) == (sent["eventId"], 1)
    Webhook(endpoint["secret"]).verify(received.body, received.headers)
    assert consumer.received("b") == []


async def test_dead_letters_are_replayed_in_order_and_a_replay_goes_on_after_a_failure(consumer: Consumer) -> None:
    endpoint = await consumer.listen(manners=Manners([500]))
    told = [await tell(consumer, n=number) for number in range(4)]
    organization = Organization(consumer.service.database)
    # As if their schedule were over.
    await organization.rows(
        "UPDATE callback_deliveries SET state = 'dead', next_retry_at = NULL WHERE endpoint_id = :id", id=endpoint["id"]
    )
    before = len(consumer.received())
    consumer.receiver.behave(consumer.inbox("a"), Manners([200, 503, 200]))
    path = f"/webhooks/{endpoint['id']}/replay"
    replay = await consumer.ask("POST", path, {"fromSequence": 2})
    assert (replay["firstSequence"], replay["lastSequence"], replay["state"]) == (2, 4, "running")

    async def over() -> Any:
        shown = await consumer.ask("GET", f"/webhooks/{endpoint['id']}/replays/{replay['id']}")
        assert shown["state"] == "completed"
        return shown

    shown = await eventually(over, 45)
    assert (shown["sent"], shown["afterSequence"], shown["progressPercent"]) == (3, 4, 100)
    replayed = [one for one in consumer.received()[before:] if one.headers["x-event-id"] in told[1:]]
    accepted = [one.headers["x-event-id"] for one in replayed if one.status == 200]
    assert accepted == told[1:]
    states = {one["sequence"]: one["state"] for one in await deliveries(consumer, endpoint)}
    assert states == {1: "dead", 2: "delivered", 3: "delivered", 4: "delivered"}
    one = await consumer.ask("POST", path, {"eventId": told[0]})
    assert (one["firstSequence"], one["lastSequence"]) == (1, 1)
    missing = await consumer.send("POST", path, {"eventId": str(uuid4())})
    assert (missing.status_code, missing.json()) == (404, {"error": "Event not found"})


async def test_a_replay_that_was_stopped_goes_on_behind_the_last_that_arrived(consumer: Consumer) -> None:
    endpoint = await consumer.listen()
    told = [await tell(consumer, n=number) for number in range(3)]
    await in_state(consumer, endpoint, *["delivered"] * 3)
    consumer.receiver.behave(consumer.inbox("a"), Manners([200, 503]))
    path = f"/webhooks/{endpoint['id']}"
    replay = await consumer.ask("POST", f"{path}/replay", {"fromSequence": 1, "toSequence": 3})

    async def stands(state: str, sent: int) -> Any:
        shown = await consumer.ask("GET", f"{path}/replays/{replay['id']}")
        assert (shown["state"], shown["sent"], shown["afterSequence"]) == (state, sent, sent)
        return shown

    await eventually(partial(stands, "running", 1), 45)
    await consumer.ask("POST", f"{path}/pause")
    assert (await eventually(partial(stands, "stopped", 1), 45))["lastError"]
    assert (await consumer.send("POST", f"{path}/replays/{replay['id']}/resume")).status_code == 409
    before = len(consumer.received())
    consumer.receiver.behave(consumer.inbox("a"), Manners([200]))
    await consumer.ask("POST", f"{path}/resume")
    assert (await consumer.ask("POST", f"{path}/replays/{replay['id']}/resume"))["state"] == "running"
    await eventually(partial(stands, "completed", 3), 45)
    assert [one.headers["x-event-id"] for one in consumer.received()[before:]] == told[1:]
    assert (await consumer.ask("POST", f"{path}/replays/{replay['id']}/resume"))["state"] == "completed"
    other = await consumer.listen("b", "sync.failed")
    hidden = await consumer.send("GET", f"/webhooks/{other['id']}/replays/{replay['id']}")
    assert (hidden.status_code, hidden.json()) == (404, {"error": "Replay not found"})


async def test_unregistering_ends_everything(consumer: Consumer) -> None:
    endpoint = await consumer.listen(manners=Manners([500]))
    await tell(consumer)
    await came(consumer, 1)
    assert (await consumer.send("DELETE", f"/webhooks/{endpoint['id']}")).status_code == 204
    assert (await consumer.send("GET", f"/webhooks/{endpoint['id']}/deliveries")).status_code == 404
    assert await consumer.ask("GET", "/webhooks", organizationId=consumer.organization_id) == []


async def test_nobody_sees_or_changes_anothers_endpoint(consumer: Consumer) -> None:
    endpoint = await consumer.listen()
    stranger = Consumer(consumer.service, consumer.receiver_url, consumer.receiver)
    for method, action in (
        *(("GET", name) for name in ("deliveries", "events")),
        *(("POST", name) for name in ("pause", "resume", "test", "rotate-secret")),
    ):
        answer = await stranger.send(method, f"/webhooks/{endpoint['id']}/{action}")
        assert (answer.status_code, answer.json()) == (404, {"error": "Webhook not found"}), action
    assert (await stranger.send("DELETE", f"/webhooks/{endpoint['id']}")).status_code == 404
    register = {"organizationId": consumer.organization_id, "event": "sync.failed", "targetUrl": "https://x.example/"}
    assert (await stranger.send("POST", "/webhooks/register", register)).status_code == 403


@pytest.mark.parametrize(
    "url",
    [
        *(
            "http://169.254.169.254/latest/meta-data",
            "http://10.0.0.1/",
            "http://[::ffff:10.0.0.1]/",
            "ftp://a.example/",
        ),
        *("http://0x0a000001/", "http://user:pass@shop.example/", "http://[fd00:ec2::254]/", "http://167772161/"),
    ],
    ids=range(8),
)
async def test_a_target_inside_is_not_registered(consumer: Consumer, url: str) -> None:
    body = {"organizationId": consumer.organization_id, "event": "sync.failed", "targetUrl": url}
    answer = await consumer.send("POST", "/webhooks/register", body)
    assert (answer.status_code, answer.json()["details"][0]["field"]) == (400, "targetUrl")


async def test_registering_again_switches_on_and_keeps_the_secret(consumer: Consumer) -> None:
    endpoint = await consumer.listen()
    await consumer.ask("POST", f"/webhooks/{endpoint['id']}/pause")
    again = await consumer.listen()
    assert (again["id"], again["isActive"], again["secret"]) == (endpoint["id"], True, None)
