"""The documentation page of a context: everything on it is a file of ours, so that no inline script need be allowed."""

from __future__ import annotations

from html import escape
from typing import Final

from fastapi import APIRouter
from starlette.responses import HTMLResponse, Response

_PAGE: Final = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="stylesheet" href="static-offline-docs/swagger-ui.css">
<link rel="icon" href="static-offline-docs/favicon.png">
</head>
<body>
<div id="swagger-ui"></div>
<script src="static-offline-docs/swagger-ui-bundle.js"></script>
<script src="docs.js"></script>
</body>
</html>
"""
# Addresses are relative to the page, which may be below a mount.
_SCRIPT: Final = """SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  layout: "BaseLayout",
  deepLinking: true,
  showExtensions: true,
  presets: [SwaggerUIBundle.presets.apis, SwaggerUIBundle.SwaggerUIStandalonePreset],
});
"""


def docs_router(title: str) -> APIRouter:
    """The page at /docs and its script."""
    router, page = APIRouter(include_in_schema=False), _PAGE.format(title=escape(title))

    @router.get("/docs")
    async def docs() -> HTMLResponse:
        return HTMLResponse(page)

    @router.get("/docs.js")
    async def script() -> Response:
        return Response(_SCRIPT, media_type="text/javascript")

    return router
