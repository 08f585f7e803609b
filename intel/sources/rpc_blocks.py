"""What can this node tell of a block, and which requests bring it?"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from intel.errors import BadInput, UsageError
from intel.sources.chains import find_chain, resolve_chain
from intel.sources.rpc import Call, Node, NodeError, SilentNode
from intel.sources.rpc_logs import LogRanges
from intel.sources.rpc_traces import flatten_call_traces

_CALL_TRACER = {"tracer": "callTracer"}
_BATCH = 20  # blocks of a batch: a full one brings some 10 MB of receipts


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a node can be asked. `receipts`: of a block at once, one by one, or not at all; `traces` by method."""

    chain: str
    receipts: str | None  # eth_getBlockReceipts, eth_getTransactionReceipt
    traces: str | None  # trace_block, debug_traceBlockByNumber
    has_finality: bool
    head: int
    finalized: int | None

    @property
    def lacks(self) -> tuple[str, ...]:
        """Sentences about what will be missing from the lake."""
        said = []
        if self.receipts is None:
            said.append("no receipts: success of transactions and fees stay unknown")
        if self.traces is None:
            said.append("no traces: coins that contracts moved (internal) and contracts they made are missing")
        if not self.has_finality:
            said.append("no finality tag: blocks are re-checked from the newest one down")
        return tuple(said)


@dataclass(frozen=True, slots=True)
class RawBlocks:
    """Answers about blocks first..last: bodies of JSON lists, and rows of traces where those had to be unfolded."""

    first: int
    last: int
    blocks: list[bytes]
    receipts: list[bytes]
    traces: list[bytes]
    calls: list[dict[str, Any]]
    logs: list[bytes]


def examine_node(node: Node, chain: str | None) -> Abilities:
    """Ask a node which chain it is on and what it can tell; raises UsageError where that is not `chain`."""
    chain_id, newest, final = _introduce(node)
    number = _number(chain_id, "eth_chainId")
    slug = resolve_chain(str(number)) or f"eip155:{number}"
    if chain is not None:
        wanted = resolve_chain(chain)
        if wanted is None or find_chain(wanted).chain_id is None:
            raise UsageError(f"unknown EVM chain {chain!r}", "see data/chains.toml, or give the chain id")
        if wanted != slug:
            raise UsageError(
                f"the node at {node.host} is on {slug} (chain id {number}), not on {wanted}", "check URL and --chain"
            )
    head = _number(newest, "eth_blockNumber")
    finalized = _number(final["number"], "eth_getBlockByNumber") if isinstance(final, dict) else None
    probe = hex(head)
    receipts = ("eth_getBlockReceipts", [probe]), ("eth_getTransactionReceipt", ["0x" + "0" * 64])
    known = _list_known(node, [*receipts, ("trace_block", [probe])])
    if "trace_block" not in known:  # some nodes take seconds for the other one
        known += _list_known(node, [("debug_traceBlockByNumber", [probe, _CALL_TRACER])])
    of_receipts = next((method for method in known if method.endswith(("Receipts", "Receipt"))), None)
    traces = next((method for method in known if "trace" in method), None)
    return Abilities(slug, of_receipts, traces, finalized is not None, head, finalized)


def _introduce(node: Node) -> list[Any]:
    """Return chain id, newest block and final block in one batch, or one by one where the node takes no batches."""
    calls: list[Call] = [("eth_chainId", []), ("eth_blockNumber", []), ("eth_getBlockByNumber", ["finalized", False])]
    try:
        answers = node.ask(calls)
    except SilentNode:
        raise
    except NodeError:
        node.can_batch = False
        answers = node.ask(calls)
    return [answer.get("result") for answer in answers]


def _number(value: object, method: str) -> int:
    try:
        return int(str(value), 16)
    except ValueError:
        raise BadInput(f"{method} gave {value!r}, which is no number", "is this an Ethereum JSON-RPC node?") from None


def read_head(node: Node) -> int:
    """Return the number of the newest block."""
    return _number(node.call("eth_blockNumber"), "eth_blockNumber")


