"""Callers, fakes and an application for tests of the facade."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID, uuid4

import httpx
import jwt
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from fastapi import FastAPI
from redis.asyncio import Redis

from api.auth import Authenticator
from api.cards.account_work import AccountWork, Check
from api.cards.purchase_runs import PurchaseRuns
from api.cards.services import CardsServices
from api.cards.signalling import AccountSignals
from api.cards.signatures import Signatures
from api.cards.syncs import AlreadyRunning, BulkSyncs, RunningSync
from api.cards.verification import AccountVerifier, LinkedAccount
from api.errors import ApiError, DatabaseUnavailable
from api.main import Opened, OpenServices, create_app
from api.probes import PingProbe, Probe
from api.services import Services
from api.temporal import CALL
from clients.token_bucket import TokenBucket
from db.cards.purchases import Purchase
from db.session import Database
from db.vault import Vault
from settings import Settings
from workflows.cards.contracts import BulkSyncInput, ReconcileBlueprint
from workflows.cards.poking import Matter

PREFIX = "/api/v1/sync"
NOWHERE = "postgresql+asyncpg://nobody@127.0.0.1:1/nothing"
NO_REDIS = "redis://127.0.0.1:1/0"


@cache
def private_key(name: str) -> rsa.RSAPrivateKey:
    """A key pair per name, made once."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def public_pem(name: str = "ours") -> str:
    """The public half, as the authentication service publishes it."""
    public = private_key(name).public_key()
    return public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def claims(user_id: UUID, **changes: Any) -> dict[str, Any]:
    """Claims of a good token; a change to None leaves the claim out."""
    good = {
        "sub": str(user_id),
        "type": "access",
        "mfa_verified": True,
        "exp": datetime.now(UTC) + timedelta(hours=2),
    }
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


def token_for(user_id: UUID, *, key: str = "ours", **changes: Any) -> str:
    """A signed token."""
    return jwt.encode(claims(user_id, **changes), private_key(key), "RS256")


def bearer(token: str) -> dict[str, str]:
    """The header."""
    return {"Authorization": f"Bearer {token}"}


