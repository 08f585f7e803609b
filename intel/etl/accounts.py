"""What does the ledger say about each address? Double entry, sums and activity, sorted by address.

Reads facts.transfers; works in buckets of addresses, so memory does not grow with the ledger.
"""

from __future__ import annotations

from intel.model import TRANSFER_KINDS
from intel.store import Connection

BUCKET_POSTINGS = 40_000_000  # about 5 GB while one bucket is sorted; every bucket is one more pass over all transfers


def build_accounts(con: Connection) -> None:
    """Fill facts.postings, address_assets and address_stats."""
    con.execute(_SIGNED)
    con.execute(f"create or replace temp table address_counts as {_COUNTS}", {"first": 0, "last": 0})
    for first, last in _list_buckets(con):
        span = {"first": first, "last": last}
        con.execute(_POSTINGS, span)
        con.execute(_SUMS, span)
        con.execute(f"insert into address_counts {_COUNTS}", span)
    con.execute(_STATS)
    con.execute("drop table signed_counts; drop table address_counts")


_SLICES = 1024
_COUNT = """
select {part}, count(*) from (
    select sender_id as address_id from facts.transfers union all select receiver_id from facts.transfers
) where address_id >= $first and address_id < $last group by 1 order by 1
"""


def _list_buckets(con: Connection) -> list[tuple[int, int]]:
    """Return spans [first, last) of address ids with about BUCKET_POSTINGS postings each."""
    rows, addresses = con.execute(
        "select 2 * (select count(*) from facts.transfers), (select count(*) from facts.addresses)"
    ).fetchall()[0]
    if rows <= BUCKET_POSTINGS:
        return [(0, addresses)]
    spans: list[tuple[int, int]] = []
    start, filled = 0, 0
    for first, count in _count_postings(con, addresses):
        if filled and filled + count > BUCKET_POSTINGS:
            spans.append((start, first))
            start, filled = first, 0
        filled += count
    return [*spans, (start, addresses)]


def _count_postings(con: Connection, addresses: int) -> list[tuple[int, int]]:
    """Return (first id, postings) of slices of the ids; a slice too large for a bucket is told id by id.

    What is seen first is the busiest: half of all postings may be of the first two hundred ids.
    """
    whole = {"first": 0, "last": addresses}
    slices = con.execute(
        _COUNT.format(part=f"address_id * {_SLICES} // $addresses"), whole | {"addresses": addresses}
    ).fetchall()
    counts: list[tuple[int, int]] = []
    for index, count in slices:
        first, last = (-(-(place * addresses) // _SLICES) for place in (index, index + 1))
        if count > BUCKET_POSTINGS:
            counts += con.execute(_COUNT.format(part="address_id"), {"first": first, "last": last}).fetchall()
        else:
            counts.append((first, count))
    return counts


_WHEN = " ".join(f"when '{kind}' then {code}" for code, kind in enumerate(TRANSFER_KINDS))
KIND_CODE = f"cast(case kind {_WHEN} end as tinyint)"

# Transfers are dealt ids in order of time: to sort by the id alone is to sort by time, with a shorter key.
_POSTINGS = f"""
insert into facts.postings
select * from (
    select sender_id as address_id, block_time, transfer_id, cast(-1 as tinyint) as direction, receiver_id, asset_id,
        value_raw, value_micro_usd, tx_tag, {KIND_CODE} as kind_code
    from facts.transfers where sender_id >= $first and sender_id < $last
    union all
    select receiver_id, block_time, transfer_id, cast(1 as tinyint), sender_id, asset_id, value_raw, value_micro_usd,
        tx_tag, {KIND_CODE}
    from facts.transfers where receiver_id >= $first and receiver_id < $last
) order by address_id, transfer_id, direction
"""

# A sum over nine trillion USD (a wrong price, or all of a great token's history) is null, not a failed build.
_SUMS = """
insert into facts.address_assets
select address_id, asset_id,
    coalesce(sum(value_raw) filter (where direction = 1), 0), coalesce(sum(value_raw) filter (where direction = -1), 0),
    try_cast(coalesce(sum(value_micro_usd) filter (where direction = 1), 0) as bigint),
    try_cast(coalesce(sum(value_micro_usd) filter (where direction = -1), 0) as bigint),
    count(value_raw) filter (where direction = 1), count(value_raw) filter (where direction = -1),
    min(block_time), max(block_time)
from facts.postings where address_id >= $first and address_id < $last
group by address_id, asset_id order by address_id, asset_id
"""

# Once for all buckets: each of them would have to unpack nearly all of the hashes.
_SIGNED = """
create or replace temp table signed_counts as
select initiator_id, count(distinct hash(tx_hash)) as signed from facts.transfers
where initiator_id is not null group by initiator_id
"""

_COUNTS = """
select address_id, cast(sum(n_in) as bigint) as transfers_in, cast(sum(n_out) as bigint) as transfers_out,
    count(counterparty_id) filter (where n_in > 0) as counterparties_in,
    count(counterparty_id) filter (where n_out > 0) as counterparties_out,
    count(counterparty_id) as counterparties,
    min(first_id) as first_id, max(last_id) as last_id, min(first_time) as first_time, max(last_time) as last_time
from (
    select address_id, counterparty_id, count(*) filter (where direction = 1) as n_in,
        count(*) filter (where direction = -1) as n_out, min(transfer_id) as first_id,
        max(transfer_id) as last_id, min(block_time) as first_time, max(block_time) as last_time
    from facts.postings where address_id >= $first and address_id < $last
    group by address_id, counterparty_id
) group by address_id
"""

# An address's first and last transfer have its first and last block, for ids follow time; looked up once for all
# buckets, too: it takes a pass over all transfers.
_STATS = """
insert into facts.address_stats
select p.address_id, p.transfers_in, p.transfers_out, p.counterparties_in, p.counterparties_out, p.counterparties,
    coalesce(g.signed, 0), a.block_number, z.block_number, p.first_time, p.last_time
from address_counts p
left join facts.transfers a on a.transfer_id = p.first_id
left join facts.transfers z on z.transfer_id = p.last_id
left join signed_counts g on g.initiator_id = p.address_id
order by p.address_id
"""
