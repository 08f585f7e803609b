"""How well are exchanges, DEXes and miners told on real Ethereum ledgers, by the shipped model and by one learnt there?

Reads a local mirror of the public data sets; labels are read here alone, to learn from and to compare with.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from roles_scores import draw_curve, list_bins, list_confusions
from roles_worlds import NAMES, World, gather_glimpse, gather_worlds, open_facts
from sklearn.metrics import average_precision_score, precision_recall_fscore_support

from intel.config import Settings
from intel.ml import metrics
from intel.ml.features import build_features, hash_features
from intel.ml.roles import RoleModel, predict_rows, soften
from intel.ml.training import Examples, draw_number, fit_baseline, train_roles
from intel.ml.trees import score_rows
from intel.pipeline import add_prices, add_tokens, ingest_files

KINDS = ("exchange", "dex", "miner")
OTHER = (  # what else a label may say an address is for; conduct and listings say nothing of it
    "bridge", "dao_multisig", "donation_charity", "fund_otc", "gambling_gaming", "infrastructure", "lending_defi",
    "marketplace", "mev", "mixer", "nft", "payment_merchant", "staking_validator", "token",
)  # fmt: skip
ORIGINS = {  # both dumps come from one site, so they are one source
    "etherscan": ("etherscan_dump_brianleect", "etherscan_dump_dawsbot"),
    "others": ("graphsense_tagpacks", "dune_spellbook_2023_mit"),
}
KIND_OF = {
    "exchange_hot": "exchange", "exchange_cold": "exchange", "exchange_deposit": "exchange", "dex": "dex",
    "miner": "miner",
}  # fmt: skip
FOLDS = 5
NOISE = (0.1, 0.2)
GLIMPSE = 50  # of simulated history, one hour in so many: as little as the real slices show
SIMULATED = (World("hard", 11),)  # one is enough to tell short history from another world


@dataclass(frozen=True, slots=True)
class Real:
    """The real addresses: features of all, what labels say of them, and those of one undisputed kind, as examples."""

    features: pd.DataFrame
    known: pd.DataFrame  # address, kind, owner, origin; one row per claim
    labels: pd.DataFrame  # by address: kind, owner
    examples: Examples
    disputed: int  # addresses left out because labels contradict each other


def gather_real(mirror: Path, work: Path) -> Real:
    """Return the real addresses; their features are kept in `work` from run to run."""
    path = work / f"real-{hash_features()}.parquet"
    if not path.exists():
        read_real(mirror).to_parquet(path)
    features = pd.read_parquet(path)
    known = pd.concat([read_labels(mirror, names).assign(origin=origin) for origin, names in ORIGINS.items()])
    known = known[known["address"].isin(features["address"])]
    labels = known.groupby("address").agg(kind=("kind", "first"), kinds=("kind", "nunique"), owner=("owner", "min"))
    disputed = int((labels["kinds"] > 1).sum())
    labels = labels[labels["kinds"] == 1]
    frame = features.merge(labels, left_on="address", right_index=True)
    examples = Examples(
        frame[NAMES].to_numpy(np.float32), frame["kind"].to_numpy(object), frame["owner"].to_numpy(object)
    )
    return Real(features, known, labels, examples, disputed)


def measure_real(mirror: Path, model: RoleModel, training: Examples, work: Path) -> dict[str, Any]:
    """Return the scores on the real sets, beside simulated ones; `training`: what the shipped model learnt from."""
    real = gather_real(mirror, work)
    line = fit_baseline(training, 1)
    everyone = predict_rows(model, real.features[NAMES].to_numpy(np.float32))
    whole = gather_worlds(SIMULATED, work)
    glimpse = pd.concat([gather_glimpse(world, GLIMPSE) for world in SIMULATED], ignore_index=True)
    found: dict[str, Any] = {
        "addresses": len(real.features), "labelled": len(real.examples.role),
        "owners": len(set(real.examples.owner.tolist())), "contradicting_labels_left_out": real.disputed,
        "moves_of_all": _count_moves(real.features), "answered_of_all": float(everyone.is_known.mean()),
        "shipped": score_shipped(model, line, real.examples),
        "whole": score_simulated(model, line, whole[whole["cut"] == 1]),
        "glimpse": score_simulated(model, line, glimpse),
    }  # fmt: skip
    print({name: one for name, one in found.items() if not isinstance(one, dict)}, flush=True)
    return found


def measure_learnt(mirror: Path, work: Path) -> dict[str, Any]:
    """Return the scores of models learnt from real labels: owners apart, sources apart, labels partly wrong."""
    real = gather_real(mirror, work)
    found = {"own": measure_own(real.examples)}
    print({name: round(one["macro_f1"], 3) for name, one in found["own"].items()}, flush=True)
    return found | {"sources": measure_sources(real.features, real.known, set(real.labels.index))}


def _count_moves(frame: pd.DataFrame) -> dict[str, float]:
    moves = (frame["received"] + frame["sent"]).quantile([0.5, 0.9])
    return {"half": float(moves.iloc[0]), "tenth": float(moves.iloc[1])}


def read_real(mirror: Path) -> pd.DataFrame:
    """Return chain, address and features of every address of the real Ethereum sets, taken as one ledger."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(store=Path(folder) / "store")
        ingest_files(settings, [mirror / "transfers"])
        ingest_files(settings, [mirror / "transactions"])
        add_tokens(settings, [mirror / "tokens" / "tokens.parquet"])
        add_prices(settings, [mirror / "prices" / "daily_usd.parquet"], assets=[mirror / "prices" / "assets.parquet"])
        con = open_facts(settings.store)
        build_features(con)
        frame = con.execute(
            """select a.chain, a.address, f.* from role_features f join facts.addresses a using (address_id)
            where a.chain = 'ethereum' order by address_id"""
        ).df()
        con.close()
    return frame


