"""Do our arrays say what scikit-learn's trees say, and do the shares add up to the score?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from intel.ml.trees import Trees, explain_rows, read_trees, score_rows, take_trees


def fit(classes: int) -> tuple[Any, np.ndarray[Any, np.dtype[np.float32]]]:
    rng = np.random.default_rng(classes)
    rows = rng.normal(size=(400, 5)).astype(np.float32)
    rows[rng.random(rows.shape) < 0.1] = np.nan
    truth = np.digitize(np.nan_to_num(rows[:, 0]) + np.nan_to_num(rows[:, 1]), np.linspace(-0.7, 0.7, classes - 1))
    model = HistGradientBoostingClassifier(max_iter=6, max_leaf_nodes=6, early_stopping=False)
    return model.fit(rows, truth), rows


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_scores_are_those_of_the_fitted_model(classes: int) -> None:
    model, rows = fit(classes)
    ours, theirs = score_rows(take_trees(model), rows), model.decision_function(rows)
    np.testing.assert_allclose(ours[:, 1] if classes == 2 else ours, theirs, rtol=0, atol=1e-12)


@pytest.mark.parametrize("classes", [2, 4])
def test_shares_add_up_to_what_the_trees_moved(classes: int) -> None:
    model, rows = fit(classes)
    trees = take_trees(model)
    start = trees.base.copy()
    np.add.at(start, trees.group, trees.value[trees.root])
    moved = score_rows(trees, rows) - start
    chosen = np.full(len(rows), 1)
    others = (moved.sum(axis=1) - moved[:, 1]) / (classes - 1)
    np.testing.assert_allclose(explain_rows(trees, rows, chosen).sum(axis=1), moved[:, 1] - others, atol=1e-4)


def test_a_column_that_no_tree_asks_about_has_no_share() -> None:
    model, rows = fit(3)
    trees = take_trees(model)
    unasked = set(range(5)) - set(trees.feature[trees.left >= 0].tolist())
    rows = np.concatenate([rows, rows[:, :1]], axis=1)
    shares = explain_rows(trees, rows, np.zeros(len(rows), dtype=np.int64))
    assert not shares[:, [*unasked, 5]].any()


@pytest.mark.parametrize(("name", "change"), [("left", 0), ("right", 10**6), ("root", -1), ("group", 99)])
def test_trees_that_would_never_end_or_leave_the_file_are_refused(name: str, change: int) -> None:
    trees = take_trees(fit(3)[0])
    arrays = trees.to_arrays()
    part = arrays[f"trees_{name}"].copy()
    part[int(np.flatnonzero(trees.left >= 0)[0]) if name in {"left", "right"} else 0] = change
    with pytest.raises(ValueError, match="do not fit"):
        read_trees({**arrays, f"trees_{name}": part})


def test_arrays_come_back_as_they_went() -> None:
    trees = take_trees(fit(3)[0])
    again = read_trees(trees.to_arrays())
    assert all(np.array_equal(getattr(trees, name), getattr(again, name)) for name in Trees._fields)
