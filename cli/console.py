"""The two streams of the command line: answers go to standard output, complaints to standard error."""

from __future__ import annotations

import sys

from rich.console import Console


def out() -> Console:
    """Where answers go; made per use, because tests and pipes replace the stream."""
    return Console(highlight=False)


def complain(message: str) -> None:
    """One red sentence on standard error; square brackets in it are text, not markup."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(message, style="red", markup=False)


def emit(json_text: str) -> None:
    """One line of JSON for a script: no colour, no wrapping, flushed because a reader may be waiting."""
    sys.stdout.write(json_text + "\n")
    sys.stdout.flush()
