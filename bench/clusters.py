"""How fast are groups made? Union-find beside networkx and graphsense-clustering, and guarded merging, in one run.

    .venv/bin/python bench/clusters.py [--edges 50000000] [--small 5000000] [--candidates 10000000]

networkx gets `--small` edges, and its time is extrapolated in proportion: that favours it, its time grows faster.
graphsense-clustering and ours read the same Arrow list of pairs; their partitions must be equal. Every part runs in
a process of its own, twice; the better time counts. Wall seconds of one machine are noise, the ratios are the result.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable

import networkx as nx
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from gs_clustering import Clustering

from intel.entities.cuts import UNIT
from intel.entities.merging import Evidence, make_guard, merge_evidence, no_constraints
from intel.entities.unite import find_components
from intel.model import FAMILIES

Ids = npt.NDArray[np.int64]


def draw_pairs(edges: int) -> pa.ListArray:
    """Draw pairs of addresses (ids from 1) as one Arrow list each: groups of all sizes, and ever fewer large ones."""
    rng = np.random.default_rng(7)
    nodes = edges * 4 // 5
    left = rng.integers(1, nodes, edges, dtype=np.uint32)
    reach = np.minimum(rng.zipf(1.6, edges), nodes).astype(np.int64)
    right = ((left.astype(np.int64) + reach) % (nodes - 1) + 1).astype(np.uint32)
    pairs = np.column_stack([left, right]).ravel()
    return pa.ListArray.from_arrays(pa.array(np.arange(0, 2 * edges + 1, 2, dtype=np.int32)), pa.array(pairs))


def unite_ours(pairs: pa.ListArray) -> Ids:
    """Return the lowest member of every id's group."""
    ends = pairs.values.to_numpy()
    return find_components(ends[::2], ends[1::2], int(ends.max()) + 1)


def unite_graphsense(pairs: pa.ListArray) -> npt.NDArray[np.uint32]:
    """The same by graphsense-clustering."""
    clustering = Clustering(max_address_id=int(pairs.values.to_numpy().max()))
    clustering.process_transactions_arrow(pairs)
    return np.asarray(clustering.get_mapping().column(1).to_numpy())


def unite_networkx(pairs: pa.ListArray) -> int:
    """The number of groups by networkx."""
    ends = pairs.values.to_numpy()
    graph = nx.Graph()
    graph.add_edges_from(zip(ends[::2].tolist(), ends[1::2].tolist(), strict=True))
    return sum(1 for _ in nx.connected_components(graph))


def draw_evidence(edges: int) -> tuple[int, Evidence]:
    """Draw candidate edges: people with few addresses and firms with many, half of the edges true, half chance.

    True edges are strong or middling and lie within an owner; chance edges are weak and go anywhere, so that most
    addresses hang together in one giant component. Every third edge shares its event with others.
    """
    rng = np.random.default_rng(8)
    nodes = edges // 2
    sizes = np.minimum(rng.zipf(2.1, nodes), 5_000)
    sizes = sizes[: int(np.searchsorted(np.cumsum(sizes), nodes))]
    start, size = np.repeat(np.cumsum(sizes) - sizes, sizes), np.repeat(sizes, sizes)
    nodes = len(start)
    left = rng.integers(0, nodes, edges)
    inside = start[left] + rng.integers(0, size[left])
    is_true = (rng.random(edges) < 0.6) & (inside != left)
    right = np.where(is_true, inside, rng.integers(0, nodes, edges))
    bits = np.where(is_true, rng.choice([3.5, 5.0, 6.0, 8.0], edges), rng.choice([1.0, 2.5, 3.5], edges))
    family = rng.choice([FAMILIES.index(name) for name in ("FLOW", "FUND", "AUTH")], edges, p=[0.6, 0.3, 0.1])
    event = np.where(rng.random(edges) < 0.33, start[np.minimum(left, right)], nodes + np.arange(edges))
    event = event * len(FAMILIES) + family
    kept = left != right
    low, high = np.minimum(left, right), np.maximum(left, right)
    known = np.ones(edges, dtype=np.bool_)
    columns = (low, high, np.unique(event, return_inverse=True)[1], family, np.round(bits * UNIT).astype(np.int64),
               np.where(family == FAMILIES.index("FUND"), -1, family))  # fmt: skip
    left, right, event, family, units, rule = (np.asarray(column[kept], dtype=np.int64) for column in columns)
    return nodes, Evidence(left, right, event, family, units, rule, known[kept], ~known[kept])


