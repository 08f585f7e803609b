"""Which addresses of several chains are one account, where nobody says who signed?

Reads: edge_homes.
Requires: edges. Nothing here rests on "only" or "never".
Returns: same_controller, for an account that sent on one chain at least: its home -> its address on every other
    chain of the edges, one row each.
Fails when: a contract has no label: the same address can hold another's contract on another chain.
Source: the address of a key is the same on all EVM chains (same_key, where signatures are known).
Cost: one pass over the addresses of the edges.
"""

from __future__ import annotations

from intel.heuristics.base import Heuristic

_SQL = """
select
    h.home_id as left_id, h.address_id as right_id, cast(null as varchar) as right_entity,
    'same_controller' as relation, 'account ' || h.address as event, cast($weight_bits as double) as weight_bits,
    cast(1 as bigint) as support, cast(null as varchar[]) as tx_hashes, cast(null as bigint) as first_block,
    cast(null as bigint) as last_block, cast(null as timestamp) as valid_from, cast(null as timestamp) as valid_to,
    'public' as visibility,
    'The same address on ' || h.home_chain || ', where it sent, and on ' || a.chain
        || '; no label says that it is a contract' as reason
from edge_homes h
join facts.addresses a on a.address_id = h.address_id
where h.address_id <> h.home_id and h.has_sent and not h.is_service
"""

HEURISTIC = Heuristic(
    name="same_account",
    version=1,
    family="CHAIN",
    relations=("same_controller",),
    requires=("edges",),
    params={"weight_bits": 10.0},
    sql=_SQL,
    title="One address on several chains",
    consent="not known",
    is_tree=True,
)
