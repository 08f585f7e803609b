"""Do the curves say what was measured, one entity one voice?"""

from __future__ import annotations

import tomllib
from datetime import date

import numpy as np
import pytest
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from intel.ml.calibration import apply_knots, fit_isotonic, fit_knots, fit_platt, write_calibration


def draw_claims(n: int, seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Overconfident claims: right as often as the square of what they say."""
    rng = np.random.default_rng(seed)
    raw = np.round(rng.uniform(0.05, 0.99, n), 2)
    return raw, (rng.random(n) < raw**2).astype(float)


def test_isotonic_agrees_with_scikit_learn() -> None:
    raw, right = draw_claims(3000)
    weights = np.random.default_rng(4).uniform(0.1, 1.0, len(raw))
    theirs = IsotonicRegression(out_of_bounds="clip").fit(raw, right, sample_weight=weights)
    assert apply_knots(fit_isotonic(raw, right, weights), raw) == pytest.approx(theirs.predict(raw), abs=1e-5)


def test_platt_agrees_with_logistic_regression() -> None:
    raw, right = draw_claims(20_000)
    odds = np.log(raw / (1 - raw)).reshape(-1, 1)
    theirs = LogisticRegression(C=1e9).fit(odds, right)
    points = np.array([0.1, 0.5, 0.9])  # knots themselves
    mine = apply_knots(fit_platt(raw, right, np.ones(len(raw))), points)
    assert mine == pytest.approx(theirs.predict_proba(np.log(points / (1 - points)).reshape(-1, 1))[:, 1], abs=2e-3)


def test_the_curve_takes_the_bias_away_on_other_claims() -> None:
    raw, right = draw_claims(4000)
    knots = fit_knots(raw, right, np.arange(len(raw)))
    other, outcome = draw_claims(4000, seed=5)
    for low, high in ((0.3, 0.5), (0.5, 0.7), (0.7, 0.9)):
        here = (other >= low) & (other < high)
        assert apply_knots(knots, other[here]).mean() == pytest.approx(outcome[here].mean(), abs=0.05)


def test_an_entity_of_a_thousand_claims_weighs_no_more_than_one_of_one() -> None:
    raw = np.full(1600, 0.9)
    right = np.concatenate([np.zeros(1000), np.ones(600)])
    entity = np.concatenate([np.zeros(1000, dtype=np.int64), np.arange(1, 601)])
    assert apply_knots(fit_knots(raw, right, entity), np.array([0.9])) == pytest.approx([600 / 601], abs=1e-5)


def test_never_wrong_is_no_promise_of_certainty_and_unseen_claims_gain_nothing() -> None:
    raw, right = np.linspace(0.9, 0.99, 40), np.ones(40)
    knots = fit_knots(raw, right, np.arange(40))
    assert 0.95 < apply_knots(knots, np.array([0.97]))[0] < 0.98  # (40 + 1) / (40 + 2)
    assert apply_knots(knots, np.array([0.3, 0.6])) == pytest.approx([0.3, 0.6], abs=1e-6)


@pytest.mark.parametrize("n", [100, 2000])
def test_curves_rise_and_stay_probabilities(n: int) -> None:
    knots = np.array(fit_knots(*draw_claims(n), np.arange(n)))
    assert (np.diff(knots[:, 0]) > 0).all()
    assert (np.diff(knots[:, 1]) >= 0).all()
    assert knots.min() >= 0
    assert knots.max() <= 1


def test_what_is_written_is_read_again() -> None:
    text = write_calibration({"member": ([[0.5, 0.4], [0.9, 0.8]], 12, 7)}, "two worlds", date(2024, 5, 1))
    told = tomllib.loads(text)["member"]
    assert told == {
        "knots": [[0.5, 0.4], [0.9, 0.8]], "n": 12, "entities": 7, "measured_on": "two worlds",
        "date": date(2024, 5, 1),
    }  # fmt: skip
