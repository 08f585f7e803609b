"""Are the measures what brute force and scikit-learn make of them?"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, pair_confusion_matrix

from intel.ml.metrics import (
    bootstrap_scores,
    bound_errors,
    bound_recall,
    bound_share,
    calibration_error,
    count_errors_by_size,
    count_overlaps,
    cover_at_precision,
    score_bcubed,
    score_brier,
    score_pairs,
    weigh_by_entity,
)

PARTITIONS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=2, max_size=40)


@given(PARTITIONS)
def test_pairs_as_if_each_were_looked_at(items: list[tuple[int, int]]) -> None:
    truth, found = np.array(items).T
    pairs = list(combinations(items, 2))
    true = {i for i, (a, b) in enumerate(pairs) if a[0] == b[0]}
    called = {i for i, (a, b) in enumerate(pairs) if a[1] == b[1]}
    score = score_pairs(count_overlaps(truth, found))
    assert score.precision == pytest.approx(len(true & called) / len(called) if called else 1)
    assert score.recall == pytest.approx(len(true & called) / len(true) if true else 1)


@given(PARTITIONS)
def test_pairs_as_scikit_learn_counts_them(items: list[tuple[int, int]]) -> None:
    truth, found = np.array(items).T
    (_, wrong), (missed, right) = pair_confusion_matrix(truth, found)
    score = score_pairs(count_overlaps(truth, found))
    assert score.precision == pytest.approx(right / (right + wrong) if right + wrong else 1)
    assert score.recall == pytest.approx(right / (right + missed) if right + missed else 1)


@given(PARTITIONS)
def test_bcubed_item_by_item(items: list[tuple[int, int]]) -> None:
    truth, found = np.array(items).T
    both = [sum(other == item for other in items) for item in items]
    precision = np.mean([n / sum(o[1] == item[1] for o in items) for n, item in zip(both, items, strict=True)])
    recall = np.mean([n / sum(o[0] == item[0] for o in items) for n, item in zip(both, items, strict=True)])
    score = score_bcubed(count_overlaps(truth, found))
    assert (score.precision, score.recall) == (pytest.approx(precision), pytest.approx(recall))


def test_many_items_are_no_matter() -> None:
    numbers = np.arange(1_000_000)
    score = score_pairs(count_overlaps(numbers // 500_000, np.zeros(1_000_000, dtype=np.int64)))
    assert score.recall == 1
    assert score.precision == pytest.approx(0.5, abs=1e-5)


def test_intervals_hold_the_figure_and_narrow_with_more_groups() -> None:
    def span(groups: int) -> float:
        rng = np.random.default_rng(3)
        truth = np.repeat(np.arange(groups), 4)
        found = np.where(rng.random(len(truth)) < 0.7, truth, groups + np.arange(len(truth)))
        overlaps = count_overlaps(truth, found)
        pairs, cubes = bootstrap_scores(overlaps, draws=300)
        assert pairs["recall"][0] <= score_pairs(overlaps).recall <= pairs["recall"][1]
        assert cubes["recall"][0] <= score_bcubed(overlaps).recall <= cubes["recall"][1]
        return pairs["recall"][1] - pairs["recall"][0]

    assert span(400) < span(25) / 2


def test_a_group_drawn_twice_is_not_held_against_itself() -> None:
    truth = np.repeat(np.arange(5), 3)
    pairs, cubes = bootstrap_scores(count_overlaps(truth, truth), draws=50)
    assert pairs["precision"] == cubes["precision"] == (1, 1)


@pytest.mark.parametrize(("seen", "pairs", "cubed"), [([4, 2], 1, 1), ([2, 0], 1 / 7, 2.5 / 6), ([0, 0], 0, 2 / 6)])
def test_ceiling(seen: list[int], pairs: float, cubed: float) -> None:
    found = bound_recall(np.array([4, 2]), np.array(seen))
    truth = np.repeat([0, 1], [4, 2])
    alone = np.arange(6) + 10
    where = np.concatenate([np.arange(4) < seen[0], np.arange(2) < seen[1]])
    overlaps = count_overlaps(truth, np.where(where, truth, alone))
    assert found == (pytest.approx(score_pairs(overlaps).recall), pytest.approx(score_bcubed(overlaps).recall))
    assert found == (pytest.approx(pairs), pytest.approx(cubed))


@pytest.mark.parametrize(("right", "n"), [(0, 10), (3, 10), (10, 10), (255, 260)])
def test_interval_of_a_share_leaves_its_tails(right: int, n: int) -> None:
    from scipy.stats import binom

    low, high = bound_share(right, n)
    assert low <= right / n <= high
    if right:
        assert binom.sf(right - 1, n, low) == pytest.approx(0.025)
    if right < n:
        assert binom.cdf(right, n, high) == pytest.approx(0.025)


def test_no_error_seen_is_not_no_error() -> None:
    assert bound_errors(0, 300) == pytest.approx(1 - 0.05 ** (1 / 300))
    assert bound_errors(0, 0) == 1
    assert bound_errors(5, 5) == 1


def test_coverage_stops_where_precision_falls() -> None:
    confidence = np.array([0.9, 0.8, 0.8, 0.7])
    right = np.array([1.0, 1.0, 0.0, 1.0])
    assert cover_at_precision(confidence, right, 8, 0.95) == 1 / 8
    assert cover_at_precision(confidence, right, 8, 0.75) == 4 / 8
    assert cover_at_precision(confidence, np.zeros(4), 8, 0.5) == 0
    assert cover_at_precision(np.empty(0), np.empty(0), 8, 0.5) == 0


def test_coverage_does_not_depend_on_the_order_of_ties() -> None:
    confidence = np.full(4, 0.9)
    for right in ([1, 1, 0, 0], [0, 0, 1, 1]):
        assert cover_at_precision(confidence, np.array(right, dtype=float), 4, 0.9) == 0


def test_calibration_of_honest_and_of_boastful_answers() -> None:
    rng = np.random.default_rng(5)
    honest = rng.random(20_000)
    right = (rng.random(20_000) < honest).astype(float)
    even = np.ones(20_000)
    assert calibration_error(honest, right, even) < 0.02
    assert calibration_error(np.full(20_000, 0.9), right, even) == pytest.approx(0.9 - right.mean())
    assert score_brier(honest, right, even)[0] == pytest.approx(brier_score_loss(right, honest))
    assert score_brier(np.full(20_000, right.mean()), right, even)[1] == pytest.approx(0)
    assert score_brier(right, right, even) == (0, 1)
    assert score_brier(honest, np.ones(20_000), even)[1] is None


def test_every_entity_weighs_one() -> None:
    weights = weigh_by_entity(np.array([7, 7, 7, 9]))
    assert weights.tolist() == pytest.approx([1 / 3, 1 / 3, 1 / 3, 1])
    giant = np.repeat([0, 1], [1000, 1])
    assert calibration_error(np.full(1001, 0.5), giant.astype(float), weigh_by_entity(giant)) == pytest.approx(0)


def test_errors_by_size_of_the_whole_cluster() -> None:
    truth = np.array([0, 0, 1, 2, 2, 3])
    found = np.array([0, 0, 0, 1, 1, 2])
    rows = count_errors_by_size(count_overlaps(truth, found), np.array([9, 10, 5000]))
    assert [(row["from"], row["to"], row["clusters"], row["pairs"], row["wrong"]) for row in rows] == [
        (2, 9, 1, 3, 2),
        (10, 99, 1, 1, 0),
    ]
