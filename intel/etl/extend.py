"""How do later rows of the lake join the facts of an older build, so that all is as if it had been made anew?

Ids are dealt in order of first sight and transfers stand in order of time, so rows that are all later than everything
before change no id. What they might change all the same is compared; where it differs, the facts are made anew.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime

from intel.etl.accounts import KIND_CODE
from intel.etl.ledger import build_context, fill_transfers, find_oversize, mark_oversize
from intel.etl.vocabulary import deal_ids, deal_later_ids
from intel.store import Connection

_LARGEST_SHARE = 0.2  # of new rows among those of the last full build: beyond it, sorting all anew serves queries
TIMED = ("transfers", "transactions", "events", "edges")
_LISTS = ("tokens", "assets")  # what is known of assets from elsewhere


def describe_ledger(con: Connection) -> dict[str, str]:
    """Return what an extension must know of the lake that facts were made from, as text.

    Rows and newest time of the tables in TIMED; digests of what is known of assets.
    """
    told = {
        table: str(con.execute(f"select count(*), bit_xor(hash(t)), sum(hash(t)) from lake_{table} t").fetchall()[0])
        for table in _LISTS
    }
    for table in TIMED:
        rows, until = con.execute(f"select count(*), max(block_time) from lake_{table}").fetchall()[0]
        told |= {f"{table}_rows": str(rows), f"{table}_until": until.isoformat() if until else ""}
    return told


def extend_facts(con: Connection, told: Mapping[str, str], appended: Collection[str]) -> str:
    """Add to facts, a copy of an older build's, what the lake has beyond it; return why that cannot be done, or "".

    `told` is what `describe_ledger` said of the older build's lake, `full_rows` the transfers that the lake had when
    facts were last made whole, and `sorted_rows` those that the facts then had. `appended`: the tables in TIMED that
    were only added to since, transfers among them. After a refusal the facts are of no use.
    """
    until = _read_time(told["transfers_until"])
    if until is None:
        return "the older build has no transfers"
    why = _check_rows(con, told, until) or _deal_more(con, told, appended)
    if why:
        return why
    first = int(con.execute("select count(*) from facts.transfers").fetchall()[0][0])
    with _see_later(con, "transfers", until):
        fill_transfers(con)
    why = _check_sums(con)
    if why:
        return why
    _extend_accounts(con, first, int(told["sorted_rows"]))
    _renew_context(con, told, is_appended="transactions" in appended)
    con.execute("drop table old_assets")
    return ""


def _read_time(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


_CHECKS = """
select count(*), count(*) filter (block_time <= $until), count(*) filter (block_time is null or block_number is null),
    count(*) filter (kind in ('erc20_calldata', 'erc20_or_erc721_calldata')),
    count(*) filter (block_time > $until and tx_hash is null and initiator is not null)
from lake_transfers
"""

_BLOCKS = """
select 1 from lake_transfers group by chain
having min(block_number) filter (block_time > $until) <= max(block_number) filter (block_time <= $until) limit 1
"""

_SHARED = """
select 1 from lake_transfers where block_time > $until group by chain, block_number
having count(distinct source) > 1 limit 1
"""


def _check_rows(con: Connection, told: Mapping[str, str], since: datetime) -> str:
    until = {"until": since}
    rows, old, loose, calldata, unnamed = con.execute(_CHECKS, until).fetchall()[0]
    if loose or unnamed:
        return "transfers without a time, a block or a hash"
    if calldata:
        return "transfers told by calldata: a log may take their place"
    if old != int(told["transfers_rows"]):
        return "new transfers are not all later than the older build's"
    if rows > (1 + _LARGEST_SHARE) * int(told["full_rows"]):
        return f"more than {_LARGEST_SHARE:.0%} new transfers since all was made anew"
    if con.execute(_BLOCKS, until).fetchall():
        return "new transfers stand in blocks that are not later than the older build's"
    if con.execute(_SHARED, until).fetchall():
        return "several sources tell of one new block"
    return ""


# What an older build knew, and now would not: each query has a row where something of before has changed.
_CHANGED = {
    "an address of before was seen earlier": (
        "select 1 from old_addresses o left join facts.addresses n using (address_id) "
        "where (o.chain, o.address) is distinct from (n.chain, n.address)"
    ),
    "what is known of a token has changed": (
        "select 1 from (select * exclude (is_oversize) from old_assets "
        "except select * exclude (is_oversize) from facts.assets)"
    ),
}
_REPRICED = """
with old as (from old_prices where date <= cast($until as date)),
new as (from facts.asset_prices where date <= cast($until as date)
    and asset_id in (select asset_id from old_assets))
