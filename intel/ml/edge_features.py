"""What does each address look like where only "who sent to whom" is known, without amounts and times?"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from intel.store import Connection

Ids = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

LEAST_GROUP = 8  # addresses of a component that the plain rule calls a group

_STEPS = (
    (
        "edge_ends",
        """
        select a.address_id, a.other_id, a.is_out, sum(a.transfers) as n,
            sum(a.transfers) filter (a.kind = 'native') as coins, sum(a.transfers) filter (a.kind = 'erc20') as tokens
        from (
            select sender_id as address_id, receiver_id as other_id, 1 as is_out, kind, transfers from facts.edges
            union all
            select receiver_id, sender_id, 0, kind, transfers from facts.edges
        ) a
        where a.address_id <> a.other_id
        group by a.address_id, a.other_id, a.is_out
        """,
    ),
    (
        "edge_own",
        """
        select address_id, count_if(is_out = 1) as receivers, count_if(is_out = 0) as senders,
            count(distinct other_id) as partners,
            coalesce(sum(n) filter (is_out = 1), 0) as sent, coalesce(sum(n) filter (is_out = 0), 0) as received,
            coalesce(max(n) filter (is_out = 1), 0) as most_out, coalesce(max(n) filter (is_out = 0), 0) as most_in,
            count_if(is_out = 1 and n = 1) as once_out, count_if(is_out = 0 and n = 1) as once_in,
            coalesce(sum(coins) filter (is_out = 1), 0) as coins_out,
            coalesce(sum(coins) filter (is_out = 0), 0) as coins_in,
            count_if(is_out = 1 and tokens > 0) as token_receivers, count_if(is_out = 0 and tokens > 0) as token_senders
        from edge_ends group by address_id
        """,
    ),
    (
        "edge_near",
        """
        select e.address_id,
            {near}
        from edge_ends e join edge_own o on o.address_id = e.other_id
        group by e.address_id
        """,
    ),
    (
        "edge_far",
        """
        select e.address_id,
            {far}
        from edge_ends e join edge_near o on o.address_id = e.other_id
        group by e.address_id
        """,
    ),
)

_SIDES = (("payers", 0), ("payees", 1))
_NEAR = {  # of the addresses on either side: what is averaged (in thousandths), and what is the most and the least of
    "reach": "ln(1 + o.receivers)", "fan": "ln(1 + o.senders)", "leaf": "case when o.partners = 1 then 1 else 0 end",
    "repeat_in": "o.received / greatest(o.senders, 1)", "repeat_out": "o.sent / greatest(o.receivers, 1)",
    "coins": "(o.coins_in + o.coins_out) / greatest(o.received + o.sent, 1)",
}  # fmt: skip
_FAR = ("payers_reach", "payers_fan", "payers_leaf", "payees_reach", "payees_fan", "payees_leaf", "payees_coins")


def _average(value: str, code: int) -> str:
    part = f"filter (e.is_out = {code})"
    return f"sum(cast(round(1000 * ({value})) as bigint)) {part} / 1000.0 / nullif(count(*) {part}, 0)"


def _fill(query: str) -> str:
    near = [f"{_average(value, code)} as {side}_{name}" for side, code in _SIDES for name, value in _NEAR.items()]
    near += [
        f"{pick}(o.{column}) filter (e.is_out = {code}) as {side}_{pick}_{column}"
        for side, code in _SIDES
        for pick in ("min", "max")
        for column in ("receivers", "senders")
    ]
    far = [f"{_average(f'o.{name}', code)} as {side}_{name}" for side, code in _SIDES for name in _FAR]
    return query.replace("{near}", ", ".join(near)).replace("{far}", ", ".join(far))


def build_edge_features(con: Connection) -> None:
    """Make the temporary table edge_features: address_id and degrees, kinds, repeats and those of its neighbours.

    From facts.edges alone: the structure of who sent to whom, no label, no name.
    """
    for name, query in _STEPS:
        con.execute(f"create or replace temp table {name} as {_fill(query)}")
    con.execute(
        """create or replace temp table edge_features as
        select w.*, w.coins_in / greatest(w.received, 1) as coins_in_share,
            w.coins_out / greatest(w.sent, 1) as coins_out_share,
            n.* exclude (address_id), f.* exclude (address_id)
        from edge_own w left join edge_near n using (address_id) left join edge_far f using (address_id)
        order by w.address_id"""
    )


def number_components(left: Ids, right: Ids, size: int, kept: Mask) -> Ids:
    """Return the component of each of `size` nodes in the graph of these pairs among the kept nodes alone."""
    inside = kept[left] & kept[right]
    graph = coo_matrix((np.ones(int(inside.sum())), (left[inside], right[inside])), shape=(size, size))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def flag_groups(left: Ids, right: Ids, is_labelled: Mask, least: int = LEAST_GROUP) -> Mask:
    """Say by the plain rule which nodes are of a group: in a component of `least` or more without labelled nodes.

    The reference that a learnt model of sybils has to beat.
    """
    component = number_components(left, right, len(is_labelled), ~is_labelled)
    return np.asarray((np.bincount(component)[component] >= least) & ~is_labelled, dtype=np.bool_)
