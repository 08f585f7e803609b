"""A small chain with several transactions in each block, as faults and reorganisations need it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from intel.config import Settings
from intel.following import RpcOptions, ingest_rpc
from intel.model import RunReport
from tests.ledger_files import lake_rows
from tests.live.contracts import load_contract
from tests.live.nodes import FAUCET, STARTED, WETH, Node, start_anvil

QUICK = RpcOptions(batch=5, workers=2, chunk=10, timeout=5.0, retries=4, pause=0.02)
ORDERS = {
    "blocks": "block_number",
    "transactions": "block_number, tx_index",
    "transfers": "block_number, tx_hash, kind, position, sub_position, sender, receiver",
    "events": "all",
    "coverage": "all",
}


class Miner:
    """Makes blocks on an anvil that makes none by itself: in each, coins wrapped, unwrapped, moved and paid out."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.web3 = node.connect()
        self._wrapped = self.web3.eth.contract(
            address=self.web3.to_checksum_address(WETH), abi=load_contract("WETH9").abi
        )
        self._nonce = 0
        self.now = STARTED

    def mine(self, blocks: int, salt: int = 0) -> None:
        """Make blocks; another salt makes other transactions."""
        for number in range(blocks):
            for transaction in self.list_transactions(number + salt):
                self.web3.eth.send_raw_transaction(self._sign(transaction))
            self.now += 12
            self.node.ask("evm_setNextBlockTimestamp", self.now)
            self.node.ask("evm_mine")

    def list_transactions(self, number: int) -> list[dict[str, Any]]:
        someone = self.web3.to_checksum_address(f"0x{0xABC000 + number % 7:040x}")
        wrapped = {"to": self._wrapped.address}
        return [
            {**wrapped, "value": 1_000 + number, "data": "0xd0e30db0"},
            {**wrapped, "value": 0, "data": self._wrapped.encode_abi("transfer", [someone, 10 + number])},
            {**wrapped, "value": 0, "data": self._wrapped.encode_abi("withdraw", [100 + number])},
            {"to": someone, "value": 5 * 10**15 + number},
        ]

    def _sign(self, fields: dict[str, Any]) -> bytes:
        price = {"maxFeePerGas": 20 * 10**9, "maxPriorityFeePerGas": 10**9, "gas": 100_000, "chainId": 1}
        signed = FAUCET.sign_transaction({**price, "nonce": self._nonce, **fields})
        self._nonce += 1
        return bytes(signed.raw_transaction)

    def count_nonce(self) -> None:
        """Go on from what the node has: a reorganisation took transactions back."""
        self._nonce = self.web3.eth.get_transaction_count(FAUCET.address)
        self.now = max(self.now, self.web3.eth.get_block("latest")["timestamp"])


@contextmanager
def start_busy(folder: Path, blocks: int, *options: str) -> Iterator[Miner]:
    with start_anvil(folder, "--no-mining", *options) as node:
        miner = Miner(node)
        miner.mine(blocks)
        yield miner


def settings_of(store: Path) -> Settings:
    return Settings(store=store, memory="1GB", threads=1)


def take(store: Path, url: str, last: int | None = None, options: RpcOptions = QUICK) -> RunReport:
    return ingest_rpc(settings_of(store), url, (0, last), options)


def read_visible(store: Path, *tables: str) -> dict[str, list[tuple[Any, ...]]]:
    """Return all visible rows of the lake's tables that a node fills."""
    return {name: lake_rows(store, f"from lake_{name} order by {ORDERS[name]}") for name in tables or ORDERS}
