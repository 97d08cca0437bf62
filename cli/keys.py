"""`keys` and `token`: secrets of a development installation, access tokens signed with them, change of keys.

In production keys come from a secret store and tokens from the authentication service.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final
from uuid import UUID

import typer
from jwt import InvalidKeyError

from cli import rotating
from cli.console import emit
from cli.errors import UnfitError
from cli.options import DATA_DIR, User

KEYS_DIR: Final = DATA_DIR / "keys"


class Role(StrEnum):
    """What a caller may do beside being a seller."""

    OPERATOR = "operator"
    READER = "reader"
    STORE = "store"


keys_app = typer.Typer(no_args_is_help=True, help="Make keys, and change to new ones.")
token_app = typer.Typer(no_args_is_help=True, help="Make access tokens for development.")


@keys_app.callback()
def keys() -> None:
    """Make keys, and change to new ones."""


keys_app.command("rotate")(rotating.rotate)
keys_app.command("seal")(rotating.seal)


@token_app.callback()
def token() -> None:
    """Make access tokens for development."""


@keys_app.command("generate")
def generate(
    directory: Annotated[Path, typer.Option("--dir", help="where they are kept", file_okay=False)] = KEYS_DIR,
) -> None:
    """Make an RSA pair and a Fernet key, unless the directory has them, and print the settings to use them."""
    from devstack.keys import DevelopmentKeys

    for name, value in DevelopmentKeys.ensure(directory).env().items():
        emit(f"{name}={value}")


@token_app.command("mint")
def mint(
    user: User,
    roles: Annotated[list[Role] | None, typer.Option("--roles", help="repeat for several")] = None,
    store: Annotated[str, typer.Option(help="the shop it is for, with role store or operator")] = "",
    hours: Annotated[float, typer.Option(min=0.01, max=24 * 30, help="how long it is valid")] = 12,
    key: Annotated[Path | None, typer.Option(help="private key, PEM", show_default=False)] = None,
) -> None:
    """Print an access token signed with the development key."""
    more = {"store_id": store} if store else {}
    emit(sign(user, key or _development_key(), roles or (), timedelta(hours=hours), more))


def sign(user: UUID, key: Path, roles: Sequence[str], lifetime: timedelta, more: Mapping[str, str]) -> str:
    """An access token with `more` claims.

    Raises:
        UnfitError: there is no such key.
    """
    from devstack.keys import mint_token

    try:
        return mint_token(key.read_text(), user, roles=roles, more=more, lifetime=lifetime, now=datetime.now(UTC))
    except FileNotFoundError:
        raise UnfitError(f"There is no key at {key}. Make one with `keys generate`, or start the demo.") from None
    except (InvalidKeyError, ValueError):
        raise UnfitError(f"{key} is not a PEM-encoded RSA private key.") from None


def _development_key() -> Path:
    from devstack.keys import PRIVATE_KEY_FILE

    return KEYS_DIR / PRIVATE_KEY_FILE
