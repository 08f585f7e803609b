"""How do the people of a story sign, send and deploy, so that two nodes get the very same transactions?"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from web3.exceptions import TransactionIndexingInProgress, TransactionNotFound
from web3.types import TxReceipt

from tests.live.contracts import load_contract
from tests.live.nodes import CHAIN_ID, FAUCET, STARTED, Node, account_of

GWEI = 10**9
LEGACY_PRICE = 10 * GWEI  # what a transaction of the first kind pays for each gas, whatever the block asks


class Stage:
    """One node with the people on it. Transactions go one by one, and each fills a block."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.web3 = node.connect()
        self.addresses: dict[str, str] = {"faucet": FAUCET.address.lower()}
        self._nonces: Counter[str] = Counter()
        self._abis: dict[str, Any] = {}
        self._now = STARTED + 3_600

    def wait(self, hours: float) -> None:
        """Let time pass; only a node that takes orders about time obeys."""
        self._now += int(hours * 3_600)

    def find(self, name: str) -> str:
        """Return the address of a person or contract; a new name is a new person."""
        if name not in self.addresses:
            self.addresses[name] = account_of(name).address.lower()
        return self.addresses[name]

    def pay(self, sender: str, receiver: str, value: int, **more: Any) -> TxReceipt:
        return self.send(sender, self.find(receiver), value, **{"gas": 100_000, **more})

    def empty(self, sender: str, receiver: str) -> TxReceipt:
        """Send all coins but the fee, which a transaction of the first kind knows beforehand."""
        left = self.read_balance(sender) - 21_000 * LEGACY_PRICE
        return self.pay(sender, receiver, left, gas=21_000, gasPrice=LEGACY_PRICE)

    def deploy(self, sender: str, contract: str, *arguments: Any, name: str = "", value: int = 0) -> str:
        """Make a contract that goes by its own name, or by `name`."""
        known = load_contract(contract)
        built = self.web3.eth.contract(abi=known.abi, bytecode=known.bytecode)
        receipt = self.send(sender, None, value, built.constructor(*arguments).data_in_transaction, gas=8_000_000)
        return self.introduce(name or contract, contract, str(receipt["contractAddress"]))

    def introduce(self, name: str, contract: str, address: str) -> str:
        """Let `name` stand for a contract at an address."""
        self.addresses[name] = address.lower()
        self._abis[name] = load_contract(contract).abi
        return self.addresses[name]

    def call(self, sender: str, name: str, function: str, *arguments: Any, **more: Any) -> TxReceipt:
        data = self.encode(name, function, *arguments)
        return self.send(sender, self.addresses[name], more.pop("value", 0), data, **more)

    def ask(self, name: str, function: str, *arguments: Any) -> Any:
        return self._contract(name).functions[function](*arguments).call()

    def encode(self, name: str, function: str, *arguments: Any) -> str:
        return str(self._contract(name).encode_abi(function, list(arguments)))

    def _contract(self, name: str) -> Any:
        return self.web3.eth.contract(address=self.web3.to_checksum_address(self.addresses[name]), abi=self._abis[name])

    def checksum(self, *names: str) -> list[str]:
        """Return addresses as web3 wants them in arguments."""
        return [self.web3.to_checksum_address(self.find(name)) for name in names]

    def read_balance(self, name: str) -> int:
        return self.web3.eth.get_balance(self.web3.to_checksum_address(self.find(name)))

    def send(
        self, sender: str, to: str | None, value: int, data: str = "0x", *, fails: bool = False, **more: Any
    ) -> TxReceipt:
        """Send one transaction and wait for its block; `fails` says that it must fail, else it must not."""
        signer = account_of(sender)
        self.find(sender)
        price = {} if "gasPrice" in more else {"maxFeePerGas": 20 * GWEI, "maxPriorityFeePerGas": GWEI}
        fields = {"chainId": CHAIN_ID, "nonce": self._nonces[sender], "value": value, "data": data, "gas": 1_000_000}
        blobs = {"blobs": more.pop("blobs")} if "blobs" in more else {}
        target = {} if to is None else {"to": self.web3.to_checksum_address(to)}
        signed = signer.sign_transaction({**fields, **price, **target, **more}, **blobs)
        self._nonces[sender] += 1
        if self.node.name == "anvil":
            self._now += 60
            self.node.ask("evm_setNextBlockTimestamp", self._now)
        receipt = self._wait_for(self.web3.eth.send_raw_transaction(signed.raw_transaction))
        assert (receipt["status"] == 0) == fails, (sender, to, receipt)
        return receipt

    def _wait_for(self, tx_hash: Any) -> TxReceipt:
        deadline = time.monotonic() + 30
        while True:
            try:
                return self.web3.eth.get_transaction_receipt(tx_hash)
            except (TransactionNotFound, TransactionIndexingInProgress):
                assert time.monotonic() < deadline
                time.sleep(0.01)

    def authorize(self, signer: str, code: str, *, nonce: int) -> Any:
        """Return a signed authorization that lets `signer` act by the code of a contract (EIP-7702)."""
        self._nonces[signer] += 1
        allowed = {"chainId": CHAIN_ID, "address": self.web3.to_checksum_address(self.addresses[code]), "nonce": nonce}
        return account_of(signer).sign_authorization(allowed)


def spread(total: int, parts: int) -> Sequence[int]:
    """Return uneven positive amounts that add up to the total."""
    amounts = [total * (number + 1) // (parts * parts) for number in range(parts - 1)]
    return [*amounts, total - sum(amounts)]
