"""How well are roles and sybils told on a real graph, by structure alone? The public data of the Hop airdrop."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from roles_scores import draw_curve, list_bins, list_confusions
from roles_worlds import open_facts
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import classification_report, f1_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from intel.config import Settings
from intel.ml import metrics
from intel.ml.edge_features import build_edge_features, flag_groups, number_components
from intel.ml.strangeness import compress_rows
from intel.pipeline import ingest_files

FOLDS = 5
HUB = 20  # counterparties: above it a component of everything forms (SCIENCE.md 0.3)
ROLES = {"exchange_deposit": "deposit", "exchange": "exchange", "contract": "contract"}
SPARED = 4  # of the addresses without any label, one in so many is asked for
NOISE = (0.05, 0.1, 0.2)  # shares of wrong labels
PLAIN = (
    "receivers", "senders", "partners", "sent", "received", "most_out", "most_in", "once_out", "once_in", "coins_out",
    "coins_in", "token_receivers", "token_senders",
)  # fmt: skip
WEIGHTS = np.arange(-1.0, 2.6, 0.1)  # logarithms of what a role's probability may be multiplied with

Texts = npt.NDArray[np.str_]
Make = Callable[[], Any]


def measure_hop(mirror: Path) -> dict[str, Any]:
    """Return the scores of role and sybil, each beside its reference; folds are of whole components without hubs."""
    edges = pd.read_parquet(mirror / "edges" / "hop.parquet")
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(store=Path(folder) / "store")
        ingest_files(settings, [mirror / "edges" / "hop.parquet"])
        con = open_facts(settings.store)
        build_edge_features(con)
        frame = con.execute(
            "select a.address, f.* from edge_features f join facts.addresses a using (address_id) order by address_id"
        ).df()
        pairs = con.execute("select distinct sender_id, receiver_id from edge_moves order by all").fetchnumpy()
        con.close()
    place = np.full(int(frame["address_id"].max()) + 1, -1)
    place[frame["address_id"]] = np.arange(len(frame))
    left, right = place[pairs["sender_id"]], place[pairs["receiver_id"]]
    labels = pd.read_parquet(mirror / "labels" / "hop_airdrop.parquet")
    labels = labels[labels["address"].isin(frame["address"])]
    found = {"roles": _measure_roles(frame, (left, right), labels, edges), "labels": compare_lists(labels)}
    found["sybils"] = _measure_sybils(frame, (left, right), labels, mirror)
    print(found["sybils"], flush=True)
    return found


def _list_columns(frame: pd.DataFrame) -> list[str]:
    return [name for name in frame.columns if name not in {"address", "address_id"}]


def _deal_folds(component: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    return np.random.default_rng(1).integers(0, FOLDS, int(component.max()) + 1)[component]


def count_places(frame: pd.DataFrame, edges: pd.DataFrame) -> pd.DataFrame:
    """Count each address's transfers in and out by chain and kind, row by row of `frame`."""
    parts = []
    for side in ("receiver", "sender"):
        kinds = edges["chain"] + "_" + edges["kind"]
        table = edges.pivot_table(index=side, columns=kinds, values="transfers", aggfunc="sum", fill_value=0)
        parts.append(table.reindex(frame["address"], fill_value=0).add_prefix(f"{side}_").reset_index(drop=True))
    return pd.concat(parts, axis=1)


def compare_lists(labels: pd.DataFrame) -> dict[str, Any]:
    """Say how often the authors' own lists contradict each other: the noise that any model is measured with."""
    lists = labels.groupby("address")["category"].agg(set)
    found = {}
    for name, role in ROLES.items():
        mine = lists[lists.map(lambda known, name=name: name in known)]
        others = mine.map(lambda known, name=name: len(known & ((set(ROLES) | {"nft_power_user"}) - {name})) > 0)
        found[role] = {"addresses": len(mine), "in_a_contrary_list": round(float(others.mean()), 4)}
    return found


def _measure_roles(
    frame: pd.DataFrame, pairs: tuple[Any, Any], labels: pd.DataFrame, edges: pd.DataFrame
) -> dict[str, Any]:
    kinds = labels.groupby("address")["category"].agg(set)
    clash = kinds.map(lambda known: len(known & set(ROLES)) > 1)
    told = kinds[~clash].map(lambda known: next((ROLES[one] for one in sorted(known) if one in ROLES), "other"))
    role = frame["address"].map(told)
    component = number_components(*pairs, len(frame), (frame["partners"] <= HUB).to_numpy())
    folds = _deal_folds(component)
    unlabelled = ~frame["address"].isin(kinds.index).to_numpy()
    drawn = unlabelled & (np.random.default_rng(2).random(len(frame)) < 1 / SPARED)
    rows = np.column_stack([frame[_list_columns(frame)].to_numpy(np.float32), count_places(frame, edges)])
    plain = frame[list(PLAIN)].to_numpy(np.float32)
    found: dict[str, Any] = {"conflicting_labels_left_out": int(clash.sum())}
    sets = {"labelled": role, "with_unlabelled": role.where(~unlabelled, "other")}
    for name, truth in sets.items():
        chosen = role.notna().to_numpy() | (drawn if name == "with_unlabelled" else False)
        asked = Asked(
            rows[chosen].astype(np.float32), plain[chosen], truth[chosen].to_numpy().astype(str), folds[chosen],
            component[chosen], (frame["partners"] == 1).to_numpy()[chosen],
        )  # fmt: skip
        found[name] = _compare(asked, is_whole=name == "labelled")
    return found


