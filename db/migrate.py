"""Alembic driven from code, so that the CLI, the demo and the tests migrate the same way."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

MIGRATIONS = Path(__file__).parent / "migrations"


def newest_revision() -> str:
    """The revision this code is written against. Blocking: reads the migrations' files."""
    return ScriptDirectory(str(MIGRATIONS)).get_current_head() or ""


def _config(database_url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["database_url"] = database_url
    return config


def upgrade(database_url: str, revision: str = "head") -> None:
    """Migrate up to `revision`; a no-op when the database is there already. Blocking."""
    command.upgrade(_config(database_url), revision)


def downgrade(database_url: str, revision: str = "base") -> None:
    """Migrate down to `revision`. Blocking."""
    command.downgrade(_config(database_url), revision)
