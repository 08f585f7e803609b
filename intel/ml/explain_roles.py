"""Why does the model say so? The figures that speak for and against a role, in words."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from intel.ml.feature_list import FEATURES
from intel.ml.roles import RoleModel
from intel.ml.trees import explain_rows

Ids = npt.NDArray[np.int64]
Matrix = npt.NDArray[np.float32]

FOR, AGAINST = 4, 2  # figures named at most
_LEAST = 0.1  # log odds: less says nothing


def explain_predictions(model: RoleModel, rows: Matrix, role: Ids) -> list[str]:
    """Return of each row one sentence: the figures that speak most for its role, and those against.

    What each figure added is read off the paths through the trees (`explain_rows`); 100,000 rows take about 2 s.
    """
    shares = explain_rows(model.trees, rows, role)
    shares[np.isnan(rows)] = 0
    pros = _name_figures(rows, shares, FOR)
    cons = _name_figures(rows, -shares, AGAINST)
    return [write_sentence(*said) for said in zip(pros, cons, strict=True)]


def _name_figures(rows: Matrix, shares: Matrix, most: int) -> list[list[str]]:
    """Say the figures with the largest shares of each row: column by column, so that Python writes each text once."""
    told: list[list[str]] = [[] for _ in range(len(rows))]
    left, every = shares.copy(), np.arange(len(rows))
    for _ in range(most):
        at = left.argmax(axis=1)
        strong = left[every, at] > _LEAST
        left[every, at] = -np.inf
        for column in np.unique(at[strong]).tolist():
            mine = np.flatnonzero(strong & (at == column))
            values, which = np.unique(rows[mine, column], return_inverse=True)
            texts = [FEATURES[column].says.format(say_value(FEATURES[column].unit, value)) for value in values.tolist()]
            for row, text in zip(mine.tolist(), which.tolist(), strict=True):
                told[row].append(texts[text])
    return told


def write_sentence(pros: list[str], cons: list[str]) -> str:
    """Return one sentence of what speaks for and against."""
    text = f"For: {'; '.join(pros)}" if pros else "No single figure stands out"
    return f"{text}. Against: {'; '.join(cons)}." if cons else f"{text}."


def say_value(unit: str, value: float) -> str:
    """Return a figure as people write it: shares in percent, hours or days, dollars, counts with their noun."""
    if unit == "share":
        return f"{value:.0%}" if value in {0.0, 1.0} or 0.005 <= value < 0.995 else f"{value:.1%}"
    if unit == "usd":
        return f"${value:,.2f}" if abs(value) < 100 else f"${value:,.0f}"
    if unit == "hours":
        many = f"{value:.0f} hours" if value < 72 else f"{value / 24:,.0f} days"
        return f"{value * 60:.0f} minutes" if value < 2 else many
    if unit == "bits":
        return f"{value:.1f} bits"
    if unit == "ratio":
        return f"{math.exp(min(value, 50)):,.1f}"  # such figures are logarithms
    noun = {"addresses": "address"}.get(unit, unit.removesuffix("s")) if round(value) == 1 else unit
    return f"{value:,.0f} {noun}"