def forged(user_id: UUID, algorithm: str) -> str:
    """A token of another algorithm; "HS256" is signed with our public key as if it were a shared secret."""
    body = {**claims(user_id), "exp": int((datetime.now(UTC) + timedelta(hours=2)).timestamp())}
    parts = [{"alg": algorithm, "typ": "JWT"}, body]
    signed = ".".join(_base64url(json.dumps(part).encode()) for part in parts)
    mac = hmac.new(public_pem().encode(), signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{_base64url(mac) if algorithm == 'HS256' else ''}"


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@dataclass
class FakeVerifier:
    """Knows every token, unless told to fail."""

    cardtrader_user_id: int = 88123
    error: ApiError | None = None
    seen: list[str] = field(default_factory=list)

    async def verify(self, token: str) -> LinkedAccount:
        """The account."""
        self.seen.append(token)
        if self.error is not None:
            raise self.error
        return LinkedAccount(self.cardtrader_user_id, token, "shared-secret-of-the-app")


@dataclass
class FakeSyncs(BulkSyncs):
    """A Temporal of one seller; any field may hold an error to raise instead."""

    now: RunningSync | ApiError | None = None
    start_error: Exception | None = None
    stops: bool = True
    started: list[BulkSyncInput] = field(default_factory=list)
    started_blueprints: list[ReconcileBlueprint] = field(default_factory=list)

    async def start(self, sync: BulkSyncInput) -> None:
        """Start."""
        if self.start_error is not None:
            raise self.start_error
        if self.now is not None:
            raise AlreadyRunning
        self.started.append(sync)

    async def start_blueprint(self, request: ReconcileBlueprint) -> None:
        """Start."""
        if self.start_error is not None:
            raise self.start_error
        self.started_blueprints.append(request)

    async def running(
        self, user_id: UUID, *, blueprint_id: int | None = None, timeout: timedelta = CALL
    ) -> RunningSync | None:
        """Look."""
        if blueprint_id is not None:
            return None
        if isinstance(self.now, ApiError):
            raise self.now
        return self.now

    async def cancel(self, user_id: UUID, sync: RunningSync) -> None:
        """Cancel."""

    async def stop(self, user_id: UUID, sync: RunningSync) -> bool:
        """Cancel and wait."""
        if self.stops:
            self.now = None
        return self.stops


@dataclass
class FakeAccounts(AccountWork):
    """An account workflow that is idle, or never is."""

    quiet: bool = True

    async def is_quiet(self, user_id: UUID) -> bool:
        """Look."""
        return self.quiet

    async def until(self, check: Check) -> bool:
        """Look three times."""
        return any([await check() for _ in range(3)])


@dataclass
class FakePurchases(PurchaseRuns):
    """Workflows that never end within a buyer's patience, and remember whom they were started for."""

    started: list[Purchase] = field(default_factory=list)

    async def ended(self, purchase: Purchase) -> bool:
        """Remember."""
        self.started.append(purchase)
        return False


@dataclass
class FakeSignals(AccountSignals):
    """Remembers who was to be poked."""

    notified: list[UUID] = field(default_factory=list)
    of_changes: list[UUID] = field(default_factory=list)

    def notify(self, user_id: UUID, matter: Matter = "events") -> None:
        """Remember."""
        (self.notified if matter == "events" else self.of_changes).append(user_id)


async def _answers() -> None:
    """A ping that works."""


def healthy_probes() -> dict[str, Probe]:
    """Everything answers."""
    names = ("postgresql", "redis", "mysql", "temporal", "worker")
    return {name: PingProbe(name, DatabaseUnavailable, _answers) for name in names}


def settings_for_tests(**changes: Any) -> Settings:
    """Settings that read no environment file."""
    return Settings(_env_file=None, **{"environment": "test", "log_level": "WARNING", **changes})


def fake_services(
    database: Database | None = None,
    *,
    verifier: AccountVerifier | None = None,
    syncs: BulkSyncs | None = None,
    accounts: AccountWork | None = None,
    signals: AccountSignals | None = None,
    limiter: TokenBucket | None = None,
    probes: dict[str, Probe] | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> CardsServices:
    """CardsServices without a network; the database is nowhere unless given."""
    vault = Vault([Fernet.generate_key().decode()])
    return CardsServices(
        database=database or Database.connect(NOWHERE),
        vault=vault,
        authenticator=Authenticator([private_key("ours").public_key()]),
        verifier=verifier or FakeVerifier(),
        syncs=syncs or FakeSyncs(),
        accounts=accounts or FakeAccounts(),
        purchases=FakePurchases(),
        signals=signals or FakeSignals(),
        signatures=Signatures(vault),
        limiter=limiter or TokenBucket(Redis.from_url(NO_REDIS), 200, 10, 3),
        public_base_url="https://sync.example.test",
        writes_enabled=True,
        probes=healthy_probes() if probes is None else probes,
        clock=clock,
        new_id=uuid4,
        # A test machine may be busier than any user would wait for.
        transaction_seconds=60.0,
        stream_interval=0.01,
    )


def opening(services: CardsServices, **others: Services) -> OpenServices:
    """What `create_app` is given instead of the real services; `others` by the names of their contexts."""

    @asynccontextmanager
    async def open_services(_settings: Settings) -> AsyncIterator[Opened]:
        yield {"cards": services, **others}
        await services.database.close()

    return open_services


@asynccontextmanager
async def serving(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """The application with its lifespan, and a client of it."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://api") as http:
        yield http


@asynccontextmanager
async def serving_fakes(services: CardsServices | None = None, **settings: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application with these services."""
    app = create_app(settings_for_tests(**settings), opening(services or fake_services()))
    async with serving(app) as http:
        yield http


def error_of(response: httpx.Response, status: int) -> dict[str, Any]:
    """The `error` of an answer that must have that status and the envelope."""
    assert response.status_code == status, response.text
    body = response.json()
    assert body["error"]["trace_id"] == response.headers["X-Trace-Id"]
    assert body["detail"] == body["error"]["message"]
    error: dict[str, Any] = body["error"]
    return error
