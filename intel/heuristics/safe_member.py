"""Who signs for Safes that have several owners?

Reads: safes, safe_signers.
Requires: safe_events. Where the creation of the Safe was not seen, only signer_of follows.
Returns: signer_of, key -> Safe, for every key that signed an execution of a Safe with several owners or of unknown
    making, until it was removed. Besides same_controller, key -> Safe, where one signature of several owners suffices
    and the key is still an owner: weak, because the other owners may move the Safe as well.
Fails when: one of several owners who may act alone acts for the others (a treasurer); a source tells signers without
    having checked the signatures.
Source: Safe contracts: an execution needs the signatures of as many owners as the threshold.
Cost: events only.
"""

from __future__ import annotations

from intel.heuristics.base import Heuristic

_SQL = """
with members as (
    select
        g.*, a.chain, a.address, s.threshold, s.owners,
        case when g.removed_time >= g.last_time then g.removed_time end as left_time
    from safe_signers g
    join facts.addresses a on a.address_id = g.safe_id
    left join safes s on s.safe_id = g.safe_id
    where g.signer_id <> g.safe_id and (s.owners is null or s.owners > 1 or s.threshold > 1)
),
claims as (
    select m.*, 'signer_of' as relation, cast($signer_bits as double) as bits from members m
    union all
    select m.*, 'same_controller' as relation, cast($weight_bits as double) as bits
    from members m
    where m.threshold = 1 and m.owners > 1 and m.left_time is null
)
select
    c.signer_id as left_id, c.safe_id as right_id, cast(null as varchar) as right_entity, c.relation,
    'safe ' || c.chain || ':' || c.address as event, c.bits as weight_bits, c.executions as support, c.tx_hashes,
    c.first_block, c.last_block, c.first_time as valid_from, c.left_time as valid_to, 'public' as visibility,
    case
        when c.owners is null then 'Signed for this Safe'
        when c.threshold = 1 then 'One of ' || cast(c.owners as varchar)
            || ' owners of this Safe, each of whom may act alone; signed'
        else 'One of ' || cast(c.owners as varchar) || ' owners of this Safe, ' || cast(c.threshold as varchar)
            || ' of whom must sign together; signed'
    end || ' ' || cast(c.executions as varchar) || case when c.executions = 1 then ' execution' else ' executions' end
        || case when c.left_time is null then '' else ', then removed as owner' end as reason
from claims c
"""

HEURISTIC = Heuristic(
    name="safe_member",
    version=1,
    family="AUTH",
    relations=("signer_of", "same_controller"),
    requires=("safe_events",),
    params={"weight_bits": 4.0, "signer_bits": 8.0},
    sql=_SQL,
    title="One of several owners of a Safe, who signs for it",
    consent="both signed",
    is_tree=True,
)
