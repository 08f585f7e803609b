"""How good is an answer against a truth, and how sure may one be of that figure?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

SURE = 0.95  # of every interval here
DRAWS = 1000  # of the bootstrap
BINS = 15  # of the calibration error (SCIENCE.md C5)
_CHUNK_CELLS = 20_000_000  # of a bootstrap at a time: 160 MB


@dataclass(frozen=True, slots=True)
class Score:
    """Precision, recall and their harmonic mean; precision is 1 where nothing was claimed."""

    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, slots=True)
class Contingency:
    """How many items each true group and each found cluster have in common: one entry per pair that has any.

    `truth` and `found` are 0 .. groups - 1 and 0 .. clusters - 1; `items` counts.
    """

    truth: Ids
    found: Ids
    items: Ids
    groups: int
    clusters: int


def count_overlaps(truth: Ids, found: Ids) -> Contingency:
    """Return the contingency of two partitions of the same items; any numbers may name the parts."""
    groups, left = np.unique(truth, return_inverse=True)
    clusters, right = np.unique(found, return_inverse=True)
    width = max(len(clusters), 1)
    cells, items = np.unique(left.astype(np.int64) * width + right, return_counts=True)
    return Contingency(cells // width, cells % width, items.astype(np.int64), len(groups), len(clusters))


def score_pairs(overlaps: Contingency) -> Score:
    """Return pairwise precision and recall, exact from the counts, without a look at any pair."""
    return _score_pairs(overlaps, np.ones((1, overlaps.groups)))[0]


def score_bcubed(overlaps: Contingency) -> Score:
    """Return B-cubed precision and recall (Bagga and Baldwin 1998): each item's own, averaged."""
    return _score_bcubed(overlaps, np.ones((1, overlaps.groups)))[0]


