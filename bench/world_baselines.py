"""How hard is the simulated economy? Simple baselines for roles and owners, each preset side by side.

    .venv/bin/python bench/world_baselines.py [--transfers 200000] [--presets easy,default,hard]

Roles: logistic regression on counts, amounts and rhythm of each address, owners of test and training apart.
Owners: connected components of direct transfers between addresses of few counterparties; the best of several caps.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import GroupShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from intel.sources.world import World, WorldSettings, generate_world
from intel.store import Connection, open_connection
from intel.store.lake import lake_schema

SEEN = 30  # a role with fewer addresses is not asked for
CAPS = (5, 10, 20, 50, 100)  # counterparties
PRIVATE = ("person", "sybil", "smart_account")

_FEATURES = """
with ends as (
    select chain, sender as address, receiver as other, -1 as direction, * exclude (chain) from transfers
    where sender is not null
    union all by name
    select chain, receiver as address, sender as other, 1 as direction, * exclude (chain) from transfers
    where receiver is not null
)
select
    e.chain, e.address, any_value(r.role) as role, any_value(o.cluster_id) as owner,
    ln(1 + count_if(direction = 1 and kind <> 'fee')) as received,
    ln(1 + count_if(direction = -1 and kind <> 'fee')) as sent,
    ln(1 + count_if(direction = -1 and kind = 'fee')) as signed,
    ln(1 + count(distinct other) filter (direction = 1)) as senders,
    ln(1 + count(distinct other) filter (direction = -1 and kind <> 'fee')) as receivers,
    ln(1 + count(distinct token)) as tokens,
    avg((token is null and kind <> 'fee')::int) as coins,
    avg((kind = 'internal')::int) as internal,
    avg((value_raw = 0)::int) as zeros,
    coalesce(avg(ln(1 + value_raw::double)) filter (token is null and kind <> 'fee' and direction = 1), 0) as coins_in,
    coalesce(avg(ln(1 + value_raw::double)) filter (token is null and kind <> 'fee' and direction = -1), 0)
        as coins_out,
    coalesce(stddev_samp(hour(block_time)), 0) as hours,
    ln(1 + date_diff('hour', min(block_time), max(block_time))) as life,
    ln(1 + count(distinct block_time::date)) as days
from ends e
join roles r on r.chain = e.chain and r.address = e.address
join owners o on o.chain = e.chain and o.address = e.address
group by e.chain, e.address
order by e.chain, e.address
"""


def open_world(world: World) -> Connection:
    """Tables of a world in DuckDB: transfers and the truth."""
    con = open_connection()
    table = pa.Table.from_batches(world.batches("transfers"), lake_schema("transfers"))
    con.register("batches", table)
    con.execute("create table transfers as from batches")
    for name, rows in world.truth.items():
        con.register(name, rows)
    return con


def score_roles(con: Connection) -> tuple[float, int]:
    """Macro F1 of a logistic regression on addresses of owners it has not seen, and the number of roles."""
    rows = con.execute(_FEATURES).df()
    roles = rows["role"].value_counts()
    rows = rows[rows["role"].isin(roles[roles >= SEEN].index)]
    features = rows.drop(columns=["chain", "address", "role", "owner"]).to_numpy(dtype=float)
    scores = []
    for train, test in GroupShuffleSplit(3, test_size=0.4, random_state=1).split(features, groups=rows["owner"]):
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500, class_weight="balanced"))
        model.fit(features[train], rows["role"].to_numpy()[train])
        wanted = rows["role"].to_numpy()[test]
        scores.append(f1_score(wanted, model.predict(features[test]), average="macro", labels=np.unique(wanted)))
    return float(np.mean(scores)), rows["role"].nunique()


def score_components(con: Connection, cap: int, fewest: int = 2) -> tuple[float, float, float]:
    """B-cubed precision, recall, F1 over wallets of people; `cap`: most counterparties of a link.

    `fewest`: least number of wallets of a person; 2 leaves out those who have only one.
    """
    con.execute(
        """
        create or replace temp table links as
        with pairs as (
            select distinct least(sender, receiver) as a, greatest(sender, receiver) as b from transfers
            where kind in ('native', 'erc20') and value_raw > 0 and sender <> receiver
                and sender not like '0x00000000%' and receiver not like '0x00000000%'
        ),
        degrees as (
            select address, count(*) as degree from (select a as address from pairs union all select b from pairs)
            group by address
        )
        select a, b from pairs
        join degrees l on l.address = a
        join degrees r on r.address = b
        where l.degree <= $cap and r.degree <= $cap
        order by a, b
        """,
        {"cap": cap},
    )
    wallets = con.execute(
        """
        select distinct address, cluster_id from owners join roles using (chain, address)
        where list_contains($roles, role)
        qualify count(distinct address) over (partition by cluster_id) >= $fewest
        order by address
        """,
        {"roles": list(PRIVATE), "fewest": fewest},
    ).df()
    links = con.execute("from links").df()
    return score_bcubed(wallets["cluster_id"].to_numpy(), find_components(links, wallets["address"].tolist()))


def find_components(links: pd.DataFrame, wallets: Sequence[str]) -> npt.NDArray[np.int64]:
    """Component number of each wallet."""
    names = pd.Index(pd.unique(pd.concat([links["a"], links["b"], pd.Series(wallets)])))
    left, right = names.get_indexer(links["a"]), names.get_indexer(links["b"])
    graph = coo_matrix((np.ones(len(links)), (left, right)), shape=(len(names), len(names)))
    found = connected_components(graph, directed=False)[1]
    return np.asarray(found[names.get_indexer(list(wallets))], dtype=np.int64)


def score_bcubed(truth: npt.NDArray[np.object_], found: npt.NDArray[np.int64]) -> tuple[float, float, float]:
    """B-cubed precision, recall and F1 of one partition against another."""
    rows = pd.DataFrame({"truth": truth, "found": found})
    both = rows.groupby(["truth", "found"], sort=False)["found"].transform("size")
    precision = float((both / rows.groupby("found")["found"].transform("size")).mean())
    recall = float((both / rows.groupby("truth")["truth"].transform("size")).mean())
    return precision, recall, 2 * precision * recall / (precision + recall)


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--transfers", type=int, default=200_000)
    parser.add_argument("--presets", default="easy,default,hard")
    options = parser.parse_args()
    for preset in options.presets.split(","):
        con = open_world(generate_world(WorldSettings(transfers=options.transfers, preset=preset)))
        score, roles = score_roles(con)
        print(f"{preset:8s} roles: macro F1 {score:.3f} over {roles} roles (hard: below .80)")
        tried = {cap: score_components(con, cap) for cap in CAPS}
        for cap, (precision, recall, f1) in tried.items():
            print(f"{preset:8s} components, cap {cap:3d}: B-cubed P {precision:.3f} R {recall:.3f} F1 {f1:.3f}")
        print(f"{preset:8s} components, best: F1 {max(score[2] for score in tried.values()):.3f} (hard: below .50)")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
