"""What was signed, what moved, what was said? Planned rows, collected as arrays and handed over period by period."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from intel.model import COUNTED_KINDS
from intel.sources.world.market import ASSET_CHAIN, CHAINS, DAY, IS_NATIVE, NATIVE, Ints, Market
from intel.sources.world.methods import EVENT, KILO_GAS, METHOD

NOBODY = -1  # no sender, no receiver, no transaction
KINDS = COUNTED_KINDS
KIND = {kind: index for index, kind in enumerate(KINDS)}
BLOCK_SECONDS = np.array([chain.block_seconds for chain in CHAINS])

COLUMNS: dict[str, tuple[str, ...]] = {
    "transactions": (
        "time", "number", "chain", "signer", "to", "method", "kilo_gas", "gas_price", "created", "producer", "success",
    ),
    "transfers": ("time", "tx", "kind", "sender", "receiver", "asset", "amount", "token_id"),
    "events": ("time", "tx", "chain", "event", "address", "actor", "asset", "amount", "first", "second"),
}  # fmt: skip

Rows = dict[str, Ints]


@dataclass
class Book:
    """Rows in the order they were planned; time is seconds since the start. Rows leave it when their time is over."""

    market: Market
    rng: np.random.Generator
    producers: Ints  # fee takers, per chain: shape (chains, n)
    size: int = 0  # transactions planned so far
    _parts: dict[str, dict[str, list[Ints]]] = field(
        default_factory=lambda: {table: {name: [] for name in names} for table, names in COLUMNS.items()}
    )

    def sign(
        self, method: str, time: Ints, signer: Ints | int, to: Ints | int, chain: Ints | int = 0,
        *, success: bool = True, created: Ints | int = NOBODY,
    ) -> tuple[Ints, Ints]:  # fmt: skip
        """Add one transaction per element, with its fee. Returns (transaction numbers, fees in grains).

        `created` is the contract that comes into being; a plain creation is sent to NOBODY.
        """
        count = len(time)
        chain = np.broadcast_to(np.asarray(chain, dtype=np.int64), (count,))
        time = self.align(time, chain)
        kilo_gas = np.full(count, KILO_GAS[METHOD[method]])
        if method != "send":
            kilo_gas = (kilo_gas * self.rng.uniform(1.0, 1.15, count)).astype(np.int64)
        hour = (time % DAY) / 3600
        level = self.market.gas[chain, time // DAY] * (1 + 0.25 * np.sin((hour - 9) / 24 * 2 * np.pi))
        gas_price = np.maximum((level * np.minimum(self.rng.lognormal(0, 0.2, count), 2.0)).astype(np.int64), 1)
        producer = self.producers[chain, (time // BLOCK_SECONDS[chain] * 7) % self.producers.shape[1]]
        tx = np.arange(self.size, self.size + count)
        self.size += count
        row = (time, tx, chain, signer, to, METHOD[method], kilo_gas, gas_price, created, producer, int(success))
        self._add("transactions", row, count)
        fee = kilo_gas * gas_price  # thousands of gas times thousandths of gwei: whole gwei, which is a grain
        self.move("fee", tx, time, (signer, producer), (NATIVE[chain], fee))
        return tx, fee

    def move(
        self, kind: str, tx: Ints | int, time: Ints, ends: tuple[Ints | int, Ints | int],
        what: tuple[Ints | int, Ints | int] | tuple[Ints | int, Ints | int, Ints],
    ) -> None:  # fmt: skip
        """Add transfers: `ends` are sender and receiver, `what` is asset, amount in grains and perhaps token id.

        Legs of one transaction are added in causal order.
        """
        asset, amount = what[0], what[1]
        token_id = what[2] if len(what) == 3 else NOBODY
        asset = np.broadcast_to(np.asarray(asset, dtype=np.int64), (len(time),))
        row = (self.align(time, ASSET_CHAIN[asset]), tx, KIND[kind], ends[0], ends[1], asset, amount, token_id)
        self._add("transfers", row, len(time))

    def pay(
        self, time: Ints, ends: tuple[Ints | int, Ints | int], asset: Ints | int, amount: Ints | int, contracts: Ints
    ) -> Ints:
        """Plain payments, signed by the sender; `contracts` is the token contract by asset. Returns their numbers."""
        count = len(time)
        asset, amount, sender, receiver = (
            np.broadcast_to(np.asarray(values, dtype=np.int64), (count,)) for values in (asset, amount, *ends)
        )
        numbers = np.zeros(count, dtype=np.int64)
        for native, method, kind in ((True, "send", "native"), (False, "token_transfer", "erc20")):
            at = np.flatnonzero(IS_NATIVE[asset] == native)
            if not len(at):
                continue
            to = receiver[at] if native else contracts[asset[at]]
            numbers[at], _ = self.sign(method, time[at], sender[at], to, ASSET_CHAIN[asset[at]])
            self.move(kind, numbers[at], time[at], (sender[at], receiver[at]), (asset[at], amount[at]))
        return numbers

    def tell(
        self, event: str, tx: Ints, time: Ints, ends: tuple[Ints | int, Ints | int], chain: Ints | int = 0,
        *, what: tuple[Ints | int, Ints | int] = (NOBODY, 0), facts: tuple[Ints | int, Ints | int] = (NOBODY, NOBODY),
    ) -> None:  # fmt: skip
        """Add events: `ends` are where it happened and who did it, `facts` the two numbers its details are made of."""
        chain = np.broadcast_to(np.asarray(chain, dtype=np.int64), (len(time),))
        row = (self.align(time, chain), tx, chain, EVENT[event], *ends, *what, *facts)
        self._add("events", row, len(time))

    def _add(self, table: str, row: tuple[Ints | int, ...], count: int) -> None:
        for name, values in zip(COLUMNS[table], row, strict=True):
            self._parts[table][name].append(np.broadcast_to(np.asarray(values, dtype=np.int64), (count,)))

    def align(self, time: Ints, chain: Ints) -> Ints:
        """Time of the block that holds a transaction sent at `time`."""
        seconds = BLOCK_SECONDS[chain]
        aligned: Ints = np.asarray(time, dtype=np.int64) // seconds * seconds
        return aligned

    def stack(self, table: str = "transfers") -> Rows:
        """All rows of one table that are still here, one array per column; `tx` is -1 outside a transaction."""
        columns = self._parts[table]
        for name, parts in columns.items():
            columns[name] = [np.concatenate(parts)] if parts else [np.empty(0, dtype=np.int64)]
        return {name: parts[0] for name, parts in columns.items()}

    def take(self, table: str, until: int) -> Rows:
        """Hand over the rows before `until`; the later ones stay."""
        rows = self.stack(table)
        due = rows["time"] < until
        later = ~due
        for name, values in rows.items():
            self._parts[table][name] = [values[later]]
        return {name: values[due] for name, values in rows.items()}
