"""How are recorded answers of real nodes served again, as a small node that knows just these blocks?"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from intel.config import read_settings
from intel.following import RpcOptions, ingest_rpc
from tests.ledger_files import lake_rows
from tests.live.busy import settings_of
from tests.live.server import Answer, Asked, pack, serve

_RECORDED = re.compile(r"web3_response\.(?P<method>[a-zA-Z]+_[a-zA-Z]+)_(?P<rest>.*)\.json")


MIRROR = read_settings().data_mirror
FIXTURES = (MIRROR or Path()) / "fixtures"
ETL = FIXTURES / "ethereum_etl"
QUICK = RpcOptions(retries=0, pause=0.01)

Row = dict[str, Any]

needs_mirror = pytest.mark.skipif(
    MIRROR is None or not FIXTURES.is_dir(), reason="INTEL_DATA_MIRROR is not set, or has no folder fixtures"
)


class Recordings:
    """Answers by method and first parameter; a method of which nothing was recorded does not exist here."""

    def __init__(self) -> None:
        self._answers: dict[tuple[str, str], Any] = {}
        self._methods = {"eth_chainId", "eth_blockNumber", "eth_getBlockByNumber"}
        self.head = 0

    def add(self, method: str, key: str | int, result: Any) -> None:
        key = hex(key) if isinstance(key, int) else key.lower()
        self._methods.add(method)
        self._answers[method, key] = result
        if method == "eth_getBlockByNumber":
            self.head = max(self.head, int(key, 16))

    def find(self, method: str, key: int | str) -> Any:
        return self._answers.get((method, hex(key) if isinstance(key, int) else key.lower()))

    def knows(self, method: str) -> bool:
        return method in self._methods

    def add_block(self, number: int, transactions: list[dict[str, Any]], **more: Any) -> None:
        """Add a block of which only its transactions are known; what is unknown is made up, parents fit."""
        self.add("eth_getBlockByNumber", number, {
            "number": hex(number), "hash": f"0x{number:064x}", "parentHash": f"0x{number - 1:064x}",
            "timestamp": hex(1_438_269_973 + 13 * number), "miner": "0x" + "0" * 40, "gasLimit": hex(10**7),
            "gasUsed": "0x0", "difficulty": "0x1", "uncles": [], "transactions": transactions, **more,
        })  # fmt: skip

    def answer(self, asked: Asked) -> Answer:
        return pack(asked, [{"jsonrpc": "2.0", "id": call["id"], **self._result(call)} for call in asked.calls])

    def _result(self, call: Mapping[str, Any]) -> dict[str, Any]:
        method, params = call["method"], call["params"]
        if method not in self._methods:
            message = f"the method {method} does not exist/is not available"
            return {"error": {"code": -32601, "message": message}}
        if method == "eth_chainId":
            return {"result": "0x1"}
        if method == "eth_blockNumber":
            return {"result": hex(self.head)}
        if method == "eth_getLogs":
            first, last = (int(params[0][end], 16) for end in ("fromBlock", "toBlock"))
            found = [self.find(method, number) or [] for number in range(first, last + 1)]
            return {"result": [log for block in found for log in block]}
        key = str(params[0]).lower()
        return {"result": self._answers.get((method, hex(self.head) if key in {"latest", "finalized"} else key))}


@contextmanager
def replay(recordings: Recordings) -> Iterator[str]:
    """Serve recordings; yields the URL."""
    with serve(recordings.answer) as url:
        yield url


def read_recordings(folder: Path) -> Recordings:
    """Read the answers that ethereum-etl keeps beside its tests: the method and its parameters are the file's name."""
    recordings = Recordings()
    for path in sorted(folder.glob("web3_response.*.json")):
        named = _RECORDED.fullmatch(path.name)
        if named and named["method"] not in {"eth_call", "eth_chainId"} and "latest" not in named["rest"]:
            result = json.loads(path.read_text(encoding="utf-8"))["result"]
            recordings.add(named["method"], named["rest"].split("_")[0], result)
    return recordings


def read_expected(path: Path) -> list[Row]:
    """Read a CSV or JSONL table of ethereum-etl; "" is None."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    return [{name: value or None for name, value in row.items()} for row in csv.DictReader(text.splitlines())]


def take(store: Path, recordings: Recordings, first: int, last: int) -> None:
    with replay(recordings) as url:
        ingest_rpc(settings_of(store), url, (first, last), QUICK)


def read_tokens(store: Path) -> list[tuple[Any, ...]]:
    return lake_rows(
        store,
        "select block_number, position, tx_hash, token, sender, receiver, value_raw from lake_transfers "
        "where token is not null order by 1, 2",
    )


def name_transaction(number: int, index: Any) -> str:
    """Return a made-up hash for a recording without hashes."""
    return f"0x{number:032x}{int(index):032x}"


def add_roots(recordings: Recordings, number: int, roots: Iterable[Row], block_hash: str = "") -> None:
    """Add the block and its receipts, of which no recording was kept, from its outermost calls."""
    transactions, receipts = [], []
    block_hash = block_hash or f"0x{number:064x}"
    for index, root in enumerate(roots):
        tx_hash = root["hash"] or name_transaction(number, index)
        is_creation = root["type"] == "create"
        place = {"blockHash": block_hash, "blockNumber": hex(number), "transactionIndex": hex(index)}
        transactions.append({
            **place, "hash": tx_hash, "from": root["from"], "to": None if is_creation else root["to"], "nonce": "0x0",
            "value": hex(root["value"]), "gas": hex(root.get("gas", 90_000)), "gasPrice": hex(root.get("price", 0)),
            "input": root.get("input", "0x"), "type": "0x0",
        })  # fmt: skip
        receipts.append({
            **place, "transactionHash": tx_hash, "gasUsed": hex(root.get("used", 21_000)), "logs": root.get("logs", []),
            "effectiveGasPrice": hex(root.get("price", 0)), "status": hex(root["worked"]), "from": root["from"],
            "contractAddress": root["to"] if is_creation else None, "to": None if is_creation else root["to"],
        })  # fmt: skip
    recordings.add_block(number, transactions, hash=block_hash)
    recordings.add("eth_getBlockReceipts", number, receipts)
