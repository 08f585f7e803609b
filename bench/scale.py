"""What does the whole way cost at 1, 10 and 100 million transfers, and how does it grow? One table, beside peers.

    .venv/bin/python bench/scale.py [--sizes 1000000,10000000] [--folder DIR] [--memory 8GB] [--page FILE]

For each size: the economy is written to Parquet files, DuckDB copies and sorts them bare (the peer), and then intel
takes them in, builds, shows profiles, labels a list and traces money, each part in a process of its own. Peak memory is
the process's; disk is the store's folder, scratch included, looked at every second. Wall seconds of one machine are
noise; growth and the ratios to the peers of the same run are the result. A part whose files are there is not repeated,
so that a stopped run goes on: remove the folder to begin anew.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import networkx as nx
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from attribute import draw_lines, label_with_pandas, read_frames
from clusters import unite_graphsense, unite_networkx, unite_ours
from pnl import arrange
from pnl import clock as time_best
from scale_page import write_page
from steps import watch_steps
from tracing import list_edges, search_networkx

import intel
from intel import pipeline
from intel.config import Settings
from intel.profiler.database import Database
from intel.profiler.lots import match_lots
from intel.profiler.trace import Question, follow_money, resolve_source
from intel.profiler.trace_town import read_flows, read_places
from intel.sources.world import WorldSettings, choose_days, generate_world
from intel.store import open_connection
from intel.store.lake import lake_schema
from intel.store.reader import Reader
from intel.store.snapshot import current_build
from tests.tax_engine import draw_deals, prepare_rp2, run_rp2

THREADS = 2
LEDGER = ("transfers", "transactions", "blocks", "events")
LISTS = ("tokens", "prices", "assets", "labels", "actors")
SUBJECTS = 200
HOPS = 3
LINES = 1_000_000
SAMPLE = 200  # addresses that pandas looks up: extrapolated
SLOW = 20_000_000  # transfers from which a peer in Python would need more memory or patience than there is
GRAPH = 2_000_000  # transfers up to which networkx gets the whole ledger: about a gigabyte for each million
DEALS = 20_000  # disposals that rp2 and we match

Result = dict[str, float]


@contextmanager
def clock(into: Result, name: str = "wall") -> Iterator[None]:
    """Add the seconds of a block to `into`."""
    begin = time.perf_counter()
    yield
    into[name] = into.get(name, 0.0) + time.perf_counter() - begin


def generate(folder: Path, transfers: int, memory: str) -> Result:
    """Write the economy's tables as Parquet files."""
    world = generate_world(WorldSettings(transfers=transfers, days=choose_days(transfers)))
    (folder / "files").mkdir(parents=True, exist_ok=True)
    told: Result = {}
    with clock(told):
        for name in (*LEDGER, *LISTS):
            path = folder / "files" / f"{name}.parquet"
            with pq.ParquetWriter(path, lake_schema(name), compression="zstd") as writer:
                for batch in world.batches(name):
                    writer.write_batch(batch)
    return told


def copy_sorted(folder: Path, transfers: int, memory: str) -> Result:
    """The peer of ingest: DuckDB copies the transfers into a table sorted by sender."""
    told: Result = {}
    copy = folder / "copy.duckdb"
    copy.unlink(missing_ok=True)
    con = open_connection(memory=memory, threads=THREADS, spill=folder / "spill")
    con.execute(f"attach '{copy}' as copied")
    with clock(told):
        con.execute(f"create table copied.t as select * from '{folder}/files/transfers.parquet' order by sender")
    con.close()
    copy.unlink()
    return told


def ingest(folder: Path, transfers: int, memory: str) -> Result:
    """Take the ledger files and the lists in, as the commands do, into a store that is empty."""
    settings = Settings(store=folder / "store", memory=memory, threads=THREADS)
    shutil.rmtree(settings.store, ignore_errors=True)
    told: Result = {}
    files = folder / "files"
    with clock(told, "transfers"):
        pipeline.ingest_files(settings, [files / "transfers.parquet"])
    with clock(told, "rest"):
        pipeline.ingest_files(settings, [files / f"{name}.parquet" for name in LEDGER[1:]])
        pipeline.add_labels(settings, [files / "labels.parquet", files / "actors.parquet"])
        pipeline.add_tokens(settings, [files / "tokens.parquet"])
        pipeline.add_prices(settings, [files / "prices.parquet"], assets=[files / "assets.parquet"])
    return told | {"wall": told["transfers"] + told["rest"]}