select 1 from ((from old except from new) union all (from new except from old)) limit 1
"""


def _deal_more(con: Connection, told: Mapping[str, str], appended: Collection[str]) -> str:
    """Deal ids to what the lake names by now; return what of before would change.

    Where every table was only added to, the later rows name all that is new; else all is dealt again, and compared.
    """
    con.execute("create or replace temp table old_assets as from facts.assets")
    con.execute("create or replace temp table old_prices as from facts.asset_prices")
    why = "" if _deal_later(con, told, appended) else _deal_again(con)
    if not why and con.execute(_REPRICED, {"until": _read_time(told["transfers_until"])}).fetchall():
        why = "a price of before has changed"
    con.execute("drop table old_prices")
    return why


def _deal_later(con: Connection, told: Mapping[str, str], appended: Collection[str]) -> bool:
    """Deal ids to what the later rows name first; False, and nothing is done, where that may not be all that is new."""
    until = max(time for table in TIMED if (time := _read_time(told[f"{table}_until"])))
    now = describe_ledger(con)
    early = {table: _count_early(con, table, until) for table in TIMED}
    if (
        not set(TIMED) <= set(appended)
        or any(now[table] != told[table] for table in _LISTS)
        or any(early[table] != told[f"{table}_rows"] for table in TIMED)
        # Whether it is a collection that an ambiguous log of before tells of, a later row may reveal.
        or con.execute("select 1 from lake_transfers where kind = 'erc20_or_erc721' limit 1").fetchall()
    ):
        return False
    with ExitStack() as stack:
        for table in TIMED:
            stack.enter_context(_see_later(con, table, until))
        return deal_later_ids(con)


def _count_early(con: Connection, table: str, until: datetime) -> str:
    early = f"select count(*) from lake_{table} where block_time is null or block_time <= $1"
    return str(con.execute(early, [until]).fetchall()[0][0])


def _deal_again(con: Connection) -> str:
    """Deal the ids of all that the lake has; return what of before that changes."""
    con.execute("create or replace temp table old_addresses as from facts.addresses")
    for table in ("addresses", "assets"):
        con.execute(f"truncate facts.{table}")
    deal_ids(con)
    for why, query in _CHANGED.items():
        if con.execute(f"{query} limit 1").fetchall():
            return why
    con.execute("drop table old_addresses")
    con.execute(
        "update facts.assets set is_oversize = true "
        "where asset_id in (select asset_id from old_assets where is_oversize)"
    )
    return ""


@contextmanager
def _see_later(con: Connection, table: str, until: datetime) -> Iterator[None]:
    """Let the view of a lake table show the rows after a moment alone."""
    con.execute(f"create or replace temp table later_{table} as from lake_{table} where block_time > $1", [until])
    con.execute(f"alter view lake_{table} rename to whole_{table}")
    con.execute(f"create temp view lake_{table} as from later_{table}")
    try:
        yield
    finally:
        con.execute(f"drop view lake_{table}")
        con.execute(f"alter view whole_{table} rename to lake_{table}")
        con.execute(f"drop table later_{table}")


def _check_sums(con: Connection) -> str:
    """Take the new transfers of oversize tokens out of sums; refuse where a token of before has become one."""
    find_oversize(con)
    grown = "select 1 from oversize join old_assets using (asset_id) where not is_oversize limit 1"
    if con.execute(grown).fetchall():
        return "the sum of a token has outgrown what can be counted"
    con.execute("insert into oversize select asset_id from old_assets where is_oversize")
    mark_oversize(con)
    return ""


_NEW_POSTINGS = f"""
create or replace temp table new_postings as
    select sender_id as address_id, block_time, transfer_id, cast(-1 as tinyint) as direction,
        receiver_id as counterparty_id, asset_id, value_raw, value_micro_usd, tx_tag, {KIND_CODE} as kind_code
    from facts.transfers where sender_id is not null and transfer_id >= $first
    union all
    select receiver_id, block_time, transfer_id, cast(1 as tinyint), sender_id, asset_id, value_raw, value_micro_usd,
        tx_tag, {KIND_CODE}
    from facts.transfers where receiver_id is not null and transfer_id >= $first
"""

# Sums of before and sums of the new rows, added up. What was too large for the type stays so: nothing is negative.
_ADD_SUMS = """
create or replace temp table sums as
with parts as (
    select *, false as is_new from facts.address_assets
    union all
    select address_id, asset_id,
        coalesce(sum(value_raw) filter (direction = 1), 0), coalesce(sum(value_raw) filter (direction = -1), 0),
        try_cast(coalesce(sum(value_micro_usd) filter (direction = 1), 0) as bigint),
        try_cast(coalesce(sum(value_micro_usd) filter (direction = -1), 0) as bigint),
        count(value_raw) filter (direction = 1), count(value_raw) filter (direction = -1),
        min(block_time), max(block_time), true
    from new_postings group by address_id, asset_id
)
select address_id, asset_id, cast(sum(in_raw) as decimal(38, 0)), cast(sum(out_raw) as decimal(38, 0)),
    case when count(in_micro_usd) = count(*) then try_cast(sum(in_micro_usd) as bigint) end,
    case when count(out_micro_usd) = count(*) then try_cast(sum(out_micro_usd) as bigint) end,
    sum(transfers_in)::bigint, sum(transfers_out)::bigint, min(first_time), max(last_time)
