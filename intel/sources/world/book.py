"""What was signed, and what moved? Planned transactions and transfers, collected as arrays."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from intel.model import COUNTED_KINDS
from intel.sources.world.market import ASSET_CHAIN, CHAINS, DAY, IS_NATIVE, NATIVE, Ints, Market

NOBODY = -1  # no sender, no receiver, no transaction
KINDS = COUNTED_KINDS
KIND = {kind: index for index, kind in enumerate(KINDS)}
BLOCK_SECONDS = np.array([chain.block_seconds for chain in CHAINS])


@dataclass(frozen=True, slots=True)
class Method:
    """A way to call: selector, gas in thousands, bytes of input."""

    name: str
    selector: str | None
    kilo_gas: int
    input_length: int


METHODS = (
    Method("send", None, 21, 0),
    Method("token_transfer", "0xa9059cbb", 46, 68),
    Method("swap", "0x38ed1739", 140, 260),
    Method("swap_coin_in", "0x7ff36ab5", 130, 228),
    Method("swap_coin_out", "0x18cbafe5", 135, 260),
    Method("disperse_token", "0xc73a2d60", 900, 3300),
    Method("multi_transfer_from", "0x23b872dd", 420, 1100),
    Method("mixer_deposit", "0xb214faa5", 950, 36),
    Method("mixer_withdraw", "0x21a0adb6", 340, 484),
    Method("bridge_send", "0x0f5287b0", 120, 196),
    Method("bridge_release", "0xc6878519", 150, 420),
    Method("create", "0x60806040", 1300, 5200),
    Method("mint", "0x40c10f19", 60, 68),
    Method("wrap", "0xd0e30db0", 45, 4),
)
METHOD = {method.name: index for index, method in enumerate(METHODS)}
KILO_GAS = np.array([method.kilo_gas for method in METHODS])

TRANSACTION_COLUMNS = (
    "time",
    "chain",
    "signer",
    "to",
    "method",
    "kilo_gas",
    "gas_price",
    "created",
    "producer",
    "success",
)
TRANSFER_COLUMNS = ("time", "tx", "kind", "sender", "receiver", "asset", "amount")


def _columns(names: tuple[str, ...]) -> dict[str, list[Ints]]:
    return {name: [] for name in names}


@dataclass
class Book:
    """Columns of transactions and transfers in the order they were planned; time is seconds since the start."""

    market: Market
    rng: np.random.Generator
    producers: Ints  # fee takers, per chain: shape (chains, n)
    transactions: dict[str, list[Ints]] = field(default_factory=lambda: _columns(TRANSACTION_COLUMNS))
    transfers: dict[str, list[Ints]] = field(default_factory=lambda: _columns(TRANSFER_COLUMNS))
    size: int = 0

    def sign(
        self, method: str, time: Ints, signer: Ints, to: Ints, chain: Ints | int = 0, *, success: bool = True
    ) -> tuple[Ints, Ints]:
        """Add one transaction per element, with its fee. Returns (transaction numbers, fees in grains)."""
        count = len(time)
        chain = np.broadcast_to(np.asarray(chain, dtype=np.int64), (count,))
        time = self.align(time, chain)
        kilo_gas = np.full(count, KILO_GAS[METHOD[method]])
        if method != "send":
            kilo_gas = (kilo_gas * self.rng.uniform(1.0, 1.15, count)).astype(np.int64)
        hour = (time % DAY) / 3600
        level = self.market.gas[chain, time // DAY] * (1 + 0.25 * np.sin((hour - 9) / 24 * 2 * np.pi))
        gas_price = np.maximum((level * np.minimum(self.rng.lognormal(0, 0.2, count), 2.0)).astype(np.int64), 1)
        created = np.full(count, NOBODY)
        receiver = np.broadcast_to(np.asarray(to, dtype=np.int64), (count,))
        if method == "create":
            created, receiver = receiver, created
        producer = self.producers[chain, (time // BLOCK_SECONDS[chain] * 7) % self.producers.shape[1]]
        row = (time, chain, signer, receiver, METHOD[method], kilo_gas, gas_price, created, producer, success)
        for name, values in zip(TRANSACTION_COLUMNS, row, strict=True):
            self.transactions[name].append(np.broadcast_to(np.asarray(values, dtype=np.int64), (count,)))
        tx = np.arange(self.size, self.size + count)
        self.size += count
        fee = kilo_gas * gas_price  # thousands of gas times thousandths of gwei: whole gwei, which is a grain
        self.move("fee", tx, time, (signer, producer), (NATIVE[chain], fee))
        return tx, fee

    def move(
        self, kind: str, tx: Ints | int, time: Ints, ends: tuple[Ints | int, Ints | int], what: tuple[Ints | int, Ints]
    ) -> None:
        """Add transfers: `ends` are sender and receiver, `what` is asset and amount in grains; legs in causal order."""
        asset, amount = what
        count = len(time)
        asset = np.broadcast_to(np.asarray(asset, dtype=np.int64), (count,))
        row = (self.align(time, ASSET_CHAIN[asset]), tx, KIND[kind], ends[0], ends[1], asset, amount)
        for name, values in zip(TRANSFER_COLUMNS, row, strict=True):
            self.transfers[name].append(np.broadcast_to(np.asarray(values, dtype=np.int64), (count,)))

    def pay(self, time: Ints, ends: tuple[Ints, Ints], asset: Ints | int, amount: Ints, contracts: Ints) -> Ints:
        """Plain payments, signed by the sender; `contracts` is the token contract by asset. Returns the fees."""
        asset = np.broadcast_to(np.asarray(asset, dtype=np.int64), (len(time),))
        fees = np.zeros(len(time), dtype=np.int64)
        for native, method, kind in ((True, "send", "native"), (False, "token_transfer", "erc20")):
            at = np.flatnonzero(IS_NATIVE[asset] == native)
            if not len(at):
                continue
            to = ends[1][at] if native else contracts[asset[at]]
            tx, fees[at] = self.sign(method, time[at], ends[0][at], to, ASSET_CHAIN[asset[at]])
            self.move(kind, tx, time[at], (ends[0][at], ends[1][at]), (asset[at], amount[at]))
        return fees

    def align(self, time: Ints, chain: Ints) -> Ints:
        """Time of the block that holds a transaction sent at `time`."""
        seconds = BLOCK_SECONDS[chain]
        aligned: Ints = np.asarray(time, dtype=np.int64) // seconds * seconds
        return aligned

    def clear(self) -> None:
        """Forget all rows, once the ledger is closed."""
        self.transactions, self.transfers = _columns(TRANSACTION_COLUMNS), _columns(TRANSFER_COLUMNS)

    def stack_transactions(self) -> dict[str, Ints]:
        """All transactions planned so far, one array per column."""
        return {name: np.concatenate(parts) for name, parts in self.transactions.items()}

    def stack(self) -> dict[str, Ints]:
        """All transfers planned so far, one array per column; `tx` is -1 outside a transaction."""
        for name, parts in self.transfers.items():
            self.transfers[name] = [np.concatenate(parts)]
        return {name: parts[0] for name, parts in self.transfers.items()}
