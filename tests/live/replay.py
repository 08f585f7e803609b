"""How are recorded answers of real nodes served again, as a small node that knows just these blocks?"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.live.server import Answer, Asked, pack, serve

_RECORDED = re.compile(r"web3_response\.(?P<method>[a-zA-Z]+_[a-zA-Z]+)_(?P<rest>.*)\.json")


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
