"""Is a node asked, and understood, as it should be, and is its key kept?"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from intel.errors import UsageError
from intel.sources.rpc import MissingAnswer, Node, NodeError, find_secrets, redact
from intel.sources.rpc_logs import LogRanges
from intel.sources.rpc_tokens import read_standards, read_tokens

Reply = tuple[int, dict[str, str], bytes]


@contextmanager
def serve(answer: Callable[[list[dict[str, Any]]], Reply]) -> Iterator[str]:
    """Serve answers to requests, each given as the list of its calls; yields the URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, headers, body = answer(asked if isinstance(asked, list) else [asked])
            if status == 200 and isinstance(asked, dict) and body[:1] == b"[":
                body = body[1:-1]
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def tell(calls: list[dict[str, Any]], find: Callable[[dict[str, Any]], dict[str, Any]]) -> Reply:
    """Answer each call, the last one first."""
    answers = [{"jsonrpc": "2.0", "id": call["id"], **find(call)} for call in calls]
    return 200, {}, json.dumps(answers[::-1]).encode()


@contextmanager
def open_node(url: str, **settings: Any) -> Iterator[tuple[Node, list[float]]]:
    slept: list[float] = []
    node = Node(url, sleep=slept.append, timeout=5, **settings)
    try:
        yield node, slept
    finally:
        node.close()


def test_answers_come_in_the_order_of_the_calls() -> None:
    with (
        serve(lambda calls: tell(calls, lambda call: {"result": call["params"][0]})) as url,
        open_node(url) as (node, _),
    ):
        answers = node.ask([("echo", [number]) for number in range(7)])
    assert [answer["result"] for answer in answers] == list(range(7))


def test_waits_as_long_as_the_node_says() -> None:
    replies = iter([(429, {"Retry-After": "7"}, b""), (503, {}, b"")])
    with (
        serve(lambda calls: next(replies, None) or tell(calls, lambda call: {"result": "0x1"})) as url,
        open_node(url) as (node, slept),
    ):
        assert node.call("eth_chainId") == "0x1"
    assert slept[0] == 7.0
    assert 1.0 <= slept[1] <= 1.25  # the second pause of its own, twice the first


def test_a_node_that_never_answers_rightly_is_given_up() -> None:
    with (
        serve(lambda calls: (200, {}, b"<html>")) as url,
        open_node(url, retries=2) as (node, slept),
        pytest.raises(NodeError, match="not JSON") as caught,
    ):
        node.fetch([("eth_getBlockByNumber", ["0x1", True])], size=5)
    assert len(slept) == 2
    assert caught.value.hint


def test_a_null_block_is_missing() -> None:
    with (
        serve(lambda calls: tell(calls, lambda call: {"result": None})) as url,
        open_node(url, retries=1) as (node, _),
        pytest.raises(MissingAnswer, match="0x1"),
    ):
        node.fetch([("eth_getBlockByNumber", ["0x1", True])], size=5)


def test_a_batch_too_large_is_halved() -> None:
    sizes = []

    def answer(calls: list[dict[str, Any]]) -> Reply:
        sizes.append(len(calls))
        error = {"error": {"code": -32008, "message": "response size exceeded"}}
        return tell(calls, lambda call: error if len(calls) > 2 else {"result": call["params"][0]})

    with serve(answer) as url, open_node(url) as (node, _):
        [body] = node.fetch([("echo", [number]) for number in range(1, 6)], size=5)
    assert sorted(one["result"] for one in json.loads(body)) == [1, 2, 3, 4, 5]
    assert max(sizes[1:]) < sizes[0]


def test_ranges_of_logs_shrink_and_grow() -> None:
    asked = []

    def find(call: dict[str, Any]) -> dict[str, Any]:
        first, last = (int(call["params"][0][end], 16) for end in ("fromBlock", "toBlock"))
        if last - first + 1 > 4:
            return {"error": {"code": -32005, "message": "query returned more than 10000 results"}}
        asked.append((first, last))
        return {"result": [{"blockNumber": hex(number)} for number in range(first, last + 1)]}

    with serve(lambda calls: tell(calls, find)) as url, open_node(url) as (node, _):
        bodies = LogRanges(node, width=16).read(10, 40)
    seen = [int(log["blockNumber"], 16) for body in bodies for answer in json.loads(body) for log in answer["result"]]
    assert seen == list(range(10, 41))
    assert asked[0] == (10, 13)


@pytest.mark.parametrize(
    ("url", "keys"),
    [
        ("https://user:passw0rd@node.example/v3/abcdef0123456789", ("passw0rd", "abcdef0123456789")),
        ("https://node.example/abcdef0123456789?token=s3cr3t-key", ("abcdef0123456789", "s3cr3t-key")),
    ],
)
def test_keys_are_in_no_name_and_no_text(url: str, keys: tuple[str, ...]) -> None:
    shown = redact(f"failed: {url} and again {' '.join(keys)}", find_secrets(url))
    assert shown.startswith("failed: https://")
    assert not any(key in shown for key in keys)
    node = Node(url)
    node.close()
    assert node.source == "rpc node.example"
    assert "abcdef" not in repr(node)


def test_keys_are_in_no_log_and_no_error(caplog: pytest.LogCaptureFixture) -> None:
    key = "abcdef0123456789"
    caplog.set_level(logging.DEBUG)
    with (
        serve(lambda calls: (401, {}, f"bad key {key}".encode())) as url,
        open_node(f"{url}/v3/{key}") as (node, _),
        pytest.raises(NodeError) as caught,
    ):
        node.call("eth_chainId")
    assert caplog.records
    assert key not in caplog.text
    assert key not in str(caught.value)
    assert caught.value.__suppress_context__


def test_only_http_is_spoken() -> None:
    with pytest.raises(UsageError, match="http"):
        Node("ws://node.example")


def text(told: str) -> str:
    body = told.encode()
    return "0x" + (32).to_bytes(32, "big").hex() + len(body).to_bytes(32, "big").hex() + body.ljust(32, b"\0").hex()


def test_tokens_answer_one_by_one() -> None:
    replies = {
        ("0xa", "0x95d89b41"): text("DAI"), ("0xa", "0x06fdde03"): text("Dai Stablecoin"),
        ("0xa", "0x313ce567"): "0x" + (18).to_bytes(32, "big").hex(),
        ("0xb", "0x95d89b41"): "0x" + b"MKR".ljust(32, b"\0").hex(),  # as the first tokens wrote it
        ("0xb", "0x06fdde03"): "0x", ("0xb", "0x313ce567"): "0x" + "f" * 64,
    }  # fmt: skip

    def find(call: dict[str, Any]) -> dict[str, Any]:
        asked = call["params"][0]
        found = replies.get((asked["to"], asked["data"]))
        return {"result": found} if found else {"error": {"code": 3, "message": "execution reverted"}}

    with serve(lambda calls: tell(calls, find)) as url, open_node(url) as (node, _):
        found = [(one.symbol, one.name, one.decimals) for one in read_tokens(node, ["0xa", "0xb", "0xc"])]
        assert read_standards(node, [("0xc", 7)]) == {"0xc": None}
    assert found == [("DAI", "Dai Stablecoin", 18), ("MKR", None, None), (None, None, None)]
