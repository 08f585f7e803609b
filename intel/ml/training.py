"""How is a model of roles learnt? Boosted trees on examples weighed by owner, calibrated on owners they never saw."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from intel.errors import BadInput
from intel.ml import metrics
from intel.ml.calibration import fit_isotonic
from intel.ml.features import hash_features
from intel.ml.roles import RoleModel, soften
from intel.ml.strangeness import (
    ALWAYS,
    LEVELS,
    Typical,
    compress_rows,
    find_typical,
    fit_tails,
    measure_parts,
    measure_strangeness,
)
from intel.ml.trees import score_rows, take_trees

Ids = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float32]
Texts = npt.NDArray[np.object_]

FEWEST = 8  # examples of a role, and 2 owners: fewer cannot be told from chance
MOST = 4000  # examples of one role: more add hours, not knowledge
HELD_OUT = 5  # every fifth owner is kept for calibration
STEPS, LEAVES, RATE = 80, 15, 0.1  # chosen on the tuning seeds
BALANCE = 0.25  # rare roles weigh more: a role's whole weight is raised to 1 - BALANCE
KNOWN_SHARE = 0.95  # of the known that may pass as known: chosen on tuning economies with roles held out (model card)
LEAST_SURE = 0.75  # probability below which nothing is said


@dataclass(frozen=True, slots=True)
class Examples:
    """Rows of known role: features (rows, FEATURES), role, and the owner by whom they are weighed and split."""

    rows: Matrix
    role: Texts
    owner: Texts

    def take(self, chosen: npt.NDArray[Any]) -> Examples:
        """Return the chosen rows (a mask or places)."""
        return Examples(self.rows[chosen], self.role[chosen], self.owner[chosen])


def drop_rare(examples: Examples) -> tuple[Examples, dict[str, str]]:
    """Leave out the roles that cannot be learnt, and say why; BadInput where fewer than two remain."""
    left: dict[str, str] = {}
    for role in np.unique(examples.role.astype(str)).tolist():
        mine = examples.role == role
        owners = len(set(examples.owner[mine].tolist()))
        if mine.sum() < FEWEST or owners < 2:
            left[role] = f"{int(mine.sum())} examples of {owners} owners; {FEWEST} of 2 are needed"
    kept = examples.take(~np.isin(examples.role.astype(str), list(left)))
    known = sorted(set(kept.role.tolist()))
    if len(known) < 2:
        what = (
            "no label that names an owner says what an address is for"
            if len(examples.role) == 0
            else f"{', '.join(known) or 'no role'} alone can be learnt"
        )
        told = "; ".join(f"{role}: {why}" for role, why in left.items())
        raise BadInput(f"{what}{f' ({told})' if told else ''}", "a model needs examples of at least two roles")
    return kept, left


def weigh_examples(examples: Examples) -> Floats:
    """Return weights: an owner with many addresses counts for the root of their number; rare roles are raised."""
    keys = np.array([f"{o}|{r}" for o, r in zip(examples.owner, examples.role, strict=True)])
    _, place, counts = np.unique(keys, return_inverse=True, return_counts=True)
    weights = 1 / np.sqrt(counts[place])
    _, role = np.unique(examples.role.astype(str), return_inverse=True)
    weights *= np.bincount(role, weights=weights)[role] ** -BALANCE
    return np.asarray(weights / weights.mean(), dtype=np.float64)


def draw_number(text: str) -> int:
    """Return a number that depends on the text alone: the same split on every machine."""
    return int(hashlib.sha256(text.encode()).hexdigest()[:12], 16)


def is_held_out(examples: Examples) -> npt.NDArray[np.bool_]:
    """Say which rows are kept for calibration: whole owners, one in HELD_OUT, but of every role some stay."""
    draws = {owner: draw_number(owner) for owner in set(examples.owner.tolist())}
    held = np.array([draws[owner] % HELD_OUT == 0 for owner in examples.owner], dtype=bool)
    for role in set(examples.role.tolist()):
        mine = examples.role == role
        if held[mine].all():
            held[mine] = False
    return held


def thin_examples(examples: Examples, seed: int) -> tuple[Examples, Floats]:
    """Return at most MOST examples of each role, drawn by the seed, with weights that make up for the rest."""
    rng = np.random.default_rng(seed)
    weights = weigh_examples(examples)
    chosen = []
    for role in sorted(set(examples.role.tolist())):
        mine = np.flatnonzero(examples.role == role)
        few = np.sort(rng.choice(mine, min(MOST, len(mine)), replace=False))
        weights[few] *= len(mine) / len(few)
        chosen.append(few)
    places = np.sort(np.concatenate(chosen))
    return examples.take(places), weights[places] / weights[places].mean()


def fit_trees(examples: Examples, seed: int) -> Any:
    """Fit and return scikit-learn's histogram gradient boosting."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    few, weights = thin_examples(examples, seed)
    model = HistGradientBoostingClassifier(
        max_iter=STEPS, learning_rate=RATE, max_leaf_nodes=LEAVES, min_samples_leaf=5, l2_regularization=1.0,
        random_state=seed, early_stopping=False,
    )  # fmt: skip
    rows = few.rows.copy()
    rows[:, np.isnan(rows).all(axis=0)] = 0  # scikit-learn cannot bin a column of which nothing is known
    return model.fit(rows, few.role.astype(str), sample_weight=weights)


