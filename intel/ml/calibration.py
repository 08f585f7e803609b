"""How often is the engine right when it names a confidence? Curves from raw to measured probability, as plain knots."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import date
from functools import cache

import numpy as np
import numpy.typing as npt

from intel.config import data_path
from intel.ml.metrics import weigh_by_entity

Floats = npt.NDArray[np.float64]
Ids = npt.NDArray[np.int64]
Knots = list[list[float]]  # [[raw, probability], ...], both rising

ENOUGH = 500  # entities for a curve of free shape (SCIENCE.md C5); below it two numbers are fitted
_EDGE = 1e-6  # probabilities 0 and 1 have no odds
_POINTS = (0.01, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999)


def fit_knots(raw: Floats, is_right: Floats, entity: Ids) -> Knots:
    """Return the curve from raw to measured probability: isotonic from ENOUGH entities on, else Platt's.

    Every entity weighs one, shared by its items, because a few giants would fit the curve alone. Below the lowest raw
    value that was seen nothing was measured: there the raw value stands, and never more than the curve above.
    """
    weights = weigh_by_entity(entity)
    fit = fit_isotonic if len(np.unique(entity)) >= ENOUGH else fit_platt
    lowest = round(float(raw.min()), 6)
    most = round(1 - 1 / (len(np.unique(entity)) + 2), 6)  # so many owners never erring promise no more
    curve = [[at, min(p, most)] for at, p in fit(raw, is_right, weights) if at >= lowest]
    if lowest <= 2 * _EDGE:
        return curve
    below = round(lowest * 0.999, 6)
    return [[0.0, 0.0], [below, min(below, curve[0][1])], *curve]


def fit_isotonic(raw: Floats, is_right: Floats, weights: Floats) -> Knots:
    """Return the rising curve nearest to the outcomes: neighbours that fall are pooled (Ayer et al. 1955)."""
    values, place = np.unique(raw, return_inverse=True)
    mass = np.bincount(place, weights=weights)
    blocks: list[list[float]] = []  # [right, mass, lowest raw, highest raw]
    for value, good, all_of in zip(values, np.bincount(place, weights=weights * is_right), mass, strict=True):
        blocks.append([float(good), float(all_of), float(value), float(value)])
        while len(blocks) > 1 and blocks[-2][0] * blocks[-1][1] >= blocks[-1][0] * blocks[-2][1]:
            right, total, _, high = blocks.pop()
            blocks[-1] = [blocks[-1][0] + right, blocks[-1][1] + total, blocks[-1][2], high]
    ends = [[end, right / total] for right, total, low, high in blocks for end in sorted({low, high})]
    return [[round(end, 6), round(probability, 6)] for end, probability in ends]


def fit_platt(raw: Floats, is_right: Floats, weights: Floats) -> Knots:
    """Return knots on Platt's curve (1999): the log odds of being right are a line in the log odds of `raw`.

    Outcomes are drawn a little to the middle, as he does, so that a sample without errors does not promise certainty.
    Slopes below zero become zero.
    """
    odds = np.log(np.clip(raw, _EDGE, 1 - _EDGE) / (1 - np.clip(raw, _EDGE, 1 - _EDGE)))
    right, wrong = float(weights @ is_right), float(weights @ (1 - is_right))
    target = np.where(is_right > 0, (right + 1) / (right + 2), 1 / (wrong + 2))
    design = np.stack([np.ones_like(odds), odds], axis=1)
    line = np.array([np.log((right + 1) / (wrong + 1)), 0.0])
    for _ in range(100):
        told = 1 / (1 + np.exp(-np.clip(design @ line, -30, 30)))
        slope = design.T @ (weights * (target - told))
        bend = (design * (weights * told * (1 - told))[:, None]).T @ design + 1e-6 * np.eye(2)
        step = np.linalg.solve(bend, slope)
        line = line + np.clip(step, -1.0, 1.0)
        if np.abs(step).max() < 1e-9:
            break
    if line[1] < 0:
        line = np.array([np.log((right + 1) / (wrong + 1)), 0.0])
    seen = np.clip([raw.min(), raw.max()], _EDGE, 1 - _EDGE)
    points = np.unique(np.round(np.concatenate([_POINTS, seen]), 6))
    curve = 1 / (1 + np.exp(-(line[0] + line[1] * np.log(points / (1 - points)))))
    return [[float(point), round(float(p), 6)] for point, p in zip(points, curve, strict=True)]


def apply_knots(knots: Knots, raw: Floats) -> Floats:
    """Return the measured probability of each raw one: straight between knots, level before and after them."""
    curve = np.array(knots, dtype=np.float64)
    return np.interp(raw, curve[:, 0], curve[:, 1])


@cache
def load_calibration() -> Mapping[str, Knots]:
    """Return the knots of data/calibration.toml by role; a role that is not there was never measured."""
    path = data_path("weights.toml").with_name("calibration.toml")
    if not path.exists():
        return {}
    return {role: facts["knots"] for role, facts in tomllib.loads(path.read_text(encoding="utf-8")).items()}


def write_calibration(fitted: Mapping[str, tuple[Knots, int, int]], measured_on: str, day: date) -> str:
    """Return data/calibration.toml: per role its knots, number of claims and of entities, and what they stand on."""
    lines = ["# Measured calibration of confidences, written by `bench/pair_score.py --calibrate`: do not edit."]
    for role, (knots, n, entities) in sorted(fitted.items()):
        lines += [
            "",
            f"[{role}]",
            f"knots = {knots}",
            f"n = {n}",
            f"entities = {entities}",
            f'measured_on = "{measured_on}"',
            f"date = {day.isoformat()}",
        ]
    return "\n".join(lines) + "\n"
