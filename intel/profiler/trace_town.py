"""Where does money stop being followed, what counts as one asset, and which bridges' two ends are known?"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
import pyarrow as pa

from intel.model import Tier
from intel.profiler.events import prepare_pools
from intel.profiler.exposure import prepare_walls
from intel.profiler.postings import prepare_entities, prepare_spam_assets
from intel.profiler.trace_kernels import Array
from intel.store.flows import Flows, open_flows
from intel.store.reader import Reader

# Place in `Town.wall` -> what stops the money there; 0: nothing does.
WALL_KINDS = ("", "service", "mixer", "hub", "system", "owner")
# Money is mixed where many pay in. One who pays many, as a thief does, is followed: a hub of linking is none here.
_HUB_ROWS, _HUB_PAYERS = 40_000, 200
_MIXING_KINDS = ("contract", "miner")


class Places(NamedTuple):
    """Walls and contracts by address_id; pools and scales by asset_id, `pools` in number."""

    wall: Array
    is_contract: Array
    pool: Array
    scale: Array
    pools: int


def read_flows(reader: Reader) -> Flows:
    """Return the build's columns, mapped once per reader; StoreError where the build has none."""

    def load() -> Flows:
        return Flows(*(np.asarray(column) for column in open_flows(reader.path)))

    return reader.once("flows", load)


def read_places(reader: Reader, tier: Tier, *, shows_private: bool = True) -> Places:
    """Return what is known of addresses and assets at a tier, by public claims or by all; read once per reader."""
    return reader.once(("places", tier, shows_private), lambda: _read_places(reader, tier, shows_private=shows_private))


def _read_places(reader: Reader, tier: Tier, *, shows_private: bool) -> Places:
    flows = read_flows(reader)
    addresses = len(flows.statement_ends) - 1
    wall = np.zeros(addresses, np.int8)
    wall[np.diff(flows.statement_ends) > _HUB_ROWS] = WALL_KINDS.index("hub")
    found = _list_walls(reader, tier, shows_private=shows_private)
    ids, kinds = found["address_id"].to_numpy(), found["kind"].to_numpy()
    wall[ids] = kinds
    is_contract = np.zeros(addresses, np.bool_)
    is_contract[reader.arrow("select address_id from facts.addresses where is_contract")["address_id"].to_numpy()] = (
        True
    )
    pool, scale, pools = _read_pools(reader)
    return Places(wall, is_contract, pool, scale, pools)


def _list_walls(reader: Reader, tier: Tier, *, shows_private: bool) -> pa.Table:
    """Return (address_id, kind), each address once: mixers before named owners, those before hubs nobody owns."""
    prepare_entities(reader)
    prepare_walls(reader)
    entities = "known_entities" if shows_private else "(select * from beliefs.entities where visibility = 'public')"
    return reader.arrow(
        f"""with walls as (
            select address_id, 4 as kind, 0 as place from system_ids
            union all select address_id, 2, 1 from mixer_ids
            union all
            select a.address_id, case when e.category = 'mixer' then 2 when e.is_service then 1 else 5 end, 2
            from beliefs.attributions a join (
                select k.entity_id, k.category, coalesce(s.is_service, false) as is_service
                from {entities} k left join (
                    select unnest($services) as category, true as is_service) s using (category)
                where k.kind = 'owner' and k.category is not null) e using (entity_id)
            where (a.visibility = 'public' or $private)
                and (a.tier = 'confirmed' or a.status = 'labelled' or $tier = 'probable')
            union all select address_id, 3, 3 from beliefs.services where is_hub and kind in (select unnest($mixing))
            union all select address_id, 3, 3 from facts.address_stats where counterparties_in > $payers)
        select address_id, arg_min(kind, place)::tinyint as kind from walls
        where address_id is not null group by 1 order by 1""",
        {
            "tier": tier,
            "private": shows_private,
            "services": _service_categories(),
            "mixing": list(_MIXING_KINDS),
            "payers": _HUB_PAYERS,
        },
    )


def _service_categories() -> list[str]:
    from intel.sources.categories import load_categories

    return sorted(slug for slug, one in load_categories().items() if one.service)


def _read_pools(reader: Reader) -> tuple[Array, Array, int]:
    """Return pool (-1: spam, oversize) and scale per asset, and how many pools there are."""
    prepare_pools(reader)
    prepare_spam_assets(reader)
    size = int(reader.query("select coalesce(max(asset_id) + 1, 0) from facts.assets")[0][0])
    rows = reader.arrow(
        """select asset_id, (dense_rank() over (order by pool) - 1)::integer as pool, scale::double as scale
        from asset_pools where asset_id not in (select asset_id from spam_assets) order by 1"""
    )
    pool, scale = np.full(size, -1, np.int32), np.ones(size)
    ids = rows["asset_id"].to_numpy()
    pool[ids], scale[ids] = rows["pool"].to_numpy(), rows["scale"].to_numpy()
    return pool, scale, int(pool.max(initial=-1)) + 1


def read_jumps(reader: Reader) -> tuple[Array, Array]:
    """Return (row into a bridge, row out of one), ascending by the first: trips whose two ends a rule has matched.

    The ends are the transactions that evidence of `bridged_to` names; of several trips between two addresses the first
    sent is the first received.
    """
    return reader.once("jumps", lambda: _read_jumps(reader))


def _read_jumps(reader: Reader) -> tuple[Array, Array]:
    flows = read_flows(reader)
    found = reader.arrow(
        """with named as (
            select distinct left_id, right_id, unnest(tx_hashes) as tx_hash from beliefs.evidence
            where relation = 'bridged_to' and visibility = 'public'),
        tagged as (
            select *, try_cast('0x' || right(tx_hash, 7) as integer) as tx_tag from named),
        sent as (
            select t.left_id, t.right_id, p.transfer_id, p.block_time, row_number() over (
                partition by t.left_id, t.right_id order by p.transfer_id) as nth
            from facts.postings p join tagged t on t.left_id = p.address_id and t.tx_tag = p.tx_tag
            where p.direction < 0 and p.kind_code in (0, 1, 2)),
        received as (
            select t.left_id, t.right_id, p.transfer_id, p.block_time, row_number() over (
                partition by t.left_id, t.right_id order by p.transfer_id) as nth
            from facts.postings p join tagged t on t.right_id = p.address_id and t.tx_tag = p.tx_tag
            where p.direction > 0 and p.kind_code in (0, 1, 2))
        select s.transfer_id as sent, min(r.transfer_id) as received
        from sent s join received r using (left_id, right_id, nth)
        where r.block_time >= s.block_time group by 1 order by 1"""
    )
    leaves = find_rows(flows.transfer, found["sent"].to_numpy())
    arrives = find_rows(flows.transfer, found["received"].to_numpy())
    _, first = np.unique(arrives, return_index=True)
    order = np.sort(first)
    leaves, arrives = leaves[order], arrives[order]
    order = np.argsort(leaves, kind="stable")
    return leaves[order], arrives[order]


@numba.njit(cache=True)
def find_rows(transfers: Array, wanted: Array) -> Array:
    """Return the row of each transfer: near the place of its number, for only within a block do rows change places."""
    rows = np.empty(len(wanted), np.int64)
    for place in range(len(wanted)):
        middle = wanted[place]
        reach = 0
        rows[place] = -1
        while rows[place] < 0 and reach < len(transfers):
            for row in (middle - reach, middle + reach):
                if 0 <= row < len(transfers) and transfers[row] == wanted[place]:
                    rows[place] = row
            reach += 1
    return rows
