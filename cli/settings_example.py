"""`settings`: writes the annotated example of every setting from the settings class itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, get_args

import typer
from annotated_types import Ge, Gt, Le, Lt
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from cli.console import emit
from settings import Settings

_SIGNS: Final = ((Ge, "ge", ">="), (Gt, "gt", ">"), (Le, "le", "<="), (Lt, "lt", "<"))
_HEAD: Final = (
    "# Every setting with its default. Copy it to .env and fill in what is empty and needed; `python -m cli doctor`",
    "# says what that is. Written by `make example` from settings.py: change it there.",
)

app = typer.Typer(no_args_is_help=True, help="Look at the settings.")


@app.callback()
def settings() -> None:
    """Look at the settings."""


@app.command("example")
def print_example() -> None:
    """Print the content of .env.example."""
    emit(example())


def example() -> str:
    """The text of `.env.example`, without a line break at its end."""
    return "\n".join([*_HEAD, *(line for name, field in Settings.model_fields.items() for line in _entry(name, field))])


def _entry(name: str, field: FieldInfo) -> Iterator[str]:
    notes = "; ".join(filter(None, (field.description, _choices(field), _bounds(field))))
    yield ""
    if notes:
        yield f"# {notes}"
    yield f"{name.upper()}={_default(field)}"


def _default(field: FieldInfo) -> str:
    default = field.default
    text = default.get_secret_value() if isinstance(default, SecretStr) else str(default)
    return text.lower() if isinstance(default, bool) else text


def _choices(field: FieldInfo) -> str:
    options = get_args(field.annotation)
    return "one of " + ", ".join(map(str, options)) if options else ""


def _bounds(field: FieldInfo) -> str:
    found = (
        f"{sign} {getattr(constraint, attribute)}"
        for constraint in field.metadata
        for kind, attribute, sign in _SIGNS
        if isinstance(constraint, kind)
    )
    return " and ".join(found)
