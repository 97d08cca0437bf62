"""What a command reports instead of a traceback.

CliError
├── RefusedError      the API answered with an error
├── UnreachableError  the API does not answer
└── UnfitError        a file, an option or a tool on this machine does not allow the command
"""

from __future__ import annotations


class CliError(Exception):
    """The command could not be carried out; the message is a sentence for a person."""


class RefusedError(CliError):
    """The API answered with an error."""

    def __init__(self, code: str, message: str, status: int) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.status = status


class UnreachableError(CliError):
    """The API does not answer."""

    def __init__(self, url: str) -> None:
        super().__init__(f"No answer from {url}. Is the API running? Give its address with --api-url or BRX_API_URL.")


class UnfitError(CliError):
    """A file, an option or a tool on this machine does not allow the command."""
