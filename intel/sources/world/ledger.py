"""What does the ledger look like once everything is planned? Blocks, positions, nonces, in the order of the chain."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from intel.sources.world.book import BLOCK_SECONDS, KIND, KINDS, METHODS, NOBODY, Book
from intel.sources.world.cast import draw_hashes
from intel.sources.world.market import ASSET_CHAIN, ASSETS, CHAINS, Ints

START = 1_672_531_200  # 1 January 2023, UTC, in Unix seconds: block 0 of both chains
ROWS = 100_000  # per record batch
SOURCE = "world"
_LOGGED = np.isin(np.arange(len(KINDS)), [KIND["erc20"], KIND["wrap"], KIND["unwrap"]])
_GRAIN_SIZE = np.array([10 ** (asset.decimals - asset.grain_decimals) for asset in ASSETS], dtype=np.int64)
_TRACED = np.isin(np.arange(len(KINDS)), [KIND["native"], KIND["internal"]])


@dataclass(frozen=True, slots=True)
class Ledger:
    """Numbered columns, ready to be written as text: transactions, transfers and blocks in the order of each chain."""

    addresses: pa.Array  # text of each account
    hashes: pa.Array  # text of each transaction, in the order of `transactions`
    block_hashes: pa.Array
    contracts: Ints
    transactions: dict[str, Ints]
    transfers: dict[str, Ints]
    blocks: dict[str, Ints]

    def transfer_batches(self, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """Rows of lake.transfers."""
        columns = self.transfers
        for at in _slices(len(columns["time"])):
            rows = {name: values[at] for name, values in columns.items()}
            asset, tx = rows["asset"], rows["tx"]
            known = pa.array(tx >= 0)
            hashes = pc.if_else(known, _take(self.hashes, tx), _take(self.block_hashes, rows["block"]))
            chain = ASSET_CHAIN[asset]
            count = len(tx)
            yield _batch(schema, {
                "chain": _name_chains(chain), "block_number": rows["time"] // BLOCK_SECONDS[chain],
                "block_time": _times(rows["time"]), "tx_hash": hashes, "position": rows["position"],
                "sub_position": np.zeros(count, dtype=np.int32), "kind": _take(pa.array(KINDS), rows["kind"]),
                "sender": _take(self.addresses, rows["sender"]), "receiver": _take(self.addresses, rows["receiver"]),
                "token": _take(self.addresses, self.contracts[asset]), "token_id": None,
                "value_raw": write_decimals(rows["amount"], _GRAIN_SIZE[asset]), "value_text": None,
                "initiator": _take(self.addresses, rows["initiator"]), "source": SOURCE,
                "block_time_is_estimated": np.zeros(count, dtype=bool), "position_is_known": np.ones(count, dtype=bool),
            })  # fmt: skip

    def transaction_batches(self, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """Rows of lake.transactions."""
        columns = self.transactions
        selectors = pa.array([method.selector for method in METHODS], pa.string())
        lengths = np.array([method.input_length for method in METHODS])
        for at in _slices(len(columns["time"])):
            rows = {name: values[at] for name, values in columns.items()}
            method, count = rows["method"], len(rows["method"])
            fee, wei = rows["kilo_gas"] * rows["gas_price"], np.full(count, 10**9)
            yield _batch(schema, {
                "chain": _name_chains(rows["chain"]), "block_number": rows["time"] // BLOCK_SECONDS[rows["chain"]],
                "block_time": _times(rows["time"]), "tx_hash": self.hashes[at], "tx_index": rows["index"],
                "sender": _take(self.addresses, rows["signer"]), "receiver": _take(self.addresses, rows["to"]),
                "value_raw": write_decimals(rows["value"], wei), "fee_raw": write_decimals(fee, wei),
                "gas_limit": rows["kilo_gas"] * 1000, "nonce": rows["nonce"],
                "gas_price": write_decimals(rows["gas_price"], np.full(count, 10**6)),
                "type": np.full(count, 2, dtype=np.int32), "method_id": _take(selectors, method),
                "input_length": lengths[method], "success": rows["success"] == 1,
                "created": _take(self.addresses, rows["created"]),
                "miner": _take(self.addresses, rows["producer"]), "source": SOURCE,
            })  # fmt: skip

    def block_batches(self, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """Rows of lake.blocks: the blocks in which something happened."""
        columns, count = self.blocks, len(self.blocks["time"])
        follows = (np.diff(columns["number"], prepend=-1) == 1) & (np.diff(columns["chain"], prepend=-1) == 0)
        parent = np.where(follows, np.arange(count) - 1, np.arange(count) + count)  # the last half: unseen parents
        for at in _slices(count):
            yield _batch(schema, {
                "chain": _name_chains(columns["chain"][at]), "block_number": columns["number"][at],
                "block_hash": self.block_hashes[at], "parent_hash": _take(self.block_hashes, parent[at]),
                "block_time": _times(columns["time"][at]), "source": SOURCE,
            })  # fmt: skip


def close_book(book: Book, addresses: pa.Array, contracts: Ints, rng: np.random.Generator) -> Ledger:
    """Bring all that was planned into the order of the chains and number it."""
    signed, rank = _order_transactions(book.stack_transactions())
    moved = book.stack()
    chain = ASSET_CHAIN[moved["asset"]]
    tx = np.where(moved["tx"] >= 0, rank[moved["tx"]], NOBODY)
    order = np.lexsort((np.arange(len(tx)), tx, moved["time"], chain))
    moved = {name: values[order] for name, values in moved.items()}
    tx, chain = tx[order], chain[order]
    moved["tx"] = tx
    moved["initiator"] = np.where(tx >= 0, signed["signer"][tx], NOBODY)
    number = moved["time"] // BLOCK_SECONDS[chain]
    blocks, moved["block"] = _find_blocks(chain, number)
    moved["position"] = _number_positions(moved, chain)
    top = moved["kind"] == KIND["native"]
    signed["value"] = np.zeros(len(signed["time"]), dtype=np.int64)
    signed["value"][tx[top]] = moved["amount"][top]
    hashes, block_hashes = draw_hashes(rng, len(rank)), draw_hashes(rng, 2 * len(blocks["time"]))
    return Ledger(addresses, hashes, block_hashes, contracts, signed, moved, blocks)


def _order_transactions(columns: dict[str, Ints]) -> tuple[dict[str, Ints], Ints]:
    """Sort by chain, time and number; add index in the block and nonce. Also returns the new place of each number."""
    count = len(columns["time"])
    order = np.lexsort((np.arange(count), columns["time"], columns["chain"]))
    rank = np.empty(count, dtype=np.int64)
    rank[order] = np.arange(count)
    signed = {name: values[order] for name, values in columns.items()}
    signed["index"] = count_within(signed["chain"], signed["time"])
    by_signer = np.lexsort((np.arange(count), signed["signer"], signed["chain"]))
    nonce = np.empty(count, dtype=np.int64)
    nonce[by_signer] = count_within(signed["chain"][by_signer], signed["signer"][by_signer])
    signed["nonce"] = nonce
    return signed, rank


def _find_blocks(chain: Ints, number: Ints) -> tuple[dict[str, Ints], Ints]:
    new = (np.diff(number, prepend=-1) != 0) | (np.diff(chain, prepend=-1) != 0)
    blocks = {"chain": chain[new], "number": number[new], "time": number[new] * BLOCK_SECONDS[chain[new]]}
    return blocks, np.cumsum(new) - 1


def _number_positions(moved: dict[str, Ints], chain: Ints) -> Ints:
    """Log index within the block for logs, trace order within the transaction for coins, order in the block else."""
    position = np.zeros(len(chain), dtype=np.int64)
    kind, tx, block = moved["kind"], moved["tx"], moved["block"]
    for at, key in (
        (np.flatnonzero(_LOGGED[kind]), block),
        (np.flatnonzero(_TRACED[kind]), tx),
        (np.flatnonzero(tx < 0), block),
    ):
        position[at] = count_within(key[at], chain[at])
    return position


def count_within(*keys: Ints) -> Ints:
    """Number the rows 0, 1, 2, ... within each run of equal keys."""
    place = np.arange(len(keys[0]))
    new = np.zeros(len(place), dtype=bool)
    new[:1] = True
    for key in keys:
        new[1:] |= key[1:] != key[:-1]
    return place - np.maximum.accumulate(np.where(new, place, 0))


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


def _slices(count: int) -> Iterator[slice]:
    for begin in range(0, count, ROWS):
        yield slice(begin, min(begin + ROWS, count))


def _name_chains(chain: Ints) -> pa.Array:
    return _take(pa.array([item.slug for item in CHAINS]), chain)


def _times(seconds: Ints) -> pa.Array:
    return pa.array((seconds + START) * 1_000_000).cast(pa.timestamp("us"))


def _take(values: pa.Array, index: Ints) -> pa.Array:
    """Pick values by index; a negative index gives null."""
    return values.take(pa.array(index, mask=index < 0))


def _batch(schema: pa.Schema, columns: dict[str, object]) -> pa.RecordBatch:
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
