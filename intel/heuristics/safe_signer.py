"""Which Safes with one single owner did that owner use?

Reads: safes, safe_signers.
Requires: safe_events. The creation of the Safe must be among the events: without it nobody knows how many owners it
    has, and there is no row.
Returns: same_controller, owner's key -> Safe, one row per Safe that had one owner and a threshold of one all its life
    and whose owner signed an execution.
Fails when: a module or guard lets somebody else move the funds; a source takes a contract for a Safe that is none, or
    tells signers without having checked the signatures; one owner is exchanged for another and the source does not
    tell of owners added.
Source: Safe contracts: an execution needs the signatures of as many owners as the threshold; anybody can create a
    Safe that names anybody as owner, so being named is not enough.
Cost: events only.
"""

from __future__ import annotations

from intel.heuristics.base import Heuristic

_SQL = """
select
    g.signer_id as left_id, s.safe_id as right_id, cast(null as varchar) as right_entity,
    'same_controller' as relation, 'safe ' || s.chain || ':' || s.address as event,
    cast($weight_bits as double) as weight_bits, g.executions as support, g.tx_hashes,
    s.created_block as first_block, g.last_block, s.created_time as valid_from, g.removed_time as valid_to,
    'public' as visibility,
    'The only owner of this Safe, whose signature alone moves it; signed ' || cast(g.executions as varchar)
        || case when g.executions = 1 then ' execution' else ' executions' end as reason
from safes s
join safe_signers g on g.safe_id = s.safe_id
where s.threshold = 1 and s.owners = 1 and g.removed_time is null and g.signer_id <> s.safe_id
    and not exists (select 1 from safe_signers o where o.safe_id = s.safe_id and o.signer_id <> g.signer_id)
"""

HEURISTIC = Heuristic(
    name="safe_signer",
    version=1,
    family="AUTH",
    relations=("same_controller",),
    requires=("safe_events",),
    params={"weight_bits": 8.0},
    sql=_SQL,
    title="Only owner of a Safe, who signs for it",
    consent="both signed",
    is_atomic=True,
    is_tree=True,
)
