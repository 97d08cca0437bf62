"""The floor of the webhook benchmarks: our own application, with a route that checks the signature and no more.

`python -m bench.webhook_floor PORT`; settings from the environment, the secret from `WEBHOOK_SECRET`.
"""

from __future__ import annotations

import hmac
import os
import sys
from base64 import b64decode
from typing import Final

from fastapi import FastAPI, Header, Request

from api.cards.errors import WebhookRejected
from api.main import create_app
from cli.servers import serve
from devstack.ports import LOOPBACK
from settings import Settings

# Below the webhooks' own, so that callers are counted as theirs are.
PATH: Final = "/api/v1/sync/webhook/floor/check"
SECRET_VARIABLE: Final = "WEBHOOK_SECRET"  # noqa: S105 - a name


def floor_app(settings: Settings, secret: bytes) -> FastAPI:
    """The application with one more route."""
    app = create_app(settings)

    @app.post(PATH)
    async def check(request: Request, signature: str = Header()) -> dict[str, str]:
        """Verify and answer."""
        wanted = hmac.digest(secret, await request.body(), "sha256")
        if not hmac.compare_digest(wanted, b64decode(signature)):
            raise WebhookRejected
        return {"status": "accepted"}

    return app


def main() -> None:
    """Serve as `python -m cli api` does."""
    serve(floor_app(Settings(), os.environ[SECRET_VARIABLE].encode()), LOOPBACK, int(sys.argv[1]))


if __name__ == "__main__":
    main()
