"""What do real sources get wrong, on demand? Blocks without traces, and blocks that a reorganisation took back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from intel.sources.world.cast import write_hex
from intel.sources.world.ledger import write_batch
from intel.sources.world.market import CHAINS
from intel.store.lake import lake_schema

if TYPE_CHECKING:
    from intel.sources.world import World, WorldSettings
    from intel.sources.world.economy import Life

DEEPEST = 4  # blocks


@dataclass(frozen=True, slots=True)
class Reorg:
    """Blocks `first` to `last` of a chain stood once under other hashes."""

    chain: int
    first: int
    last: int


def drop_traces(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Leave out internal transfers: what a source without traces cannot know."""
    for batch in batches:
        yield batch.filter(pc.not_equal(batch["kind"], "internal"))


def find_reorgs(life: Life, settings: WorldSettings) -> list[Reorg]:
    """Choose blocks of the first chain in which something happened, spread over the whole time."""
    numbers = [rows["number"][rows["chain"] == 0] for _, rows in life.spool.read("blocks")]
    blocks = np.concatenate(numbers).astype(np.int64)
    rng = np.random.default_rng([settings.seed, 8])
    chosen = np.sort(rng.choice(blocks[len(blocks) // 10 :], settings.reorgs, replace=False))
    return [Reorg(0, block, block + int(rng.integers(0, DEEPEST))) for block in chosen.tolist()]


def write_orphans(world: World, dataset: str, reorgs: list[Reorg]) -> pa.Table:
    """The rows of the blocks that lost: the same transactions, except that the last of each block is missing."""
    schema = lake_schema(dataset)
    parts = [_pick(batch, reorgs) for batch in world.batches(dataset)] if reorgs else []
    table = pa.Table.from_batches([part for part in parts if part.num_rows], schema)
    if dataset != "blocks" or not table.num_rows:
        return table
    raw = np.random.default_rng([world.settings.seed, 9]).integers(0, 256, (table.num_rows, 32), dtype=np.uint8)
    columns = {name: table[name].combine_chunks() for name in schema.names} | {"block_hash": write_hex(raw)}
    return pa.Table.from_batches([write_batch(schema, columns)])


def _pick(batch: pa.RecordBatch, reorgs: list[Reorg]) -> pa.RecordBatch:
    number, keep = batch["block_number"].to_numpy(), np.zeros(batch.num_rows, dtype=bool)
    for reorg in reorgs:
        keep |= (number >= reorg.first) & (number <= reorg.last)
    keep &= pc.equal(batch["chain"], CHAINS[0].slug).to_numpy(zero_copy_only=False)
    return batch.filter(pa.array(keep))