def build(folder: Path, transfers: int, memory: str) -> Result:
    """Build everything; each step's seconds and peak memory are printed."""
    settings = Settings(store=folder / "store", memory=memory, threads=THREADS)
    told: Result = {}
    with watch_steps() as steps, clock(told):
        pipeline.build(settings, full=True)
    with Reader(settings.store) as reader:
        postings = reader.query("select count(*) from facts.postings")[0][0]
        counts = {
            "transfers": reader.query("select count(*) from facts.transfers")[0][0],
            "addresses": reader.query("select count(*) from facts.addresses")[0][0],
            "postings": postings,
        }
    table = _measure_table(settings.store, "postings") / postings
    snapshot = settings.store / "snapshots" / current_build(settings.store)
    whole = sum(path.stat().st_size for path in snapshot.iterdir()) / postings
    for step in steps:
        told[f"step {step.name}"] = told.get(f"step {step.name}", 0) + step.seconds
        told[f"cpu {step.name}"] = told.get(f"cpu {step.name}", 0) + step.cpu
    told |= {"peak": max(step.gigabytes for step in steps)}
    return told | counts | {"bytes in postings": table, "bytes in snapshot": whole}


def _measure_table(store: Path, name: str) -> int:
    """Return how many bytes of facts.duckdb a table's blocks take."""
    path = store / "snapshots" / current_build(store) / "facts.duckdb"
    con = open_connection()
    con.execute(f"attach '{path}' as facts (read_only)")
    blocks, size = con.execute(
        "select (select count(distinct block_id) from pragma_storage_info($table) where block_id >= 0), "
        "(select block_size from pragma_database_size() where database_name = 'facts')",
        {"table": f"facts.{name}"},
    ).fetchall()[0]
    con.close()
    return int(blocks) * int(size)


def ask(folder: Path, transfers: int, memory: str) -> Result:
    """Profiles of ordinary addresses, each asked for the first time, and of the largest entity."""
    with intel.open(folder / "store") as db:
        db.profile("0x" + "00" * 20)
        ordinary = db.reader.query(
            "select a.address from facts.address_stats s join facts.addresses a using (address_id) "
            "where transfers_in + transfers_out between 5 and 500 order by hash(address) limit $n",
            {"n": SUBJECTS},
        )
        seconds = []
        for (address,) in ordinary:
            begin = time.perf_counter()
            db.profile(address)
            seconds.append(time.perf_counter() - begin)
        largest, members = db.reader.query(
            "select entity_id, count(*) from beliefs.attributions group by entity_id order by 2 desc, 1 limit 1"
        )[0]
    told: Result = {"wall": statistics.median(seconds), "p95": statistics.quantiles(seconds, n=20)[18]}
    with intel.open(folder / "store") as cold, clock(told, "largest"):
        cold.profile(largest)
    return told | {"members": members}


def label(folder: Path, transfers: int, memory: str) -> Result:
    """A million lines labelled by the command; pandas looks up a sample of them one by one."""
    told: Result = {}
    with Reader(folder / "store") as reader, tempfile.TemporaryDirectory(dir=folder) as scratch:
        known = [row[0] for row in reader.query("select distinct address from facts.address_lookup order by 1")]
        lines = draw_lines(known, LINES)
        del known
        path = Path(scratch, "list.txt")
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        words = ["attribute", path, "--out", Path(scratch, "out.parquet"), "--store", folder / "store"]
        with clock(told):
            subprocess.run([sys.executable, "-m", "intel", *words], check=True, stdout=subprocess.DEVNULL)
        if transfers <= SLOW:
            frames = read_frames(reader)
            sample = random.Random(2).sample([line for line in lines if line.startswith("0x")], SAMPLE)
            with clock(told, "peer"):
                for line in sample:
                    label_with_pandas(frames, line)
            told["peer"] *= LINES / SAMPLE
    return told


def cluster(folder: Path, transfers: int, memory: str) -> Result:
    """Groups of the evidence's pairs: ours, graphsense-clustering and networkx on the same pairs."""
    with Reader(folder / "store") as reader:
        pairs = reader.arrow(
            "select left_id + 1 as l, right_id + 1 as r from beliefs.evidence where right_id is not null order by 1, 2"
        )
    ends = np.column_stack([pairs["l"].to_numpy(), pairs["r"].to_numpy()]).astype(np.uint32)
    drawn = pa.ListArray.from_arrays(pa.array(np.arange(0, 2 * len(ends) + 1, 2, dtype=np.int32)), ends.ravel())
    told: Result = {"pairs": len(ends)}
    for name, unite in (("wall", unite_ours), ("peer", unite_graphsense), ("networkx", unite_networkx)):
        unite(drawn[:1000])
        with clock(told, name):
            unite(drawn)
    return told


