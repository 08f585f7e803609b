"""Which id does an unnamed owner keep from build to build, and what became of the ids of before?"""

from __future__ import annotations

from intel.store import Connection

# The last thing that was said of each id. After `merge` it is not in use: other_entity_id is where to look.
_STATES = """
create or replace temp table identity_states as
select entity_id, event = 'merge' as is_merged, other_entity_id, chain, address
from lake_identity
qualify row_number() over (partition by entity_id order by recorded_at desc, event, other_entity_id) = 1
"""

_MEMBERS = """
create or replace temp table identity_members as
select
    c.visibility, c.cluster_id, c.address_id, a.chain, a.address,
    row_number() over (
        partition by c.visibility, c.cluster_id
        order by s.first_time nulls last, s.first_block nulls last, a.chain, a.address
    ) as nth
from beliefs.clusters c
join facts.addresses a on a.address_id = c.address_id
left join facts.address_stats s on s.address_id = c.address_id
"""

# Ids minted from an address of the group: one in use goes before one that was merged, then the earliest address.
_HELD = """
create or replace temp table identity_held as
select
    m.visibility, m.cluster_id, s.entity_id, s.is_merged, s.other_entity_id, s.chain, s.address,
    row_number() over (partition by m.visibility, m.cluster_id order by s.is_merged, m.nth, s.entity_id) as place
from identity_members m
join identity_states s on s.chain = m.chain and s.address = m.address
"""

_NAMES = """
create or replace temp table identity_names as
select
    f.visibility, f.cluster_id, coalesce(h.chain, f.chain) as chain, coalesce(h.address, f.address) as address,
    case
        when not starts_with(f.cluster_id, 'anon-') then f.cluster_id
        -- As cluster.mint_id does for one.
        else coalesce(h.entity_id, 'anon-' || left(sha256(f.chain || ':' || f.address), 16))
    end as entity_id,
    h.entity_id as held_id, coalesce(h.is_merged, false) as was_merged, h.other_entity_id as merged_into
from identity_members f
left join identity_held h on h.visibility = f.visibility and h.cluster_id = f.cluster_id and h.place = 1
where f.nth = 1
"""

# A group that is new, or takes an id up again, may come out of another: the owner that had most of its addresses.
_ORIGINS = """
create or replace temp table identity_origins as
select m.cluster_id, f.entity_id
from identity_members m
join former_members f on f.chain = m.chain and f.address = m.address
where m.visibility = 'public'
group by m.cluster_id, f.entity_id
qualify row_number() over (partition by m.cluster_id order by count(*) desc, f.entity_id) = 1
"""

_EVENTS = """
insert into beliefs.identity by name
with known as (
    select row_number() over (order by recorded_at, build_id, entity_id) as step, build_id, event, entity_id,
        other_entity_id, chain, address
    from lake_identity
),
news as (
    select
        case when n.was_merged or o.entity_id <> n.entity_id then 'split' else 'mint' end as event, n.entity_id,
        case when n.was_merged then n.merged_into when o.entity_id <> n.entity_id then o.entity_id end
            as other_entity_id,
        n.chain, n.address
    from identity_names n
    left join identity_origins o on o.cluster_id = n.cluster_id
    where n.visibility = 'public' and starts_with(n.cluster_id, 'anon-') and (n.held_id is null or n.was_merged)
    union all
    select 'merge', h.entity_id, n.entity_id, h.chain, h.address
    from identity_held h
    join identity_names n on n.visibility = h.visibility and n.cluster_id = h.cluster_id
    where h.visibility = 'public' and h.entity_id <> n.entity_id
        and not (h.is_merged and h.other_entity_id is not distinct from n.entity_id)
)
select step, build_id, event, entity_id, other_entity_id, chain, address from known
union all
select
    (select count(*) from known) + row_number() over (order by event, entity_id), $build_id, event, entity_id,
    other_entity_id, chain, address
from news
order by step
"""

_RENAME = """
create or replace temp table renamed as
select t.* replace (coalesce(n.entity_id, t.cluster_id) as cluster_id)
from beliefs.{table} t
left join identity_names n on n.visibility = t.visibility and n.cluster_id = t.cluster_id
"""
_SORTED = {"clusters": "cluster_id, address_id, visibility", "merges": "visibility, step"}

_ENTITIES = """
insert into beliefs.entities by name
select
    entity_id, 'Unnamed owner of ' || min(address) as name, 'anonymous' as kind, false as is_custodial,
    max(visibility) as visibility
from identity_names
where starts_with(cluster_id, 'anon-')
group by entity_id
order by entity_id
"""


def settle_identities(con: Connection, build_id: str) -> None:
    """Give every unnamed group the id that one of its addresses had before, or mint one from its earliest address.

    Reads lake_identity, former_members (chain, address, entity_id: the unnamed owners of the build before) and
    beliefs.clusters, whose unnamed groups have ids `anon-...` that hold in this build alone; rewrites these ids in
    clusters, merges and entities, and fills beliefs.identity: the ledger of before, then the events of this build.
    An id stays with the address that it was minted from; where several come together, the earliest address's id
    stays and the others are merged into it. Groups of the private layer take part in no event.
    """
    for query in (_STATES, _MEMBERS, _HELD, _NAMES, _ORIGINS):
        con.execute(query)
    con.execute(_EVENTS, {"build_id": build_id})
    for table, order in _SORTED.items():
        con.execute(_RENAME.format(table=table))
        con.execute(f"delete from beliefs.{table}")
        con.execute(f"insert into beliefs.{table} from renamed order by {order}")
    con.execute("delete from beliefs.entities where kind = 'anonymous'")
    con.execute(_ENTITIES)