from parts group by address_id, asset_id order by address_id, asset_id
"""

# Pairs of the new rows, and whether they had met before, in either direction.
_MET = """
create or replace temp table met as
select n.address_id, n.counterparty_id, n.n_in, n.n_out, coalesce(o.had_in, false) as had_in,
    coalesce(o.had_out, false) as had_out
from (
    select address_id, counterparty_id, count(*) filter (direction = 1) as n_in,
        count(*) filter (direction = -1) as n_out
    from new_postings group by address_id, counterparty_id
) n
left join (
    select p.address_id, p.counterparty_id, bool_or(p.direction = 1) as had_in, bool_or(p.direction = -1) as had_out
    from facts.postings p
    semi join new_postings n on n.address_id = p.address_id and n.counterparty_id = p.counterparty_id
    group by p.address_id, p.counterparty_id
) o on o.address_id = n.address_id and o.counterparty_id = n.counterparty_id
"""

# A transaction lies in one block, so those that the new rows tell of are none of before.
_ADD_STATS = """
create or replace temp table stats as
with moved as (
    select address_id, sum(n_in)::bigint as n_in, sum(n_out)::bigint as n_out,
        count(counterparty_id) filter (n_in > 0 and not had_in) as senders,
        count(counterparty_id) filter (n_out > 0 and not had_out) as receivers,
        count(counterparty_id) filter (not had_in and not had_out) as partners
    from met group by address_id
),
spans as (
    select address_id, arg_min(t.block_number, transfer_id) as first_block,
        arg_max(t.block_number, transfer_id) as last_block, min(t.block_time) as first_time,
        max(t.block_time) as last_time
    from new_postings p join (
        select transfer_id, block_number, block_time from facts.transfers where transfer_id >= $first
    ) t using (transfer_id) group by address_id
),
signed as (
    select initiator_id as address_id, count(distinct hash(tx_hash)) as signed from facts.transfers
    where transfer_id >= $first and initiator_id is not null
        and initiator_id in (select address_id from facts.address_stats) group by 1
    union all
    select initiator_id, count(distinct hash(tx_hash)) from facts.transfers
    where initiator_id in (
        select address_id from moved where address_id not in (select address_id from facts.address_stats)) group by 1
)
select address_id,
    coalesce(o.transfers_in, 0) + coalesce(m.n_in, 0), coalesce(o.transfers_out, 0) + coalesce(m.n_out, 0),
    coalesce(o.counterparties_in, 0) + coalesce(m.senders, 0),
    coalesce(o.counterparties_out, 0) + coalesce(m.receivers, 0),
    coalesce(o.counterparties, 0) + coalesce(m.partners, 0), coalesce(o.signed, 0) + coalesce(g.signed, 0),
    case when o.address_id is null then s.first_block else o.first_block end, coalesce(s.last_block, o.last_block),
    coalesce(o.first_time, s.first_time), coalesce(s.last_time, o.last_time)
from facts.address_stats o full join moved m using (address_id) left join spans s using (address_id)
left join signed g using (address_id) order by address_id
"""


# All that was added since the facts were last made whole is one sorted run: a run for each day would make queries read
# every one of them.
_SORT_IN = """
create or replace temp table added as
select * from (
    select * from facts.postings where transfer_id >= $sorted_rows union all select * from new_postings
) order by address_id, block_time, transfer_id, direction
"""


def _extend_accounts(con: Connection, first: int, sorted_rows: int) -> None:
    """Add the postings of the transfers from `first` on, and what they change in the sums."""
    con.execute(_NEW_POSTINGS, {"first": first})
    con.execute(_ADD_SUMS)
    con.execute(_MET)
    con.execute(_ADD_STATS, {"first": first})
    con.execute(_SORT_IN, {"sorted_rows": sorted_rows})
    con.execute("delete from facts.postings where transfer_id >= $1", [sorted_rows])
    con.execute("insert into facts.postings from added")
    for table, new in (("address_assets", "sums"), ("address_stats", "stats")):
        con.execute(f"truncate facts.{table}")
        con.execute(f"insert into facts.{table} from {new}")
    con.execute("drop table sums; drop table met; drop table stats; drop table new_postings; drop table added")


def _renew_context(con: Connection, told: Mapping[str, str], *, is_appended: bool) -> None:
    """Make edges, events and coverage anew; add the new transactions, or make all anew where some are not later."""
    until = _read_time(told["transactions_until"])
    loose, old, sources = con.execute(
        "select count(*) filter (block_time is null), count(*) filter (block_time <= $1), count(distinct source) "
        "from lake_transactions",
        [until],
    ).fetchall()[0]
    is_later = is_appended and not loose and sources <= 1 and old == int(told["transactions_rows"])
    for table in ("edges", "events", "coverage", "coverage_summary"):
        con.execute(f"truncate facts.{table}")
    if is_later and until is not None:
        with _see_later(con, "transactions", until):
            build_context(con)
    else:
        con.execute("truncate facts.transactions")
        build_context(con)
