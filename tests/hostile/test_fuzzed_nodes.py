"""Does a node that lies in one field get a refusal or a counted issue, and never a crash or a half-written block?"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from intel.errors import IntelError
from intel.following import ingest_rpc
from intel.store.lake import Lake
from tests.hostile.inputs import BIDI, FORMULAS, HUGE, NUMBERS, ODD, QUERIES, check_refusal
from tests.ledger_files import lake_rows
from tests.live.busy import settings_of
from tests.live.replay import QUICK, Recordings, add_roots, replay

ALICE, BOB, TOKEN = ("0x" + letter * 40 for letter in "abc")
TRANSFER = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
HEADS = (7, 8)
# One of each kind of lie for every field, in turn: all of them for all fields would take half an hour.
LIES: tuple[object, ...] = (
    None, True, -1, 2**70, 1.5, [], {}, [[]], {"a": {}}, "", "0x", "0X1", "0xzz", "0x1" * 100, "latest",
    *FORMULAS[:2], *BIDI[:2], *NUMBERS[:4], *HUGE, *QUERIES[:3], *ODD[:4],
)  # fmt: skip
EACH = 3


def make_node() -> Recordings:
    """Two blocks with a payment, a creation and a token transfer each."""
    recordings = Recordings()
    for number in HEADS:
        log = {
            "address": TOKEN, "topics": [TRANSFER, *(f"0x{end[2:]:0>64}" for end in (ALICE, BOB))],
            "data": f"0x{5:064x}", "logIndex": "0x0", "blockNumber": hex(number), "transactionIndex": "0x1",
            "blockHash": f"0x{number:064x}", "transactionHash": f"0x{number:032x}{1:032x}", "removed": False,
        }  # fmt: skip
        common = {"hash": "", "worked": True, "from": ALICE}
        add_roots(recordings, number, [
            common | {"type": "call", "to": BOB, "value": 10**18},
            common | {"type": "call", "to": TOKEN, "value": 0, "logs": [log], "input": "0xa9059cbb"},
            common | {"type": "create", "to": "0x" + "d" * 40, "value": 3},
        ])  # fmt: skip
    return recordings


def list_fields(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every place in an answer, in the first of each list alone."""
    if path:
        yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from list_fields(inner, (*path, key))
    elif isinstance(value, list) and value:
        at = 1 if len(value) > 1 and path[-1:] != ("topics",) else 0  # the second transaction has the log
        yield from list_fields(value[at], (*path, at))


def tell_lie(answer: Any, path: tuple[str | int, ...], lie: object) -> Any:
    """Return a copy of an answer that says something else in one place."""
    answer = copy.deepcopy(answer)
    place = answer
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = lie
    return answer


def list_lies() -> list[tuple[str, tuple[str | int, ...], object]]:
    node, turn = make_node(), itertools.cycle(LIES)
    found = []
    for method in ("eth_getBlockByNumber", "eth_getBlockReceipts"):
        for path in list_fields(node.find(method, HEADS[0])):
            found += [(method, path, next(turn)) for _ in range(EACH)]
    return found


@pytest.mark.slow
@pytest.mark.parametrize("share", range(8))
def test_a_lie_in_one_field_is_refused_or_counted(
    share: int, tmp_path: Path, tried_inputs: Callable[[str, int], None]
) -> None:
    outcomes = {"refused": 0, "taken": 0}
    lies = list_lies()[share::8]
    for number, (method, path, lie) in enumerate(lies):
        node, store = make_node(), tmp_path / str(number)
        node.add(method, HEADS[0], tell_lie(node.find(method, HEADS[0]), path, lie))
        with replay(node) as url:
            try:
                ingest_rpc(settings_of(store), url, HEADS, QUICK)
                outcomes["taken"] += 1
            except IntelError as error:
                check_refusal(error)
                outcomes["refused"] += 1
        if Lake(store).head() is None:
            continue
        blocks = lake_rows(store, "select block_number from lake_blocks")
        told = lake_rows(store, "select distinct block_number from lake_transfers")
        assert len(blocks) == len(set(blocks)), (method, path, lie)
        assert set(told) <= set(blocks), (method, path, lie, "transfers of a block that was not taken")
    assert all(outcomes.values()), outcomes
    tried_inputs("lies of a node", len(lies))
