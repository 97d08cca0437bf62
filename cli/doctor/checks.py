"""The questions of the doctor."""

from __future__ import annotations

import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final
from uuid import uuid4

import httpx
from alembic.script import ScriptDirectory
from cryptography.fernet import Fernet
from redis.asyncio import Redis
from sqlalchemy import TextClause, text
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.client import Client

from api import probes
from api.auth import load_public_keys
from api.jwks import NamedKeys, read_jwks
from api.temporal import connect
from cli.doctor.examination import Check, DoubtError
from cli.doctor.neighbours import NEIGHBOUR_CHECKS
from db.migrate import MIGRATIONS
from db.session import Database
from settings import Settings
from workflows import search_attributes, task_queues

_OLDEST_POSTGRESQL: Final = 150_000
_FREE_BYTES: Final = 2 * 1024**3


async def fernet_keys(settings: Settings) -> str:
    """Every key of FERNET_KEY can be used."""
    keys = [key.strip() for key in settings.fernet_key.get_secret_value().split(",") if key.strip()]
    if not keys:
        raise ValueError("FERNET_KEY is empty")
    for key in keys:
        Fernet(key)
    return f"{len(keys)} key{'s' * (len(keys) > 1)}, the first encrypts"


async def public_key(settings: Settings) -> str:
    """JWT_PUBLIC_KEY or JWT_JWKS_FILE holds at least one RSA key."""
    keys = load_public_keys(settings.jwt_public_key.get_secret_value())
    found = len(keys) + sum(map(len, _named_keys(settings.jwt_jwks_file).values()))
    if not found:
        raise ValueError("JWT_PUBLIC_KEY and JWT_JWKS_FILE hold no RSA public key of 2048 bits")
    return f"{found} RSA key{'s' * (found > 1)}"


def _named_keys(path: str) -> NamedKeys:
    return read_jwks(Path(path).read_bytes()) if path else {}


async def staging(settings: Settings) -> str:
    """Exports can be written."""
    settings.staging_dir.mkdir(parents=True, exist_ok=True)
    probe = settings.staging_dir / f".doctor-{uuid4().hex}"
    probe.touch()
    probe.unlink()
    free = shutil.disk_usage(settings.staging_dir).free
    if free < _FREE_BYTES:
        raise DoubtError(f"only {free / 1024**2:,.0f} MiB are free; an export of a million products takes about 400")
    return f"{settings.staging_dir} is writable, {free / 1024**3:,.0f} GiB free"


async def postgresql(settings: Settings) -> str:
    """PostgreSQL answers and is new enough (NULLS NOT DISTINCT came with 15)."""
    number = int(await _scalar(settings, text("SHOW server_version_num")))
    if number < _OLDEST_POSTGRESQL:
        raise ValueError(f"PostgreSQL {number // 10_000} is too old, 15 is needed")
    return f"PostgreSQL {number // 10_000}.{number % 10_000}"


async def schema(settings: Settings) -> str:
    """The schema is the one this code was written for."""
    found, wanted = await _scalar(settings, text("SELECT version_num FROM alembic_version")), _head()
    if found != wanted:
        raise ValueError(f"the schema is at revision {found}, this code needs {wanted}")
    return f"revision {found}"


async def redis(settings: Settings) -> str:
    """Redis answers and will not evict the books of the rate limiter."""
    async with Redis.from_url(settings.redis_url.get_secret_value(), socket_timeout=5) as client:
        await probes.redis(client)()
        policy = (await client.info("memory")).get("maxmemory_policy", "noeviction")
    if policy not in ("noeviction", "volatile-ttl"):
        raise DoubtError(f"maxmemory-policy {policy} may evict the rate limiter's books; noeviction is safe")
    return "answers"


async def catalogue(settings: Settings) -> str:
    """The card catalogue answers."""
    if not settings.catalog_dsn:
        raise ValueError("neither CATALOG_URL nor MYSQL_HOST is set")
    return (await probes.catalog(settings.catalog_dsn)()).message


async def temporal(settings: Settings) -> str:
    """Temporal answers and knows our search attributes."""
    client = await _temporal(settings)
    await probes.temporal(client)()
    request = ListSearchAttributesRequest(namespace=settings.temporal_namespace)
    known = (await client.operator_service.list_search_attributes(request)).custom_attributes
    if missing := [key.name for key in search_attributes.ALL if key.name not in known]:
        raise ValueError(f"search attributes are missing in namespace {settings.temporal_namespace}: {missing}")
    return f"namespace {settings.temporal_namespace}, {len(search_attributes.ALL)} search attributes"


async def workers(settings: Settings) -> str:
    """Somebody polls every task queue."""
    return (await probes.WorkerProbe(await _temporal(settings), task_queues.ALL)()).message


async def cardtrader(settings: Settings) -> str:
    """CardTrader can be reached; without a token it refuses, which is answer enough."""
    async with httpx.AsyncClient(timeout=5) as client:
        response = await client.get(f"{settings.cardtrader_api_base_url}/info")
    if response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
        raise DoubtError(f"{response.url.host} answers {response.status_code}")
    return f"{response.url.host} answers"


def on_settings(problems: list[str]) -> Callable[[Settings], Awaitable[str]]:
    """The question whether a start would be refused."""

    async def ask(settings: Settings) -> str:
        if problems:
            raise ValueError("; ".join(problems))
        return f"environment {settings.environment}"

    return ask


def all_checks(problems: list[str]) -> tuple[Check, ...]:
    """Every question, given what is wrong with the settings."""
    in_env = "Set it in the environment or in .env (see .env.example)."
    keys = f"`python -m cli keys generate` makes one. {in_env}"
    return (
        Check("settings", on_settings(problems), "Set them in the environment or in .env (see .env.example)."),
        Check("encryption", fernet_keys, keys),
        Check("access tokens", public_key, f"Take it from the authentication service; for development, {keys}"),
        Check("staging", staging, "Let STAGING_DIR name a directory with room that the workers may write."),
        Check("PostgreSQL", postgresql, "Start it, or correct DATABASE_URL."),
        Check("schema", schema, "Run `python -m cli migrate`."),
        Check("Redis", redis, "Start it, or correct REDIS_URL."),
        Check("catalogue", catalogue, "Correct CATALOG_URL or MYSQL_*; the account needs to read only."),
        Check("Temporal", temporal, "Start it (temporal-dev/start.sh), or correct TEMPORAL_ADDRESS."),
        Check("workers", workers, "Run `python -m cli worker` for the queues named.", optional=True),
        Check("CardTrader", cardtrader, "Check the network and CARDTRADER_API_BASE_URL.", optional=True),
        *NEIGHBOUR_CHECKS,
    )


async def _scalar(settings: Settings, statement: TextClause) -> str:
    if not settings.database_url.startswith("postgresql+asyncpg://"):
        raise ValueError("DATABASE_URL must be postgresql+asyncpg://")
    database = Database.connect(settings.database_url, pool_size=1, max_overflow=0)
    try:
        async with database.begin() as connection:
            return str(await connection.scalar(statement))
    finally:
        await database.close()


async def _temporal(settings: Settings) -> Client:
    return await connect(settings.temporal_address, settings.temporal_namespace)


def _head() -> str:
    return str(ScriptDirectory(str(MIGRATIONS)).get_current_head())
