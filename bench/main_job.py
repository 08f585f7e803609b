"""How fast is the main job? Ingest, facts and profiles on the simulated economy, each beside a bare DuckDB, in one run.

    .venv/bin/python bench/main_job.py [--transfers 10000000] [--folder DIR]

Wall and CPU seconds of one machine are noise; the ratios of one run are the result.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from intel import pipeline
from intel.config import Settings
from intel.etl.accounts import build_accounts
from intel.etl.ledger import build_context, build_ledger
from intel.sources.world import WorldSettings, generate_world
from intel.store import open_connection
from intel.store.lake import Lake, lake_schema
from intel.store.snapshot import open_build

MEMORY = "8GB"
THREADS = 2


@dataclass
class Timing:
    """Wall and CPU seconds of one step, children not counted."""

    wall: float = 0.0
    cpu: float = 0.0


@contextmanager
def measure(name: str) -> Iterator[Timing]:
    """Time a block and say so."""
    timing, start, before = Timing(), time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    yield timing
    after = resource.getrusage(resource.RUSAGE_SELF)
    timing.wall = time.perf_counter() - start
    timing.cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"{name:44s} {timing.wall:8.1f} s wall {timing.cpu:8.1f} s cpu", flush=True)


def run_apart(function: Callable[[Path], dict[str, float]], folder: Path) -> dict[str, float]:
    """Run one part in a process of its own, so that its peak memory is its own."""
    call = [sys.executable, __file__, "--part", function.__name__, "--folder", str(folder)]
    done = subprocess.run(call, check=True, stdout=subprocess.PIPE, text=True)
    *talk, result = done.stdout.strip().splitlines()
    print("\n".join(talk))
    return dict(json.loads(result))


def peak_gb() -> float:
    """Return this process's peak resident memory in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def write_world(folder: Path, transfers: int) -> None:
    """Write the economy's transfers and label tables as Parquet files."""
    world = generate_world(WorldSettings(transfers=transfers))
    for name in ("transfers", "transactions", "tokens", "prices", "assets", "labels", "actors"):
        schema = lake_schema(name)
        with pq.ParquetWriter(folder / f"{name}.parquet", schema, compression="zstd") as writer:
            for batch in world.batches(name):
                writer.write_batch(batch)


def copy_sorted(folder: Path) -> dict[str, float]:
    """The reference for ingest: DuckDB copies the same file into a table sorted by sender."""
    con = open_connection(memory=MEMORY, threads=THREADS, spill=folder / "spill")
    con.execute(f"attach '{folder}/copy.duckdb' as copied")
    with measure("DuckDB: copy sorted by sender") as timing:
        con.execute(f"create table copied.t as select * from '{folder}/transfers.parquet' order by sender")
    return {"wall": timing.wall, "cpu": timing.cpu, "gb": peak_gb()}


def ingest(folder: Path) -> dict[str, float]:
    """Our ingest of that file."""
    settings = Settings(store=folder / "store", memory=MEMORY, threads=THREADS)
    with measure("intel: ingest") as timing:
        pipeline.ingest_files(settings, [folder / "transfers.parquet"])
    return {"wall": timing.wall, "cpu": timing.cpu, "gb": peak_gb()}


def build_facts(folder: Path) -> dict[str, float]:
    """Our facts layer, and in the same process the two bare sorts it is held against."""
    lake = Lake(folder / "store")
    with open_build(folder / "store", "bench", memory=MEMORY, threads=THREADS) as work:
        lake.attach(work.con, lake.head())
        with measure("intel: facts layer") as facts:
            build_ledger(work.con)
            build_accounts(work.con)
            build_context(work.con)
        peak = peak_gb()
        work.con.execute(f"attach '{folder}/sorted.duckdb' as sorted")
        ends = "block_time, block_number, position, token, value_raw"
        with measure("DuckDB: bare sort of postings, from the lake") as texts:
            work.con.execute(
                "create table sorted.a as select * from (select sender as address, -1 as direction, "
                f"receiver as other, {ends} from lake_transfers "
                f"union all select receiver, 1, sender, {ends} from lake_transfers) "
                "order by address, block_time, block_number, position"
            )
        work.con.execute("create table sorted.b as from facts.postings order by transfer_id, direction")
        with measure("DuckDB: bare sort of postings, ids only") as ids:
            work.con.execute("create table sorted.c as from sorted.b order by address_id, block_time, transfer_id")
    return {"wall": facts.wall, "cpu": facts.cpu, "gb": peak, "texts": texts.wall, "ids": ids.wall}


