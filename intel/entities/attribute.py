"""To whom does each address belong, how sure are we, and who else could it be?"""

from __future__ import annotations

from intel.entities.reach import attribute_by_paths, calibrate, register_calibration
from intel.sources.categories import load_trust_scale
from intel.store import Connection

CONFIRMED_LEVEL = 50  # TagPack "trusted provider"
PROBABLE = 0.8  # below this the answer is "unknown"; what is confirmed, by role: reach.TAU
MIN_LEAD = 8.0  # the best owner must be three bits ahead of any other named one
UNLISTED = "unlisted"  # the rival that is always there: an owner nobody has labelled

# What a label says an address is for, by category and by the purpose that the label itself names.
_ROLE = """
case
    when {category} = 'exchange_deposit' then 'exchange_deposit'
    when {category} in ('exchange', 'custodian') then case
        when {role} in ('deposit', 'deposit_wallet', 'exchange_deposit') then 'exchange_deposit'
        when {role} in ('hot_wallet', 'hot', 'withdrawal') then 'exchange_hot'
        when {role} in ('cold_wallet', 'cold', 'reserve_wallet') then 'exchange_cold'
        when {role} is null then 'exchange'
        else 'exchange_' || {role}
    end
    when {category} = 'token' then 'token_contract'
    else {category}
end
"""

_LABELLED = """
insert into beliefs.attributions by name
select
    d.chain, d.address, a.address_id, a.entity_id, a.confidence, 'labelled' as status,
    case when a.level >= $level and coalesce(a.rival_level, 0) < $level then 'confirmed' else 'probable' end as tier,
    {role} as role, ['label'] as basis,
    'Labelled "' || coalesce(a.label, a.entity_id) || '" by ' || coalesce(a.label_source, 'an unnamed source')
        || case when a.origins > 1 then ' and ' || (a.origins - 1)::varchar || ' more' else '' end as reason,
    a.label_source, coalesce(a.rival_entity_id, $unlisted) as rival_entity_id,
    round(1 - a.confidence, 4) as rival_confidence,
    a.valid_from, a.valid_to, a.visibility
from beliefs.anchors a
join facts.addresses d on d.address_id = a.address_id
join beliefs.entities e on e.entity_id = a.entity_id
where e.kind = 'owner'
order by a.address_id
"""

# Labelled addresses that no transfer touches: the same choice among claims, without a ledger id.
_LABELLED_OUTSIDE = """
insert into beliefs.attributions by name
with claims as (
    select
        l.chain, l.address, l.visibility, l.entity_id, max(l.level) as level,
        count(distinct coalesce(l.origin, l.source)) as origins,
        arg_min(struct_pack(label := l.label, source := l.source, category := l.category,
            valid_from := l.valid_from, valid_to := l.valid_to), (-l.level, l.source, coalesce(l.label, ''))) as best
    from beliefs.labels l
    join beliefs.entities e on e.entity_id = l.entity_id
    where e.kind = 'owner'
        and l.level is not null
        and not exists (
            select 1 from facts.addresses d where d.address = l.address and (d.chain = l.chain or l.chain = 'evm')
        )
    group by l.chain, l.address, l.visibility, l.entity_id
),
ranked as (
    select
        c.*, row_number() over claim as place, lead(c.entity_id) over claim as rival,
        lead(c.level) over claim as rival_level
    from claims c
    window claim as (partition by c.chain, c.address, c.visibility order by c.level desc, c.origins desc, c.entity_id)
),
scale as (
    select unnest($levels::integer[]) as level, unnest($ps::double[]) as p, unnest($ceilings::double[]) as ceiling
)
select
    r.chain, r.address, r.entity_id, confidence, 'labelled' as status,
    case when r.level >= $level and coalesce(r.rival_level, 0) < $level then 'confirmed' else 'probable' end as tier,
    {role} as role, ['label'] as basis,
    'Labelled "' || coalesce(r.best.label, r.entity_id) || '" by ' || r.best.source
        || case when r.origins > 1 then ' and ' || (r.origins - 1)::varchar || ' more' else '' end as reason,
    r.best.source as label_source, coalesce(r.rival, $unlisted) as rival_entity_id,
    round(1 - confidence, 4) as rival_confidence,
    r.best.valid_from, r.best.valid_to, r.visibility
from (
    select r.*, round(least(s.ceiling, 1 - (1 - s.p) * pow($rise, r.origins - 1)), 4) as confidence
    from ranked r
    asof join scale s on r.level >= s.level
    where r.place = 1
) r
order by r.chain, r.address, r.visibility
"""

