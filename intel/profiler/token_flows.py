"""Between whom did a token move in a period, and how much of it went to and came from exchanges?"""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from intel.entities.entity_days import SPAM_TRANSFER_FLAGS
from intel.model import MICRO, SYSTEM_ADDRESSES, Tier
from intel.profiler.borders import gather_borders
from intel.profiler.holdings import scale_amount
from intel.profiler.postings import (
    ALWAYS,
    EXCHANGE_CATEGORIES,
    Window,
    fill_owners,
    name_addresses,
)
from intel.profiler.tokens import Step, Token, check_step, gather_token
from intel.store.reader import Reader

_FLOW = pa.schema({
    "sender": pa.string(), "receiver": pa.string(), "amount": pa.string(), "usd": pa.float64(),
    "transfers": pa.int64(), "unpriced": pa.int64(), "sender_category": pa.string(), "receiver_category": pa.string(),
    "sender_entity": pa.string(), "receiver_entity": pa.string(), "sender_address": pa.string(),
    "receiver_address": pa.string(), "first_time": pa.timestamp("us"), "last_time": pa.timestamp("us"),
})  # fmt: skip

# The first of an owner's addresses stands for the owner; an address that nobody owns stands for itself.
_ENDS = "coalesce(s.owner_id, p.sender_id) as sender_id, coalesce(r.owner_id, p.receiver_id) as receiver_id"
_OWNED_PAIRS = """token_pairs p left join token_sides s on s.address_id = p.sender_id
            left join token_sides r on r.address_id = p.receiver_id"""


def _gather_pairs(reader: Reader, token: Token, tier: Tier, window: Window) -> None:
    """Fill `token_pairs`, the token's transfers of the window summed by sender and receiver, without flagged ones.

    Beside it `token_ends`, the owners of both, and `owned_pairs`: the same by owner, without moves inside one.
    """
    gather_token(reader, token)

    def fill() -> None:
        reader.query(
            """create or replace temp table token_pairs as
            select t.sender_id, t.receiver_id, count(*) as n, count(t.value_micro_usd) as priced,
                sum(t.value_raw) as raw, sum(t.value_micro_usd) as micro_usd, min(t.block_time) as first_time,
                max(t.block_time) as last_time
            from facts.transfers t
            where t.asset_id in (select asset_id from token_assets)
                and ($since::timestamp is null or t.block_time >= $since::timestamp)
                and ($until::timestamp is null or t.block_time < $until::timestamp)
                and t.transfer_id not in (
                    select transfer_id from beliefs.transfer_flags where flag in (select unnest($spam)))
            group by 1, 2""",
            {"since": window.since, "until": window.until, "spam": list(SPAM_TRANSFER_FLAGS)},
        )
        ids = "select sender_id from token_pairs union select receiver_id from token_pairs"
        fill_owners(reader, ids, tier, table="token_ends")
        reader.query(
            """create or replace temp table token_sides as
            select address_id, min(address_id) over (partition by entity_id) as owner_id
            from token_ends where entity_id is not null"""
        )
        reader.query(
            f"""create or replace temp table owned_pairs as
            select {_ENDS}, sum(p.micro_usd) as micro_usd from {_OWNED_PAIRS}
            group by 1, 2 having sender_id is distinct from receiver_id"""
        )

    reader.prepare("token_pairs", (token.chain, token.token, tier, window), fill)


