"""The fixtures everybody builds on."""

from __future__ import annotations

import asyncpg
import redis


async def test_each_test_has_its_own_database(database_url: str, module_database_url: str) -> None:
    assert database_url != module_database_url
    connection = await asyncpg.connect(database_url.replace("+asyncpg", ""))
    try:
        settings = {
            name: await connection.fetchval(f"SHOW {name}") for name in ("timezone", "server_encoding", "fsync")
        }
    finally:
        await connection.close()
    assert settings == {"timezone": "UTC", "server_encoding": "UTF8", "fsync": "off"}


def test_redis_is_empty(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
        client.set("left", "behind")


def test_redis_is_empty_again(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
