"""How does a test answer JSON-RPC itself: with recordings, or in front of a real node that stumbles?"""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Request = dict[str, Any]  # one JSON-RPC call: id, method, params


@dataclass
class Answer:
    body: bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    claims: int | None = None  # says it is this long, and ends early
    delay: float = 0.0


@dataclass
class Asked:
    """What a client sent: its calls, in order, whether as a list or alone."""

    calls: list[Request]
    is_batch: bool
    body: bytes
    at: float

    @property
    def methods(self) -> set[str]:
        return {str(call["method"]) for call in self.calls}


@contextmanager
def serve(answer: Callable[[Asked], Answer]) -> Iterator[str]:
    """Serve on a free port of this machine; yields the URL. Requests are answered side by side."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            sent = json.loads(body)
            calls = sent if isinstance(sent, list) else [sent]
            given = answer(Asked(calls, isinstance(sent, list), body, time.monotonic()))
            time.sleep(given.delay)
            try:
                self._reply(given)
            except OSError:
                self.close_connection = True  # the client waits no longer

        def _reply(self, given: Answer) -> None:
            self.send_response(given.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(given.claims or len(given.body)))
            for name, value in given.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(given.body)
            self.close_connection = given.claims is not None

        def log_message(self, *_: Any) -> None:
            """Nobody reads it."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 64

        def handle_error(self, *_: Any) -> None:
            """A client that was killed leaves its connection open or broken: no news here."""

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def forward(url: str, asked: Asked) -> bytes:
    """Let the node behind answer."""
    request = urllib.request.Request(url, asked.body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return bytes(answer.read())


def pack(asked: Asked, answers: list[dict[str, Any]]) -> Answer:
    return Answer(json.dumps(answers if asked.is_batch else answers[0]).encode())