def read_labels(mirror: Path, names: tuple[str, ...]) -> pd.DataFrame:
    """Return address, kind and owner (brand: the first word of the name) of these sources' labels on Ethereum."""
    told = pd.concat([pd.read_parquet(mirror / "labels" / f"{name}.parquet") for name in names])
    told = told[told["chain"].isin(["ethereum", "evm"]) & told["category"].isin([*KINDS, *OTHER])]
    brand = told["entity"].fillna(told["label"]).fillna("").str.lower().str.extract(r"([a-z0-9]{3,})", expand=False)
    kind = told["category"].where(told["category"].isin(KINDS), "other")
    return pd.DataFrame({"address": told["address"], "kind": kind, "owner": brand.fillna(told["address"])})


def score_shipped(model: RoleModel, line: Any, test: Examples) -> dict[str, Any]:
    """Score the model that we ship, and logistic regression learnt from the same economies, on addresses of known kind.

    Their roles are read as kinds. With abstention, what is not answered counts as missed.
    """
    said = predict_rows(model, test.rows)
    likeliest = _read_kinds(np.array(model.roles, dtype=object)[said.role])
    answer = np.where(said.is_known, likeliest, "")
    right = (likeliest == test.role).astype(float)
    owner = np.unique(test.owner.astype(str), return_inverse=True)[1].astype(np.int64)
    brier, skill = metrics.score_brier(said.probability, right, metrics.weigh_by_entity(owner))
    return {
        "answered": float(said.is_known.mean()),
        "precision_of_answered": float(right[said.is_known].mean()) if said.is_known.any() else None,
        "with_abstention": score_kinds(test.role, answer), "likeliest": score_kinds(test.role, likeliest),
        "baseline": score_kinds(test.role, _read_kinds(line.predict(test.rows))),
        "ece": metrics.calibration_error(said.probability, right, metrics.weigh_by_entity(owner)),
        "brier": brier, "brier_skill": skill,
        "confusions": list_confusions(test.role.astype(str), np.where(said.is_known, likeliest, "nothing").astype(str)),
    }  # fmt: skip


def _read_kinds(roles: Any) -> Any:
    return np.array([KIND_OF.get(str(role), "other") for role in roles], dtype=object)


def score_kinds(truth: Any, told: Any) -> dict[str, Any]:
    """Return macro F1 and the table per kind; what is told as nothing counts as missed."""
    names = sorted(set(truth.tolist()))
    table = precision_recall_fscore_support(truth.astype(str), told.astype(str), labels=names, zero_division=0)
    kinds = {
        name: {"precision": float(table[0][at]), "recall": float(table[1][at]), "f1": float(table[2][at]),
               "addresses": int(table[3][at])}
        for at, name in enumerate(names)
    }  # fmt: skip
    return {"macro_f1": float(np.mean(table[2])), "kinds": kinds}


def score_simulated(model: RoleModel, line: Any, frame: pd.DataFrame) -> dict[str, Any]:
    """Score the same two on economies, whole or in slices: is the gap short history, or another world?"""
    test = Examples(frame[NAMES].to_numpy(np.float32), _read_kinds(frame["role"]), frame["owner"].to_numpy(object))
    return {"addresses": len(frame), "moves": _count_moves(frame)} | score_shipped(model, line, test)


