"""docs/security.md: its settings exist, and its commands do what the page says."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from pathlib import Path
from uuid import uuid4

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr
from sqlalchemy import select

from api.auth import Authenticator
from api.errors import Unauthorized
from api.jwks import JwksFile
from db.cards import sellers
from db.cards.tables import user_sync_settings
from db.session import Database
from db.vault import SecretUnreadable, Vault
from settings import Settings
from tests.unit.api.test_jwks import USER, jwk, named_token

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "security.md").read_text()
ROTATE, SEAL, MOVE = re.findall(r"^```sh\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


async def shell(script: str, directory: Path, **variables: str) -> str:
    """What a script of the page prints, run as it stands there."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "ENVIRONMENT": "test", **variables}
    run = await asyncio.create_subprocess_exec(
        *("bash", "-euc", script), cwd=directory, env=environment, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await run.communicate()
    assert run.returncode == 0, out.decode()
    return out.decode()


def test_every_setting_of_the_page_exists() -> None:
    named = set(re.findall(r"`([A-Z][A-Z0-9]*_[A-Z0-9_]+)`", PAGE)) - {"OLD_KEY"}
    assert len(named) > 12
    assert named <= {name.upper() for name in Settings.model_fields}


async def test_the_steps_change_the_key_of_secrets(database_url: str, tmp_path: Path) -> None:
    old, user_id = Fernet.generate_key().decode(), uuid4()
    database, sealed = Database.connect(database_url), Vault([old]).encrypt("token")
    async with database.begin() as connection:
        await sellers.link(connection, user_id, token_encrypted=sealed, secret_encrypted=sealed, cardtrader_user_id=1)
    said = await shell(f'{ROTATE}echo "$FERNET_KEY"', tmp_path, OLD_KEY=old, DATABASE_URL=database_url)
    new = said.split()[-1]
    async with database.begin() as connection:
        token = (await connection.execute(select(user_sync_settings.c.cardtrader_token_encrypted))).scalar_one()
    await database.close()
    assert Vault([new]).decrypt(token) == "token"
    with pytest.raises(SecretUnreadable):
        Vault([old]).decrypt(token)


async def test_a_setting_is_sealed_anew(tmp_path: Path) -> None:
    key = Fernet.generate_key().decode()
    sealed = await shell(SEAL, tmp_path, SECRET="hunter2", FERNET_KEY=key)
    assert Vault([key]).reveal(SecretStr(sealed.strip())).get_secret_value() == "hunter2"


async def test_the_keys_of_access_tokens_are_changed_by_moving_a_file(tmp_path: Path) -> None:
    published = tmp_path / "jwks.json"
    published.write_text(json.dumps({"keys": [jwk("old")]}))
    authenticator = Authenticator((), JwksFile(published))
    assert authenticator.authenticate(named_token("old")).user_id == USER
    (tmp_path / "jwks.json.next").write_text(json.dumps({"keys": [jwk("new")]}))
    await shell(MOVE, tmp_path, JWT_JWKS_FILE=str(published))
    assert authenticator.authenticate(named_token("new")).user_id == USER
    with pytest.raises(Unauthorized):
        authenticator.authenticate(named_token("old"))
