"""How does a test start a real Ethereum node of its own, and stop it whatever happens?"""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak
from web3 import HTTPProvider, Web3
from web3.types import RPCEndpoint

from tests.live.contracts import load_contract
from tests.parts import require_part

CHAIN_ID = 1  # the nodes play Ethereum, so that the facts of that chain hold: WETH stands where it does there
WETH = "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2"
MINER = "0x" + "fe" * 20
STARTED = 1_700_000_000  # 14 November 2023
FORKS = (
    "homestead", "eip150", "eip155", "eip158", "byzantium", "constantinople", "petersburg", "istanbul", "berlin",
    "london",
)  # fmt: skip

# The shell waits for the end of its input, which comes when we close it and when we die; then it ends the node.
_MINDED = '"$@" & node=$!; cat > /dev/null; kill -9 $node; wait $node'


@dataclass
class Node:
    name: str
    url: str
    process: subprocess.Popen[bytes]

    def connect(self) -> Web3:
        return Web3(HTTPProvider(self.url, request_kwargs={"timeout": 30}))

    def ask(self, method: str, *params: Any) -> Any:
        """Return the result of a JSON-RPC call, as the node wrote it."""
        answer = self.connect().provider.make_request(RPCEndpoint(method), list(params))
        assert "error" not in answer, answer
        return answer["result"]

    def stop(self) -> None:
        if self.process.stdin and not self.process.stdin.closed:
            self.process.stdin.close()
        self.process.wait(timeout=20)


def account_of(nickname: str) -> LocalAccount:
    """Return the account whose key follows from its nickname."""
    account: LocalAccount = Account.from_key(keccak(text=nickname))
    return account


FAUCET = account_of("faucet")  # the one that the genesis gives coins; all others get theirs by transfers


@contextmanager
def start_anvil(folder: Path, *options: str, chain_id: int = CHAIN_ID) -> Iterator[Node]:
    """Run anvil; it makes a block of each transaction as it comes, unless `options` say otherwise."""
    command = [require_part("anvil"), "--silent", "--accounts", "1", "--chain-id", str(chain_id), *options]
    with _run_node("anvil", [*command, "--init", str(write_genesis(folder, chain_id))], "--port", chain_id) as node:
        yield node


@contextmanager
def start_geth(folder: Path) -> Iterator[Node]:
    """Run `geth --dev` on the genesis that anvil has, too."""
    geth, data = require_part("geth"), str(folder / "geth")
    quiet = ["--datadir", data, "--verbosity", "1", "--state.scheme", "hash"]
    subprocess.run([geth, *quiet, "init", str(write_genesis(folder))], check=True, capture_output=True, timeout=60)
    served = ["--http", "--http.addr", "127.0.0.1", "--http.api", "eth,net,debug,dev,web3", "--ipcdisable"]
    archive = ["--gcmode", "archive", "--nodiscover", "--maxpeers", "0", "--cache", "64", "--authrpc.port", "0"]
    dev = ["--dev", "--dev.gaslimit", "30000000", "--port", "0"]
    with _run_node("geth", [geth, *quiet, *dev, *served, *archive], "--http.port") as node:
        yield node


@contextmanager
def _run_node(name: str, command: list[str], port_option: str, chain_id: int = CHAIN_ID) -> Iterator[Node]:
    for attempt in range(3):  # somebody else may take the port between our look and the node's
        port = find_free_port()
        process = subprocess.Popen(
            ["sh", "-c", _MINDED, "sh", *command, port_option, str(port)],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        node = Node(name, f"http://127.0.0.1:{port}", process)
        try:
            if _answers(node, chain_id) or attempt == 2:
                yield node
                return
        finally:
            node.stop()


def _answers(node: Node, chain_id: int) -> bool:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if node.connect().is_connected():
            return node.connect().eth.chain_id == chain_id
        time.sleep(0.05)
    return False


def find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def write_genesis(folder: Path, chain_id: int = CHAIN_ID) -> Path:
    """Write the first block: coins for the faucet, and the wrapped coin where Ethereum has it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "genesis.json"
    config: dict[str, Any] = {f"{fork}Block": 0 for fork in FORKS}
    config |= {"chainId": chain_id, "terminalTotalDifficulty": 0}
    config |= {"shanghaiTime": 0, "cancunTime": 0, "pragueTime": 0}
    blobs = {"target": 6, "max": 9, "baseFeeUpdateFraction": 5007716}
    config |= {"blobSchedule": {"cancun": blobs, "prague": blobs}}
    named = [_word("Wrapped Ether"), _word("WETH"), f"0x{18:064x}"]
    coins = {
        "balance": "0x0", "code": load_contract("WETH9").runtime,
        "storage": {f"0x{slot:064x}": word for slot, word in enumerate(named)},
    }  # fmt: skip
    genesis = {
        "config": config, "alloc": {FAUCET.address: {"balance": hex(10**24)}, WETH: coins},
        "timestamp": hex(STARTED), "gasLimit": hex(30_000_000), "baseFeePerGas": hex(10**9), "coinbase": MINER,
        "difficulty": "0x0", "nonce": "0x0", "extraData": "0x", "mixHash": f"0x{0:064x}",
    }  # fmt: skip
    path.write_text(json.dumps(genesis), encoding="utf-8")
    return path


def _word(text: str) -> str:
    """Return a short text as Solidity stores it: left in its word, with twice its length at the end."""
    return f"0x{text.encode().hex().ljust(62, '0')}{2 * len(text):02x}"
