"""Does a trace find where stolen money went, and how quickly? Two published cases, alone and among strangers; speed.

    INTEL_DATA_MIRROR=DIR .venv/bin/python bench/tracing.py [--store DIR] [--background 100000]

The cases are transfers that others followed by hand (edges/tracing_*; truth/tracing_* is read only to count). In the
grafted form every third address between source and end is also somebody of the simulated economy, whose payments dilute
it. Speed is measured on a built store of the economy, beside the same search on a networkx graph.
"""

from __future__ import annotations

import argparse
import heapq
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

import intel
from intel.config import Settings
from intel.model import TRANSFER_KINDS
from intel.pipeline import add_prices, add_tokens, build, ingest_files
from intel.profiler.database import Database
from intel.profiler.largest import list_largest
from intel.profiler.trace import Question, Source, follow_money, resolve_source, run_pass
from intel.profiler.trace_report import Trace, trace_money
from intel.profiler.trace_town import Places, read_flows, read_jumps, read_places
from intel.sources.world import WorldSettings, generate_world
from intel.store.flows import Flows
from intel.store.reader import Reader

COIN = "0x" + "c0" * 20  # a made-up coin that is always worth a dollar, of six decimals
CASES = ("atomic", "lifi")
SPEED_SUBJECTS, SEED = 15, 7
DEGREES = ((5, 20), (20, 100), (100, 500))


def read_case(mirror: Path, name: str) -> tuple[pa.Table, dict[str, set[str]]]:
    """Return the case's transfers, and its addresses by role."""
    edges = pq.read_table(mirror / "edges" / f"tracing_{name}.parquet").sort_by([("block_number", "ascending")])
    truth = pq.read_table(mirror / "truth" / f"tracing_{name}.parquet").to_pylist()
    roles: dict[str, set[str]] = {"source": set(), "terminal": set()}
    for row in truth:
        roles[row["role"]].add(row["address"])
    return edges, roles


def write_transfers(path: Path, rows: pa.Table) -> None:
    """Write payments (chain, block_number, block_time, tx_hash, sender, receiver, value) as transfers of the coin."""
    count = rows.num_rows
    table = rows.append_column("kind", pa.array(["erc20"] * count)).append_column("token", pa.array([COIN] * count))
    table = table.append_column("position", pa.array(range(count), pa.int64()))
    table = table.append_column("sub_position", pa.array([0] * count, pa.int64()))
    pq.write_table(table.append_column("source", pa.array(["bench"] * count)), path)


def take_case(edges: pa.Table) -> pa.Table:
    """Return the case's payments, a coin for a dollar."""
    return edges.select(["chain", "block_number", "block_time", "tx_hash", "sender", "receiver"]).append_column(
        "value_raw", edges["value_micro_usd"].cast(pa.string())
    )


