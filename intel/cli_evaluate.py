"""How does one ask how right this build is, and have it learn from its labels?"""

from __future__ import annotations

from intel import cli_options as o
from intel.cli_app import app, open_store, settle, show, show_json


@app.command()
def evaluate(
    truth: o.Truth, pairs: o.MaxPairs = None, tier: o.Tier = "probable", hide: o.Hide = None, splits: o.Splits = 20,
    json: o.Json = False, store: o.Store = None,
) -> None:  # fmt: skip
    """Compare the published conclusions of this build with owners that TRUTH tells, with intervals.

    TRUTH has the columns `cluster_id, address` (are the same addresses together?) or `address, entity` (is each
    given to the right owner?), and may have `chain`.
    """
    from intel.profiler.evaluate import evaluate_truth
    from intel.render_evaluation import render_evaluation

    with open_store(store) as db:
        document = evaluate_truth(db.reader, truth, max_pairs=pairs, tier=tier, hide=hide, splits=splits)
    if json:
        show_json(document)
    else:
        show(render_evaluation(document))


@app.command()
def train(json: o.Json = False, memory: o.Memory = None, store: o.Store = None) -> None:
    """Learn roles from the published labels of this store; the next build predicts with that model.

    Says first how a model does that knew only some owners and only the first part of the time, beside logistic
    regression and a model of shuffled labels.
    """
    from intel.learning import train_on_labels
    from intel.render_evaluation import render_training
    from intel.talk import Talk

    with Talk().step("train"):
        training = train_on_labels(settle(store, memory=memory))
    document = {"version": training.model.version, **dict(training.model.info)}
    if json:
        show_json(document)
    else:
        show(render_training(document))
