"""Which ledger addresses have a labelled owner, how sure is it, and who is the best rival?"""

from __future__ import annotations

import pyarrow as pa

from intel.entities.catalogue import Catalogue
from intel.sources.categories import load_trust_scale
from intel.sources.chains import ANY_EVM, chain_families
from intel.store import Connection

# What a tag says the address is for. The first that fits; "Deposit Funder" and memo addresses serve many customers.
_ROLE_SQL = """
    case when category in ('contract', 'token') then 'contract'
        when regexp_matches(lower(label), '\\b(deposit contract|deposit funder)\\b') then 'contract'
        when category = 'exchange_deposit' then 'deposit'
        when regexp_matches(lower(label), '\\bdeposit') and not contains(lower(label), 'memo') then 'deposit'
        when regexp_matches(lower(label), '\\b(hot ?wallet|withdrawals?)\\b') then 'hot_wallet'
        when regexp_matches(lower(label), '\\b(cold ?wallet|cold storage)\\b') then 'cold_wallet'
        when regexp_matches(lower(label), '\\bdeployer\\b') then 'deployer'
        when regexp_matches(lower(label), '\\b(token|router|proxy|pool|factory|vault|controller|oracle|feed|adapter|'
            || 'converter|bridge|contract|implementation|registry)\\b') then 'contract'
    end"""


_CLAIM = (
    "c.entity_id, c.root, c.category, c.role, c.level, c.origin, c.source, c.label, c.source_ref, "
    "c.valid_from, c.valid_to, c.visibility"
)


def find_anchors(con: Connection, catalogue: Catalogue) -> None:
    """Fill beliefs.anchors and listings from temp table ontology_labels, beliefs.entities and facts.addresses.

    Public labels alone make the public anchors; where a private label speaks of an address, all labels together make
    a second, private row. Only owners anchor: a list never does.
    """
    _register_lookups(con, catalogue)
    con.execute(f"""
        create or replace temp table anchor_claims as
        with claims as (
            select l.*, e.root, {_ROLE_SQL} as role
            from ontology_labels l join anchor_entities e on e.entity_id = l.entity_id and e.kind = 'owner'
            where l.category_kind <> 'list'
        )
        select a.address_id, {_CLAIM}
        from claims c join facts.addresses a on a.address = c.address and a.chain = c.chain
        union all
        select a.address_id, {_CLAIM}
        from claims c join facts.addresses a on a.address = c.address
        left join anchor_chains f on f.chain = a.chain
        where c.chain = '{ANY_EVM}' and (f.family = 'evm' or starts_with(a.chain, 'eip155:'))
    """)
    con.execute(f"""
        create or replace temp table anchor_deposits as
        select distinct a.address_id from ontology_labels l
        join facts.addresses a on a.address = l.address
            and (a.chain = l.chain or (l.chain = '{ANY_EVM}' and starts_with(a.address, '0x')))
        where l.category = 'exchange_deposit' and l.visibility = 'public'
    """)
    con.execute(_ANCHORS_SQL, {"rise": load_trust_scale().rise})
    con.execute(_LISTINGS_SQL.format(any_evm=ANY_EVM))
    for name in ("anchor_claims", "anchor_deposits"):
        con.execute(f"drop table {name}")
    for name in ("anchor_entities", "anchor_chains", "anchor_trust"):
        con.unregister(name)


def _register_lookups(con: Connection, catalogue: Catalogue) -> None:
    entities = con.execute("select entity_id, kind from beliefs.entities order by 1").fetchall()
    scale = load_trust_scale()
    con.register(
        "anchor_entities",
        pa.table(
            {
                "entity_id": pa.array([row[0] for row in entities], pa.string()),
                "kind": pa.array([row[1] for row in entities], pa.string()),
                "root": pa.array([catalogue.find_ancestors(row[0])[-1] for row in entities], pa.string()),
            }
        ),
    )
    con.register("anchor_chains", chain_families())
    con.register(
        "anchor_trust",
        pa.table(
            {
                "level": pa.array([row[0] for row in scale.levels], pa.int32()),
                "p": pa.array([row[1] for row in scale.levels], pa.float64()),
                "ceiling": pa.array([row[2] for row in scale.levels], pa.float64()),
            }
        ),
    )


_LISTINGS_SQL = """
    insert into beliefs.listings
    select distinct a.address_id, l.category, l.source, l.label, l.source_date, l.visibility
    from ontology_labels l join facts.addresses a on a.address = l.address
    left join anchor_chains f on f.chain = a.chain
    where l.category_kind = 'list' and (a.chain = l.chain
        or (l.chain = '{any_evm}' and (f.family = 'evm' or starts_with(a.chain, 'eip155:'))))
    order by a.address_id, l.category, l.source, l.label, l.source_date
"""

_ANCHORS_SQL = """
    insert into beliefs.anchors
    with scoped as (
        select *, 'public' as scope from anchor_claims where visibility = 'public'
        union all
        select *, 'private' as scope from anchor_claims
        where address_id in (select address_id from anchor_claims where visibility = 'private')
    ), best_claims as (
        select * from scoped qualify row_number() over (
            partition by address_id, scope, entity_id
            order by level desc, role is null, source, label, category, role, source_ref, visibility) = 1
    ), owners as (
        select b.*, o.origins from best_claims b join (
            select address_id, scope, entity_id, count(distinct origin) as origins from scoped group by all
        ) o using (address_id, scope, entity_id)
    ), ranked as (
        select *, row_number() over (
            partition by address_id, scope order by level desc, origins desc, entity_id) as rank from owners
    ), rivals as (
        select r.address_id, r.scope, r.entity_id, r.level from ranked r
        join ranked w on w.address_id = r.address_id and w.scope = r.scope and w.rank = 1 and w.root <> r.root
        qualify row_number() over (partition by r.address_id, r.scope order by r.rank) = 1
    )
    select w.address_id, w.entity_id, e.category,
        coalesce(w.role, case when d.address_id is not null then 'deposit' end) as role,
        w.level, round(least(t.ceiling, 1 - (1 - t.p) * power($rise, w.origins - 1)), 4) as confidence, w.origins,
        r.entity_id, r.level, w.source, w.label, w.valid_from, w.valid_to, w.scope
    from ranked w
    join beliefs.entities e on e.entity_id = w.entity_id
    join anchor_trust t on t.level = w.level
    left join rivals r on r.address_id = w.address_id and r.scope = w.scope
    left join anchor_deposits d on d.address_id = w.address_id
    where w.rank = 1
    order by w.address_id, w.scope
"""
