"""Does the lake come out right whatever the node does: stops, refuses, dawdles, contradicts itself?"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from intel.errors import IntelError
from intel.store.lake import Lake, lake_schema
from tests.ledger_files import lake_rows
from tests.live.busy import QUICK, read_visible, start_busy, take
from tests.live.server import Answer, Asked, forward, pack, serve
from tests.parts import require_part

BLOCKS = 25
TOKEN, INITIATOR = (lake_schema("transfers").names.index(name) for name in ("token", "initiator"))

Fault = Callable[[Asked, int], Answer | None]  # what a request gets in place of the node's answer; None: that one


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real node behind the faults; no test changes it."""
    require_part("contracts")
    with start_busy(tmp_path_factory.mktemp("anvil"), BLOCKS) as miner:
        yield miner.node.url


@pytest.fixture(scope="module")
def untroubled(url: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[Any, ...]]]:
    store = tmp_path_factory.mktemp("untroubled") / "store"
    take(store, url, BLOCKS)
    visible = read_visible(store)
    assert len(visible["blocks"]) == BLOCKS + 1
    assert len(visible["transactions"]) == 4 * BLOCKS
    return visible


class Troubled:
    """A server in front of the node, with a fault; counts what it was asked."""

    def __init__(self, url: str, fault: Fault) -> None:
        self._url, self._fault, self._lock = url, fault, threading.Lock()
        self.requests = 0
        self.methods: Counter[str] = Counter()

    def answer(self, asked: Asked) -> Answer:
        with self._lock:
            self.requests += 1
            number = self.requests
            self.methods.update(str(call["method"]) for call in asked.calls)
        return self._fault(asked, number) or Answer(forward(self._url, asked))


def every(count: int, answer: Callable[[Asked], Answer]) -> Fault:
    return lambda asked, number: answer(asked) if number % count == 0 else None


