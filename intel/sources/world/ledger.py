"""How does the finished economy read as lake tables? Text for what were numbers, block by block."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from intel.sources.world.book import BLOCK_SECONDS, KINDS, NOBODY, Rows
from intel.sources.world.cast import Bytes, Cast, write_hex
from intel.sources.world.market import ASSET_CHAIN, ASSETS, CHAINS, Ints
from intel.sources.world.methods import EVENTS, IS_PUBLIC, METHODS
from intel.sources.world.spool import Spool

START = 1_672_531_200  # 1 January 2023, UTC, in Unix seconds: block 0 of every chain
ROWS = 100_000  # per record batch
SOURCE = "world"
_GRAIN_SIZE = np.array([10 ** (asset.decimals - asset.grain_decimals) for asset in ASSETS], dtype=np.int64)


@dataclass(frozen=True)
class Ledger:
    """Finished periods and what their numbers stand for. Equal seeds give equal text, whatever the batch size."""

    spool: Spool
    cast: Cast
    contracts: Ints  # token contract by asset
    seed: int
    rows: int = ROWS

    def transfer_batches(self, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """Rows of lake.transfers."""
        for period, columns in self.spool.read("transfers"):
            hashes, blocks = self.draw_hashes(period)
            for rows in self._slices(columns):
                yield self._write_transfers(schema, rows, hashes, blocks)

    def _write_transfers(self, schema: pa.Schema, rows: Rows, hashes: Bytes, blocks: Bytes) -> pa.RecordBatch:
        asset, tx = rows["asset"], rows["tx"]
        chain, count = ASSET_CHAIN[asset], len(tx)
        text = np.where((tx >= 0)[:, None], hashes[np.maximum(tx, 0)], blocks[rows["block"]])
        write = self.cast.write_addresses
        return write_batch(schema, {
            "chain": name_chains(chain), "block_number": rows["time"] // BLOCK_SECONDS[chain],
            "block_time": write_times(rows["time"]), "tx_hash": write_hex(text), "position": rows["position"],
            "sub_position": np.zeros(count, dtype=np.int32), "kind": take(pa.array(KINDS), rows["kind"]),
            "sender": write(rows["sender"]), "receiver": write(rows["receiver"]),
            "token": take(write(self.contracts), asset), "token_id": write_numbers(rows["token_id"]),
            "value_raw": write_decimals(rows["amount"], _GRAIN_SIZE[asset]), "value_text": None,
            "initiator": write(rows["initiator"]), "source": SOURCE,
            "block_time_is_estimated": np.zeros(count, dtype=bool), "position_is_known": np.ones(count, dtype=bool),
        })  # fmt: skip

    def transaction_batches(self, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """Rows of lake.transactions."""
        for period, columns in self.spool.read("transactions"):
            hashes, _ = self.draw_hashes(period)
            begin = 0
            for rows in self._slices(columns):
                count = len(rows["time"])
                yield self._write_transactions(schema, rows, hashes[begin : begin + count])
                begin += count

    def _write_transactions(self, schema: pa.Schema, rows: Rows, hashes: Bytes) -> pa.RecordBatch:
        selectors = pa.array([method.selector for method in METHODS], pa.string())
        lengths, types = (np.array([getattr(m, name) for m in METHODS]) for name in ("input_length", "type"))
        method, count = rows["method"], len(rows["method"])
        fee, wei = rows["kilo_gas"] * rows["gas_price"], np.full(count, 10**9)
        write = self.cast.write_addresses
        return write_batch(schema, {
            "chain": name_chains(rows["chain"]), "block_number": rows["time"] // BLOCK_SECONDS[rows["chain"]],
            "block_time": write_times(rows["time"]), "tx_hash": write_hex(hashes), "tx_index": rows["index"],
            "sender": write(rows["signer"]), "receiver": write(rows["to"]),
            "value_raw": write_decimals(rows["value"], wei), "fee_raw": write_decimals(fee, wei),
            "gas_limit": rows["kilo_gas"] * 1000, "nonce": rows["nonce"],
            "gas_price": write_decimals(rows["gas_price"], np.full(count, 10**6)),
            "type": types[method].astype(np.int32), "method_id": take(selectors, method),
            "input_length": lengths[method], "success": rows["success"] == 1, "created": write(rows["created"]),
            "miner": write(rows["producer"]), "source": SOURCE,
        })  # fmt: skip

    def block_batches(self, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """Rows of lake.blocks: the blocks in which something happened."""
        for period, columns in self.spool.read("blocks"):
            _, hashes = self.draw_hashes(period)
            number, chain = columns["number"], columns["chain"]
            follows = (np.diff(number, prepend=-1) == 1) & (np.diff(chain, prepend=-1) == 0)
            unseen = self._draw(period, 7).integers(0, 256, (len(number), 32), dtype=np.uint8)
            parents = np.where(follows[:, None], np.roll(hashes, 1, axis=0), unseen)
            begin = 0
            for rows in self._slices(columns):
                at = slice(begin, begin + len(rows["time"]))
                begin = at.stop
                yield write_batch(schema, {
                    "chain": name_chains(rows["chain"]), "block_number": rows["number"],
                    "block_hash": write_hex(hashes[at]), "parent_hash": write_hex(parents[at]),
                    "block_time": write_times(rows["time"]), "source": SOURCE,
                })  # fmt: skip

    def event_batches(self, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """Rows of lake.events: what contracts say beyond the transfers."""
        names = pa.array([event.name for event in EVENTS])
        write = self.cast.write_addresses
        for period, columns in self.spool.read("events"):
            hashes, _ = self.draw_hashes(period)
            public = np.flatnonzero(IS_PUBLIC[columns["event"]])
            for rows in self._slices({name: values[public] for name, values in columns.items()}):
                asset, count = rows["asset"], len(rows["time"])
                known = np.maximum(asset, 0)
                value = write_decimals(rows["amount"], _GRAIN_SIZE[known]).cast(pa.string())
                yield write_batch(schema, {
                    "chain": name_chains(rows["chain"]), "event": take(names, rows["event"]),
                    "address": write(rows["address"]), "actor": write(rows["actor"]),
                    "block_number": rows["time"] // BLOCK_SECONDS[rows["chain"]],
                    "block_time": write_times(rows["time"]), "block_time_is_estimated": np.zeros(count, dtype=bool),
                    "tx_hash": write_hex(hashes[np.maximum(rows["tx"], 0)]),
                    "token": write(np.where(asset >= 0, self.contracts[known], NOBODY)),
                    "value_text": take(value, np.where(asset >= 0, np.arange(count), NOBODY)),
                    "details": self._write_details(rows), "source": SOURCE,
                })  # fmt: skip

    def _write_details(self, rows: Rows) -> list[str | None]:
        first, second = (
            (self.cast.write_addresses(rows[name]).to_pylist(), rows[name].tolist()) for name in ("first", "second")
        )
        texts: list[str | None] = []
        for place, kind in enumerate(rows["event"].tolist()):
            facts = []
            for name, (addresses, numbers) in ((EVENTS[kind].first, first), (EVENTS[kind].second, second)):
                if name is None or numbers[place] < 0:
                    continue
                short, is_account = name.removesuffix("_account"), name.endswith("_account")
                facts.append(f'"{short}":"{addresses[place]}"' if is_account else f'"{short}":{numbers[place]}')
            texts.append("{" + ",".join(facts) + "}" if facts else None)
        return texts

    def draw_hashes(self, period: int) -> tuple[Bytes, Bytes]:
        """Hashes of the transactions and of the blocks of a period, 32 bytes each."""
        rng = self._draw(period, 6)
        counts = (len(self.spool.read_period(period, table)["time"]) for table in ("transactions", "blocks"))
        hashes, blocks = (rng.integers(0, 256, (count, 32), dtype=np.uint8) for count in counts)
        return hashes, blocks

    def _draw(self, period: int, purpose: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, purpose, period])

    def _slices(self, columns: Rows) -> Iterator[Rows]:
        count = len(next(iter(columns.values())))
        for begin in range(0, count, self.rows):
            at = slice(begin, min(begin + self.rows, count))
            yield {name: values[at].astype(np.int64) for name, values in columns.items()}


def write_decimals(amount: Ints, unit: Ints) -> pa.Array:
    """`amount` times `unit` as decimal128(38, 0), exactly; both are 0 or more."""
    mask, half = np.uint64(0xFFFFFFFF), np.uint64(32)
    left, right = amount.astype(np.uint64), unit.astype(np.uint64)
    low = (left & mask) * (right & mask)
    cross, other = (left >> half) * (right & mask), (left & mask) * (right >> half)
    middle = (low >> half) + (cross & mask) + (other & mask)
    halves = np.empty((len(amount), 2), dtype=np.uint64)
    halves[:, 0] = (middle << half) | (low & mask)
    halves[:, 1] = (left >> half) * (right >> half) + (cross >> half) + (other >> half) + (middle >> half)
    return pa.Array.from_buffers(pa.decimal128(38, 0), len(amount), [None, pa.py_buffer(halves)])


def write_numbers(numbers: Ints) -> pa.Array:
    """Decimal text; null where negative."""
    return pa.array(numbers, mask=numbers < 0).cast(pa.string())


def name_chains(chain: Ints) -> pa.Array:
    """Slugs of chains."""
    return take(pa.array([item.slug for item in CHAINS]), chain)


def write_times(seconds: Ints) -> pa.Array:
    """Timestamps of seconds since the start."""
    return pa.array((seconds + START) * 1_000_000).cast(pa.timestamp("us"))


def take(values: pa.Array, index: Ints) -> pa.Array:
    """Pick values by index; a negative index gives null."""
    return values.take(pa.array(index, mask=index < 0))


def write_batch(schema: pa.Schema, columns: dict[str, object]) -> pa.RecordBatch:
    """Arrange columns as the table wants them; a text stands for every row, None for nulls."""
    count = len(next(values for values in columns.values() if isinstance(values, pa.Array)))
    arrays = []
    for field in schema:
        values = columns[field.name]
        if values is None:
            values = pa.nulls(count, field.type)
        elif isinstance(values, str):
            values = pa.repeat(pa.scalar(values), count)
        arrays.append(values if isinstance(values, pa.Array) else pa.array(values, field.type))
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
