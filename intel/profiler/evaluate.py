"""How right is this build, measured against owners that somebody else knows?"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from intel.errors import UsageError
from intel.ml import metrics
from intel.model import Tier
from intel.profiler.recover import recover_hidden
from intel.profiler.truths import Placement, Truth, place_truth, read_truth
from intel.store.reader import Reader

LEVELS = (0.95, 0.99)
_DRAWS = 300  # of the curve's interval; the partitions' scores take metrics.DRAWS
_SEED = 1

_LINKS = """
select l.probability, a.row as left_row, b.row as right_row from beliefs.links l
join truth_places a on a.address_id = l.left_id
join truth_places b on b.address_id = l.right_id
where l.relation = 'same_controller' and l.visibility = 'public' and a.row <> b.row
order by a.row, b.row, l.probability
"""


def evaluate_truth(
    reader: Reader,
    path: Path,
    *,
    max_pairs: int | None = None,
    tier: Tier = "probable",
    hide: float | None = None,
    splits: int = 20,
) -> dict[str, Any]:
    """Return the public layer's scores against a truth file, with 95 % intervals over its groups.

    Of `cluster_id, address` two addresses are called the same when they are in one public cluster; of
    `address, entity` the attributions are compared. Addresses that never occur count as missed; `ceiling` says what
    is in reach. With `hide`, that share of groups is unknown and half of every other group's addresses are hidden,
    to be found again from links alone, `splits` times. Raises BadInput for a file that is no truth.
    """
    if max_pairs is not None and max_pairs < 1:
        raise UsageError(f"--pairs {max_pairs} leaves nothing to compare", "give 1 or more")
    if hide is not None and not 0 <= hide < 1:
        raise UsageError(f"--hide {hide} is no share of groups", "give 0 or more and less than 1, such as 0.3")
    truth = read_truth(reader, path, max_pairs)
    placed = place_truth(reader, truth, tier)
    place = placed.place if truth.kind == "clusters" else _place_by_owner(placed)
    overlaps = metrics.count_overlaps(truth.groups, place)
    pairs, cubes = metrics.bootstrap_scores(overlaps, seed=_SEED)
    document = {
        "build": reader.build_id,
        "tier": tier,
        "truth": _describe_truth(truth, placed),
        "pairwise": _join_intervals(metrics.score_pairs(overlaps), pairs) | _count_pairs(overlaps),
        "bcubed": _join_intervals(metrics.score_bcubed(overlaps), cubes),
        "ceiling": _find_ceiling(truth, placed),
        "largest_cluster": _find_largest(truth, placed),
        "largest_nameless": _find_largest_nameless(reader, tier),
        "errors_by_size": metrics.count_errors_by_size(overlaps, _size_places(place, placed)),
    }
    if truth.kind == "clusters":
        document |= _judge_clusters(reader, truth, placed, overlaps)
    else:
        document |= _judge_answers(truth, placed)
    if hide is not None:
        document["hide_and_recover"] = recover_hidden(reader, truth.groups, share=hide, splits=splits)
    return document


def _place_by_owner(placed: Placement) -> npt.NDArray[np.int64]:
    """Number the answers: those of one named owner are together, where there is none the cluster decides."""
    texts = [f"owner {who}" if who else f"place {at}" for who, at in zip(placed.answer, placed.place, strict=True)]
    return np.asarray(pd.factorize(np.array(texts, dtype=object))[0], dtype=np.int64)


def _describe_truth(truth: Truth, placed: Placement) -> dict[str, Any]:
    return {
        "kind": truth.kind,
        "rows": truth.told,
        "addresses": len(truth.rows),
        "groups": len(truth.group_ids),
        "in_ledger": int(placed.seen.sum()),
        "conflicting": truth.conflicting,
        "unresolved": list(truth.unresolved),
        "unresolved_addresses": truth.unresolved_addresses,
    }


def _join_intervals(score: metrics.Score, spans: dict[str, tuple[float, float]]) -> dict[str, Any]:
    return asdict(score) | {"intervals": {name: list(span) for name, span in spans.items()}}


def _count_pairs(overlaps: metrics.Contingency) -> dict[str, int]:
    n = overlaps.items
    told = np.bincount(overlaps.found, weights=n, minlength=overlaps.clusters).astype(np.int64)
    true = np.bincount(overlaps.truth, weights=n, minlength=overlaps.groups).astype(np.int64)
    return {
        "right": int((n * (n - 1) // 2).sum()),
        "called": int((told * (told - 1) // 2).sum()),
        "true": int((true * (true - 1) // 2).sum()),
    }


def _find_ceiling(truth: Truth, placed: Placement) -> dict[str, float]:
    """What could be recalled if every address of the ledger were placed rightly (labels know some others too)."""
    known = placed.seen | np.array([who is not None for who in placed.answer])
    sizes = np.bincount(truth.groups).astype(np.int64)
    within = np.bincount(truth.groups, weights=known, minlength=len(sizes)).astype(np.int64)
    recall, cubed = metrics.bound_recall(sizes, within)
    return {"recall": recall, "bcubed_recall": cubed, "addresses": float(known.mean())}


def _find_largest(truth: Truth, placed: Placement) -> dict[str, Any] | None:
    """The largest cluster that holds an address of the truth."""
    at = int(np.argmax(placed.size))
    if placed.cluster_ids[at] is None:
        return None
    mine = placed.place == placed.place[at]
    return {
        "cluster_id": placed.cluster_ids[at],
        "addresses": int(placed.size[at]),
        "truth_addresses": int(mine.sum()),
        "truth_groups": len(np.unique(truth.groups[mine])),
    }


def _find_largest_nameless(reader: Reader, tier: Tier) -> dict[str, Any] | None:
    """The largest cluster of the whole store that no label names: where a wrong link would run wild."""
    rows = reader.records(
        """select c.cluster_id, count(*) as addresses from beliefs.clusters c
        join beliefs.entities e on e.entity_id = c.cluster_id and e.kind = 'anonymous' and e.visibility = 'public'
        where c.visibility = 'public' and (c.tier = 'confirmed' or $tier = 'probable')
        group by c.cluster_id order by addresses desc, c.cluster_id limit 1""",
        {"tier": tier},
    )
    return rows[0] if rows else None


def _size_places(place: npt.NDArray[np.int64], placed: Placement) -> npt.NDArray[np.int64]:
    """Whole size of each place, in the order of their numbers."""
    _, at, counts = np.unique(place, return_index=True, return_counts=True)
    return np.maximum(placed.size[at], counts)


def _judge_clusters(reader: Reader, truth: Truth, placed: Placement, overlaps: metrics.Contingency) -> dict[str, Any]:
    """An address answers when it stands with others of the truth; it is as right as they are of its own group."""
    _, place = np.unique(placed.place, return_inverse=True)
    cell = place * (overlaps.groups + 1) + truth.groups
    _, cell, same = np.unique(cell, return_inverse=True, return_counts=True)
    mates = np.bincount(place)[place]
    answers = mates > 1
    rightness = np.divide(same[cell] - 1, mates - 1, out=np.zeros(len(mates)), where=answers)
    lost = int((answers & (rightness < 0.5)).sum())
    return {
        "coverage_at_precision": _measure_curve(truth, answers, placed.confidence, rightness),
        "false_positives": _bound(lost, int(answers.sum()), "addresses among mostly others"),
        "calibration": _calibrate_links(reader, truth),
    }


def _judge_answers(truth: Truth, placed: Placement) -> dict[str, Any]:
    names = np.array(truth.group_ids, dtype=object)[truth.groups]
    answers = np.array([who is not None for who in placed.answer])
    right = np.array([who == name for who, name in zip(placed.answer, names, strict=True)])
    apart = Counter(zip((how for how in placed.status if how), right[answers].tolist(), strict=True))
    wrong = int((answers & ~right).sum())
    return {
        "coverage_at_precision": _measure_curve(truth, answers, placed.confidence, right.astype(float)),
        "false_positives": _bound(wrong, int(answers.sum()), "addresses of another owner"),
        "answers": {how: {"right": apart[how, True], "wrong": apart[how, False]} for how in ("labelled", "attributed")},
        "calibration": calibrate(placed.confidence[answers], right[answers].astype(float), truth.groups[answers]),
    }


def _bound(wrong: int, of: int, what: str) -> dict[str, Any]:
    return {"what": what, "wrong": wrong, "of": of, "upper": metrics.bound_errors(wrong, of)}


def _measure_curve(
    truth: Truth,
    answers: npt.NDArray[np.bool_],
    confidence: npt.NDArray[np.float64],
    rightness: npt.NDArray[np.float64],
) -> dict[str, Any]:
    """Share of all addresses of the truth that may be answered at each level, surest first."""
    groups = len(truth.group_ids)
    sizes = np.bincount(truth.groups, minlength=groups)
    mine, sure, right = truth.groups[answers], confidence[answers], rightness[answers]
    order = np.argsort(-sure, kind="stable")
    mine, sure, right = mine[order], sure[order], right[order]
    rng = np.random.default_rng(_SEED)
    draws = rng.multinomial(groups, np.full(groups, 1 / groups), _DRAWS).astype(float)
    found: dict[str, Any] = {}
    spans: dict[str, list[float]] = {}
    for level in LEVELS:
        found[str(level)] = metrics.cover_at_precision(sure, right, len(truth.rows), level)
        drawn = [metrics.cover_at_precision(sure, right, float(drawn @ sizes), level, drawn[mine]) for drawn in draws]
        spans[str(level)] = list(metrics.span_draws(np.array(drawn)))
    return found | {"intervals": spans}


def _calibrate_links(reader: Reader, truth: Truth) -> dict[str, Any]:
    """Hold the probability of every link between two addresses of the truth against whether their owner is one."""
    links = reader.arrow(_LINKS).to_pandas()
    left = truth.groups[links["left_row"].to_numpy(dtype=np.int64)]
    right = truth.groups[links["right_row"].to_numpy(dtype=np.int64)]
    return calibrate(links["probability"].to_numpy(dtype=float), (left == right).astype(float), left)


def calibrate(
    probability: npt.NDArray[np.float64], right: npt.NDArray[np.float64], entity: npt.NDArray[np.int64]
) -> dict[str, Any]:
    """Return calibration error, Brier score and skill, every entity of equal weight; None where nothing was said."""
    if len(probability) == 0:
        return {"n": 0, "entities": 0, "ece": None, "brier": None, "brier_skill": None}
    weights = metrics.weigh_by_entity(entity)
    brier, skill = metrics.score_brier(probability, right, weights)
    return {
        "n": len(probability),
        "entities": len(np.unique(entity)),
        "ece": metrics.calibration_error(probability, right, weights),
        "brier": brier,
        "brier_skill": skill,
    }