# Members of a group go by its owner; the reason is their strongest link to another member. What labels inside the group
# say against its owner stays as the rival, and keeps the members from being confirmed.
_CLUSTERED = (
    """
insert into beliefs.attributions by name
with pairs as (
    select left_id as address_id, right_id as other_id, visibility, probability, basis, reason
    from beliefs.links
    where relation = 'same_controller'
    union all
    select right_id, left_id, visibility, probability, basis, reason
    from beliefs.links
    where relation = 'same_controller'
),
-- A key's link to itself on another chain says nothing of the other members: it counts where there is no other link.
told as (
    select c.address_id, c.visibility, p.other_id, p.probability, p.basis, p.reason,
        dense_rank() over (partition by c.address_id, c.visibility order by d.address = x.address) as place
    from beliefs.clusters c
    join pairs p on p.address_id = c.address_id and (p.visibility = 'public' or c.visibility = 'private')
    join beliefs.clusters o on o.address_id = p.other_id and o.cluster_id = c.cluster_id and o.visibility = c.visibility
    join facts.addresses d on d.address_id = c.address_id
    join facts.addresses x on x.address_id = p.other_id
),
best as (
    select address_id, visibility, max(probability) as probability,
        arg_min(struct_pack(basis := basis, reason := reason), (-probability, reason, other_id)) as link
    from told
    where place = 1
    group by address_id, visibility
),
measured as (
    select b.*, k.role is not null as is_calibrated, """
    + calibrate("b.probability")
    + """ as sure
    from best b
    left join calibration k
        on k.role = 'same_controller' and b.probability >= k.from_raw and b.probability < k.below_raw
),
owners as (
    select c.cluster_id, c.visibility, a.entity_id, max(a.level) as level, max(a.confidence) as confidence,
        row_number() over (
            partition by c.cluster_id, c.visibility, a.entity_id = c.cluster_id
            order by max(a.level) desc, max(a.confidence) desc, a.entity_id
        ) as place
    from beliefs.clusters c
    join beliefs.anchors a on a.address_id = c.address_id and (a.visibility = 'public' or c.visibility = 'private')
    group by c.cluster_id, c.visibility, a.entity_id
)
select
    d.chain, d.address, c.address_id, c.cluster_id as entity_id,
    -- Only a judgement joins an address that no link does.
    round(coalesce(b.sure, $judged) * coalesce(n.confidence, 1.0), 4) as confidence, 'attributed' as status,
    case when coalesce(n.level, $level) >= $level and coalesce(r.level, 0) < $level then c.tier else 'probable' end
        as tier,
    coalesce(b.link.basis, ['judgement']) as basis,
    coalesce(b.link.reason, 'Judged to have one owner with another address of its group') as reason,
    coalesce(r.entity_id, $unlisted) as rival_entity_id,
    round(1 - coalesce(b.sure, $judged) * coalesce(n.confidence, 1.0), 4) as rival_confidence,
    coalesce(b.is_calibrated, false) as is_calibrated, c.visibility
from beliefs.clusters c
join facts.addresses d on d.address_id = c.address_id
left join measured b on b.address_id = c.address_id and b.visibility = c.visibility
left join owners n on n.cluster_id = c.cluster_id and n.visibility = c.visibility and n.entity_id = c.cluster_id
left join owners r on r.cluster_id = c.cluster_id and r.visibility = c.visibility and r.entity_id <> c.cluster_id
    and r.place = 1
where not exists (
    select 1 from beliefs.attributions a
    where a.address_id = c.address_id and a.visibility in (c.visibility, 'public')
        and (a.visibility = c.visibility or a.status = 'labelled')
)
order by c.address_id, c.visibility
"""
)

# What each named owner holds is a cluster too, under the owner's slug; what only private rows add makes no public one.
_NAMED_CLUSTERS = """
insert into beliefs.clusters by name
with sizes as (
    select a.entity_id, count(distinct a.address_id) as addresses,
        count(distinct case when a.visibility = 'public' then a.address_id end) as public_addresses
    from beliefs.attributions a
    where a.address_id is not null
    group by a.entity_id
)
select a.entity_id as cluster_id, a.address_id, a.tier, a.visibility
from beliefs.attributions a
join beliefs.entities e on e.entity_id = a.entity_id
join sizes s on s.entity_id = a.entity_id
where e.kind = 'owner' and a.address_id is not null
    and case when a.visibility = 'public' then s.public_addresses else s.addresses end > 1
    and not exists (
        select 1 from beliefs.clusters c where c.address_id = a.address_id and c.visibility = a.visibility
    )
order by a.entity_id, a.address_id, a.visibility
"""

# A probability stands only where it was measured: none is, so far.
_ROLES = """
insert into beliefs.roles by name
select address_id, role, basis, visibility
from (
    select address_id, role, array_to_string(basis, ', ') as basis, visibility
    from beliefs.attributions
    where address_id is not null and role is not null
    union all
    select d.address_id, 'token_contract', 'transfers of this token', 'public'
    from facts.addresses d
    join facts.assets a on a.chain = d.chain and a.token = d.address
    union all
    select address_id, case when kind = 'system' then 'null' else kind end, 'ledger: ' || reason, 'public'
    from beliefs.services
    where kind in ('miner', 'multisender', 'system')
)
qualify row_number() over (partition by address_id, role order by visibility desc, basis) = 1
order by address_id, role
"""


def attribute_addresses(con: Connection) -> None:
    """Fill beliefs.attributions and beliefs.roles, and add the named owners' addresses to beliefs.clusters.

    Labelled addresses first; then what labels reach over the links of the rules; then the other members of groups.
    One row per address and visibility; an address without a row is unknown. Reads beliefs.links, filled before.
    """
    labels = {"level": CONFIRMED_LEVEL, "unlisted": UNLISTED}
    con.execute(_LABELLED.format(role=_ROLE.format(category="a.category", role="a.role")), labels)
    scale = load_trust_scale()
    con.execute(
        _LABELLED_OUTSIDE.format(role=_ROLE.format(category="r.best.category", role="null")),
        labels
        | {
            "rise": scale.rise,
            "levels": [row[0] for row in scale.levels],
            "ps": [row[1] for row in scale.levels],
            "ceilings": [row[2] for row in scale.levels],
        },
    )
    register_calibration(con)
    attribute_by_paths(con, labels | {"probable": PROBABLE, "lead": MIN_LEAD})
    con.execute(_CLUSTERED, labels | {"judged": scale.levels[0][1]})
    con.unregister("calibration")
    con.execute(_NAMED_CLUSTERS)
    con.execute(_ROLES)