@dataclass(frozen=True, slots=True)
class Asked:
    """Addresses whose role is asked for: all figures, plain counts alone, truth, fold, component, and is it a leaf."""

    rows: npt.NDArray[np.float32]
    plain: npt.NDArray[np.float32]
    truth: Texts
    fold: npt.NDArray[np.int64]
    component: npt.NDArray[np.int64]
    is_leaf: npt.NDArray[np.bool_]


def _compare(asked: Asked, *, is_whole: bool) -> dict[str, Any]:
    truth = asked.truth
    found: dict[str, Any] = {"addresses": len(truth), "share": pd.Series(truth).value_counts().to_dict()}
    found["leaves"] = pd.Series(asked.is_leaf).groupby(truth).mean().round(3).to_dict()
    variants: dict[str, tuple[Make, Any, Texts]] = {
        "model": (make_trees, asked.rows, truth),
        "baseline": (make_line, asked.rows, truth),
        "plain": (make_line, asked.plain, truth),
        "shuffled": (make_trees, asked.rows, np.random.default_rng(3).permutation(truth)),
    }
    if is_whole:
        variants |= {f"noise {share}": (make_trees, asked.rows, flip_labels(truth, share)) for share in NOISE}
    for name, (make, rows, learnt) in variants.items():
        p, weighed = predict_apart(make, rows, learnt, asked.fold)
        found[name] = score_roles(asked, p, weighed, details=name == "model")
        if name == "model" and is_whole:
            found["twins"] = bound_twins(asked, p)
        print(name, {key: one for key, one in found[name].items() if not isinstance(one, dict | list)}, flush=True)
    return found


def flip_labels(truth: Texts, share: float) -> Texts:
    """Return the labels with that share of them wrong: each such one becomes another role, all equally likely."""
    rng, names = np.random.default_rng(4), np.unique(truth)
    wrong = rng.random(len(truth)) < share
    step = rng.integers(1, len(names), len(truth))
    return np.where(wrong, names[(np.searchsorted(names, truth) + step) % len(names)], truth)


def score_roles(asked: Asked, p: Any, weighed: Any, *, details: bool) -> dict[str, Any]:
    """Score the likeliest role, and the role chosen with weights for macro F1; calibration by component."""
    truth, names = asked.truth, np.unique(asked.truth)
    of_deposit = (truth == "deposit").astype(float)
    deposits, first = p[:, list(names).index("deposit")], asked.fold == 0
    told, balanced = names[p.argmax(axis=1)], names[weighed.argmax(axis=1)]
    right = (told == truth).astype(float)
    found: dict[str, Any] = {
        "macro_f1": f1_score(truth, told, average="macro"),
        "macro_f1_weighed": f1_score(truth, balanced, average="macro"),
        "macro_f1_weighed_first_fold": f1_score(truth[first], balanced[first], average="macro"),
        "accuracy": float(right.mean()),
        "deposits_at_95": metrics.cover_at_precision(deposits, of_deposit, of_deposit.sum(), 0.95),
        "deposits_at_90": metrics.cover_at_precision(deposits, of_deposit, of_deposit.sum(), 0.9),
        "deposits_at_95_first_fold": metrics.cover_at_precision(
            deposits[first], of_deposit[first], of_deposit[first].sum(), 0.95
        ),
        "ece": metrics.calibration_error(p.max(axis=1), right, metrics.weigh_by_entity(asked.component)),
    }  # fmt: skip
    if details:
        leaf = asked.is_leaf
        share = of_deposit.sum()
        report = classification_report(truth, balanced, output_dict=True, zero_division=0)
        found |= {
            "roles": {one: {k: round(v, 4) for k, v in report[one].items()} for one in names.tolist()},
            "confusions": list_confusions(truth, balanced),
            "deposits_at_95_not_leaves": metrics.cover_at_precision(
                deposits[~leaf], of_deposit[~leaf], max(float(of_deposit[~leaf].sum()), 1.0), 0.95
            ),
            "deposits_not_leaves": int(of_deposit[~leaf].sum()), "deposits": int(share),
            "reliability": list_bins(p.max(axis=1), right, metrics.weigh_by_entity(asked.component)),
            "curves": {one: draw_curve(p[:, at], truth == one) for at, one in enumerate(names.tolist())},
        }  # fmt: skip
    return found


