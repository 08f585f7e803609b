"""Where do the simulated economies come from on which the evidence is measured? One store per world, reused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa

from intel.config import Settings
from intel.etl.load import COVERED
from intel.pipeline import build
from intel.sources.world import World, WorldSettings, choose_days, generate_world
from intel.store.lake import Lake, lake_schema
from intel.store.reader import Reader

VARIANTS = ("whole", "truncated", "early", "traceless")
TABLES = ("transfers", "transactions", "blocks", "events", "tokens", "prices", "assets", "labels", "actors")
DATED = ("transfers", "transactions", "blocks", "events")


@dataclass(frozen=True, slots=True)
class Plan:
    """Which world: `truncated` withholds the first half of each chain's blocks, `early` the second half.

    `traceless` withholds internal transfers of some blocks.
    """

    preset: str
    seed: int
    transfers: int
    variant: str = "whole"

    @property
    def name(self) -> str:
        """What its folder and its results go by."""
        return f"{self.preset}-{self.variant}-{self.transfers}-{self.seed}"


@contextmanager
def open_plan(plan: Plan, work: Path) -> Iterator[tuple[World, Reader]]:
    """Generate the world, fill its store unless an earlier run did, build with the present engine, and open it."""
    world = generate_world(
        WorldSettings(
            transfers=plan.transfers, preset=plan.preset, seed=plan.seed, days=choose_days(plan.transfers),
            lacks_traces=plan.variant == "traceless",
        )
    )  # fmt: skip
    settings = Settings(store=work / "stores" / plan.name)
    if Lake(settings.store).head() is None:
        fill_lake(world, settings.store, {"truncated": "later", "early": "earlier"}.get(plan.variant))
    build(settings)
    with Reader(settings.store) as reader:
        for name, table in world.truth.items():
            reader.load(f"truth_{name}", table)
        yield world, reader


def fill_lake(world: World, store: Path, half: str | None = None) -> None:
    """Write a world's tables; with `half` only the "earlier" or "later" half of each chain's blocks."""
    middles = {one.chain: (one.first_block + one.last_block) // 2 for one in world.coverage}
    with Lake(store).write("bench") as run:
        for name in TABLES:
            rows = pa.Table.from_batches(world.batches(name), lake_schema(name))
            run.append(name, _cut(rows, middles, half) if half and name in DATED else rows)
        seen = [asdict(one) for one in world.coverage if one.dataset in COVERED]
        for one in seen if half else []:
            middle = one["first_time"] + (one["last_time"] - one["first_time"]) / 2
            if half == "later":
                one |= {"first_block": middles[one["chain"]] + 1, "first_time": middle, "rows": None}
            else:
                one |= {"last_block": middles[one["chain"]], "last_time": middle, "rows": None}
        run.replace("coverage", pa.Table.from_pylist(seen, schema=lake_schema("coverage")))
        run.commit(rows=world.rows, bad_rows=0)


def _cut(rows: pa.Table, middles: dict[str, int], half: str) -> pa.Table:
    """Return the rows of one half of their chain's blocks, and those that name no block."""
    frame = rows.select(["chain", "block_number"]).to_pandas()
    is_later = frame["block_number"] > frame["chain"].map(middles)
    keep = frame["block_number"].isna() | (is_later == (half == "later"))
    return rows.filter(pa.array(keep.to_numpy()))
