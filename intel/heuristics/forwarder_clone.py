"""Which contracts did a factory make to pass on whatever they get to one exchange?

Reads: facts.events (forwarder_created), event_parties, exchange_wallets, deposit_candidates, clean_transfers.
Requires: forwarders, exchange_wallets. A creation is a fact of the ledger: partial history takes nothing from it.
Returns: deposit_of, contract -> exchange, one row per forwarder. The parent, to which a forwarder passes everything
    on, decides, never the factory: a wallet of the exchange, or one to whose forwarders `min_siblings` sweep, all of
    them to that exchange. A forwarder that has not swept yet and has few siblings weighs `lone_weight_bits`: anybody
    can have a factory make one.
Fails when: a custodian runs forwarders for several clients (it is named, not the client); the parent is sold.
Source: SCIENCE.md A5; no public study of its precision.
Cost: the events alone, joined by id.
"""

from __future__ import annotations

from intel.heuristics.base import Heuristic

_SQL = """
with clones as (
    select p.address_id, min(p.party_id) as parent_id, min(p.tx_hash) as tx_hash, min(p.block_number) as block_number,
        min(p.block_time) as block_time
    from event_parties p
    where p.event = 'forwarder_created' and p.key = 'parent' and p.address_id is not null
        and not exists (select 1 from beliefs.anchors b where b.address_id = p.address_id and b.visibility = 'public')
    group by p.address_id
    having min(p.party_id) = max(p.party_id)
),
senders as (
    select distinct c.address_id
    from clones c
    join clean_transfers t on t.sender_id = c.address_id
),
swept as (
    select
        c.*, d.root_id, d.entity_id as swept_to, d.visibility, d.wallet_bits,
        case when s.address_id is null then 0 else 1 end as sent
    from clones c
    left join senders s on s.address_id = c.address_id
    left join deposit_candidates d on d.address_id = c.address_id
),
families as (
    select
        parent_id, count(*) as clones, min(root_id) as root_id, min(swept_to) as entity_id,
        min(visibility) as visibility, min(wallet_bits) as wallet_bits, count(root_id) as sweeping
    from swept
    group by parent_id
    having count(root_id) = sum(sent) and coalesce(min(root_id) = max(root_id), true)
),
parents as (
    select
        f.parent_id, f.clones, f.sweeping, coalesce(w.root_id, f.root_id) as root_id,
        coalesce(w.entity_id, f.entity_id) as entity_id, coalesce(w.visibility, f.visibility) as visibility,
        coalesce(w.bits, f.wallet_bits) as wallet_bits, w.address_id is not null as is_known
    from families f
    left join exchange_wallets w on w.address_id = f.parent_id
    where (w.address_id is not null and coalesce(f.root_id = w.root_id, true))
        or (w.address_id is null and f.sweeping >= $min_siblings)
)
select
    s.address_id as left_id, cast(null as bigint) as right_id, p.entity_id as right_entity, 'deposit_of' as relation,
    'forwarder ' || a.chain || ':' || a.address as event,
    least(case when s.sent = 1 or p.sweeping >= $min_siblings then cast($weight_bits as double)
        else cast($lone_weight_bits as double) end, p.wallet_bits) as weight_bits,
    p.clones as support,
    [s.tx_hash] as tx_hashes, s.block_number as first_block, s.block_number as last_block,
    s.block_time as valid_from, cast(null as timestamp) as valid_to, p.visibility,
    'A factory made it to pass on all it gets to '
        || case when p.is_known then 'a wallet of ' || coalesce(e.name, p.entity_id)
            else 'an address whose forwarders all sweep to ' || coalesce(e.name, p.entity_id) end
        || '; ' || cast(p.clones as varchar) || ' forwarders in all, ' || cast(p.sweeping as varchar)
        || ' of which have swept' as reason
from swept s
join parents p on p.parent_id = s.parent_id
join facts.addresses a on a.address_id = s.address_id
left join beliefs.entities e on e.entity_id = p.entity_id
"""

HEURISTIC = Heuristic(
    name="forwarder_clone",
    version=1,
    family="CHAIN",
    relations=("deposit_of",),
    requires=("forwarders", "exchange_wallets"),
    params={"min_siblings": 20, "weight_bits": 12.0, "lone_weight_bits": 4.0},
    sql=_SQL,
    title="Made by a factory to pass on to the exchange",
    consent="ledger fact",
)