def merge_candidates(problem: tuple[int, Evidence]) -> str:
    """Merge and describe what came out."""
    nodes, evidence = problem
    found = merge_evidence(nodes, evidence, no_constraints(), make_guard())
    sizes = np.bincount(found.first)
    return (
        f"{len(found.merges.left):,} merges of {nodes:,} addresses, largest group {sizes.max():,}, "
        f"{len(found.refusals.left):,} refused, thresholds raised {len(found.raised)} times"
    )


def fingerprint(groups: Ids) -> str:
    """Return a digest of a partition whose groups go by their lowest member."""
    weights = np.arange(len(groups), dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    return f"{int((weights * groups.astype(np.uint64)).sum()):x} of {len(np.unique(groups)):,} groups"


PARTS: dict[str, tuple[Callable[[int], object], Callable[..., object]]] = {
    "ours": (draw_pairs, lambda pairs: fingerprint_later(unite_ours, pairs)),
    "graphsense": (draw_pairs, lambda pairs: fingerprint_later(unite_graphsense, pairs)),
    "networkx": (draw_pairs, unite_networkx),
    "merging": (draw_evidence, merge_candidates),
}


def fingerprint_later(unite: Callable[[pa.ListArray], Ids], pairs: pa.ListArray) -> Callable[[], str]:
    """Unite now; the digest is taken after the clock has stopped."""
    groups = unite(pairs)
    return lambda: fingerprint(groups)


def run_part(name: str, edges: int) -> dict[str, object]:
    """Draw, warm up the compiled code on a small input, and time one part."""
    draw, run = PARTS[name]
    run(draw(1_000))
    problem = draw(edges)
    started = time.perf_counter()
    result = run(problem)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return {"seconds": seconds, "gb": peak, "result": str(result() if callable(result) else result)}


def time_apart(name: str, edges: int, runs: int = 2) -> dict[str, object]:
    """Return the best of several runs, each in a process of its own."""
    results = []
    for _ in range(runs):
        call = [sys.executable, __file__, "--part", name, "--edges", str(edges)]
        results.append(json.loads(subprocess.run(call, check=True, stdout=subprocess.PIPE, text=True).stdout))
    best = min(results, key=lambda one: float(one["seconds"]))
    print(f"{name:12s} {edges:>12,} edges {best['seconds']:8.2f} s {best['gb']:6.1f} GB  {best['result']}", flush=True)
    return best


def main() -> None:
    """Run all parts and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--edges", type=int, default=50_000_000)
    parser.add_argument("--small", type=int, default=5_000_000)
    parser.add_argument("--candidates", type=int, default=10_000_000)
    parser.add_argument("--part", choices=list(PARTS))
    chosen = parser.parse_args()
    if chosen.part:
        print(json.dumps(run_part(chosen.part, chosen.edges)))
        return
    ours, theirs = time_apart("ours", chosen.edges), time_apart("graphsense", chosen.edges)
    slow = time_apart("networkx", chosen.small, runs=1)
    merging = time_apart("merging", chosen.candidates, runs=1)
    scaled = float(slow["seconds"]) * chosen.edges / chosen.small
    print(f"partitions equal: {ours['result'] == theirs['result']}")
    print(f"union-find: {scaled / float(ours['seconds']):.0f} times networkx (extrapolated from {chosen.small:,}), "
          f"{float(theirs['seconds']) / float(ours['seconds']):.2f} times graphsense-clustering")  # fmt: skip
    print(f"guarded merging: {float(merging['seconds']):.0f} s (must stay below 300)")


if __name__ == "__main__":
    main()
