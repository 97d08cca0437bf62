"""A stand-in for the API on loopback with canned answers, and the command line driven against it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from cli.__main__ import main

PREFIX = "/api/v1/sync"


@dataclass(frozen=True)
class Answer:
    """One canned answer."""

    body: str
    status: int = 200
    media_type: str = "application/json"


@dataclass(frozen=True)
class Received:
    """One request as it arrived; `path` below the API's prefix."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    token: str
    body: str
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class FakeApi:
    """Answers by method and path (`"POST /start/..."`), and keeps what was asked."""

    url: str = ""
    answers: dict[str, Answer] = field(default_factory=dict)
    received: list[Received] = field(default_factory=list)
    made: dict[str, Callable[[], object]] = field(default_factory=dict)

    def will(self, request: str, body: object, status: int = 200) -> None:
        """Answer a request with JSON."""
        self.answers[request] = Answer(json.dumps(body), status)

    def will_each(self, request: str, body: Callable[[], object]) -> None:
        """Answer a request with JSON that is made anew each time."""
        self.made[request] = body

    def will_stream(self, path: str, *events: tuple[str, object]) -> None:
        """Answer a request with server-sent events (name, data)."""
        text = ": hello\n\n" + "".join(f"event: {name}\ndata: {json.dumps(data)}\n\n" for name, data in events)
        self.answers[f"GET {path}"] = Answer(text, media_type="text/event-stream")


@contextmanager
def serve() -> Iterator[FakeApi]:
    """A fake API that listens until the end of the block."""
    api = FakeApi()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def do_PUT(self) -> None:
            self._answer()

        def do_PATCH(self) -> None:
            self._answer()

        def do_DELETE(self) -> None:
            self._answer()

        def log_message(self, *_: object) -> None:
            return

        def _answer(self) -> None:
            parts = urlsplit(self.path)
            path = parts.path.removeprefix(PREFIX)
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            token = self.headers.get("Authorization", "").removeprefix("Bearer ")
            api.received.append(Received(self.command, path, parse_qs(parts.query), token, body, dict(self.headers)))
            if make := api.made.get(f"{self.command} {path}"):
                api.will(f"{self.command} {path}", make())
            answer = api.answers.get(f"{self.command} {path}", Answer("<html>nothing here</html>", 404, "text/html"))
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.media_type)
            self.end_headers()
            self.wfile.write(answer.body.encode())

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        api.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield api
        server.shutdown()
        thread.join()


@dataclass(frozen=True)
class Outcome:
    """How a command ended and what it wrote."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class CommandLine:
    """Runs commands as a person would, in this process."""

    capsys: pytest.CaptureFixture[str]

    def __call__(self, *arguments: object) -> Outcome:
        """Run one command."""
        self.capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        out, err = self.capsys.readouterr()
        return Outcome(int(ended.value.code or 0), out, err)
