"""How well are roles and sybils told on a real graph, by structure alone? The public data of the Hop airdrop."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
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
from intel.ml.training import compress_rows
from intel.pipeline import ingest_files

FOLDS = 5
HUB = 20  # counterparties: above it a component of everything forms (SCIENCE.md 0.3)
ROLES = {"exchange_deposit": "deposit", "exchange": "exchange", "contract": "contract"}
SPARED = 4  # of the addresses without any label, one in so many is asked for

Texts = npt.NDArray[np.str_]


def measure_hop(mirror: Path) -> dict[str, Any]:
    """Return the scores of role and sybil, each beside its reference; folds are of whole components without hubs."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(store=Path(folder) / "store")
        # One address is one row, whatever the chain: else its other chains would tell of it across folds.
        edges = pd.read_parquet(mirror / "edges" / "hop.parquet").assign(chain="ethereum")
        keys = ["chain", "kind", "sender", "receiver", "source"]
        edges.groupby(keys, as_index=False)["transfers"].sum().to_parquet(Path(folder) / "edges.parquet")
        ingest_files(settings, [Path(folder) / "edges.parquet"])
        con = open_facts(settings.store)
        build_edge_features(con)
        frame = con.execute(
            "select a.address, f.* from edge_features f join facts.addresses a using (address_id) order by address_id"
        ).df()
        pairs = con.execute("select distinct sender_id, receiver_id from facts.edges order by all").fetchnumpy()
        con.close()
    place = np.full(int(frame["address_id"].max()) + 1, -1)
    place[frame["address_id"]] = np.arange(len(frame))
    left, right = place[pairs["sender_id"]], place[pairs["receiver_id"]]
    good = (left >= 0) & (right >= 0)
    left, right = left[good], right[good]
    labels = pd.read_parquet(mirror / "labels" / "hop_airdrop.parquet")
    labels = labels[labels["address"].isin(frame["address"])]
    found = {"roles": _measure_roles(frame, (left, right), labels)}
    print(found["roles"], flush=True)
    found["sybils"] = _measure_sybils(frame, (left, right), labels, mirror)
    print(found["sybils"], flush=True)
    return found


def _list_columns(frame: pd.DataFrame) -> list[str]:
    return [name for name in frame.columns if name not in {"address", "address_id"}]


def _deal_folds(component: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    return np.random.default_rng(1).integers(0, FOLDS, int(component.max()) + 1)[component]


def _measure_roles(frame: pd.DataFrame, pairs: tuple[Any, Any], labels: pd.DataFrame) -> dict[str, Any]:
    kinds = labels.groupby("address")["category"].agg(set)
    clash = kinds.map(lambda known: len(known & set(ROLES)) > 1)
    told = kinds[~clash].map(lambda known: next((ROLES[one] for one in sorted(known) if one in ROLES), "other"))
    role = frame["address"].map(told)
    component = number_components(*pairs, len(frame), (frame["partners"] <= HUB).to_numpy())
    folds = _deal_folds(component)
    unlabelled = ~frame["address"].isin(kinds.index).to_numpy()
    drawn = unlabelled & (np.random.default_rng(2).random(len(frame)) < 1 / SPARED)
    return {
        "labelled": _compare(frame, role, folds, role.notna().to_numpy()),
        "with_unlabelled": _compare(
            frame, role.where(~unlabelled, "other"), folds, (role.notna() & ~unlabelled).to_numpy() | drawn
        ),
        "conflicting_labels_left_out": int(clash.sum()),
    }


def _compare(frame: pd.DataFrame, role: pd.Series, folds: Any, chosen: Any) -> dict[str, Any]:
    rows = frame.loc[chosen, _list_columns(frame)].to_numpy(np.float32)
    truth, fold = role[chosen].to_numpy().astype(str), folds[chosen]
    found: dict[str, Any] = {"addresses": len(truth), "share": pd.Series(truth).value_counts().to_dict()}
    models = {"model": _make_trees, "baseline": _make_line, "shuffled": _make_trees}
    for name, make in models.items():
        p = _predict_apart(make, rows, truth, fold, shuffles=name == "shuffled")
        names = np.unique(truth)
        deposits = p[:, list(names).index("deposit")]
        report = classification_report(truth, names[p.argmax(axis=1)], output_dict=True, zero_division=0)
        found[name] = {
            "macro_f1": report["macro avg"]["f1-score"],
            "roles": {one: {k: round(v, 4) for k, v in report[one].items()} for one in names.tolist()},
            "deposits_at_95": metrics.cover_at_precision(
                deposits, (truth == "deposit").astype(float), float((truth == "deposit").sum()), 0.95
            ),
        }
    return found


def _predict_apart(make: Any, rows: Any, truth: Texts, fold: Any, *, shuffles: bool = False) -> npt.NDArray[Any]:
    """Predict each fold by a model of the others."""
    names = np.unique(truth)
    p = np.zeros((len(truth), len(names)))
    learnt = np.random.default_rng(3).permutation(truth) if shuffles else truth
    for at in range(FOLDS):
        model = make().fit(rows[fold != at], learnt[fold != at])
        p[fold == at] = model.predict_proba(rows[fold == at])
    return p


def _make_trees() -> Any:
    return HistGradientBoostingClassifier(
        max_iter=80, learning_rate=0.1, max_leaf_nodes=31, early_stopping=False, random_state=1
    )


def _make_line() -> Any:
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
    for name, make in (("model", _make_trees), ("baseline", _make_line), ("shuffled", _make_trees)):
        p = _predict_apart(make, rows, text, folds, shuffles=name == "shuffled")[:, 1]
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