def _read_finalized(node: Node) -> int | None:
    answer = node.ask([("eth_getBlockByNumber", ["finalized", False])])[0].get("result")
    return _number(answer["number"], "eth_getBlockByNumber") if isinstance(answer, dict) else None


def read_finalized(node: Node, abilities: Abilities) -> int | None:
    """Return the newest final block, or None where the node does not tell."""
    return _read_finalized(node) if abilities.has_finality else None


def _list_known(node: Node, calls: Sequence[Call]) -> list[str]:
    """Return the methods that the node does not refuse."""
    answers = node.ask(calls)
    return [method for (method, _), answer in zip(calls, answers, strict=True) if "error" not in answer]


def list_requests(abilities: Abilities, blocks: int) -> dict[str, int]:
    """Return how many requests of each method `blocks` blocks take at least, for a dry run."""
    counts = {"eth_getBlockByNumber": blocks}
    if abilities.receipts == "eth_getBlockReceipts":
        counts[abilities.receipts] = blocks
    elif abilities.receipts:
        counts[f"{abilities.receipts} (one per transaction)"] = 0
    else:
        counts["eth_getLogs (at most)"] = blocks
    if abilities.traces:
        counts[abilities.traces] = blocks
    return counts


def read_hashes(node: Node, numbers: Sequence[int]) -> dict[int, str | None]:
    """Return the hash of each block as the node has it now; None: it has no such block."""
    answers = node.ask([("eth_getBlockByNumber", [hex(number), False]) for number in numbers])
    results = [answer.get("result") for answer in answers]
    return {
        number: str(result["hash"]).lower() if isinstance(result, dict) else None
        for number, result in zip(numbers, results, strict=True)
    }


class BlockReader:
    """Reads ranges of blocks from a node with what it can do."""

    def __init__(self, node: Node, abilities: Abilities, *, batch: int = _BATCH) -> None:
        self._node = node
        self._abilities = abilities
        self._batch = batch
        self._ranges = LogRanges(node)

    def read(self, first: int, last: int) -> RawBlocks:
        """Return everything about blocks first..last; raises MissingAnswer where the node lost one."""
        numbers = range(first, last + 1)
        blocks = self._fetch("eth_getBlockByNumber", [[hex(n), True] for n in numbers])
        receipts: list[bytes] = []
        logs: list[bytes] = []
        if self._abilities.receipts == "eth_getBlockReceipts":
            receipts = self._fetch("eth_getBlockReceipts", [[hex(n)] for n in numbers])
        elif self._abilities.receipts:
            receipts = self._fetch_receipts(blocks)
        else:
            logs = self._ranges.read(first, last)
        traces: list[bytes] = []
        calls: list[dict[str, Any]] = []
        # Nobody signed anything in the first block: nodes refuse to trace it.
        traced = [n for n in numbers if n > 0]
        if self._abilities.traces == "trace_block":
            traces = self._fetch("trace_block", [[hex(n)] for n in traced])
        elif self._abilities.traces:
            bodies = self._fetch("debug_traceBlockByNumber", [[hex(n), _CALL_TRACER] for n in traced])
            calls = flatten_call_traces(bodies, traced)
        return RawBlocks(first, last, blocks, receipts, traces, calls, logs)

    def _fetch(self, method: str, params: Sequence[list[Any]]) -> list[bytes]:
        return self._node.fetch([(method, one) for one in params], size=self._batch)

    def _fetch_receipts(self, blocks: Sequence[bytes]) -> list[bytes]:
        """Return receipts asked for one by one, in the form of a block's: a list of lists."""
        hashes = [
            tx["hash"] for body in blocks for answer in json.loads(body) for tx in answer["result"]["transactions"]
        ]
        bodies = self._node.fetch([("eth_getTransactionReceipt", [one]) for one in hashes], size=100)
        found = [answer["result"] for body in bodies for answer in json.loads(body)]
        return [json.dumps([{"result": found}]).encode()]
