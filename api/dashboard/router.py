"""Serves the dashboard's files. They hold no data and need no token; whatever the page shows, it asks the API for.

The files are read once: no path of a request ever meets the file system.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib import resources
from typing import Annotated, Final

from fastapi import APIRouter, Header, Request, Response
from fastapi.responses import RedirectResponse

from api.errors import NotFound

PAGE: Final = "index.html"
HEADERS: Final = {
    # Of its own: nothing inline, nothing from elsewhere, no frame around it, no form that leaves it.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-cache",
}
_MEDIA_TYPES: Final = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}

IfNoneMatch = Annotated[str | None, Header()]


@dataclass(frozen=True, slots=True)
class File:
    """One file, as it is served."""

    content: bytes
    media_type: str
    etag: str


def load() -> dict[str, File]:
    """Every file by its name."""
    folder = resources.files("api.dashboard").joinpath("static")
    return {path.name: _file(path.name, path.read_bytes()) for path in folder.iterdir()}


def _file(name: str, content: bytes) -> File:
    return File(content, _MEDIA_TYPES[name.rpartition(".")[2]], f'"{hashlib.sha256(content).hexdigest()[:32]}"')


def dashboard_router() -> APIRouter:
    """The page at `/dashboard`, and its files below."""
    router, files = APIRouter(prefix="/dashboard", include_in_schema=False), load()

    @router.get("")
    async def page(if_none_match: IfNoneMatch = None) -> Response:
        return _answer(files[PAGE], if_none_match)

    @router.get("/")
    async def with_slash() -> Response:
        # The page names its files relative to where it is.
        return RedirectResponse("../dashboard")

    @router.get("/{name}")
    async def file(name: str, request: Request, if_none_match: IfNoneMatch = None) -> Response:
        found = files.get(name)
        if found is None or name == PAGE:
            raise NotFound("The dashboard has no such file.", path=request.url.path[:200])
        return _answer(found, if_none_match)

    return router


def _answer(file: File, if_none_match: str | None) -> Response:
    headers = {**HEADERS, "ETag": file.etag}
    if if_none_match is not None and file.etag in if_none_match:
        return Response(status_code=304, headers=headers)
    return Response(file.content, media_type=file.media_type, headers=headers)