def bootstrap_scores(
    overlaps: Contingency, *, draws: int = DRAWS, seed: int = 1
) -> tuple[dict[str, tuple[float, float]], dict[str, tuple[float, float]]]:
    """Return the 95 % intervals of the pairwise and of the B-cubed figures, by name, drawing whole groups anew.

    A group drawn twice counts twice but is never held against itself.
    """
    rng = np.random.default_rng(seed)
    pairs: list[Score] = []
    cubes: list[Score] = []
    step = max(1, _CHUNK_CELLS // max(len(overlaps.items) + overlaps.clusters, 1))
    for first in range(0, draws, step):
        rows = min(step, draws - first)
        weights = rng.multinomial(overlaps.groups, np.full(overlaps.groups, 1 / overlaps.groups), rows).astype(float)
        pairs += _score_pairs(overlaps, weights)
        cubes += _score_bcubed(overlaps, weights)
    return _span(pairs), _span(cubes)


def _span(scores: list[Score]) -> dict[str, tuple[float, float]]:
    names = ("precision", "recall", "f1")
    return {name: span_draws(np.array([getattr(score, name) for score in scores])) for name in names}


def span_draws(values: Floats) -> tuple[float, float]:
    """Return the middle 95 % of bootstrap draws."""
    low, high = np.quantile(values, [(1 - SURE) / 2, (1 + SURE) / 2])
    return float(low), float(high)


def _add_by(keys: Ids, values: Floats, width: int) -> Floats:
    """Sum the columns of `values` that have the same key."""
    sums = np.zeros((len(values), width))
    for row, line in enumerate(values):
        sums[row] = np.bincount(keys, weights=line, minlength=width)
    return sums


def _score_pairs(overlaps: Contingency, weights: Floats) -> list[Score]:
    """One score per row of weights: how often each group was drawn."""
    n = overlaps.items.astype(float)
    sizes = np.bincount(overlaps.truth, weights=n, minlength=overlaps.groups)
    drawn = weights[:, overlaps.truth]
    right = (drawn * (n * (n - 1) / 2)).sum(axis=1)
    true = (weights * (sizes * (sizes - 1) / 2)).sum(axis=1)
    sums = _add_by(overlaps.found, drawn * n, overlaps.clusters)
    wrong = (np.square(sums).sum(axis=1) - np.square(drawn * n).sum(axis=1)) / 2
    return [_make_score(*row) for row in zip(right, right + wrong, right, true, strict=True)]


def _score_bcubed(overlaps: Contingency, weights: Floats) -> list[Score]:
    n = overlaps.items.astype(float)
    sizes = np.bincount(overlaps.truth, weights=n, minlength=overlaps.groups)
    drawn = weights[:, overlaps.truth]
    others = _add_by(overlaps.found, drawn * n, overlaps.clusters)[:, overlaps.found] - drawn * n
    total = (drawn * n).sum(axis=1)
    precise = (drawn * n * n / (n + others)).sum(axis=1)
    recalled = (drawn * n * n / sizes[overlaps.truth]).sum(axis=1)
    return [_make_score(*row) for row in zip(precise, total, recalled, total, strict=True)]


def _make_score(right: float, claimed: float, reached: float, true: float) -> Score:
    precision = float(right / claimed) if claimed > 0 else 1.0
    recall = float(reached / true) if true > 0 else 1.0
    return Score(precision, recall, 2 * precision * recall / (precision + recall) if precision + recall else 0.0)


def bound_recall(sizes: Ids, seen: Ids) -> tuple[float, float]:
    """Return the best pairwise and B-cubed recall in reach where only `seen` of each group's `sizes` items occur."""
    pairs = float((sizes * (sizes - 1)).sum())
    total = float(sizes.sum())
    best = float((seen * (seen - 1)).sum())
    alone = (sizes - seen) / np.maximum(sizes, 1)
    cubed = float((np.square(seen) / np.maximum(sizes, 1) + alone).sum())
    return best / pairs if pairs else 1.0, cubed / total if total else 1.0


def bound_share(right: int, n: int, sure: float = SURE) -> tuple[float, float]:
    """Return the Clopper-Pearson interval of a share: exact, hence never too narrow; (0, 1) where n is 0."""
    if n == 0:
        return 0.0, 1.0
    tail = (1 - sure) / 2
    low = 0.0 if right == 0 else _invert_beta(right, n - right + 1, tail)
    high = 1.0 if right == n else _invert_beta(right + 1, n - right, 1 - tail)
    return low, high


def _invert_beta(a: float, b: float, share: float) -> float:
    from scipy.special import betaincinv  # a third of a second: only who measures waits for it

    return float(betaincinv(a, b, share))


def bound_errors(wrong: int, n: int, sure: float = SURE) -> float:
    """Return how large the share of errors may yet be, one-sided: with 0 wrong of n about 3 / n (1 where n is 0)."""
    return 1.0 if wrong >= n else _invert_beta(wrong + 1, n - wrong, sure)


def cover_at_precision(
    confidence: Floats, rightness: Floats, total: float, level: float, weights: Floats | None = None
) -> float:
    """Return the largest share of `total` that may be answered, surest first, with a precision of `level` or more.

    `rightness` is 0 .. 1 per answer. Answers of equal confidence are taken together or not at all.
    """
    if len(confidence) == 0 or total <= 0:
        return 0.0
    order = np.argsort(-confidence, kind="stable")
    mass = np.ones(len(order)) if weights is None else weights[order]
    taken = np.cumsum(mass)
    ends = np.append(np.diff(confidence[order]) != 0, True)
    good = ends & (np.cumsum(mass * rightness[order]) >= level * taken - 1e-9)
    return float(taken[good].max() / total) if good.any() else 0.0


def calibration_error(probability: Floats, is_right: Floats, weights: Floats, bins: int = BINS) -> float:
    """Return the expected calibration error over bins of equal weight; equal probabilities share a bin."""
    values, place = np.unique(probability, return_inverse=True)
    mass = np.bincount(place, weights=weights, minlength=len(values))
    middle = (np.cumsum(mass) - mass / 2) / mass.sum()
    at = np.minimum((middle * bins).astype(np.int64), bins - 1)[place]
    gaps = np.bincount(at, weights=weights * (is_right - probability), minlength=bins)
    return float(np.abs(gaps).sum() / weights.sum())


def score_brier(probability: Floats, is_right: Floats, weights: Floats) -> tuple[float, float | None]:
    """Return the Brier score and its skill over always saying the base rate; no skill where all answers are alike."""
    total = weights.sum()
    brier = float((weights * np.square(probability - is_right)).sum() / total)
    base = float((weights * is_right).sum() / total)
    chance = base * (1 - base)
    return brier, 1 - brier / chance if chance > 0 else None


def weigh_by_entity(entity: Ids) -> Floats:
    """Return weights that give every entity one in all, shared by its items (SCIENCE.md C5)."""
    _, place, counts = np.unique(entity, return_inverse=True, return_counts=True)
    return np.asarray(1.0 / counts[place], dtype=np.float64)


def count_errors_by_size(overlaps: Contingency, sizes: Ids) -> list[dict[str, int | float]]:
    """Return pairs called the same and how many are wrong, by decades of the clusters' whole size.

    `sizes` holds each found cluster's number of addresses, those outside the truth too.
    """
    n = overlaps.items
    width = overlaps.clusters
    told = np.bincount(overlaps.found, weights=n, minlength=width).astype(np.int64)
    right = np.bincount(overlaps.found, weights=n * (n - 1) // 2, minlength=width).astype(np.int64)
    called = told * (told - 1) // 2
    decade = np.floor(np.log10(np.maximum(sizes, 1)) + 1e-12).astype(np.int64)
    rows: list[dict[str, int | float]] = []
    for power in np.unique(decade[called > 0]).tolist():
        here = (decade == power) & (called > 0)
        pairs, good = int(called[here].sum()), int(right[here].sum())
        rows.append({
            "from": max(2, 10**power), "to": 10 ** (power + 1) - 1, "clusters": int(here.sum()),
            "pairs": pairs, "wrong": pairs - good, "precision": good / pairs,
        })  # fmt: skip
    return rows