def build_all(folder: Path) -> dict[str, float]:
    """A whole build with labels, tokens and prices."""
    settings = Settings(store=folder / "store", memory=MEMORY, threads=THREADS)
    pipeline.add_labels(settings, [folder / "labels.parquet", folder / "actors.parquet"])
    pipeline.add_tokens(settings, [folder / "tokens.parquet"])
    pipeline.add_prices(settings, [folder / "prices.parquet"], assets=[folder / "assets.parquet"])
    with measure("intel: whole build") as timing:
        pipeline.build(settings)
    return {"wall": timing.wall, "cpu": timing.cpu, "gb": peak_gb()}


def query_profiles(folder: Path) -> dict[str, float]:
    """Profiles of ordinary addresses and of the largest entity, in a fresh process, imports not counted."""
    import intel  # imports are not part of the figure

    db = intel.open(folder / "store")
    db.profile("0x" + "00" * 20)
    ordinary = db.reader.query(
        "select a.address from facts.address_stats s join facts.addresses a using (address_id) "
        "where transfers_in + transfers_out between 5 and 500 order by hash(address_id) limit 200"
    )
    seconds = []
    for (address,) in ordinary:
        start = time.perf_counter()
        db.profile(address)
        seconds.append(time.perf_counter() - start)
    largest = db.reader.query(
        "select entity_id, count(*) from beliefs.attributions group by entity_id order by 2 desc, 1 limit 1"
    )[0]
    db.close()
    cold = intel.open(folder / "store")
    start = time.perf_counter()
    cold.profile(largest[0])
    first = time.perf_counter() - start
    start = time.perf_counter()
    cold.profile(largest[0], since="2020-01-01")
    windowed = time.perf_counter() - start
    quantiles = statistics.quantiles(seconds, n=20)
    print(f"largest entity: {largest[0]}, {largest[1]:,} addresses")
    return {"median": statistics.median(seconds), "p95": quantiles[18], "largest": first, "windowed": windowed}


def main() -> int:
    """Run all parts, print the table of ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--transfers", type=int, default=10_000_000)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "intel-bench")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        print(json.dumps(globals()[options.part](options.folder)))
        return 0
    shutil.rmtree(options.folder, ignore_errors=True)
    options.folder.mkdir(parents=True)
    with measure("simulated economy to Parquet"):
        write_world(options.folder, options.transfers)
    rows = pq.ParquetFile(options.folder / "transfers.parquet").metadata.num_rows
    copied, taken = run_apart(copy_sorted, options.folder), run_apart(ingest, options.folder)
    facts, whole = run_apart(build_facts, options.folder), run_apart(build_all, options.folder)
    asked = run_apart(query_profiles, options.folder)
    print(f"\n{rows:,} transfers, {os.cpu_count()} cores, memory limit {MEMORY}\n")
    print(f"ingest / sorted copy               {taken['wall'] / copied['wall']:8.2f}  (at most 4)")
    print(f"facts / bare sort from the lake    {facts['wall'] / facts['texts']:8.2f}  (at most 4)")
    print(f"facts / bare sort of ids           {facts['wall'] / facts['ids']:8.2f}")
    print(f"peak memory, ingest, facts, build  {taken['gb']:6.2f}, {facts['gb']:.2f}, {whole['gb']:.2f} GB  (under 8)")
    print(f"whole build                        {whole['wall']:8.1f} s")
    median, p95 = asked["median"] * 1e3, asked["p95"] * 1e3
    print(f"profile, ordinary address, median  {median:8.1f} ms (under 50), p95 {p95:.1f} ms")
    print(
        f"profile, largest entity            {asked['largest']:8.2f} s  (under 1), windowed {asked['windowed']:.2f} s"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
