"""Where do the examples of roles come from? Simulated economies: features as of a cut-off, with true role and owner."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from evidence_worlds import fill_lake

from intel.etl.accounts import build_accounts
from intel.etl.ledger import build_context, build_ledger
from intel.ml.features import FEATURES, build_features, hash_features
from intel.sources.world import WorldSettings, choose_days, generate_world
from intel.store import Connection, open_connection
from intel.store.ddl import create_tables
from intel.store.lake import Lake

# What the roles of the simulated economy are called in the product.
ROLE_OF = {
    "hot_wallet": "exchange_hot", "omnibus": "exchange_hot", "deposit": "exchange_deposit",
    "cold_wallet": "exchange_cold", "dex_pool": "dex", "dex_router": "dex", "settlement": "dex", "bridge": "bridge",
    "mixer": "mixer", "lending_pool": "lending", "staking": "lending", "token": "token_contract",
    "nft_collection": "token_contract", "fake_token": "token_contract", "nft_market": "marketplace",
    "block_producer": "miner", "builder": "miner", "mev_bot": "mev", "mev_contract": "mev", "solver": "mev",
    "market_maker": "market_maker", "liquidity_provider": "market_maker", "otc_desk": "market_maker",
    "organisation": "organisation", "disperser": "organisation", "airdrop": "organisation", "drainer": "scam",
    "impostor": "scam", "poisoner": "scam", "look_alike": "scam", "poison_contract": "scam", "spammer": "scam",
    "duster": "scam", "sweeper_bot": "scam", "first_funder": "scam", "hacker": "launderer", "launderer": "launderer",
    "sybil": "sybil", "person": "person", "smart_account": "smart_account", "safe": "smart_account",
    "relayer": "infrastructure", "paymaster": "infrastructure", "bundler": "infrastructure",
    "entry_point": "infrastructure", "factory": "infrastructure", "deployer": "infrastructure",
    "delegate": "infrastructure", "name_registry": "infrastructure", "safe_factory": "infrastructure",
    "gas_supplier": "infrastructure", "contract": "infrastructure",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class World:
    """Which economy: TUNING seeds are for choosing and training, all others for reporting."""

    preset: str
    seed: int
    transfers: int = 200_000


TUNING = (101, 102, 103, 104, 105)
CUTS = (0.35, 0.6)  # of the span of time: what training may know; the last is T
NAMES = [feature.name for feature in FEATURES]


def gather_examples(world: World, work: Path) -> pd.DataFrame:
    """Return one row per address and view: `cut` (share of the span known, 1: all), role, owner, is_late, features.

    `is_late`: moved after the last of CUTS. Kept in `work` from run to run as long as the features are the same.
    """
    path = work / f"{world.preset}-{world.seed}-{world.transfers}-{hash_features()}.parquet"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        _simulate(world).to_parquet(path)
    return pd.read_parquet(path)


def gather_glimpse(world: World, hours: int) -> pd.DataFrame:
    """Return examples, each with role and owner, of which only one hour of history in `hours` is known."""
    return _simulate(world, hours)


def gather_worlds(worlds: Iterable[World], work: Path) -> pd.DataFrame:
    """Return the examples of several economies, owners told apart by the economy they live in."""
    parts = []
    for world in worlds:
        part = gather_examples(world, work)
        parts.append(part.assign(owner=f"{world.preset}-{world.seed}:" + part["owner"], seed=world.seed))
    return pd.concat(parts, ignore_index=True)


def open_facts(store: Path) -> Connection:
    """Make the facts of a lake in memory, without any belief."""
    con = open_connection()
    con.execute("attach ':memory:' as facts")
    create_tables(con, "facts")
    lake = Lake(store)
    lake.attach(con, lake.head())
    con.execute("create temp table lake_private_labels as from lake_labels limit 0")
    build_ledger(con)
    build_accounts(con)
    build_context(con)
    return con


def _simulate(world: World, hours: int = 1) -> pd.DataFrame:
    days = choose_days(world.transfers)
    made = generate_world(WorldSettings(transfers=world.transfers, preset=world.preset, seed=world.seed, days=days))
    with tempfile.TemporaryDirectory() as folder:
        fill_lake(made, Path(folder) / "store")
        con = open_facts(Path(folder) / "store")
        for name in ("roles", "owners"):
            con.register(f"truth_{name}", made.truth[name])
        first, last = con.execute("select min(block_time), max(block_time) from facts.transfers").fetchall()[0]
        if hours > 1:
            for table in ("postings", "transfers", "transactions"):
                con.execute(
                    f"delete from facts.{table} where cast(epoch(block_time) as bigint) // 3600 % $hours <> 0",
                    {"hours": hours},
                )
        parts = []
        for cut in (1.0,) if hours > 1 else (*CUTS, 1.0):
            build_features(con, None if cut == 1.0 else first + (last - first) * cut)
            parts.append(con.execute(_EXAMPLES, {"late": first + (last - first) * CUTS[-1]}).df().assign(cut=cut))
        con.close()
    frame = pd.concat(parts, ignore_index=True)
    frame["role"] = frame["role"].map(ROLE_OF)
    return frame.dropna(subset=["role"]).astype(dict.fromkeys(NAMES, np.float32))


_EXAMPLES = """
select f.*, r.role, o.cluster_id as owner, s.last_time >= $late as is_late
from role_features f
join facts.addresses a on a.address_id = f.address_id
join truth_roles r on r.chain = a.chain and r.address = a.address
join truth_owners o on o.chain = a.chain and o.address = a.address
join facts.address_stats s on s.address_id = f.address_id
order by f.address_id
"""
