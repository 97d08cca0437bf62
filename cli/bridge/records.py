"""`bridge planned|superseded`: single rows of a batch."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.bridge.answers import Deletions, SupersededRows
from cli.bridge.calling import bridge_api, show_pages, show_rows
from cli.bridge.entities import Page
from cli.bridge.syncs import BatchUid
from cli.console import emit, out
from cli.options import DEFAULT_API_URL, AccessToken, ApiUrl, AsJson


def planned(
    batch: BatchUid,
    deletions: Annotated[bool, typer.Option("--deletions", help="list what would be deleted")] = False,
    page: Page = 1,
    token: AccessToken = "",
    api_url: ApiUrl = DEFAULT_API_URL,
    as_json: AsJson = False,
) -> None:
    """Show some of what a dry run would have changed, as JSON; or every deletion."""
    with bridge_api(api_url, token) as api:
        if not deletions:
            return out().print_json(api.get(f"/sync/planned/{batch}"))
        answer = api.get(f"/sync/planned/{batch}/deletions", {"page": page})
    if as_json:
        return emit(answer)
    found = Deletions.model_validate_json(answer)
    titles = {"key": "left", "at the hub": "left", "rowversion": "left"}
    show_rows(titles, [[each.erp_key_hash, each.target_uid, each.rowversion] for each in found.items])
    out().print(f"{found.rows_deleted:,} would be deleted")
    return show_pages(found.total, found.page, found.total_pages)


def superseded(
    batch: BatchUid,
    page: Page = 1,
    token: AccessToken = "",
    api_url: ApiUrl = DEFAULT_API_URL,
    as_json: AsJson = False,
) -> None:
    """Show rows of a batch that another row of the same key stands for. With --json also the rows."""
    with bridge_api(api_url, token) as api:
        answer = api.get(f"/sync/superseded/{batch}", {"page": page})
    if as_json:
        return emit(answer)
    found = SupersededRows.model_validate_json(answer)
    titles = {"key": "left", "page": "right", "row": "right", "rowversion": "left"}
    show_rows(titles, [[each.erp_key_hash, each.page_no, each.row, each.rowversion] for each in found.items])
    return show_pages(found.total, found.page, found.total_pages)