def fit_baseline(examples: Examples, seed: int) -> Any:
    """Fit and return the reference: logistic regression on the same columns, logarithms of all but shares."""
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler

    few, weights = thin_examples(examples, seed)
    model = make_pipeline(
        SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True),
        FunctionTransformer(compress_rows), StandardScaler(),
        LogisticRegression(max_iter=200, C=1.0, random_state=seed),
    )  # fmt: skip
    return model.fit(few.rows, few.role.astype(str), logisticregression__sample_weight=weights)


def train_roles(
    examples: Examples, *, seed: int, version: str, info: Mapping[str, Any], refits: bool = True
) -> RoleModel:
    """Learn a model: calibrated on held-out owners, then fitted anew on all. BadInput where nothing can be learnt.

    Without `refits` the held-out owners stay unused: half the time, for controls.
    """
    examples, left_out = drop_rare(examples)
    held = is_held_out(examples)
    model = fit_trees(examples.take(~held), seed)
    temperature, knots, tails, strange = calibrate_model(model, examples.take(~held), examples.take(held), seed)
    final = fit_trees(examples, seed) if refits else model
    roles = tuple(str(role) for role in final.classes_)
    told = {"left_out": left_out, "examples": len(examples.role), "owners": len(set(examples.owner.tolist()))}
    return RoleModel(
        version=version, features=hash_features(), roles=roles, trees=take_trees(final), temperature=temperature,
        knots=knots, typical=take_typical(examples, roles, seed), tails=tails, most_strange=strange,
        least_sure=LEAST_SURE, info={**info, **told, "seed": seed},
    )  # fmt: skip


def take_typical(examples: Examples, roles: tuple[str, ...], seed: int) -> Typical:
    """Return the typical examples of each of the roles."""
    few, _ = thin_examples(examples, seed)
    return find_typical(few.rows, np.searchsorted(np.array(roles), few.role.astype(str)).astype(np.int64), seed)


def calibrate_model(
    model: Any, known: Examples, held: Examples, seed: int
) -> tuple[float, list[list[float]], Floats, float]:
    """Return temperature, knots of the probability, tails of the two reasons, and how strange a known row may be."""
    roles = tuple(str(role) for role in model.classes_)
    held = held.take(np.isin(held.role.astype(str), roles))
    if len(held.role) == 0:
        return 1.0, [[0.0, 0.0], [1.0, 0.5]], np.zeros((2, LEVELS)), float("inf")  # nothing was checked: no promise
    trees = take_trees(model)
    scores = score_rows(trees, held.rows)
    truth = np.searchsorted(np.array(roles), held.role.astype(str))
    owner = np.unique(held.owner.astype(str), return_inverse=True)[1].astype(np.int64)
    weights = metrics.weigh_by_entity(owner)

    def lose(temperature: float) -> float:
        p = soften(scores, temperature)[np.arange(len(truth)), truth]
        return float(-(weights * np.log(np.maximum(p, 1e-12))).sum())

    temperature = min((round(0.5 + 0.1 * step, 1) for step in range(31)), key=lambda t: (lose(t), t))
    p = soften(scores, temperature)
    chosen = p.argmax(axis=1)
    sure = 1 - 1 / (len(np.unique(owner)) + 2)  # so many owners never erring promise no more
    knots = [[at, min(q, sure)] for at, q in fit_isotonic(p.max(axis=1), (chosen == truth).astype(float), weights)]
    parts = measure_parts(p, held.rows, take_typical(known, roles, seed))
    tails = fit_tails(parts)
    most = float(np.quantile(measure_strangeness(parts, tails), KNOWN_SHARE))
    return temperature, knots, tails, min(most, ALWAYS)
