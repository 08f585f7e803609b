"""What does each address look like where only "who sent to whom" is known, without amounts and times?

One address text is one account, on whatever chains it occurs: its edges of all chains are looked at together.
"""

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
        "edge_accounts",
        """
        select address_id, chain, min(address_id) over (partition by address) as account_id from facts.addresses
        where address_id in (select sender_id from facts.edges union select receiver_id from facts.edges)
        """,
    ),
    (
        "edge_moves",
        """
        select s.account_id as sender_id, r.account_id as receiver_id, s.chain, e.kind, e.transfers
        from facts.edges e
        join edge_accounts s on s.address_id = e.sender_id
        join edge_accounts r on r.address_id = e.receiver_id
        where s.account_id <> r.account_id
        """,
    ),
    (
        "edge_ends",
        """
        select a.address_id, a.other_id, a.is_out, sum(a.transfers) as n,
            sum(a.transfers) filter (a.kind = 'native') as coins, sum(a.transfers) filter (a.kind = 'erc20') as tokens
        from (
            select sender_id as address_id, receiver_id as other_id, 1 as is_out, kind, transfers from edge_moves
            union all
            select receiver_id, sender_id, 0, kind, transfers from edge_moves
        ) a
        group by a.address_id, a.other_id, a.is_out
        """,
    ),
    (
        "edge_chains",
        """
        select address_id, count(distinct chain) as chains,
            count(distinct chain) filter (is_out = 1) as chains_out,
            count(distinct chain) filter (is_out = 0) as chains_in,
            count(distinct (chain, kind)) filter (is_out = 1) as kinds_out,
            count(distinct (chain, kind)) filter (is_out = 0) as kinds_in
        from (
            select sender_id as address_id, 1 as is_out, chain, kind from edge_moves
            union all
            select receiver_id, 0, chain, kind from edge_moves
        ) group by address_id
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
            count_if(is_out = 1 and tokens > 0) as token_receivers,
            count_if(is_out = 0 and tokens > 0) as token_senders,
            any_value(c.chains) as chains, any_value(c.chains_out) as chains_out, any_value(c.chains_in) as chains_in,
            any_value(c.kinds_out) as kinds_out, any_value(c.kinds_in) as kinds_in
        from edge_ends join edge_chains c using (address_id) group by address_id
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
    "coins": "(o.coins_in + o.coins_out) / greatest(o.received + o.sent, 1)", "chains": "o.chains",
    "share": "e.n / greatest(case when e.is_out = 0 then o.sent else o.received end, 1)",
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

    From facts.edges alone: the structure of who sent to whom, no label, no name. One row per account, under the least
    id of its address on any chain; `edge_moves` keeps the edges between accounts.
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
