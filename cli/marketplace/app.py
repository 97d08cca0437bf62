"""`marketplace`: stores, receipts, webhooks and what they were told."""

from __future__ import annotations

import json
from typing import Annotated
from uuid import UUID

import typer

from cli.marketplace.calling import Organization, Store, Webhook, given, marketplace_api, say, show
from cli.marketplace.flow import flow
from cli.options import DEFAULT_API_URL, AccessToken, ApiUrl, AsJson

app = typer.Typer(no_args_is_help=True, help="Orders of marketplaces in, call-backs out.")
app.command()(flow)

Limit = Annotated[int, typer.Option(min=1, max=500)]


@app.command()
def stores(
    organization: Organization, token: AccessToken = "", api_url: ApiUrl = DEFAULT_API_URL, as_json: AsJson = False
) -> None:
    """An organisation's stores."""
    with marketplace_api(api_url, token) as api:
        answer = api.get("/stores", {"organizationId": organization})
    columns = {"id": "store", "marketplace": "marketplace", "storeName": "name", "syncStatus": "status"}
    show(answer, "stores", columns | {"importedOrders": "orders", "lastSyncAt": "last sync"}, as_json=as_json)


@app.command()
def receipts(
    store: Store,
    limit: Limit = 20,
    status: Annotated[str | None, typer.Option(help="only these: rate_limited, failed ...")] = None,
    token: AccessToken = "",
    api_url: ApiUrl = DEFAULT_API_URL,
    as_json: AsJson = False,
) -> None:
    """A store's receipts, newest first."""
    with marketplace_api(api_url, token) as api:
        answer = api.get(f"/stores/{store}/logs", given(limit=limit, status=status))
    columns = {"receipt": "receipt", "status": "status", "errorDetails": "why", "attempt": "attempts"}
    show(answer, "logs", columns | {"nextRetryAt": "again at", "orderId": "order"}, as_json=as_json)


@app.command()
def webhooks(
    organization: Organization, token: AccessToken = "", api_url: ApiUrl = DEFAULT_API_URL, as_json: AsJson = False
) -> None:
    """An organisation's webhooks, and whether they are sent to."""
    with marketplace_api(api_url, token) as api:
        answer = api.get("/webhooks", {"organizationId": organization})
    columns = {"id": "webhook", "event": "event", "targetUrl": "target", "isActive": "active"}
    show(answer, "", columns | {"disabledReason": "why not", "failingSince": "failing since"}, as_json=as_json)


@app.command()
def deliveries(
    webhook: Webhook,
    limit: Limit = 20,
    state: Annotated[str | None, typer.Option(help="only these: waiting, held, delivered, dead")] = None,
    token: AccessToken = "",
    api_url: ApiUrl = DEFAULT_API_URL,
    as_json: AsJson = False,
) -> None:
    """What became of each event at a webhook, newest first."""
    with marketplace_api(api_url, token) as api:
        answer = api.get(f"/webhooks/{webhook}/deliveries", given(limit=limit, state=state))
    columns = {"sequence": "number", "event": "event", "state": "state", "attempts": "attempts"}
    show(answer, "deliveries", columns | {"lastError": "last error", "nextRetryAt": "again at"}, as_json=as_json)


@app.command()
def pause(
    webhook: Webhook, token: AccessToken = "", api_url: ApiUrl = DEFAULT_API_URL, as_json: AsJson = False
) -> None:
    """Send nothing for the time being; events are kept."""
    with marketplace_api(api_url, token) as api:
        answer = api.post(f"/webhooks/{webhook}/pause")
    say(answer, "Paused; events are kept", as_json=as_json)


@app.command()
def resume(
    webhook: Webhook, token: AccessToken = "", api_url: ApiUrl = DEFAULT_API_URL, as_json: AsJson = False
) -> None:
    """Send again, first what was kept."""
    with marketplace_api(api_url, token) as api:
        answer = api.post(f"/webhooks/{webhook}/resume")
    say(answer, "Active; what was kept is sent first", as_json=as_json)


@app.command("test")
def send_test(
    webhook: Webhook, token: AccessToken = "", api_url: ApiUrl = DEFAULT_API_URL, as_json: AsJson = False
) -> None:
    """Send a test event to a webhook."""
    with marketplace_api(api_url, token) as api:
        answer = api.post(f"/webhooks/{webhook}/test")
    say(answer, f"Event {json.loads(answer)['eventId']} is on its way", as_json=as_json)


@app.command()
def replay(
    webhook: Webhook,
    event: Annotated[UUID | None, typer.Option(help="one event", show_default=False)] = None,
    first: Annotated[int | None, typer.Option("--from", min=1, help="first number", show_default=False)] = None,
    last: Annotated[int | None, typer.Option("--to", min=1, help="last number", show_default=False)] = None,
    token: AccessToken = "",
    api_url: ApiUrl = DEFAULT_API_URL,
    as_json: AsJson = False,
) -> None:
    """Send one event, or a range, once more."""
    body = given(eventId=None if event is None else str(event), fromSequence=first, toSequence=last)
    with marketplace_api(api_url, token) as api:
        answer = api.post(f"/webhooks/{webhook}/replay", body)
    found = json.loads(answer)
    sentence = f"Replay {found['id']} of numbers {found['firstSequence']} to {found['lastSequence']}"
    say(answer, sentence, as_json=as_json)


@app.command("replay-status")
def replay_status(
    webhook: Webhook,
    replay_id: Annotated[UUID, typer.Argument(metavar="REPLAY", help="id of the replay", show_default=False)],
    again: Annotated[bool, typer.Option("--resume", help="go on with one that was stopped")] = False,
    token: AccessToken = "",
    api_url: ApiUrl = DEFAULT_API_URL,
    as_json: AsJson = False,
) -> None:
    """How a replay goes."""
    path = f"/webhooks/{webhook}/replays/{replay_id}"
    with marketplace_api(api_url, token) as api:
        answer = api.post(f"{path}/resume") if again else api.get(path)
    found = json.loads(answer)
    why = f": {found['lastError']}" if found["lastError"] else ""
    say(answer, f"{found['state']}, {found['sent']} sent, {found['progressPercent']} %{why}", as_json=as_json)
