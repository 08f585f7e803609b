"""To whom does each address belong, how sure are we, and who else could it be?"""

from __future__ import annotations

from intel.entities.combine import score_evidence
from intel.sources.categories import load_trust_scale
from intel.store import Connection

CONFIRMED_LEVEL = 50  # TagPack "trusted provider"
CONFIRMED = 0.95  # SCIENCE.md C4: tau for an exchange deposit
PROBABLE = 0.8  # below this the answer is "unknown"
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

# One step from an anchor: the label's probability times the evidence's, so never above the label's. The label is the
# surest one among the wallets that the address paid, or the owner's surest where it paid none itself. Where a private
# row speaks, the public claims compete with it in the private layer.
_ATTRIBUTED = """
insert into beliefs.attributions by name
with wallets as (
    select a.address_id, a.entity_id, a.confidence, a.level, a.visibility
    from beliefs.anchors a
    where coalesce(a.rival_level, -1) < a.level
    qualify row_number() over (partition by a.address_id order by a.visibility desc) = 1
),
owners as (
    select entity_id, max(confidence) as confidence, max(level) as level from wallets group by entity_id
),
paid as (
    select t.sender_id as address_id, w.entity_id, max(w.confidence) as confidence, max(w.level) as level
    from facts.transfers t
    join wallets w on w.address_id = t.receiver_id
    where t.sender_id in (select left_id from evidence_scores where relation in ('deposit_of', 'controls'))
    group by t.sender_id, w.entity_id
),
scores as (
    select *, visibility as origin from evidence_scores where relation in ('deposit_of', 'controls')
    union all
    select s.* replace ('private' as visibility), 'public' as origin
    from evidence_scores s
    where s.visibility = 'public' and s.relation in ('deposit_of', 'controls')
        and s.left_id in (select left_id from evidence_scores where visibility = 'private')
        and not exists (
            select 1 from evidence_scores p
            where p.visibility = 'private' and p.left_id = s.left_id and p.right_entity = s.right_entity
                and p.relation = s.relation
        )
),
claims as (
    select
        s.left_id as address_id, s.right_entity as entity_id, s.visibility, s.relation, s.basis, s.reason, s.origin,
        s.probability, coalesce(p.confidence, o.confidence) as label_confidence, coalesce(p.level, o.level) as level
    from scores s
    join owners o on o.entity_id = s.right_entity
    left join paid p on p.address_id = s.left_id and p.entity_id = s.right_entity
),
ranked as (
    select
        c.*, row_number() over claim as place, lead(c.entity_id) over claim as rival,
        lead(c.probability) over claim as rival_probability
    from claims c
    window claim as (partition by c.address_id, c.visibility order by c.probability desc, c.entity_id, c.relation)
)
select
    d.chain, d.address, r.address_id, r.entity_id, round(r.label_confidence * r.probability, 4) as confidence,
    'attributed' as status, case when r.relation = 'deposit_of' then 'exchange_deposit' else 'gas_supplier' end as role,
    case when r.probability >= $confirmed and r.level >= $level then 'confirmed' else 'probable' end as tier,
    r.basis, r.reason, case when r.rival_probability > 1 - r.probability then r.rival else $unlisted end
        as rival_entity_id,
    round(greatest(1 - r.label_confidence * r.probability, coalesce(r.rival_probability, 0.0)), 4) as rival_confidence,
    r.visibility
from ranked r
join facts.addresses d on d.address_id = r.address_id
where r.place = 1
    and r.origin = r.visibility
    and r.probability >= $probable
    and (r.rival is null or r.rival = r.entity_id or r.probability >= $lead * r.rival_probability)
    and not exists (
        select 1 from beliefs.attributions b where b.address_id = r.address_id and b.visibility = r.visibility
    )
order by r.address_id, r.visibility
"""

_CLUSTERED = """
insert into beliefs.attributions by name
with links as (
    select left_id as address_id, visibility, probability, basis, reason from evidence_scores
    where relation = 'same_controller'
    union all
    select right_id, visibility, probability, basis, reason from evidence_scores where relation = 'same_controller'
),
best as (
    select address_id, max(probability) as probability,
        arg_min(struct_pack(basis := basis, reason := reason), (-probability, reason)) as link
    from links
    group by address_id
)
select
    d.chain, d.address, c.address_id, c.cluster_id as entity_id, round(b.probability, 4) as confidence,
    'attributed' as status, c.tier, b.link.basis as basis, b.link.reason as reason, $unlisted as rival_entity_id,
    round(1 - b.probability, 4) as rival_confidence, c.visibility
from beliefs.clusters c
join facts.addresses d on d.address_id = c.address_id
join best b on b.address_id = c.address_id
where not exists (
    select 1 from beliefs.attributions a where a.address_id = c.address_id and a.visibility = c.visibility
)
order by c.address_id, c.visibility
"""

# What each named owner holds is a cluster too, under the owner's slug.
_NAMED_CLUSTERS = """
insert into beliefs.clusters by name
select a.entity_id as cluster_id, a.address_id, a.tier, a.visibility
from beliefs.attributions a
join beliefs.entities e on e.entity_id = a.entity_id
where e.kind = 'owner' and a.address_id is not null
    and not exists (
        select 1 from beliefs.clusters c where c.address_id = a.address_id and c.visibility = a.visibility
    )
qualify count(*) over (partition by a.entity_id) > 1
order by a.entity_id, a.address_id
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

    Labelled addresses first; then, one step from a label, what the rules found; then members of anonymous groups.
    One row per address and visibility; an address without a row is unknown.
    """
    score_evidence(con)
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
    con.execute(_ATTRIBUTED, labels | {"confirmed": CONFIRMED, "probable": PROBABLE, "lead": MIN_LEAD})
    con.execute(_CLUSTERED, {"unlisted": UNLISTED})
    con.execute(_NAMED_CLUSTERS)
    con.execute(_ROLES)