def measure_own(examples: Examples) -> dict[str, Any]:
    """Learn from the real labels, owners apart, as `intel train` does: model, baseline, shuffled and wrong labels."""
    fold = np.array([draw_number(str(owner)) % FOLDS for owner in examples.owner])
    rng = np.random.default_rng(1)
    variants = {"model": examples.role, "shuffled": rng.permutation(examples.role)}
    for share in NOISE:
        variants[f"noise {share}"] = flip_kinds(examples.role, share)
    found: dict[str, Any] = {}
    for name, learnt in variants.items():
        p = np.zeros((len(fold), len(np.unique(learnt.astype(str)))))
        for at in range(FOLDS):
            known = Examples(examples.rows, learnt, examples.owner).take(fold != at)
            p[fold == at] = _predict(known, examples.rows[fold == at])
        found[name] = _score_own(examples, p, details=name == "model")
    told = np.empty(len(fold), dtype=object)
    for at in range(FOLDS):
        told[fold == at] = fit_baseline(examples.take(fold != at), 1).predict(examples.rows[fold == at])
    found["baseline"] = score_kinds(examples.role, told)
    return found


def _predict(known: Examples, rows: Any) -> Any:
    """Return probabilities (rows, kinds in alphabetical order) of a model of these examples."""
    model = train_roles(known, seed=1, version="real", info={}, refits=False)
    p = np.zeros((len(rows), len(np.unique(known.role.astype(str)))))
    p[:, np.searchsorted(np.unique(known.role.astype(str)), np.array(model.roles))] = soften(
        score_rows(model.trees, rows), model.temperature
    )
    return p


def _score_own(examples: Examples, p: Any, *, details: bool) -> dict[str, Any]:
    names = np.unique(examples.role.astype(str))
    told = names[p.argmax(axis=1)].astype(object)
    found = score_kinds(examples.role, told)
    if details:
        owner = np.unique(examples.owner.astype(str), return_inverse=True)[1].astype(np.int64)
        right, weights = (told == examples.role).astype(float), metrics.weigh_by_entity(owner)
        brier, skill = metrics.score_brier(p.max(axis=1), right, weights)
        found |= {
            "ece": metrics.calibration_error(p.max(axis=1), right, weights), "brier": brier, "brier_skill": skill,
            "reliability": list_bins(p.max(axis=1), right, weights),
            "confusions": list_confusions(examples.role.astype(str), told.astype(str)),
            "average_precision": {
                name: float(average_precision_score(examples.role == name, p[:, at])) for at, name in enumerate(names)
            },
            "coverage_at_95": {
                name: metrics.cover_at_precision(
                    p[:, at], (examples.role == name).astype(float), float((examples.role == name).sum()), 0.95
                )
                for at, name in enumerate(names)
            },
            "curves": {name: draw_curve(p[:, at], examples.role == name) for at, name in enumerate(names)},
        }  # fmt: skip
    return found


def flip_kinds(truth: Any, share: float) -> Any:
    """Return the labels with that share of them wrong: each such one becomes another kind, all equally likely."""
    rng, names = np.random.default_rng(2), np.unique(truth.astype(str))
    wrong = rng.random(len(truth)) < share
    other = names[(np.searchsorted(names, truth.astype(str)) + rng.integers(1, len(names), len(truth))) % len(names)]
    return np.where(wrong, other, truth.astype(str)).astype(object)


def measure_sources(features: pd.DataFrame, known: pd.DataFrame, sound: set[str]) -> dict[str, Any]:
    """Learn from the labels of one origin, test on those of another: no address and no owner is in both."""
    found: dict[str, Any] = {}
    for tested in ORIGINS:
        tests = known[(known["origin"] == tested) & known["address"].isin(sound)].drop_duplicates("address")
        taught = known[(known["origin"] != tested) & known["address"].isin(sound)].drop_duplicates("address")
        seen = known.loc[known["origin"] != tested, "address"]
        tests = tests[~tests["address"].isin(seen)]  # what both name is not another source's word
        taught = taught[~taught["owner"].isin(tests["owner"])]
        known_rows, test_rows = (
            features.merge(part[["address", "kind", "owner"]], on="address") for part in (taught, tests)
        )
        examples, test = (
            Examples(part[NAMES].to_numpy(np.float32), part["kind"].to_numpy(object), part["owner"].to_numpy(object))
            for part in (known_rows, test_rows)
        )
        names = np.unique(examples.role.astype(str))
        shuffled = Examples(examples.rows, np.random.default_rng(1).permutation(examples.role), examples.owner)
        found[f"tested on {tested}"] = {
            "learnt": len(examples.role), "tested": len(test.role), "kinds": sorted(set(test.role.tolist())),
            "model": score_kinds(test.role, names[_predict(examples, test.rows).argmax(axis=1)]),
            "shuffled": score_kinds(test.role, names[_predict(shuffled, test.rows).argmax(axis=1)]),
            "baseline": score_kinds(test.role, fit_baseline(examples, 1).predict(test.rows)),
        }  # fmt: skip
    return found
