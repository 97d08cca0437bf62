"""Entry point of `python -m cli` and `brx-sync`: whatever a person can cause ends in one sentence and exit code 1."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from pydantic import ValidationError

from cli.app import app
from cli.console import complain
from cli.errors import CliError
from settings import SettingsError


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; usage errors exit with 2, everything a command reports as failed with 1."""
    try:
        app(args=arguments)
    except (CliError, SettingsError) as error:
        complain(str(error))
    except ValidationError as error:
        complain(explain(error))
    except ModuleNotFoundError as error:
        complain(f"{error.name} is not installed. This command needs: pip install 'brx-sync[dev]'")
    sys.exit(1)


def explain(error: ValidationError) -> str:
    """One line per setting that could not be read; never its value."""
    lines = (f"{'.'.join(map(str, item['loc'])).upper()}: {item['msg']}" for item in error.errors(include_input=False))
    return "\n".join(["These settings cannot be used:", *lines])


if __name__ == "__main__":
    main()
