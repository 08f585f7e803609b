"""Which addresses deal with the same third one, with which few others deal?

Reads: edge_homes, edge_pairs, edge_degrees (dealings without amounts, all chains of a key together).
Requires: edges. Degrees are counted over all edges of the store: a busy address looks rare where the source left
    its dealings out, so nothing here is more than probable.
Returns: same_controller, one row per pair of keys and address they share. The weight is that of `usual_degree` and
    falls by a bit with each doubling of the shared address's degree; a deposit address of an exchange may be shared.
Fails when: a small shop, a grant or a payroll has no label and few counterparties so far; friends use one another's
    deposit address. A counterparty that is not shared proves nothing (is_tree): sources leave most dealings out.
Source: SCIENCE.md A1 (soft form: log2 of how rare the shared address is), A17; Adamic and Adar 2003.
Cost: pairs grow with the square of `max_shared_degree`: about 2.5 per edge at 30 on real edges.
"""

from __future__ import annotations

from intel.heuristics.base import Heuristic

_SQL = """
with shared as (
    select h.home_id, h.home_chain as chain, h.address, d.degree
    from edge_homes h
    join edge_degrees d on d.home_id = h.home_id
    where h.address_id = h.home_id and not h.is_crowded and d.degree between 2 and $max_shared_degree
),
people as (
    select h.home_id
    from edge_homes h
    join edge_degrees d on d.home_id = h.home_id
    where h.address_id = h.home_id and not h.is_service and d.degree <= $max_degree
),
ends as (
    select left_id as shared_id, right_id as home_id, transfers, first_time from edge_pairs
    union all
    select right_id, left_id, transfers, first_time from edge_pairs
),
users as (
    select e.shared_id, e.home_id, e.transfers, e.first_time
    from ends e
    join shared s on s.home_id = e.shared_id
    join people p on p.home_id = e.home_id
)
select
    a.home_id as left_id, b.home_id as right_id, cast(null as varchar) as right_entity, 'same_controller' as relation,
    'counterparty ' || s.chain || ':' || s.address as event,
    round($weight_bits - ln(s.degree / cast($usual_degree as double)) / ln(2.0), 3) as weight_bits,
    least(a.transfers, b.transfers) as support, cast(null as varchar[]) as tx_hashes,
    cast(null as bigint) as first_block, cast(null as bigint) as last_block,
    greatest(a.first_time, b.first_time) as valid_from, cast(null as timestamp) as valid_to, 'public' as visibility,
    'Both deal with ' || s.address || ', as only ' || cast(s.degree as varchar) || ' addresses do' as reason
from users a
join users b on b.shared_id = a.shared_id and b.home_id > a.home_id
join shared s on s.home_id = a.shared_id
"""

HEURISTIC = Heuristic(
    name="shared_counterparty",
    version=1,
    family="FLOW",
    relations=("same_controller",),
    requires=("edges",),
    params={"max_degree": 20, "max_shared_degree": 30, "usual_degree": 10, "weight_bits": 6.6},
    sql=_SQL,
    title="Both deal with an address that few others deal with",
    consent="not known",
    is_tree=True,
)
