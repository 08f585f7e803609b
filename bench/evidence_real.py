"""How right is the evidence on real ledgers: the reviewed groups of an airdrop, and labelled exchanges, hidden?

Reads a local mirror of the public data sets, at INTEL_DATA_MIRROR alone; nothing of it is kept in the repository.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from world_baselines import find_components

from intel.config import Settings
from intel.ml import metrics
from intel.pipeline import add_labels, add_prices, add_tokens, build, ingest_files
from intel.profiler.evaluate import evaluate_truth
from intel.store import open_connection
from intel.store.lake import Lake
from intel.store.reader import Reader

HOP_TRUTH = "truth/hop_reviewed_groups.parquet"
HOP_LABELS = ("hop_airdrop", "etherscan_dump_brianleect", "etherscan_dump_dawsbot", "dune_spellbook_2023_mit")
REAL_LABELS = (*HOP_LABELS[1:], "graphsense_tagpacks", "mempool_mining_pools", "forta_labelled")
FOLDS = 5


def measure_hop(mirror: Path, work: Path) -> dict[str, Any]:
    """Return the scores on the reviewed groups beside components of direct transfers among the same addresses."""
    settings = Settings(store=work / "stores" / "hop")
    if Lake(settings.store).head() is None:
        ingest_files(settings, [mirror / "edges" / "hop.parquet"])
        add_labels(settings, [mirror / "labels" / f"{name}.parquet" for name in HOP_LABELS])
    build(settings)
    with Reader(settings.store) as reader:
        found = evaluate_truth(reader, mirror / HOP_TRUTH, hide=0.3, splits=20)
    return found | {"reference": score_direct(mirror)}


def score_direct(mirror: Path) -> dict[str, Any]:
    """Score the components of direct transfers between addresses of the truth."""
    truth = pd.read_parquet(mirror / HOP_TRUTH).sort_values(["cluster_id", "address"])
    edges = pd.read_parquet(mirror / "edges" / "hop.parquet", columns=["sender", "receiver"]).drop_duplicates()
    inside = edges[edges["sender"].isin(truth["address"]) & edges["receiver"].isin(truth["address"])]
    links = pd.DataFrame({"a": inside["sender"], "b": inside["receiver"]})
    place = find_components(links, truth["address"].tolist())
    overlaps = metrics.count_overlaps(pd.factorize(truth["cluster_id"])[0].astype(np.int64), place)
    return {
        name: {"precision": score.precision, "recall": score.recall, "f1": score.f1}
        for name, score in (("pairwise", metrics.score_pairs(overlaps)), ("bcubed", metrics.score_bcubed(overlaps)))
    }


def measure_hidden(mirror: Path, work: Path) -> dict[str, Any]:
    """Hide each labelled exchange address once, with a fifth of the others and all claims about it; rebuild; compare.

    An address is hidden wherever it occurs, whatever source names it, so that nothing derived from its labels helps.
    """
    settings = Settings(store=work / "stores" / "real")
    if Lake(settings.store).head() is None:
        ingest_files(settings, [mirror / "transfers"])
        ingest_files(settings, [mirror / "transactions"])
        add_tokens(settings, [mirror / "tokens" / "tokens.parquet"])
        add_prices(settings, [mirror / "prices" / "daily_usd.parquet"], assets=[mirror / "prices" / "assets.parquet"])
        add_labels(settings, [mirror / "labels" / "entities_graphsense.csv", mirror / "labels" / "entities_extra.csv"])
        add_labels(settings, [mirror / "labels" / f"{name}.parquet" for name in REAL_LABELS])
    lake = Lake(settings.store)
    with open_connection() as con:
        lake.attach(con, lake.head())
        claims = con.sql("from lake_labels").to_arrow_table()
    known = _read_exchanges(settings, claims, [])
    with Reader(settings.store) as reader:
        sql = "select count(*) from beliefs.attributions where status = 'attributed' and visibility = 'public'"
        attributed = int(reader.query(sql)[0][0])
    order = np.random.default_rng(1).permutation(sorted(known))
    answers: list[dict[str, Any]] = []
    for fold in range(FOLDS):
        hidden = order[fold::FOLDS].tolist()
        found = _read_exchanges(settings, claims, hidden)
        answers += [{"address": one, "truth": known[one], "answer": found.get(one)} for one in hidden]
    _read_exchanges(settings, claims, [])
    given = [row for row in answers if row["answer"] is not None]
    wrong = [row for row in given if row["answer"] != row["truth"]]
    return {
        "attributed_unhidden": attributed,
        "hidden": len(answers),
        "answered": len(given),
        "wrong": len(wrong),
        "upper": metrics.bound_errors(len(wrong), len(given)),
        "upper_of_hidden": metrics.bound_errors(len(wrong), len(answers)),
        "wrong_answers": wrong[:10],
    }


def _read_exchanges(settings: Settings, claims: pa.Table, hidden: list[str]) -> dict[str, str]:
    """Build with the claims about `hidden` taken away; return who owns each labelled or hidden exchange."""
    keep = ~np.isin(claims["address"].to_numpy(zero_copy_only=False), hidden)
    with Lake(settings.store).write("bench") as run:
        run.replace("labels", claims.filter(pa.array(keep)))
        run.commit(rows=int(keep.sum()), bad_rows=0)
    build(settings)
    with Reader(settings.store) as reader:
        rows = reader.query(
            """select a.address, min(a.entity_id) from beliefs.attributions a
            join beliefs.entities e on e.entity_id = a.entity_id and e.kind = 'owner'
            where a.visibility = 'public' and a.address_id is not null
                and (a.address in (select unnest($hidden::varchar[]))
                    or (a.status = 'labelled' and starts_with(a.role, 'exchange')))
            group by a.address""",
            {"hidden": hidden},
        )
    return {str(address): str(owner) for address, owner in rows}