def tabulate_token_flows(
    reader: Reader, token: Token, window: Window = ALWAYS, *, tier: Tier = "confirmed", limit: int | None = 50
) -> pa.Table:
    """Return who sent how much to whom in the window, by entity (an address nobody owns stands alone), largest first.

    Largest by USD, then by amount. Moves inside an entity are left out; so are transfers that hygiene flagged.
    """
    _gather_pairs(reader, token, tier, window)
    last = 2**62 if limit is None else limit
    # Everything is told of those pairs alone whose USD is at least that of the last one shown.
    least = reader.query(
        "select micro_usd from owned_pairs order by micro_usd desc nulls last limit 1 offset $last",
        {"last": max(last - 1, 0)},
    )
    rows = reader.records(
        f"""with chosen as (select * from owned_pairs where $least is null or micro_usd >= $least),
        pairs as (select {_ENDS}, p.* exclude (sender_id, receiver_id) from {_OWNED_PAIRS}),
        summed as (
            select c.sender_id, c.receiver_id, sum(p.raw) as raw, sum(p.micro_usd) as micro_usd,
                sum(p.n)::bigint as transfers, sum(p.n - p.priced)::bigint as unpriced,
                min(p.first_time) as first_time, max(p.last_time) as last_time
            from pairs p join chosen c on c.sender_id is not distinct from p.sender_id
                and c.receiver_id is not distinct from p.receiver_id
            group by 1, 2)
        select s.entity_id as sender_entity, s.name as sender_name, s.category as sender_category,
            case when s.entity_id is null then p.sender_id end as sender_id, r.entity_id as receiver_entity,
            r.name as receiver_name, r.category as receiver_category,
            case when r.entity_id is null then p.receiver_id end as receiver_id, p.* exclude (sender_id, receiver_id)
        from summed p left join token_ends s on s.address_id = p.sender_id
            left join token_ends r on r.address_id = p.receiver_id
        order by p.micro_usd desc nulls last, p.raw desc nulls last, sender_entity, receiver_entity, 4, 8
        limit $limit""",
        {"limit": last, "least": least[0][0] if least else None},
    )
    ids = {row[f"{end}_id"] for row in rows for end in ("sender", "receiver")} - {None}
    named = name_addresses(reader, sorted(ids))
    return pa.Table.from_pylist([_flow(row, token, named) for row in rows], _FLOW)


def _flow(row: dict[str, Any], token: Token, named: dict[int, tuple[str, str]]) -> dict[str, Any]:
    for end in ("sender", "receiver"):
        address = named[row[f"{end}_id"]][1] if row[f"{end}_id"] in named else None
        row[f"{end}_address"] = address
        row[end] = row[f"{end}_name"] or SYSTEM_ADDRESSES.get(address or "") or address or "none"
    raw, micro = row["raw"], row["micro_usd"]
    row["amount"] = None if raw is None or token.is_oversize else format(scale_amount(raw, token.decimals), "f")
    row["usd"] = None if micro is None else int(micro) / MICRO
    return row


def tabulate_token_exchange_flows(
    reader: Reader, token: Token, window: Window = ALWAYS, *, step: Step = "month", tier: Tier = "confirmed"
) -> pa.Table:
    """Return exchange, name, period (its first day), in_usd, out_usd, net_usd, in_amount, out_amount, transfers.

    `in` went to the exchange from outside of it, `out` came from it, mints and burns aside; amounts are doubles.
    """
    check_step(step)
    gather_token(reader, token)
    days, ends = gather_borders(reader, window, tier)
    scale = 10.0 ** -(token.decimals or 0)
    return reader.arrow(
        f"""select e.entity_id as exchange, min(coalesce(e.name, e.entity_id)) as name,
            date_trunc($step, d.day)::date as period, sum(d.in_micro_usd)::double / 1e6 as in_usd,
            sum(d.out_micro_usd)::double / 1e6 as out_usd,
            (sum(d.in_micro_usd) - sum(d.out_micro_usd))::double / 1e6 as net_usd,
            sum(d.in_raw)::double * $scale as in_amount, sum(d.out_raw)::double * $scale as out_amount,
            sum(d.transfers_in + d.transfers_out)::bigint as transfers
        from {days} d join known_entities e using (entity_id)
        where d.asset_id in (select asset_id from token_assets) and e.category in (select unnest($exchanges))
            and d.is_dealing
        group by 1, 3 order by 3, 1""",
        ends | {"exchanges": list(EXCHANGE_CATEGORIES), "step": step, "scale": scale},
    )