def cut_short(url: str) -> Callable[[Asked], Answer]:
    """The connection breaks within the answer."""

    def answer(asked: Asked) -> Answer:
        body = forward(url, asked)
        return Answer(body[: len(body) // 2], claims=len(body))

    return answer


def cut_whole(url: str) -> Callable[[Asked], Answer]:
    """The answer ends early and says that this was all."""

    def answer(asked: Asked) -> Answer:
        body = forward(url, asked)
        return Answer(body[: len(body) // 2])

    return answer


def refuse(status: int, **headers: str) -> Callable[[Asked], Answer]:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return lambda asked: Answer(b'{"message": "slow down"}', status, named)


def answer_busy(asked: Asked) -> Answer:
    """A status of 200, and a refusal inside."""
    error = {"code": -32005, "message": "rate limit exceeded, try again"}
    return pack(asked, [{"jsonrpc": "2.0", "id": call["id"], "error": error} for call in asked.calls])


def answer_twice(url: str) -> Callable[[Asked], Answer]:
    """Each answer of a batch carries the first one's id."""

    def answer(asked: Asked) -> Answer:
        answers = json.loads(forward(url, asked))
        if not isinstance(answers, list):
            return Answer(json.dumps(answers).encode())
        return pack(asked, [{**one, "id": answers[0]["id"]} for one in answers])

    return answer


def drop_last(url: str) -> Callable[[Asked], Answer]:
    """A batch comes back one answer short."""

    def answer(asked: Asked) -> Answer:
        answers = json.loads(forward(url, asked))
        return Answer(json.dumps(answers[:-1] if isinstance(answers, list) else answers).encode())

    return answer


PASSING: dict[str, Callable[[str], Callable[[Asked], Answer]]] = {
    "429": lambda _: refuse(429),
    "429 with Retry-After": lambda _: refuse(429, Retry_After="0"),
    "503": lambda _: refuse(503),
    "busy inside 200": lambda _: answer_busy,
    "connection broken": cut_short,
    "truncated": cut_whole,
    "not JSON": lambda _: lambda asked: Answer(b"<html><body>Bad gateway</body></html>"),
    "empty": lambda _: lambda asked: Answer(b""),
    "JSON of another kind": lambda _: lambda asked: Answer(b'"hello"'),
    "one id for all": answer_twice,
    "a batch that is short": drop_last,
}


@pytest.mark.parametrize("name", PASSING)
def test_a_fault_that_passes_leaves_no_trace(
    name: str, url: str, untroubled: dict[str, list[tuple[Any, ...]]], tmp_path: Path
) -> None:
    troubled = Troubled(url, every(3, PASSING[name](url)))
    with serve(troubled.answer) as between:
        take(tmp_path / "store", between, BLOCKS)
    assert troubled.requests > 12
    assert read_visible(tmp_path / "store") == untroubled


def test_batches_may_be_answered_in_any_order(
    url: str, untroubled: dict[str, list[tuple[Any, ...]]], tmp_path: Path
) -> None:
    def turn_round(asked: Asked, number: int) -> Answer | None:
        answers = json.loads(forward(url, asked))
        return Answer(json.dumps(answers[::-1]).encode()) if isinstance(answers, list) else None

    with serve(Troubled(url, turn_round).answer) as between:
        take(tmp_path / "store", between, BLOCKS)
    assert read_visible(tmp_path / "store") == untroubled


def test_a_node_that_takes_no_batches_is_asked_one_by_one(
    url: str, untroubled: dict[str, list[tuple[Any, ...]]], tmp_path: Path
) -> None:
    def refuse_batches(asked: Asked, number: int) -> Answer | None:
        error = {"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": "batches are not supported"}}
        return Answer(json.dumps(error).encode()) if asked.is_batch else None

    with serve(Troubled(url, refuse_batches).answer) as between:
        take(tmp_path / "store", between, BLOCKS)
    assert read_visible(tmp_path / "store") == untroubled


@pytest.mark.parametrize(("header", "least"), [("1", 1.0), (None, 0.0)])
def test_retry_after_is_obeyed(url: str, header: str | None, least: float, tmp_path: Path) -> None:
    waits: list[float] = []
    refused: list[float] = []

    def refuse_once(asked: Asked, number: int) -> Answer | None:
        if "eth_getBlockByNumber" in asked.methods and not refused:
            refused.append(asked.at)
            return refuse(429, **({"Retry_After": header} if header else {}))(asked)
        if refused and not waits and "eth_getBlockByNumber" in asked.methods:
            waits.append(asked.at - refused[0])
        return None

    with serve(Troubled(url, refuse_once).answer) as between:
        take(tmp_path / "store", between, 3, replace(QUICK, workers=1))
    assert waits[0] >= least
    assert waits[0] < least + 3


def test_an_answer_that_does_not_come_is_asked_for_again(
    url: str, untroubled: dict[str, list[tuple[Any, ...]]], tmp_path: Path
) -> None:
    def dawdle(asked: Asked, number: int) -> Answer | None:
        return Answer(b"", delay=1.5) if number in {4, 9} else None

    started = time.monotonic()
    with serve(Troubled(url, dawdle).answer) as between:
        take(tmp_path / "store", between, BLOCKS, replace(QUICK, timeout=0.4, retries=8))
    assert time.monotonic() - started > 0.8
    assert read_visible(tmp_path / "store") == untroubled


def test_a_node_that_stops_leaves_whole_blocks_and_the_next_run_goes_on(
    url: str, untroubled: dict[str, list[tuple[Any, ...]]], tmp_path: Path
) -> None:
    store = tmp_path / "store"
    troubled = Troubled(url, lambda asked, number: Answer(b"", claims=10) if Lake(store).commits() else None)
    with serve(troubled.answer) as between, pytest.raises(IntelError) as caught:
        take(store, between, BLOCKS, replace(QUICK, retries=1, workers=1))
    assert caught.value.hint
    before = read_visible(store)
    done = len(before["blocks"])
    assert 0 < done < BLOCKS + 1  # else the node stopped at a moment that shows nothing
    for table in ("blocks", "transactions", "transfers"):
        assert before[table] == [row for row in untroubled[table] if row[1] < done]

    fresh = Troubled(url, lambda asked, number: None)
    with serve(fresh.answer) as between:
        take(store, between, BLOCKS)
    assert read_visible(store) == untroubled
    assert fresh.methods["debug_traceBlockByNumber"] + fresh.methods["trace_block"] < BLOCKS + 1  # not all again


def test_a_head_that_is_null_is_no_block(
    url: str, untroubled: dict[str, list[tuple[Any, ...]]], tmp_path: Path
) -> None:
    """A balanced node: one machine knows the new block, the one behind it does not yet."""

    def run_ahead(asked: Asked, number: int) -> Answer | None:
        if asked.methods != {"eth_blockNumber"}:
            return None
        return pack(asked, [{"jsonrpc": "2.0", "id": call["id"], "result": hex(BLOCKS + 1)} for call in asked.calls])

    store = tmp_path / "store"
    # Either it waits for the block in vain, or it takes what is there.
    with serve(Troubled(url, run_ahead).answer) as between, suppress(IntelError):
        take(store, between, None, replace(QUICK, retries=1))
    ends = lake_rows(store, "select max(last_block) from lake_coverage")
    assert ends[0][0] <= BLOCKS
    take(store, url)
    assert read_visible(store) == untroubled


@pytest.mark.parametrize("most", [7, 1])
def test_a_range_of_logs_that_is_too_large_is_halved(
    most: int, url: str, untroubled: dict[str, list[tuple[Any, ...]]], tmp_path: Path
) -> None:
    """A node that gives receipts in no way has logs, and refuses long ranges of them."""

    def limit(asked: Asked, number: int) -> Answer | None:
        if not asked.methods & {"eth_getLogs", "eth_getBlockReceipts", "eth_getTransactionReceipt"}:
            return None
        return pack(asked, [answer_one(call) for call in asked.calls])

    def answer_one(call: dict[str, Any]) -> dict[str, Any]:
        if call["method"] != "eth_getLogs":
            if "Receipt" not in call["method"]:
                return dict(json.loads(forward(url, Asked([call], False, json.dumps(call).encode(), 0))))
            error = {"code": -32601, "message": f"the method {call['method']} does not exist/is not available"}
            return {"jsonrpc": "2.0", "id": call["id"], "error": error}
        first, last = (int(call["params"][0][end], 16) for end in ("fromBlock", "toBlock"))
        if last - first + 1 > most:
            error = {"code": -32005, "message": f"block range is too large, max is {most} blocks"}
            return {"jsonrpc": "2.0", "id": call["id"], "error": error}
        return dict(json.loads(forward(url, Asked([call], False, json.dumps(call).encode(), 0))))

    store = tmp_path / "store"
    troubled = Troubled(url, limit)
    with serve(troubled.answer) as between:
        take(store, between, BLOCKS)
    assert troubled.methods["eth_getLogs"] > 0
    moved = [row for row in read_visible(store)["transfers"] if row[TOKEN] is not None]
    assert [drop_initiator(row) for row in moved] == [
        drop_initiator(row) for row in untroubled["transfers"] if row[TOKEN] is not None
    ]
    assert moved
    assert lake_rows(store, "select count(*) from lake_transfers where kind = 'fee'") == [(0,)]
    assert lake_rows(store, "from lake_coverage where kind = 'fee'") == []  # unknown, and said to be


def drop_initiator(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """Who signed stands in no log: it may be told or not."""
    return (*row[:INITIATOR], *row[INITIATOR + 1 :])


def test_another_chain_than_said_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(IntelError, match="polygon"):
        take(tmp_path / "store", url, BLOCKS, replace(QUICK, chain="polygon"))
    assert not (tmp_path / "store" / "lake").exists()
