"""`bridge failed|resolve|retry|pending|stats`: what went wrong, and what waits."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.bridge.answers import Failed, Retried, Waiting
from cli.bridge.calling import bridge_api, given, show_pages, show_rows
from cli.bridge.entities import Page
from cli.console import emit, out
from cli.options import DEFAULT_API_URL, AccessToken, ApiUrl, AsJson

EntityOption = Annotated[str | None, typer.Option(help="only this entity")]
BatchOption = Annotated[str | None, typer.Option(help="only what this batch met last")]


def failed(
    entity: EntityOption = None,
    batch: BatchOption = None,
    stage: Annotated[str | None, typer.Option(help="only this stage")] = None,
    everything: Annotated[bool, typer.Option("--all", help="also those that are settled")] = False,
    page: Page = 1,
    token: AccessToken = "",
    api_url: ApiUrl = DEFAULT_API_URL,
    as_json: AsJson = False,
) -> None:
    """Show rows that could not be used. With --json also the rows, for operators."""
    resolution = "all" if everything else None
    wanted = given(entity_name=entity, batch_uid=batch, stage=stage, resolution=resolution, page=page)
    with bridge_api(api_url, token) as api:
        answer = api.get("/failed-records", wanted)
    if as_json:
        return emit(answer)
    found = Failed.model_validate_json(answer)
    titles = {"letter": "right", **dict.fromkeys(("entity", "stage", "code", "met again", "state", "reason"), "left")}
    show_rows(
        titles,
        [
            [
                each.uid,
                each.entity_name,
                each.stage,
                each.error_type,
                each.retry_count,
                "settled" if each.resolved_at else "open",
                each.error_message,
            ]
            for each in found.items
        ],
    )
    return show_pages(found.total, found.page, found.total_pages)


def resolve(
    letter: Annotated[int, typer.Argument(metavar="LETTER", min=1, help="id of the letter", show_default=False)],
    token: AccessToken = "",
    api_url: ApiUrl = DEFAULT_API_URL,
    as_json: AsJson = False,
) -> None:
    """Settle a row that failed by hand."""
    with bridge_api(api_url, token) as api:
        answer = api.post(f"/failed-records/{letter}/resolve")
    if as_json:
        emit(answer)
    else:
        out().print(f"Letter {letter} is settled")


def retry(
    entity: EntityOption = None,
    batch: BatchOption = None,
    max_retries: Annotated[int | None, typer.Option(min=1, max=10, help="only those met again less often")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="at most so many")] = 100,
    token: AccessToken = "",
    api_url: ApiUrl = DEFAULT_API_URL,
    as_json: AsJson = False,
) -> None:
    """Try rows that failed again from the stage that failed them, with the mapping of today."""
    wanted = given(entity_name=entity, batch_uid=batch, max_retries=max_retries, limit=limit)
    with bridge_api(api_url, token) as api:
        answer = api.post("/sync/retry-failed", wanted)
    if as_json:
        return emit(answer)
    told = Retried.model_validate_json(answer)
    out().print(f"{told.message}: resolved {told.records_resolved:,}, still failed {told.records_still_failed:,}")
    if not told.finished:
        out().print("They are still at work; look again with `bridge history`.")
    for one in told.not_retried:
        out().print(f"{one.get('entity_name')}: not now ({one.get('code')})", soft_wrap=True)
    return None


def pending(
    entity: EntityOption = None,
    parent: Annotated[str | None, typer.Option(help="only children of this entity")] = None,
    page: Page = 1,
    token: AccessToken = "",
    api_url: ApiUrl = DEFAULT_API_URL,
    as_json: AsJson = False,
) -> None:
    """Show rows that wait for their parents."""
    with bridge_api(api_url, token) as api:
        answer = api.get("/pending-children", given(entity_name=entity, parent_entity=parent, page=page))
    if as_json:
        return emit(answer)
    found = Waiting.model_validate_json(answer)
    titles = {"entity": "left", "reference": "left", "parent": "left", "tried": "right", "next": "left"}
    show_rows(
        titles,
        [
            [
                each.entity_name,
                each.ref,
                each.parent_entity,
                each.retry_count,
                f"{each.next_retry_at:%Y-%m-%d %H:%M}" if each.next_retry_at else "not any more",
            ]
            for each in found.items
        ],
    )
    return show_pages(found.total, found.page, found.total_pages)


def stats(token: AccessToken = "", api_url: ApiUrl = DEFAULT_API_URL) -> None:
    """Show how many batches, failed rows and waiting children there are, as JSON."""
    with bridge_api(api_url, token) as api:
        answer = api.get("/stats")
    out().print_json(answer)