def make_background(edges: pa.Table, between: list[str], transfers: int) -> pa.Table:
    """Return payments of the economy, in the coin and the case's time; some of its people are the case's addresses."""
    world = generate_world(WorldSettings(transfers=transfers, seed=SEED))
    columns = ["block_time", "tx_hash", "sender", "receiver", "token", "value_raw", "kind"]
    table = pa.concat_tables(pa.Table.from_batches([batch]).select(columns) for batch in world.batches("transfers"))
    table = table.filter(pc.and_(pc.equal(table["kind"], "native"), pc.is_valid(table["value_raw"])))
    cents = np.array([int(value) // 10**10 for value in table["value_raw"].to_pylist()])  # a coin is worth 100 dollars
    first, last = (edges["block_time"].to_pylist()[place] for place in (0, -1))
    lows = edges["block_number"].to_pylist()
    times = table["block_time"].cast(pa.int64()).to_numpy().astype(float)
    share = (times - times.min()) / max(float(np.ptp(times)), 1.0)
    people, counts = np.unique(np.array(table["sender"].to_pylist()), return_counts=True)
    ordinary = people[(counts >= 3) & (counts <= 60)]
    chosen = np.random.default_rng(SEED).choice(ordinary, len(between), replace=False)
    names = dict(zip(chosen.tolist(), between, strict=True))
    moved = {
        "chain": ["ethereum"] * len(share),
        "block_number": (lows[0] + share * (lows[-1] - lows[0])).astype(np.int64),
        "block_time": [first + (last - first) * float(part) for part in share],
        "tx_hash": table["tx_hash"],
        "sender": [names.get(who, who) for who in table["sender"].to_pylist()],
        "receiver": [names.get(who, who) for who in table["receiver"].to_pylist()],
        "value_raw": [str(value) for value in cents],
    }
    rows = pa.table(moved)
    return rows.filter(pc.and_(pc.is_valid(rows["sender"]), pc.is_valid(rows["receiver"])))


def build_store(folder: Path, parts: list[pa.Table]) -> Path:
    """Build a store of these payments, the coin priced at a dollar every day."""
    settings = Settings(store=folder / "store")
    rows = pa.concat_tables(part.cast(parts[0].schema) for part in parts).sort_by([("block_number", "ascending")])
    write_transfers(folder / "transfers.parquet", rows)
    ingest_files(settings, [folder / "transfers.parquet"])
    days = pc.unique(rows["block_time"].cast(pa.date32())).to_pylist()
    span = [min(days) + timedelta(days=n) for n in range((max(days) - min(days)).days + 1)]
    write_prices(folder, span)
    add_tokens(settings, [folder / "tokens.csv"])
    add_prices(settings, [folder / "prices.csv"], assets=[folder / "assets.csv"])
    build(settings)
    return settings.store


def write_prices(folder: Path, days: list[date]) -> None:
    """Write what the coin is, and that it is worth a dollar on each day."""
    (folder / "tokens.csv").write_text(f"chain,token,symbol,decimals,lists\nethereum,{COIN},COIN,6,9\n")
    (folder / "assets.csv").write_text(f"chain,token,symbol,decimals\nethereum,{COIN},COIN,6\n")
    (folder / "prices.csv").write_text("date,symbol,usd\n" + "".join(f"{day},COIN,1.0\n" for day in days))


def trace_case(database: Database, sources: set[str]) -> tuple[Trace, dict[str, float]]:
    """Return the trace from all sources at once, and USD by the address where it came to rest."""
    found = [resolve_source(database.reader, text) for text in sorted(sources)]
    source = Source("the case", "entity", tuple(sorted({i for one in found for i in one.address_ids})))
    trace = trace_money(database.reader, source, Question(max_hops=100, min_usd=1))
    rests: dict[str, float] = {}
    for end in trace.ends:
        if end["address"] is not None and end["kind"] != "returned":
            rests[end["address"]] = rests.get(end["address"], 0.0) + end["value_usd"]
    return trace, rests


def score(rests: dict[str, float], terminals: set[str]) -> tuple[float, float]:
    """Return (precision, recall) where the ends, ranked by USD, first hold nine tenths of the terminals; or of all."""
    hits, best = 0, (0.0, 0.0)
    for place, address in enumerate(sorted(rests, key=lambda one: (-rests[one], one)), start=1):
        hits += address in terminals
        best = (hits / place, hits / len(terminals))
        if best[1] >= 0.9:
            return best
    return best


def check_case(mirror: Path, name: str, background: int, folder: Path) -> None:
    """Print what was found alone and among strangers."""
    edges, roles = read_case(mirror, name)
    alone = build_store(make_folder(folder, f"{name}_alone"), [take_case(edges)])
    seen = sorted(set(edges["sender"].to_pylist()) | set(edges["receiver"].to_pylist()))
    between = [who for who in seen if who not in roles["source"] | roles["terminal"]][::3]
    strangers = make_background(edges, between, background)
    grafted = build_store(make_folder(folder, f"{name}_grafted"), [take_case(edges), strangers])
    rests: dict[str, dict[str, float]] = {}
    for form, store in (("alone", alone), ("grafted", grafted)):
        with intel.open(store) as database:
            trace, rests[form] = trace_case(database, roles["source"])
        steps = trace.steps.to_pylist()
        received = {row["receiver"] for row in steps}
        precision, recall = score(rests[form], roles["terminal"])
        backward = sum(one["block_time"] > other["block_time"] for one, other in pairwise(steps))
        print(
            f"{name:8s}{form:9s}terminals reached {len(received & roles['terminal'])}/{len(roles['terminal'])}, "
            f"precision {precision:.3f} at recall {recall:.3f}  payments {trace.step_count}, without a hash "
            f"{sum(not row['tx_hash'] for row in steps)}, back in time {backward}"
        )
    shifts = [
        abs(rests["grafted"].get(who, 0.0) - rests["alone"][who]) / rests["alone"][who]
        for who in sorted(roles["terminal"]) if rests["alone"].get(who, 0.0) > 1
    ]  # fmt: skip
    total = [sum(rests[form].get(who, 0.0) for who in roles["terminal"]) for form in ("alone", "grafted")]
    within = sum(shift <= 0.1 for shift in shifts)
    print(f"{name:8s}haircut: {within}/{len(shifts)} terminals within 10 %, "
          f"median shift {statistics.median(shifts):.3f}, all together {total[1] / total[0] - 1:+.3f}")  # fmt: skip


def make_folder(folder: Path, name: str) -> Path:
    """Return a new folder."""
    (folder / name).mkdir()
    return folder / name


def measure_speed(store: Path, payments: int) -> None:
    """Print how long three hops take, for ordinary addresses and for the largest exchange, beside networkx."""
    with intel.open(store) as database:
        reader, asked = database.reader, Question(max_hops=3)
        flows, wall = read_flows(reader), read_places(reader, "confirmed").wall
        chosen = choose_ordinary(flows, wall, len(flows.tx))
        hub = resolve_source(reader, list_largest(reader, "exchange", limit=1)[0][0])
        trace_money(reader, hub, asked)  # the first one waits for the compiler
        for name, sources in (*chosen.items(), ("largest exchange", [hub])):
            search = [clock(lambda s=source: follow_money(reader, s, asked)) for source in sources]
            whole = [clock(lambda s=source: trace_money(reader, s, asked)) for source in sources]
            print(f"three hops, {name:22s} the search: median {1e3 * statistics.median(search):9.2f} ms, "
                  f"with the report: median {1e3 * statistics.median(whole):7.0f} ms, "
                  f"most {1e3 * max(whole):7.0f} ms")  # fmt: skip
        compare_networkx(reader, hub, asked, payments)


def clock(call: Callable[[], object]) -> float:
    """Return the seconds of the quickest of three calls."""
    times = []
    for _ in range(3):
        begin = time.perf_counter()
        call()
        times.append(time.perf_counter() - begin)
    return min(times)


def choose_ordinary(flows: Flows, wall: Any, rows: int) -> dict[str, list[Source]]:
    """Return payers among the first rows who are no walls, by how many payments they made or got in all."""
    paid = np.zeros(len(wall), np.bool_)
    paid[np.unique(flows.sender[:rows][flows.sender[:rows] >= 0])] = True
    degrees = np.diff(flows.statement_ends)
    draw = np.random.default_rng(SEED)
    chosen = {}
    for low, high in DEGREES:
        there = np.flatnonzero(paid & (wall == 0) & (degrees >= low) & (degrees < high))
        ids = draw.choice(there, min(SPEED_SUBJECTS, len(there)), replace=False)
        chosen[f"{low} to {high - 1} payments"] = [Source(str(one), "address", (int(one),)) for one in ids]
    return chosen


def compare_networkx(reader: Reader, hub: Source, asked: Question, payments: int) -> None:
    """Print how much longer the same search takes on a networkx graph of the same payments, the first of the ledger.

    The graph is there before the clock starts, and holds what counts only: no spam, amounts in one unit, and dollars.
    The search is the same, but for swaps and bridges, which it does not know.
    """
    flows, places = read_flows(reader), read_places(reader, "confirmed")
    chosen = choose_ordinary(flows, places.wall, payments)
    begin = time.perf_counter()
    graph = nx.MultiDiGraph()
    graph.add_edges_from(list_edges(flows, places, payments))
    print(f"networkx: {graph.number_of_edges():,} payments, {time.perf_counter() - begin:.0f} s to make the graph")
    jumps, span = read_jumps(reader), (0, payments)
    for name, sources in (*chosen.items(), ("largest exchange", [hub])):
        ratios, same = [], 0
        for source in sources:
            ours = clock(lambda s=source: run_pass(flows, places, jumps, s, asked, span=span))
            call = lambda s=source: search_networkx(graph, places.wall, set(s.address_ids), asked)  # noqa: E731
            theirs = clock(call)
            ratios.append(theirs / ours)
            passage = run_pass(flows, places, jumps, source, asked, span=span)
            found = dict(zip(passage.held[0].tolist(), passage.held[1].tolist(), strict=True))
            same += found == pytest.approx(call(), rel=1e-6, abs=1e-6)
        print(f"networkx, {name:22s} {statistics.median(ratios):7.0f} times our time (median; least "
              f"{min(ratios):.0f}, most {max(ratios):.0f}); the same rests in {same} of {len(sources)}")  # fmt: skip


def list_edges(flows: Flows, places: Places, payments: int) -> Iterator[tuple[int, int, dict[str, float]]]:
    """Yield the first payments as networkx takes them; nobody is the node -1."""
    pools = places.pool[flows.asset[:payments]]
    counts = (flows.kind[:payments] >= 0) & (pools >= 0) & (flows.sender[:payments] != flows.receiver[:payments])
    scaled = flows.amount[:payments] * places.scale[flows.asset[:payments]]
    is_fee = flows.kind[:payments] == TRANSFER_KINDS.index("fee")
    usd = np.where(is_fee, 0, np.nan_to_num(flows.usd[:payments]))
    for row in np.flatnonzero(counts).tolist():
        edge = {"row": row, "pool": int(pools[row]), "amount": float(scaled[row]), "usd": float(usd[row])}
        yield int(flows.sender[row]), int(flows.receiver[row]), edge | ({"fee": True} if is_fee[row] else {})


def search_networkx(graph: nx.MultiDiGraph, wall: Any, sources: set[int], asked: Question) -> dict[int, float]:
    """Follow by haircut in order of time, from address to address; return USD by the address where they rest."""
    search = Search(graph, wall, sources, asked)
    for who in sources & set(graph):
        search.hops[who] = 0
        search.join(who, -1)
    while search.heap:
        row, payer, payee, edge = heapq.heappop(search.heap)
        weight, hop = search.pay(payer, edge)
        if payee >= 0 and payee not in sources and wall[payee] <= 0:
            search.deliver(row, payee, (0.0 if "fee" in edge else weight, hop), edge)
    for (who, _), (_, weight) in search.pots.items():
        if weight > 0:
            search.rests[who] = search.rests.get(who, 0.0) + weight
    return search.rests


class Search:
    """Who was reached, by how many payments, what they hold (amount, weight), and which payments come next."""

    def __init__(self, graph: nx.MultiDiGraph, wall: Any, sources: set[int], asked: Question) -> None:
        self.graph, self.wall, self.sources, self.asked = graph, wall, sources, asked
        self.hops: dict[int, int] = {}
        self.pots: dict[tuple[int, int], list[float]] = {}
        self.heap: list[tuple[int, int, int, dict[str, float]]] = []
        self.seen: set[int] = set()
        self.rests: dict[int, float] = {}

    def join(self, who: int, row: int) -> None:
        """Take the balances of an address before a row, and put its later payments into the heap."""
        graph = self.graph
        for edges, sign in ((graph.out_edges(who, data=True), -1), (graph.in_edges(who, data=True), 1)):
            for payer, payee, edge in edges:
                if edge["row"] < row:
                    self.pots.setdefault((who, edge["pool"]), [0.0, 0.0])[0] += sign * edge["amount"]
                elif edge["row"] > row and edge["row"] not in self.seen:
                    self.seen.add(edge["row"])
                    heapq.heappush(self.heap, (edge["row"], payer, payee, edge))

    def pay(self, payer: int, edge: dict[str, float]) -> tuple[float, int]:
        """Return the weight that leaves the payer, and how far he is from the source."""
        hop = self.hops.get(payer, self.asked.max_hops)
        if payer in self.sources:
            return edge["usd"], hop
        if hop >= self.asked.max_hops:
            return 0.0, hop
        pot = self.pots.setdefault((payer, edge["pool"]), [0.0, 0.0])
        weight = pot[1] if edge["amount"] >= pot[0] else pot[1] * edge["amount"] / pot[0]
        pot[0], pot[1] = max(pot[0] - edge["amount"], 0.0), max(pot[1] - weight, 0.0)
        return weight, hop

    def deliver(self, row: int, payee: int, paid: tuple[float, int], edge: dict[str, float]) -> None:
        """Hand the weight to the payee, who may be reached by it for the first time."""
        weight, hop = paid
        if weight >= self.asked.min_usd and hop + 1 < self.hops.get(payee, self.asked.max_hops):
            if payee not in self.hops:
                self.join(payee, row)
            self.hops[payee] = hop + 1
        if payee in self.hops:
            pot = self.pots.setdefault((payee, edge["pool"]), [0.0, 0.0])
            pot[0], pot[1] = pot[0] + edge["amount"], pot[1] + weight
        elif weight >= self.asked.min_usd or (weight > 0 and payee in self.rests):
            self.rests[payee] = self.rests.get(payee, 0.0) + weight


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", type=Path, help="a built store of the economy, to measure speed on")
    parser.add_argument("--payments", type=int, default=2_000_000, help="how many of them networkx gets, and we")
    parser.add_argument("--background", type=int, default=100_000)
    wanted = parser.parse_args()
    mirror = os.environ.get("INTEL_DATA_MIRROR")
    if mirror:
        with tempfile.TemporaryDirectory() as folder:
            for name in CASES:
                check_case(Path(mirror), name, wanted.background, Path(folder))
    else:
        print("INTEL_DATA_MIRROR is not set: the two cases are left out")
    if wanted.store:
        measure_speed(wanted.store, wanted.payments)


if __name__ == "__main__":
    main()
