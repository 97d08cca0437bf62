"""The page of a process that serves no HTTP otherwise, read by Prometheus and asked by an orchestrator."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from observability.metrics import Metrics


@contextmanager
def serving_metrics(metrics: Metrics, bind: str) -> Iterator[None]:
    """Serve `/metrics` at `host:port` while the block runs, in threads of its own; nowhere when `bind` is empty.

    Raises:
        OSError: the address cannot be bound.
    """
    if not bind:
        yield
        return
    host, _, port = bind.rpartition(":")
    with ThreadingHTTPServer((host.strip("[]"), int(port)), _handler(metrics)) as server:
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever, name="metrics", daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


def _handler(metrics: Metrics) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 5

        def do_GET(self) -> None:
            if self.path.partition("?")[0] != "/metrics":
                self.send_error(HTTPStatus.NOT_FOUND)
                return
            page = metrics.render()
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", metrics.content_type)
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, format: str, *args: object) -> None:
            """Nobody reads who scraped when."""

    return Handler
