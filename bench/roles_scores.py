"""How right are predicted roles? Macro F1, calibration, coverage at precision, a table per role and the confusions."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import average_precision_score, f1_score, precision_recall_curve, precision_recall_fscore_support

from intel.ml import metrics
from intel.ml.roles import RoleModel, predict_rows, soften
from intel.ml.training import Examples
from intel.ml.trees import score_rows

LEVELS = (0.95, 0.99)
BINS = 10


def score_model(model: RoleModel, tests: list[Examples]) -> dict[str, Any]:
    """Score the model's likeliest roles, its probabilities, and what it says when it may abstain."""
    answers, matrices, said = [], [], []
    names = np.array(model.roles, dtype=object)
    for test in tests:
        found = predict_rows(model, test.rows)
        answers.append((names[found.role], found.probability))
        matrices.append(soften(score_rows(model.trees, test.rows), model.temperature))
        said.append(found.is_known)
    scores = score_answers(tests, answers)
    truth = np.concatenate([test.role for test in tests]).astype(str)
    chosen = np.concatenate([role for role, _ in answers]).astype(str)
    kept, p = np.concatenate(said), np.concatenate(matrices)
    owners = _number_owners(tests)
    per_owner = metrics.weigh_by_entity(owners)
    hits = (truth[:, None] == names.astype(str)[None, :]).astype(float)
    brier = float((per_owner * np.square(p - hits).sum(axis=1)).sum() / per_owner.sum())
    base = (per_owner[:, None] * hits).sum(axis=0) / per_owner.sum()
    scores |= {
        "brier_all_roles": brier,
        "brier_skill_all_roles": 1 - brier / float((base * (1 - base)).sum()),
        "average_precision": {
            role: float(average_precision_score(hits[:, at], p[:, at]))
            for at, role in enumerate(model.roles)
            if 0 < hits[:, at].sum() < len(truth)
        },
        "curves": {
            role: draw_curve(p[:, at], hits[:, at] > 0) for at, role in enumerate(model.roles) if hits[:, at].any()
        },
        "answered": float(kept.mean()),
        "precision_of_answered": float((truth == chosen)[kept].mean()) if kept.any() else None,
    }
    return scores


def score_answers(tests: list[Examples], answers: list[tuple[Any, Any]]) -> dict[str, Any]:
    """Score roles and probabilities of several tests, pooled; macro F1 of each apart too."""
    truth = np.concatenate([test.role for test in tests]).astype(str)
    chosen = np.concatenate([role for role, _ in answers]).astype(str)
    sure = np.concatenate([p for _, p in answers]).astype(float)
    right = (truth == chosen).astype(float)
    weights = metrics.weigh_by_entity(_number_owners(tests))
    roles = sorted(set(truth.tolist()))
    brier, skill = metrics.score_brier(sure, right, weights)
    each = [_score_macro(test.role, role) for test, (role, _) in zip(tests, answers, strict=True)]
    return {
        "addresses": len(truth),
        "owners": len(np.unique(_number_owners(tests))),
        "macro_f1": _score_macro(truth, chosen),
        "macro_f1_each": [round(one, 4) for one in each],
        "accuracy": float(right.mean()),
        "ece": metrics.calibration_error(sure, right, weights),
        "brier": brier,
        "brier_skill": skill,
        "coverage_at_precision": {
            str(level): metrics.cover_at_precision(sure, right, len(truth), level) for level in LEVELS
        },
        "roles": _list_roles(truth, chosen, sure, roles),
        "confusions": list_confusions(truth, chosen),
        "reliability": list_bins(sure, right, weights),
    }


def _score_macro(truth: Any, chosen: Any) -> float:
    """Over the roles that occur in the truth."""
    truth = np.asarray(truth).astype(str)
    return float(
        f1_score(truth, np.asarray(chosen).astype(str), average="macro", labels=np.unique(truth), zero_division=0)
    )


def _number_owners(tests: list[Examples]) -> npt.NDArray[np.int64]:
    return np.unique(np.concatenate([test.owner for test in tests]).astype(str), return_inverse=True)[1].astype(
        np.int64
    )


def _list_roles(truth: Any, chosen: Any, sure: Any, roles: list[str]) -> dict[str, dict[str, float]]:
    table = precision_recall_fscore_support(truth, chosen, labels=roles, zero_division=0)
    found = {}
    for at, role in enumerate(roles):
        mine = chosen == role
        covered = metrics.cover_at_precision(
            sure[mine], (truth[mine] == role).astype(float), float((truth == role).sum()), 0.95
        )
        found[role] = {
            "precision": float(table[0][at]), "recall": float(table[1][at]), "f1": float(table[2][at]),
            "addresses": int(table[3][at]), "coverage_at_95": min(covered, 1.0),
        }  # fmt: skip
    return found


def list_confusions(truth: Any, chosen: Any, most: int = 12) -> list[dict[str, Any]]:
    """Return the commonest errors: what is told as what, and how often."""
    wrong = truth != chosen
    pairs, counts = np.unique(np.stack([truth[wrong], chosen[wrong]]), axis=1, return_counts=True)
    order = np.argsort(-counts, kind="stable")[:most]
    return [{"is": str(pairs[0, at]), "told": str(pairs[1, at]), "addresses": int(counts[at])} for at in order]


def list_bins(sure: Any, right: Any, weights: Any) -> list[dict[str, float]]:
    """Return, by tenths of probability, the mean told and the weighed share that is right."""
    bins = np.minimum((sure * BINS).astype(int), BINS - 1)
    found = []
    for at in range(BINS):
        mine = bins == at
        if mine.any():
            mass = weights[mine]
            found.append({
                "from": at / BINS, "told": float((mass * sure[mine]).sum() / mass.sum()),
                "right": float((mass * right[mine]).sum() / mass.sum()), "addresses": int(mine.sum()),
            })  # fmt: skip
    return found


def draw_curve(score: Any, is_role: Any, points: int = 40) -> list[list[float]]:
    """Return [recall, precision] from the surest answer on, at most `points` of them, evenly along the recall."""
    precision, recall, _ = precision_recall_curve(is_role, score)
    wanted = np.linspace(1 / points, 1, points)
    place = np.searchsorted(recall[::-1], wanted, side="left").clip(0, len(recall) - 1)
    best = np.maximum.accumulate(precision)[::-1]  # at this recall or a higher one: the curve without its teeth
    return [[round(float(at), 4), round(float(best[where]), 4)] for at, where in zip(wanted, place, strict=True)]
