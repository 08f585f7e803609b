"""How right is the evidence on real ledgers: the reviewed groups of an airdrop, and labelled exchanges, hidden?

Reads a local mirror of the public data sets, at INTEL_DATA_MIRROR alone; nothing of it is kept in the repository.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from evidence_worlds import fill_lake
from world_baselines import find_components

from intel.config import Settings
from intel.ml import metrics
from intel.pipeline import add_labels, add_prices, add_tokens, build, ingest_files
from intel.profiler.evaluate import evaluate_truth
from intel.sources.world import WorldSettings, choose_days, generate_world
from intel.store import open_connection
from intel.store.lake import Lake
from intel.store.reader import Reader

HOP_TRUTH = "truth/hop_reviewed_groups.parquet"
HOP_LABELS = ("hop_airdrop", "etherscan_dump_brianleect", "etherscan_dump_dawsbot", "dune_spellbook_2023_mit")
REAL_LABELS = (*HOP_LABELS[1:], "graphsense_tagpacks", "mempool_mining_pools", "forta_labelled")
FOLDS = 5
CONTROLS = (3, 4, 5)  # seeds of simulated economies in which exchanges are hidden in the same way
CONTROL_SIZE = 100_000

# What a rule could go by to find a labelled exchange address again from the other labels of its owner.
_REACH = """
with spots as (
    select a.address_id, k.address, k.owner from known k join facts.addresses a on a.address = k.address
),
moves as (
    select t.sender_id, t.receiver_id, s.owner as sender_owner, r.owner as receiver_owner, s.address as sender,
        r.address as receiver
    from facts.transfers t
    left join spots s on s.address_id = t.sender_id
    left join spots r on r.address_id = t.receiver_id
    where t.kind <> 'fee' and t.value_raw > 0 and t.sender_id <> t.receiver_id
),
sends as (
    select sender as address, count(*) as sent, count_if(receiver_owner = sender_owner) as sent_own
    from moves where sender is not null group by sender
),
gets as (
    select receiver as address, count(*) as got, count_if(receiver_owner = sender_owner) as got_own
    from moves where receiver is not null group by receiver
),
payers as (select distinct sender_id, receiver, receiver_owner from moves where receiver is not null),
shared as (
    select p.receiver as address, count(distinct p.sender_id) as payers from payers p
    join payers q on q.sender_id = p.sender_id and q.receiver_owner = p.receiver_owner and q.receiver <> p.receiver
    group by p.receiver
),
facts as (
    select k.address, coalesce(sent, 0) as sent, coalesce(got, 0) as got, coalesce(sent_own, 0) as sent_own,
        coalesce(got_own, 0) as got_own, coalesce(payers, 0) as payers
    from known k left join sends using (address) left join gets using (address) left join shared using (address)
)
select
    count_if(sent + got > 0) as moving, cast(quantile_disc(sent + got, 0.5) as integer) as half,
    count_if(sent > 0) as sending, count_if(sent_own + got_own > 0) as dealing,
    count_if(sent > 0 and sent = sent_own) as forwarding,
    count_if(sent > 0 and sent = sent_own and got > 0) as forwarding_got,
    count_if(payers > 0) as shared, count_if(payers >= 10) as shared_by_ten
from facts
"""


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
    """Hide labelled exchange addresses of real ledgers, and beside them those of simulated ones with all history."""
    settings = Settings(store=work / "stores" / "real")
    if Lake(settings.store).head() is None:
        ingest_files(settings, [mirror / "transfers"])
        ingest_files(settings, [mirror / "transactions"])
        add_tokens(settings, [mirror / "tokens" / "tokens.parquet"])
        add_prices(settings, [mirror / "prices" / "daily_usd.parquet"], assets=[mirror / "prices" / "assets.parquet"])
        add_labels(settings, [mirror / "labels" / "entities_graphsense.csv", mirror / "labels" / "entities_extra.csv"])
        add_labels(settings, [mirror / "labels" / f"{name}.parquet" for name in REAL_LABELS])
    found = hide_exchanges(settings)
    controls = []
    for seed in CONTROLS:
        store = work / "stores" / f"hidden-{seed}"
        if Lake(store).head() is None:
            days = choose_days(CONTROL_SIZE)
            fill_lake(generate_world(WorldSettings(transfers=CONTROL_SIZE, seed=seed, days=days)), store)
        controls.append(hide_exchanges(Settings(store=store)))
    names = ("hidden", "answered", "wrong")
    return found | {"control": {name: sum(one[name] for one in controls) for name in names}}


def hide_exchanges(settings: Settings) -> dict[str, Any]:
    """Hide each labelled exchange address once, with a fifth of the others and all claims about it; rebuild; compare.

    An address is hidden wherever it occurs, whatever source names it, so that nothing derived from its labels helps.
    """
    lake = Lake(settings.store)
    with open_connection() as con:
        lake.attach(con, lake.head())
        claims = con.sql("from lake_labels").to_arrow_table()
    known = _read_exchanges(settings, claims, [])
    with Reader(settings.store) as reader:
        sql = "select count(*) from beliefs.attributions where status = 'attributed' and visibility = 'public'"
        attributed = int(reader.query(sql)[0][0])
        reader.load("known", pa.table({"address": list(known), "owner": list(known.values())}))
        reach = reader.records(_REACH)[0]
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
        "reach": reach,
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
