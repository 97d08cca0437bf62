"""`schedules ...`: large tables in several nights."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.bridge.answers import Message, ScheduleLine, Schedules
from cli.bridge.calling import bridge_api, given, show_pages, show_rows
from cli.bridge.entities import Entity, Page
from cli.console import emit, out
from cli.options import DEFAULT_API_URL, AccessToken, ApiUrl, AsJson

app = typer.Typer(no_args_is_help=True, help="Synchronise large tables in several nights.")

Schedule = Annotated[str, typer.Argument(metavar="SCHEDULE", help="its uid", show_default=False)]
Opens = Annotated[str | None, typer.Option("--from", help="when the window opens: 19:00")]
Closes = Annotated[str | None, typer.Option("--to", help="when it closes: 07:00")]
Zone = Annotated[str | None, typer.Option(help="IANA name of the time zone")]
Days = Annotated[int | None, typer.Option(min=1, max=30, help="nights that the whole table may take")]
Rows = Annotated[int | None, typer.Option("--rows-per-day", min=1000, help="else the estimate by the days")]
Estimate = Annotated[int | None, typer.Option(min=0, help="rows of the table, about")]


@app.command("list")
def list_schedules(
    page: Page = 1, token: AccessToken = "", api_url: ApiUrl = DEFAULT_API_URL, as_json: AsJson = False
) -> None:
    """Show the schedules."""
    with bridge_api(api_url, token) as api:
        answer = api.get("/schedules", {"page": page})
    if as_json:
        return emit(answer)
    found = Schedules.model_validate_json(answer)
    texts = dict.fromkeys(("schedule", "entity", "state", "window", "next"), "left")
    show_rows({**texts, "rows": "right", "%": "right", "per night": "right"}, [_line(each) for each in found.items])
    return show_pages(found.total, found.page, found.pages)


@app.command()
def show(schedule: Schedule, token: AccessToken = "", api_url: ApiUrl = DEFAULT_API_URL) -> None:
    """Show a schedule as JSON."""
    with bridge_api(api_url, token) as api:
        answer = api.get(f"/schedules/{schedule}")
    out().print_json(answer)


@app.command()
def create(
    entity: Entity,
    opens: Opens = None,
    closes: Closes = None,
    zone: Zone = None,
    days: Days = None,
    rows_per_day: Rows = None,
    estimate: Estimate = None,
    token: AccessToken = "",
    api_url: ApiUrl = DEFAULT_API_URL,
    as_json: AsJson = False,
) -> None:
    """Have an entity synchronised in several nights."""
    wanted = _wanted(opens, closes, zone, days, rows_per_day, estimate)
    with bridge_api(api_url, token) as api:
        answer = api.post("/schedules", {"entity_name": entity, **wanted})
    if as_json:
        emit(answer)
    else:
        out().print(f"Schedule {ScheduleLine.model_validate_json(answer).uid} is made", soft_wrap=True)


@app.command()
def change(
    schedule: Schedule,
    opens: Opens = None,
    closes: Closes = None,
    zone: Zone = None,
    days: Days = None,
    rows_per_day: Rows = None,
    estimate: Estimate = None,
    enabled: Annotated[bool | None, typer.Option("--enable/--disable", help="whether nights are worked")] = None,
    token: AccessToken = "",
    api_url: ApiUrl = DEFAULT_API_URL,
    as_json: AsJson = False,
) -> None:
    """Change a schedule; a night that is under way obeys from its next page on."""
    wanted = _wanted(opens, closes, zone, days, rows_per_day, estimate)
    with bridge_api(api_url, token) as api:
        answer = api.patch(f"/schedules/{schedule}", {**wanted, **given(is_enabled=enabled)})
    if as_json:
        emit(answer)
    else:
        out().print(f"Schedule {schedule} is changed", soft_wrap=True)


@app.command()
def remove(schedule: Schedule, token: AccessToken = "", api_url: ApiUrl = DEFAULT_API_URL) -> None:
    """Delete a schedule; what its nights did stays."""
    with bridge_api(api_url, token) as api:
        api.delete(f"/schedules/{schedule}")
    out().print(f"Schedule {schedule} is deleted", soft_wrap=True)


@app.command()
def reset(schedule: Schedule, token: AccessToken = "", api_url: ApiUrl = DEFAULT_API_URL) -> None:
    """Begin at the first row again."""
    with bridge_api(api_url, token) as api:
        api.post(f"/schedules/{schedule}/reset")
    out().print(f"Schedule {schedule} begins at the first row again", soft_wrap=True)


@app.command()
def trigger(
    schedule: Schedule,
    force: Annotated[bool, typer.Option("--force", help="outside the window too")] = False,
    token: AccessToken = "",
    api_url: ApiUrl = DEFAULT_API_URL,
    as_json: AsJson = False,
) -> None:
    """Begin a night now."""
    with bridge_api(api_url, token) as api:
        answer = api.post(f"/schedules/{schedule}/trigger", {"force": force})
    _tell(answer, as_json)


@app.command()
def start(token: AccessToken = "", api_url: ApiUrl = DEFAULT_API_URL, as_json: AsJson = False) -> None:
    """Start the scheduler: schedules look at their windows again."""
    with bridge_api(api_url, token) as api:
        answer = api.post("/schedules/start")
    _tell(answer, as_json)


@app.command()
def stop(token: AccessToken = "", api_url: ApiUrl = DEFAULT_API_URL, as_json: AsJson = False) -> None:
    """Stop the scheduler: no schedule begins a night."""
    with bridge_api(api_url, token) as api:
        answer = api.post("/schedules/stop")
    _tell(answer, as_json)


@app.command()
def status(token: AccessToken = "", api_url: ApiUrl = DEFAULT_API_URL) -> None:
    """Show whether the scheduler runs, and what it looks after, as JSON."""
    with bridge_api(api_url, token) as api:
        answer = api.get("/schedules/status")
    out().print_json(answer)


@app.command()
def stats(token: AccessToken = "", api_url: ApiUrl = DEFAULT_API_URL) -> None:
    """Show how far the schedules are, as JSON."""
    with bridge_api(api_url, token) as api:
        answer = api.get("/schedules/stats")
    out().print_json(answer)


def _wanted(
    opens: str | None, closes: str | None, zone: str | None, days: int | None, rows: int | None, estimate: int | None
) -> dict[str, str | int | bool]:
    return given(
        sync_window_start=opens,
        sync_window_end=closes,
        zone=zone,
        days_to_complete=days,
        rows_per_day=rows,
        total_rows_estimate=estimate,
    )


def _tell(answer: str, as_json: bool) -> None:
    if as_json:
        emit(answer)
    else:
        out().print(Message.model_validate_json(answer).message, soft_wrap=True)


def _line(schedule: ScheduleLine) -> list[object]:
    window = f"{schedule.sync_window_start[:5]}-{schedule.sync_window_end[:5]} {schedule.zone}"
    return [
        schedule.uid,
        schedule.entity_name,
        schedule.state if schedule.is_enabled else "off",
        window,
        f"{schedule.next_run_at:%Y-%m-%d %H:%M}" if schedule.next_run_at else "",
        f"{schedule.current_offset:,}",
        f"{schedule.progress_percent:.2f}",
        f"{schedule.rows_per_day:,}" if schedule.rows_per_day else "",
    ]
