"""Which two addresses of few dealings deal with each other?

Reads: edge_homes, edge_pairs, edge_degrees (dealings without amounts, all chains of a key together).
Requires: edges. Degrees are counted over all edges of the store: where the source left dealings out, a hub looks
    like a person, so nothing here is more than probable.
Returns: same_controller, one row per pair of keys, at their homes: degrees up to `max_degree`, or both ways with
    degrees up to `max_mutual_degree`. The weight is that of `usual_degree` and falls by a bit with each doubling of
    the greater degree; both ways adds `mutual_bits`.
Fails when: friends, couples or a firm and its supplier pay one another; a small service has no label and few
    customers so far. Who signed is not known, so consent is not proven. A missing dealing proves nothing (is_tree):
    most wallets of one owner never deal with each other.
Source: SCIENCE.md A23, T2 rank 18 and section 0.3; components at degree 10 to 20 are where it stays clean.
Cost: two passes over the edges for the inputs, then joins on pairs.
"""

from __future__ import annotations

from intel.heuristics.base import Heuristic

_SQL = """
with people as (
    select h.home_id, h.home_chain as chain, h.address, d.degree
    from edge_homes h
    join edge_degrees d on d.home_id = h.home_id
    where h.address_id = h.home_id and not h.is_service and d.degree <= $max_mutual_degree
)
select
    p.left_id, p.right_id, cast(null as varchar) as right_entity, 'same_controller' as relation,
    'dealings ' || l.chain || ':' || l.address || ' ' || r.address as event,
    round(
        least($most_bits, $weight_bits - ln(greatest(l.degree, r.degree) / cast($usual_degree as double)) / ln(2.0))
        + case when p.is_mutual then $mutual_bits else 0.0 end, 3
    ) as weight_bits,
    p.transfers as support, cast(null as varchar[]) as tx_hashes, p.first_block, p.last_block,
    p.first_time as valid_from, cast(null as timestamp) as valid_to, 'public' as visibility,
    'They dealt with each other ' || case when p.transfers = 1 then 'once' else cast(p.transfers as varchar) || ' times'
        end || case when p.is_mutual then ', both ways' else '' end || '; neither deals with more than '
        || cast(greatest(l.degree, r.degree) as varchar) || ' addresses' as reason
from edge_pairs p
join people l on l.home_id = p.left_id
join people r on r.home_id = p.right_id
where p.is_mutual or greatest(l.degree, r.degree) <= $max_degree
"""

HEURISTIC = Heuristic(
    name="close_dealings",
    version=3,
    family="FLOW",
    relations=("same_controller",),
    requires=("edges",),
    params={
        "max_degree": 20,
        "max_mutual_degree": 30,
        "usual_degree": 10,
        "weight_bits": 6.0,
        "most_bits": 8.0,
        "mutual_bits": 1.0,
    },
    sql=_SQL,
    title="Two addresses of few dealings that deal with each other",
    consent="not known",
    is_tree=True,
)
