"""How well are roles told from behaviour? Trains the model that we ship, measures it, and writes its card.

python bench/roles.py --train [--work DIR]      data/roles.npz, from the tuning economies alone
python bench/roles.py --measure [--work DIR]    all figures, as JSON in DIR; real sets need INTEL_DATA_MIRROR
python bench/roles.py --write-card [--work DIR] docs/model_card.md from those figures
python bench/roles.py --speed STORE             features of every address of a store, with its CPU seconds
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from roles_card import plot_curves, write_card
from roles_hop import measure_hop
from roles_real import measure_learnt, measure_real
from roles_scores import score_answers, score_model
from roles_worlds import CUTS, NAMES, TUNING, World, gather_worlds
from sklearn.metrics import roc_auc_score

from intel.ml.features import FEATURES, build_features
from intel.ml.roles import RoleModel, predict_rows, read_model, soften, write_model
from intel.ml.strangeness import measure_parts, measure_strangeness
from intel.ml.training import Examples, fit_baseline, train_roles
from intel.ml.trees import score_rows
from intel.store import open_connection

PRESETS = ("default", "hard")
SEEDS = tuple(range(11, 21))  # never used for a choice
MODEL = Path(__file__).parents[1] / "data" / "roles.npz"
CARD = Path(__file__).parents[1] / "docs" / "model_card.md"
NOISE = (0.05, 0.1, 0.2)  # shares of wrong labels
OPEN = (
    ("mixer", "sybil", "mev", "token_contract", "launderer"),
    ("bridge", "smart_account", "dex", "market_maker", "miner"),
    ("scam", "organisation", "infrastructure", "marketplace", "exchange_cold"),
    ("exchange_deposit", "exchange_hot", "lending"),
)
VERSION = "economy-2"


def take_examples(frame: pd.DataFrame) -> Examples:
    """Return the rows of a table of examples as the trainer takes them."""
    return Examples(frame[NAMES].to_numpy(np.float32), frame["role"].to_numpy(object), frame["owner"].to_numpy(object))


def gather_training(work: Path, presets: tuple[str, ...] = PRESETS) -> Examples:
    """Return the tuning economies as they stood at the cut-offs: nothing later is in any figure."""
    frame = gather_worlds([World(preset, seed) for seed in TUNING for preset in presets], work)
    return take_examples(frame[frame["cut"] < 1])


def gather_test(work: Path, preset: str, seed: int) -> Examples:
    """Return another economy at its end: all of its owners are new, and each address moved after the cut-off."""
    frame = gather_worlds([World(preset, seed)], work)
    return take_examples(frame[(frame["cut"] == 1) & frame["is_late"]])


def train_model(work: Path) -> RoleModel:
    """Train the model that we ship; the same seeds give the same file."""
    info = {
        "learnt_on": f"simulated economies, presets {' and '.join(PRESETS)}, seeds {TUNING[0]} to {TUNING[-1]}",
        "cut_offs": list(CUTS),
        "inputs": ["times", "prices", "transactions"],
    }
    return train_roles(gather_training(work), seed=1, version=VERSION, info=info)


def measure(work: Path) -> dict[str, Any]:
    """Return every figure of the card that simulated economies give; the model is the one on disk."""
    model, training = read_model(MODEL), gather_training(work)
    baseline = fit_baseline(training, 1)
    found: dict[str, Any] = {"model": dict(model.info) | {"version": model.version}, "worlds": {}}
    for preset in PRESETS:
        tests = [gather_test(work, preset, seed) for seed in SEEDS]
        found["worlds"][preset] = {
            "model": score_model(model, tests),
            "baseline": score_answers(tests, [_answer(baseline, test) for test in tests]),
        }
        print(preset, _brief(found["worlds"][preset]), flush=True)
    return found


def _answer(model: Any, test: Examples) -> tuple[Any, Any]:
    p = model.predict_proba(test.rows)
    return model.classes_[p.argmax(axis=1)].astype(object), p.max(axis=1)


def _brief(found: dict[str, Any]) -> dict[str, float]:
    return {name: round(one["macro_f1"], 4) for name, one in found.items()}


PLAIN = (
    "received", "sent", "signed", "senders", "receivers", "assets", "coins_in_share", "coins_out_share",
    "internal_in_share", "internal_out_share", "zero_in_share", "zero_out_share", "typical_in_usd", "typical_out_usd",
    "quiet_hours", "life_hours", "days",
)  # fmt: skip


def measure_plain(work: Path) -> dict[str, Any]:
    """Return macro F1 of logistic regression on plain counts alone, the figures of bench/world_baselines.py."""
    chosen = [NAMES.index(name) for name in PLAIN]

    def narrow(examples: Examples) -> Examples:
        return Examples(examples.rows[:, chosen], examples.role, examples.owner)

    model = fit_baseline(narrow(gather_training(work)), 1)
    found = {}
    for preset in PRESETS:
        tests = [narrow(gather_test(work, preset, seed)) for seed in SEEDS]
        found[preset] = score_answers(tests, [_answer(model, test) for test in tests])["macro_f1"]
    print(found, flush=True)
    return found


def measure_controls(work: Path) -> dict[str, Any]:
    """Return macro F1 of models learnt on shuffled and on partly wrong labels, tested on right ones."""
    training = gather_training(work)
    rng = np.random.default_rng(1)
    variants = {"shuffled": rng.permutation(training.role)}
    for share in NOISE:
        wrong = training.role.copy()
        at = np.flatnonzero(rng.random(len(wrong)) < share)
        wrong[at] = rng.permutation(training.role)[: len(at)]
        variants[f"noise {share}"] = wrong
    found = {}
    for name, roles in variants.items():
        model = train_roles(
            Examples(training.rows, roles, training.owner), seed=1, version="control", info={}, refits=False
        )
        found[name] = {
            preset: score_model(model, [gather_test(work, preset, seed) for seed in SEEDS])["macro_f1"]
            for preset in PRESETS
        }
        print(name, found[name], flush=True)
    return found


def measure_sources(work: Path) -> dict[str, Any]:
    """Return macro F1 where model and test come from different sources: learnt on one preset, tested on the other."""
    found = {}
    for learnt, tested in (("default", "hard"), ("hard", "default")):
        model = train_roles(gather_training(work, (learnt,)), seed=1, version="source", info={}, refits=False)
        tests = [gather_test(work, tested, seed) for seed in SEEDS]
        found[f"{learnt} to {tested}"] = score_model(model, tests)["macro_f1"]
    return found


def measure_open(work: Path) -> dict[str, Any]:
    """Return, per role held out whole, how well its addresses are told from those of known roles (AUROC)."""
    training = gather_training(work)
    tests = {(preset, seed): gather_test(work, preset, seed) for preset in PRESETS for seed in SEEDS}
    found: dict[str, Any] = {}
    for held in OPEN:
        known = training.take(~np.isin(training.role.astype(str), held))
        model = train_roles(known, seed=1, version="open", info={}, refits=False)
        roles = np.concatenate([test.role.astype(str) for test in tests.values()])
        rows = np.concatenate([test.rows for test in tests.values()])
        p = soften(score_rows(model.trees, rows), model.temperature)
        strange = measure_strangeness(measure_parts(p, rows, model.typical), model.tails)
        said = predict_rows(model, rows).is_known
        is_known = ~np.isin(roles, held)
        for role in held:
            mine = is_known | (roles == role)
            found[role] = {
                "auroc": float(roc_auc_score(~is_known[mine], strange[mine])),
                "addresses": int((roles == role).sum()),
                "still_answered": float(said[roles == role].mean()),
            }
            print(role, found[role], flush=True)
        found["known_answered"] = float(said[is_known].mean())
    return found


def measure_speed(store: Path) -> dict[str, float]:
    """Time the features of every address of a store on two threads."""
    build = (store / "current").read_text(encoding="utf-8").strip()
    con = open_connection(memory="8GB", threads=2)
    con.execute(f"attach '{store / 'snapshots' / build / 'facts.duckdb'}' as facts (read_only)")
    transfers = con.execute("select count(*) from facts.transfers").fetchall()[0][0]
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    build_features(con)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF)
    rows = con.execute("select count(*) from role_features").fetchall()[0][0]
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "transfers": transfers, "addresses": rows, "features": len(FEATURES), "wall_seconds": round(wall, 1),
        "cpu_seconds": round(cpu, 1), "peak_gb": round(after.ru_maxrss / 1e6, 2),
    }  # fmt: skip


def find_mirror() -> Path:
    """Return the folder of the public data sets."""
    return Path(os.environ["INTEL_DATA_MIRROR"])


def main() -> int:
    """Do what the options say."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("bench-roles"))
    parser.add_argument("--train", action="store_true")
    parser.add_argument(
        "--measure", default="", help="worlds, plain, controls, sources, open, hop, real, learnt, or all"
    )
    parser.add_argument("--write-card", action="store_true")
    parser.add_argument("--speed", type=Path)
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    if options.train:
        MODEL.write_bytes(write_model(train_model(options.work)))
        print(f"{MODEL}: {MODEL.stat().st_size / 1e3:.0f} kB")
    parts = {
        "worlds": measure,
        "plain": measure_plain,
        "controls": measure_controls,
        "sources": measure_sources,
        "open": measure_open,
        "hop": lambda _: measure_hop(find_mirror()),
        "real": lambda work: measure_real(find_mirror(), read_model(MODEL), gather_training(work), work),
        "learnt": lambda work: measure_learnt(find_mirror(), work),
    }
    wanted = [*parts] if options.measure == "all" else [one for one in options.measure.split(",") if one]
    for name in wanted:
        found = parts[name](options.work)
        (options.work / f"figures_{name}.json").write_text(json.dumps(found, indent=1), encoding="utf-8")
    if options.speed:
        found = measure_speed(options.speed)
        print(found)
        (options.work / "figures_speed.json").write_text(json.dumps(found, indent=1), encoding="utf-8")
    if options.write_card:
        figures = {
            path.stem.removeprefix("figures_"): json.loads(path.read_text(encoding="utf-8"))
            for path in sorted(options.work.glob("figures_*.json"))
        }
        for name, drawing in plot_curves(figures).items():
            CARD.with_name(name).write_text(drawing, encoding="utf-8")
        CARD.write_text(write_card(read_model(MODEL), figures, datetime.now(UTC).date()), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