def bound_twins(asked: Asked, p: Any) -> dict[str, Any]:
    """Say what is in reach at best for addresses that share every figure with others: the commonest role of each set.

    Of five or more equal rows; an oracle that knows the roles' shares among them is what no model can pass there.
    """
    names, truth = np.unique(asked.truth), asked.truth
    _, group = np.unique(np.nan_to_num(asked.rows, nan=-1.0), axis=0, return_inverse=True)
    table = np.zeros((int(group.max()) + 1, len(names)))
    np.add.at(table, (group.ravel(), np.searchsorted(names, truth)), 1)
    twin = (table.sum(axis=1) >= 5)[group.ravel()]
    shares = (table / table.sum(axis=1, keepdims=True))[group.ravel()][twin]
    place = list(names).index("deposit")
    is_deposit = (truth[twin] == "deposit").astype(float)
    total = max(float(is_deposit.sum()), 1.0)
    return {
        "addresses": int(twin.sum()), "deposits": int(is_deposit.sum()),
        "accuracy_oracle": float((names[shares.argmax(axis=1)] == truth[twin]).mean()),
        "accuracy_model": float((names[p[twin].argmax(axis=1)] == truth[twin]).mean()),
        "deposits_at_95_oracle": metrics.cover_at_precision(shares[:, place], is_deposit, total, 0.95),
        "deposits_at_95_model": metrics.cover_at_precision(p[twin][:, place], is_deposit, total, 0.95),
    }  # fmt: skip


def predict_apart(make: Make, rows: Any, learnt: Texts, fold: Any) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Predict each fold by a model of the others; the same again with roles weighed for macro F1.

    The weights are chosen on one of the other folds, by a model that has seen neither it nor the fold to predict.
    """
    names = np.unique(learnt)
    p = np.zeros((len(learnt), len(names)))
    weighed = np.zeros_like(p)
    for at in range(FOLDS):
        inner = (at + 1) % FOLDS
        inside = fold == inner
        small = make().fit(rows[(fold != at) & ~inside], learnt[(fold != at) & ~inside])
        weights = weigh_roles(small.predict_proba(rows[inside]), np.searchsorted(names, learnt[inside]))
        p[fold == at] = make().fit(rows[fold != at], learnt[fold != at]).predict_proba(rows[fold == at])
        weighed[fold == at] = p[fold == at] * weights
    return p, weighed


def weigh_roles(p: Any, truth: Any) -> npt.NDArray[Any]:
    """Return what to multiply each role's probability with so that macro F1 is best, one role after the other."""
    logs, best = np.zeros(p.shape[1]), -1.0
    odds = np.log(np.maximum(p, 1e-9))
    for _ in range(2):
        for role in range(p.shape[1]):
            for value in WEIGHTS:
                tried = logs.copy()
                tried[role] = value
                score = _score_macro((odds + tried).argmax(axis=1), truth, p.shape[1])
                if score > best + 1e-6:
                    best, logs = score, tried
    return np.asarray(np.exp(logs))


def _score_macro(told: Any, truth: Any, roles: int) -> float:
    hits = np.bincount(truth[told == truth], minlength=roles)
    return float(
        (2 * hits / np.maximum(np.bincount(told, minlength=roles) + np.bincount(truth, minlength=roles), 1)).mean()
    )


def make_trees() -> Any:
    """Return boosted trees, small enough for a bench; three other forests and settings did no better."""
    return HistGradientBoostingClassifier(
        max_iter=60, learning_rate=0.15, max_leaf_nodes=31, min_samples_leaf=20, max_bins=64, l2_regularization=1.0,
        early_stopping=False, random_state=1,
    )  # fmt: skip


def make_line() -> Any:
    """Return the baseline: logistic regression on the same figures."""
    return make_pipeline(
        SimpleImputer(strategy="median", add_indicator=True), FunctionTransformer(compress_rows), StandardScaler(),
        LogisticRegression(max_iter=300),
    )  # fmt: skip


