"""How quickly are lots matched, beside rp2's engine on the same lots in the same process?

    .venv/bin/python bench/pnl.py [--disposals 100000]

Only the matching is timed: the input of either side is built beforehand. The gains must be equal to the cent, sale by
sale. Average cost and HIFO have no such peer: rp2 1.7.2 knows no average, and loses lots under HIFO.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from intel.profiler.lots import ACQUIRE, DISPOSE, METHODS, Matched, Movements, match_lots
from tests.tax_engine import Deal, draw_deals, prepare_rp2, read_gains, run_rp2

CENT = 10_000  # micro-dollars
WANTED = 50  # times as quick


def arrange(deals: list[Deal]) -> Movements:
    """The deals as movements of a coin of 18 decimals."""
    thousandths = np.array([deal.quantity for deal in deals])
    size = np.abs(thousandths)
    cents = np.array([deal.cents for deal in deals])
    return Movements(
        np.zeros(len(deals), dtype=np.int64), np.where(thousandths > 0, ACQUIRE, DISPOSE).astype(np.int8),
        size // 1000, size % 1000 * 10**15, size * cents * 10, np.ones(len(deals), dtype=np.bool_),
        np.full(len(deals), -1),
    )  # fmt: skip


def clock(work: Callable[[], Any], rounds: int = 3) -> tuple[float, Any]:
    """Seconds of the quickest of some rounds, and the result."""
    seconds, result = [], None
    for _ in range(rounds):
        begin = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - begin)
    return min(seconds), result


def count_unequal(theirs: dict[int, list[tuple[int, int, int, int]]], ours: Matched) -> int:
    """Sales whose gain differs by a cent or more."""
    gains = ours.proceeds - ours.basis
    return sum(abs(sum(won for *_, won in parts) - int(gains[sale])) >= CENT for sale, parts in theirs.items())


def main() -> int:
    """Print seconds and ratios; 1 where a gain differs or the distance is too small."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--disposals", type=int, default=100_000)
    options = parser.parse_args()
    deals = draw_deals(options.disposals)
    lots = arrange(deals)
    match_lots(arrange(deals[:10]), "fifo")  # compiles, once
    failed = False
    print(f"{options.disposals:,} disposals of {len(deals):,} movements")
    for method in METHODS:
        seconds, ours = clock(lambda m=method: match_lots(lots, m))
        told = f"  {method:8} {seconds:7.3f} s"
        if method in {"fifo", "lifo"}:
            with tempfile.TemporaryDirectory() as folder:
                prepared = prepare_rp2(deals, method, Path(folder))
                their_seconds, found = clock(lambda p=prepared: run_rp2(p), rounds=1)
            unequal = count_unequal(read_gains(found), ours)
            told += f"   rp2 {their_seconds:7.2f} s, {their_seconds / seconds:,.0f} times; gains that differ: {unequal}"
            failed |= unequal > 0 or their_seconds / seconds < WANTED
        print(told, flush=True)
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
