"""What does a build cost after one row in a hundred was added, or one judgement made, measured against a whole one?

    python bench/incremental.py --transfers 1000000 --folder FOLDER

Makes a simulated economy, takes all but its last hundredth into a store and builds it, then adds the rest. Prints CPU
seconds and wall time of each build, and their ratio to one of the same lake made anew, step by step; the store is
removed afterwards. A step that is part of another is set in.
"""

from __future__ import annotations

import argparse
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from bench.steps import Step, watch_steps
from intel import pipeline
from intel.config import Settings
from intel.etl.load import COVERED
from intel.model import JudgementEnd
from intel.sources.world import WorldSettings, choose_days, generate_world
from intel.store.lake import Lake, lake_schema
from intel.store.reader import Reader
from intel.store.snapshot import Manifest
from intel.store.workspace import Workspace

TABLES = ("transfers", "transactions", "blocks", "events", "tokens", "prices", "assets", "labels", "actors")


def fill_lake(store: Path, tables: dict[str, pa.Table], coverage: pa.Table) -> None:
    """Write one part of an economy, in one run."""
    with Lake(store).write("bench") as run:
        for name, table in tables.items():
            if table.num_rows:
                run.append(name, table)
        run.replace("coverage", coverage)
        run.commit(rows=sum(table.num_rows for table in tables.values()), bad_rows=0)


def split_economy(settings: WorldSettings, share: float) -> tuple[dict[str, pa.Table], dict[str, pa.Table], pa.Table]:
    """Return what comes first, what comes in the last `share` of the transfers, and the coverage of both."""
    world = generate_world(settings)
    tables = {name: pa.Table.from_batches(world.batches(name), lake_schema(name)) for name in TABLES}
    seen = [asdict(one) for one in world.coverage if one.dataset in COVERED]
    return *split_tables(tables, share), pa.Table.from_pylist(seen, schema=lake_schema("coverage"))


def split_tables(tables: dict[str, pa.Table], share: float) -> tuple[dict[str, pa.Table], dict[str, pa.Table]]:
    """Return what comes first, and what comes in the last `share` of the transfers."""
    times = pc.cast(tables["transfers"]["block_time"], pa.int64())
    cut = pa.scalar(int(pc.quantile(times, 1 - share)[0].as_py()), pa.timestamp("us"))
    first, last = {}, {}
    for name, table in tables.items():
        if "block_time" not in table.schema.names:
            first[name] = table
            continue
        is_early = pc.fill_null(pc.less_equal(table["block_time"], cut), fill_value=True)
        first[name], last[name] = table.filter(is_early), table.filter(pc.invert(is_early))
    return first, last


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU seconds of a build and of its steps."""

    cpu: float
    steps: list[Step]

    def count_step(self, name: str, depth: int) -> float:
        """Return the CPU seconds of all runs of one step."""
        return sum(step.cpu for step in self.steps if (step.name, step.depth) == (name, depth))


def measure(name: str, build: Callable[[], Manifest]) -> Cost:
    """Run a build, and print what it cost and which parts it made."""
    start, before = time.perf_counter(), time.process_time()
    with watch_steps(is_told=False) as steps:
        manifest = build()
    spent = time.process_time() - before
    told = ", ".join(f"{part} {record['how']}" for part, record in manifest.parts.items())
    print(f"{name:<12}{spent:9.1f} s CPU {time.perf_counter() - start:9.1f} s wall   {told}", flush=True)
    return Cost(spent, steps)


def print_steps(added: Cost, whole: Cost) -> None:
    """Print the CPU seconds of each step of two builds, and which share of the second each one of the first is."""
    rows = [
        ("  " * depth + name, added.count_step(name, depth), whole.count_step(name, depth))
        for name, depth in dict.fromkeys((step.name, step.depth) for step in [*whole.steps, *added.steps])
    ]
    first, second = (one.cpu - sum(step.cpu for step in one.steps if not step.depth) for one in (added, whole))
    print(f"{'CPU seconds':<30}{'added':>10}{'whole':>10}{'share of whole':>16}")
    for name, here, there in [*rows, ("all else", first, second), ("the build", added.cpu, whole.cpu)]:
        print(f"{name:<30}{here:10.2f}{there:10.2f}{here / whole.cpu:16.3f}")


def judge_pair(store: Path) -> None:
    """Record one judgement about two addresses of the ledger."""
    with Reader(store) as reader:
        rows = reader.query("select chain, address from facts.addresses where not is_contract order by 1, 2 limit 2")
    ends = [JudgementEnd(chain, address, None) for chain, address in rows]
    with Workspace(store) as workspace:
        workspace.add_judgement(ends[0], ends[1], "same", "a benchmark says so")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--transfers", type=int, default=1_000_000)
    parser.add_argument("--share", type=float, default=0.01)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--folder", type=Path, required=True)
    options = parser.parse_args()
    store = options.folder / "incremental"
    settings = Settings(store=store)
    try:
        days = choose_days(options.transfers)
        economy = WorldSettings(transfers=options.transfers, seed=options.seed, days=days)
        first, last, coverage = split_economy(economy, options.share)
        fill_lake(store, first, coverage)
        measure("first", lambda: pipeline.build(settings))
        fill_lake(store, last, coverage)
        added = measure("1 % added", lambda: pipeline.build(settings))
        judge_pair(store)
        judged = measure("judged", lambda: pipeline.build(settings))
        whole = measure("whole", lambda: pipeline.build(settings, full=True))
        print_steps(added, whole)
        shares = [one.cpu / whole.cpu for one in (added, judged)]
        print("of a whole build: {:.3f} after new transfers, {:.3f} after a judgement".format(*shares))
    finally:
        shutil.rmtree(store, ignore_errors=True)


if __name__ == "__main__":
    main()
