"""Would these examples teach anything? Learnt on some owners up to a date, tested on other owners up to today."""

from __future__ import annotations

from typing import Any

import numpy as np

from intel.errors import BadInput
from intel.ml.roles import predict_rows
from intel.ml.training import Examples, fit_baseline, is_held_out, train_roles


def check_training(early: Examples, whole: Examples, seed: int) -> dict[str, Any]:
    """Return macro F1 of model, baseline and a model of shuffled labels, on owners that none of them saw.

    `early` is what was known at a cut-off: its owners that are not held out are learnt from. `whole` is what is known
    now: its held-out owners are the test. `note` says why nothing was measured, where that is so.
    """
    test, known = whole.take(is_held_out(whole)), early.take(~is_held_out(early))
    test = test.take(~np.isin(test.owner.astype(str), np.unique(known.owner.astype(str))))
    found: dict[str, Any] = {"tested": len(test.role), "tested_owners": len(set(test.owner.tolist()))}
    if len(test.role) == 0:
        return found | {"note": "too few owners to test on: how well this model does is not known"}
    shuffled = Examples(known.rows, np.random.default_rng(seed).permutation(known.role), known.owner)
    try:
        for name, examples in (("model", known), ("shuffled", shuffled)):
            model = train_roles(examples, seed=seed, version="check", info={}, refits=False)
            answers = predict_rows(model, test.rows)
            found[name] = score_macro(test, np.array(model.roles, dtype=object)[answers.role])
        line = fit_baseline(known, seed)
        found["baseline"] = score_macro(test, line.predict(test.rows))
    except BadInput as error:
        return found | {"note": f"{error.message}: how well this model does is not known"}
    if found["shuffled"] < found["model"] < found["baseline"]:
        found["note"] = "logistic regression on the same figures does better: there may be too few owners to learn from"
    return found


def refuse_chance(found: dict[str, Any]) -> None:
    """Raise BadInput where `check_training` found a model that does no better than one of shuffled labels."""
    if "model" in found and found["model"] <= found["shuffled"]:
        raise BadInput(
            f"on {found['tested']} addresses of {found['tested_owners']} owners it had not seen the model does no "
            f"better than one of shuffled labels (macro F1 {found['model']} and {found['shuffled']}): it is not kept",
            "add labels of more owners: intel labels add FILE; builds go on with the model they had",
        )


def score_macro(test: Examples, told: Any) -> float:
    """Return F1 averaged over the roles of the test."""
    truth, answer = test.role.astype(str), np.asarray(told).astype(str)
    scores = []
    for role in np.unique(truth).tolist():
        hits = float(((truth == role) & (answer == role)).sum())
        scores.append(2 * hits / float((truth == role).sum() + (answer == role).sum()))
    return round(float(np.mean(scores)), 4)