def trace(folder: Path, transfers: int, memory: str) -> Result:
    """Three hops from ordinary addresses and from the largest exchange, with the report."""
    with intel.open(folder / "store") as db:
        ordinary = db.reader.query(
            "select a.chain || ':' || a.address from facts.address_stats s join facts.addresses a using (address_id) "
            "where transfers_out between 5 and 500 order by hash(address) limit 21"
        )
        exchange = db.reader.query(
            "select a.entity_id from beliefs.attributions a join beliefs.entities e using (entity_id) "
            "where e.category = 'exchange' group by 1 order by count(*) desc, 1 limit 1"
        )[0][0]
        seconds = []
        for (address,) in ordinary:
            begin = time.perf_counter()
            db.trace(address, max_hops=HOPS)
            seconds.append(time.perf_counter() - begin)
        told: Result = {"wall": statistics.median(seconds[1:]), "cold": seconds[0]}
        with clock(told, "hub"):
            db.trace(exchange, max_hops=HOPS)
        if transfers <= GRAPH:
            told |= _trace_networkx(db, exchange)
        else:
            print(f"networkx gets no graph of {transfers:,} transfers: it would take {transfers / 1e6:.0f} GB")
    return told


def _trace_networkx(db: Database, exchange: str) -> Result:
    """The same search on a networkx graph of the whole ledger, which is there before the clock starts."""
    asked, source = Question(max_hops=HOPS), resolve_source(db.reader, exchange)
    flows, places = read_flows(db.reader), read_places(db.reader, asked.tier)
    graph = nx.MultiDiGraph()
    graph.add_edges_from(list_edges(flows, places, len(flows.tx)))
    ours, _ = time_best(lambda: follow_money(db.reader, source, asked))
    theirs, _ = time_best(lambda: search_networkx(graph, places.wall, set(source.address_ids), asked), rounds=1)
    return {"search": ours, "networkx": theirs}


def pnl(folder: Path, transfers: int, memory: str) -> Result:
    """Lots matched first in, first out: rp2's engine and ours on the same sales, which do not grow with the ledger."""
    deals = draw_deals(DEALS)
    match_lots(arrange(deals[:10]), "fifo")  # compiles, once
    ours, _ = time_best(lambda: match_lots(arrange(deals), "fifo"))
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        prepared = prepare_rp2(deals, "fifo", Path(scratch))
        theirs, _ = time_best(lambda: run_rp2(prepared), rounds=1)
    return {"wall": ours, "peer": theirs}


PARTS = {part.__name__: part for part in (generate, copy_sorted, ingest, build, ask, label, cluster, trace, pnl)}


def run_apart(name: str, folder: Path, transfers: int, memory: str) -> Result:
    """Run one part in a process of its own; add its CPU seconds, peak memory (GB) and the store's peak disk (GB)."""
    done = folder / f"{name}.json"
    if done.exists():
        return dict(json.loads(done.read_text(encoding="utf-8")))
    call = [sys.executable, __file__, "--part", name, "--folder", str(folder), "--sizes", str(transfers)]
    stop, disk = threading.Event(), [0]
    watcher = threading.Thread(target=_watch_disk, args=(folder / "store", stop, disk))
    watcher.start()
    process = subprocess.Popen([*call, "--memory", memory], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        print("   ", line, end="", flush=True) if not line.startswith("{") else None
    _, status, used = os.wait4(process.pid, 0)
    stop.set()
    watcher.join()
    if status:
        raise SystemExit(f"{name} at {transfers:,} ended with status {status}")
    told = dict(json.loads(lines[-1]))
    memory_used = max(used.ru_maxrss * 1024 / 1e9, told.pop("peak", 0.0))
    told |= {"cpu": used.ru_utime + used.ru_stime, "memory": memory_used, "disk": disk[0] / 1e9}
    done.write_text(json.dumps(told), encoding="utf-8")
    figures = f"{told['wall']:10.3f} s {told['cpu']:10.1f} s cpu {told['memory']:6.2f} GB {told['disk']:6.2f} GB disk"
    print(f"{name:12s} {transfers:>12,} {figures}", flush=True)
    return told


def _watch_disk(folder: Path, stop: threading.Event, most: list[int]) -> None:
    """Keep the largest size that the folder had."""
    while not stop.wait(1.0):
        size = 0
        for path in folder.rglob("*"):
            try:
                size += path.stat().st_size
            except FileNotFoundError:  # removed while we look
                continue
        most[0] = max(most[0], size)


def main() -> int:
    """Run all parts at every size, print the table, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="1000000,10000000")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "intel-scale")
    parser.add_argument("--memory", default="8GB")
    parser.add_argument("--page", type=Path, help="write the tables there, in Markdown")
    parser.add_argument("--remark", default="", help="what a reader of the page must know of these runs")
    parser.add_argument("--part", choices=list(PARTS), help=argparse.SUPPRESS)
    options = parser.parse_args()
    sizes = [int(size) for size in options.sizes.split(",")]
    if options.part:
        print(json.dumps(PARTS[options.part](options.folder, sizes[0], options.memory)))
        return 0
    results = {}
    for size in sizes:
        folder = options.folder / str(size)
        folder.mkdir(parents=True, exist_ok=True)
        results[size] = {name: run_apart(name, folder, size, options.memory) for name in PARTS}
    text = write_page(results, options.memory, options.remark)
    print(text)
    if options.page:
        options.page.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
