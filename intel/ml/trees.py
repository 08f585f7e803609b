"""What does a boosted forest say of each row, and which columns made it say so? Plain arrays, no pickled objects."""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float32]


class Trees(NamedTuple):
    """Decision trees whose leaves add up to one score per class; node arrays, tree after tree.

    A node sends a row to `left` if its value is at most `threshold`, or missing where `missing_left`; a leaf has no
    `left` (-1). `value` of an inner node is the mean of the leaves below it, by the rows of training that came there.
    """

    feature: npt.NDArray[np.int16]
    threshold: Floats
    left: npt.NDArray[np.int32]  # place in these arrays
    right: npt.NDArray[np.int32]
    missing_left: npt.NDArray[np.bool_]
    value: Floats
    root: npt.NDArray[np.int32]  # of each tree
    group: npt.NDArray[np.int16]  # class that each tree adds to
    base: Floats  # score of each class before any tree

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays by name, as `read_trees` takes them."""
        return {f"trees_{name}": getattr(self, name) for name in self._fields}


def read_trees(arrays: dict[str, npt.NDArray[Any]]) -> Trees:
    """Return the trees whose arrays `to_arrays` gave; KeyError or ValueError where they do not fit together."""
    trees = Trees(**{name: arrays[f"trees_{name}"] for name in Trees._fields})
    nodes, inner = len(trees.feature), trees.left >= 0
    lengths = {len(part) for part in (trees.threshold, trees.left, trees.right, trees.missing_left, trees.value)}
    children = np.concatenate([trees.left[inner], trees.right[inner]])
    if (
        lengths != {nodes} or len(trees.root) != len(trees.group)
        or not _all_within(trees.root, nodes) or not _all_within(children, nodes)
        or not _all_within(trees.group, len(trees.base)) or (trees.feature < 0).any()
        or (trees.left[inner] <= np.flatnonzero(inner)).any() or (trees.right[inner] <= np.flatnonzero(inner)).any()
    ):  # fmt: skip
        raise ValueError("its trees do not fit together")  # children stand after parents, so every walk ends
    return trees


def _all_within(places: npt.NDArray[Any], end: int) -> bool:
    return bool(((places >= 0) & (places < end)).all())


def take_trees(model: Any) -> Trees:
    """Return the trees of a fitted scikit-learn HistGradientBoostingClassifier without categories."""
    parts: dict[str, list[npt.NDArray[Any]]] = {
        name: [] for name in ("feature", "threshold", "left", "right", "missing_left")
    }
    values, roots, groups, start = [], [], [], 0
    classes = len(model.classes_)
    for step in model._predictors:  # noqa: SLF001 -- sklearn has no public reader of the trees it grew
        for group, predictor in enumerate(step):
            nodes = predictor.nodes
            is_leaf = nodes["is_leaf"].astype(bool)
            parts["feature"].append(np.where(is_leaf, 0, nodes["feature_idx"]).astype(np.int16))
            parts["threshold"].append(np.where(is_leaf, 0.0, nodes["num_threshold"]))
            parts["left"].append(np.where(is_leaf, -1, nodes["left"].astype(np.int32) + start).astype(np.int32))
            parts["right"].append(np.where(is_leaf, -1, nodes["right"].astype(np.int32) + start).astype(np.int32))
            parts["missing_left"].append(nodes["missing_go_to_left"].astype(bool))
            values.append(_fill_values(nodes, is_leaf))
            roots.append(start)
            groups.append(group if classes > 2 else 1)
            start += len(nodes)
    base = np.ravel(model._baseline_prediction)  # noqa: SLF001
    whole = {name: np.concatenate(part) for name, part in parts.items()}
    return Trees(
        **whole,
        value=np.concatenate(values),
        root=np.array(roots, dtype=np.int32),
        group=np.array(groups, dtype=np.int16),
        base=base.astype(np.float64) if classes > 2 else np.array([0.0, base[0]]),
    )


def _fill_values(nodes: npt.NDArray[Any], is_leaf: npt.NDArray[np.bool_]) -> Floats:
    values = np.where(is_leaf, nodes["value"], 0.0).astype(np.float64)
    count = nodes["count"].astype(np.float64)
    for at in range(len(nodes) - 1, -1, -1):  # children stand after their parents
        if not is_leaf[at]:
            left, right = int(nodes["left"][at]), int(nodes["right"][at])
            values[at] = (values[left] * count[left] + values[right] * count[right]) / (count[left] + count[right])
    return values


def score_rows(trees: Trees, rows: Matrix) -> Floats:
    """Return one score per row and class (rows, classes): what the trees add up to, before any softmax."""
    scores = np.tile(trees.base, (len(rows), 1))
    _add_scores(np.ascontiguousarray(rows), scores, trees)
    return scores


@numba.njit(cache=True, parallel=True)
def _add_scores(rows: Matrix, scores: Floats, trees: Trees) -> None:
    for row in numba.prange(rows.shape[0]):
        for tree in range(len(trees.root)):
            at = trees.root[tree]
            while trees.left[at] >= 0:
                x = rows[row, trees.feature[at]]
                goes_left = trees.missing_left[at] if np.isnan(x) else np.float64(x) <= trees.threshold[at]
                at = trees.left[at] if goes_left else trees.right[at]
            scores[row, trees.group[tree]] += trees.value[at]


def explain_rows(trees: Trees, rows: Matrix, chosen: npt.NDArray[np.int64]) -> Matrix:
    """Return what each column added to the score of each row's `chosen` class, against the other classes' mean.

    Along each tree's path, the change of the node's value is put down to the column that the node asked about
    (Saabas 2014). (rows, columns).
    """
    shares = np.zeros((len(rows), rows.shape[1]), dtype=np.float32)
    _add_shares(np.ascontiguousarray(rows), chosen, shares, trees)
    return shares


@numba.njit(cache=True, parallel=True)
def _add_shares(rows: Matrix, chosen: npt.NDArray[np.int64], shares: Matrix, trees: Trees) -> None:
    others = max(len(trees.base) - 1, 1)
    for row in numba.prange(rows.shape[0]):
        for tree in range(len(trees.root)):
            weight = 1.0 if trees.group[tree] == chosen[row] else -1.0 / others
            at = trees.root[tree]
            while trees.left[at] >= 0:
                x = rows[row, trees.feature[at]]
                goes_left = trees.missing_left[at] if np.isnan(x) else np.float64(x) <= trees.threshold[at]
                below = trees.left[at] if goes_left else trees.right[at]
                shares[row, trees.feature[at]] += weight * (trees.value[below] - trees.value[at])
                at = below