def _measure_sybils(frame: pd.DataFrame, pairs: tuple[Any, Any], labels: pd.DataFrame, mirror: Path) -> dict[str, Any]:
    truth = pd.read_parquet(mirror / "truth" / "hop_sybil_flags.parquet")
    uses = pd.read_parquet(mirror / "events" / "hop_first_use.parquet")
    is_labelled = frame["address"].isin(labels["address"]).to_numpy()
    asked = frame.index[frame["address"].isin(truth["address"])].to_numpy()
    is_sybil = frame["address"].map(truth.set_index("address")["sybil"]).iloc[asked].to_numpy(dtype=bool)
    rule = flag_groups(*pairs, is_labelled)[asked]
    missing = truth[~truth["address"].isin(frame["address"])]  # not in the graph: nobody can call them anything
    lost = int(missing["sybil"].sum())
    rows = np.column_stack([
        frame.iloc[asked][_list_columns(frame)].to_numpy(np.float32), _group_features(frame, pairs, is_labelled, asked),
        _use_features(frame, pairs, uses, asked, is_labelled),
    ])  # fmt: skip
    kept = (frame["partners"] <= HUB).to_numpy() & ~is_labelled
    folds = _deal_folds(number_components(*pairs, len(frame), kept))[asked]
    text = np.where(is_sybil, "sybil", "eligible").astype(str)
    found = {"addresses": len(truth), "not_in_graph": len(missing), "rule": _score(is_sybil, rule, lost)}
    for name, make in (("model", make_trees), ("baseline", make_line), ("shuffled", make_trees)):
        learnt = np.random.default_rng(3).permutation(text) if name == "shuffled" else text
        p = predict_apart(make, rows, learnt, folds)[0][:, 1]
        found[name] = _score(is_sybil, p >= 0.5, lost)
    return found


def _score(truth: Any, told: Any, lost: int) -> dict[str, float]:
    """Precision, recall and F1; sybils that are not in the graph count as missed."""
    hits = int((truth & told).sum())
    precision, recall = hits / max(int(told.sum()), 1), hits / (int(truth.sum()) + lost)
    return {
        "precision": round(precision, 4), "recall": round(recall, 4),
        "f1": round(2 * precision * recall / max(precision + recall, 1e-9), 4),
        "f1_in_graph": round(float(f1_score(truth, told)), 4),
    }  # fmt: skip


def _group_features(frame: pd.DataFrame, pairs: tuple[Any, Any], is_labelled: Any, asked: Any) -> npt.NDArray[Any]:
    """Sizes of the component with labelled addresses, and then hubs, taken away; and who else of the asked is near."""
    is_asked = np.zeros(len(frame), dtype=bool)
    is_asked[asked] = True
    left, right = np.concatenate(pairs), np.concatenate(pairs[::-1])
    columns = [is_labelled[asked]]
    partners = frame["partners"].to_numpy()
    for cap in (10**9, 50, HUB, 10):
        component = number_components(*pairs, len(frame), ~is_labelled & (partners <= cap))
        columns += [
            np.bincount(component)[component][asked],
            np.bincount(component, weights=is_asked)[component][asked],
        ]
    near = np.bincount(left, weights=is_asked[right], minlength=len(frame))  # asked ones beside each address
    columns += [near[asked]]
    for cap in (HUB, 200):
        small = (partners[right] <= cap) & ~is_labelled[right]
        columns += [
            np.bincount(left[small], weights=near[right[small]] - 1, minlength=len(frame))[asked],
            np.bincount(left[small], weights=(near[right[small]] > 2), minlength=len(frame))[asked],
        ]
    labelled = np.bincount(left, weights=is_labelled[right], minlength=len(frame))
    columns += [labelled[asked], (labelled / np.maximum(np.bincount(left, minlength=len(frame)), 1))[asked]]
    return np.column_stack(columns).astype(np.float32)


def _use_features(
    frame: pd.DataFrame, pairs: tuple[Any, Any], uses: pd.DataFrame, asked: Any, is_labelled: Any
) -> npt.NDArray[Any]:
    """Volume, and how near in time and volume the members of its component and its neighbours began; no date."""
    known = frame["address"].map(uses.drop_duplicates("address").set_index("address")["total_volume_usd"]).to_numpy()
    first = frame["address"].map(uses.drop_duplicates("address").set_index("address")["first_use"])
    days = ((first - first.min()).dt.total_seconds() / 86400).to_numpy()
    volume = np.log1p(known.astype(float))
    component = number_components(*pairs, len(frame), ~is_labelled & (frame["partners"] <= HUB).to_numpy())
    table = pd.DataFrame({"component": component, "days": days, "volume": volume})
    grouped = table.groupby("component")
    near = {name: (table[name] - grouped[name].transform("median")).abs() for name in ("days", "volume")}
    spread = {name: grouped[name].transform("std") for name in ("days", "volume")}
    left, right = np.concatenate(pairs), np.concatenate(pairs[::-1])
    both = ~np.isnan(days[left]) & ~np.isnan(days[right])
    gaps = pd.Series(np.abs(days[left[both]] - days[right[both]])).groupby(left[both]).min()
    gap = gaps.reindex(range(len(frame))).to_numpy()
    columns = [volume, near["days"], near["volume"], spread["days"], spread["volume"], gap]
    return np.column_stack([np.asarray(one, dtype=np.float32)[asked] for one in columns])
