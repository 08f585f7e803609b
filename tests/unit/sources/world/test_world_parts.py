"""Do the exact pieces under the economy hold against plain Python: running need, decimals, numbering?"""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from intel.sources.world.funding import running_need
from intel.sources.world.ledger import write_decimals
from intel.sources.world.numbering import count_within

GROUP = st.tuples(st.integers(0, 10**17), st.lists(st.integers(-(10**17), 10**17), min_size=1, max_size=8))


@given(st.lists(GROUP, min_size=1, max_size=8))
def test_running_need_is_the_deepest_debt_so_far(groups: list[tuple[int, list[int]]]) -> None:
    wanted = []
    for opening, deltas in groups:
        balance, lowest = opening, 0
        for delta in deltas:
            balance += delta
            lowest = min(lowest, balance)
            wanted.append(-lowest)
    number = np.repeat(np.arange(len(groups)), [len(deltas) for _, deltas in groups])
    delta = np.array([delta for _, deltas in groups for delta in deltas], dtype=np.int64)
    opening = np.array([opening for opening, _ in groups], dtype=np.int64)
    assert running_need(delta, number, opening).tolist() == wanted


@given(st.lists(st.tuples(st.integers(0, 2**63 - 1), st.sampled_from([1, 10**6, 10**9, 10**12])), min_size=1))
def test_decimals_are_exact(pairs: list[tuple[int, int]]) -> None:
    amount, unit = (np.array(column, dtype=np.int64) for column in zip(*pairs, strict=True))
    assert write_decimals(amount, unit).to_pylist() == [Decimal(a * b) for a, b in pairs]


@pytest.mark.parametrize(
    ("keys", "wanted"),
    [(([],), []), (([4, 4, 5, 5, 5, 4],), [0, 1, 0, 1, 2, 0]), (([1, 1, 1], [1, 2, 2]), [0, 0, 1])],
)
def test_numbering_starts_again_with_each_run_of_keys(keys: tuple[list[int], ...], wanted: list[int]) -> None:
    assert count_within(*(np.array(key, dtype=np.int64) for key in keys)).tolist() == wanted
