"""Do FIFO and LIFO consume the lots that rp2 consumes, at the same cost to the cent?

Only purchases and sales: rp2 1.7.2 can lose a lot that an earning of the same asset put back half used.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from intel.profiler.lots import ACQUIRE, DISPOSE, Method, Movements, match_lots
from tests.tax_engine import Deal, draw_deals, prepare_rp2, read_gains, run_rp2

CENT = 10_000  # micro-dollars
THOUSANDTH = 10**15  # wei


def arrange(deals: list[Deal]) -> Movements:
    """The same deals as movements of a coin of 18 decimals."""
    bought = np.array([deal.quantity > 0 for deal in deals])
    wei = [abs(deal.quantity) * THOUSANDTH for deal in deals]
    return Movements(
        np.zeros(len(deals), dtype=np.int64),
        np.where(bought, ACQUIRE, DISPOSE).astype(np.int8),
        np.array([amount // 10**18 for amount in wei]),
        np.array([amount % 10**18 for amount in wei]),
        np.array([abs(deal.quantity) * deal.cents * 10 for deal in deals]),  # thousandths * cents, in micro-dollars
        np.ones(len(deals), dtype=np.bool_),
        np.full(len(deals), -1),
    )


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("method", ["fifo", "lifo"])
def test_same_lots_and_same_gains(tmp_path: Path, method: Method, seed: int) -> None:
    deals = draw_deals(150, seed)
    theirs = read_gains(run_rp2(prepare_rp2(deals, method, tmp_path)))
    matched = match_lots(arrange(deals), method)
    ours: dict[int, list[tuple[int, int]]] = {}
    for row, lot, high, low, _ in matched.trail.tolist():
        ours.setdefault(row, []).append((lot, (high * 10**18 + low) // THOUSANDTH))
    assert ours == {sale: [(lot, part) for lot, part, _, _ in parts] for sale, parts in theirs.items()}
    assert any(len(parts) > 1 for parts in ours.values())
    for sale, parts in theirs.items():
        assert abs(sum(basis for _, _, basis, _ in parts) - matched.basis[sale]) < CENT / 2
        gain = matched.proceeds[sale] - matched.basis[sale]
        assert abs(sum(won for *_, won in parts) - gain) < CENT / 2
