"""What follows from the lake alone? Addresses and assets get ids, and every fact stands once, in order of time.

The lake is read through the views lake_<table>; the tables of `facts` are filled. Each step is one or a few
statements over all rows; where sorting or joining would outgrow memory the work is cut into buckets of time.
"""

from __future__ import annotations

from datetime import date

from intel.etl.seen import summarise_coverage
from intel.etl.vocabulary import deal_ids
from intel.model import OVERSIZE
from intel.store import Connection

BUCKET_ROWS = 12_000_000  # transfers per bucket: about 3 GB while they are joined and sorted

_ORDER = "block_time nulls last, chain, block_number, position, sub_position, kind, tx_hash, source"


def build_ledger(con: Connection) -> None:
    """Fill facts.addresses, address_lookup, assets, asset_prices and transfers."""
    deal_ids(con)
    fill_transfers(con)
    find_oversize(con)
    mark_oversize(con)


def _find_overlaps(con: Connection) -> None:
    """List the rows that tell again what a better, or earlier named, source tells: told_again(source and key)."""
    con.execute(
        """
        create or replace temp table shared_blocks as
        select chain, block_number from lake_transfers group by chain, block_number having min(source) < max(source)
        """
    )
    con.execute(
        """
        create or replace temp table told_again as
        select source, chain, block_number, tx_hash, kind, position, sub_position from (
            select t.*, row(c.rank, t.source) as teller, first_value(row(c.rank, t.source)) over (
                partition by t.chain, t.tx_hash, case when t.tx_hash is null then t.block_number end, c.class,
                    case when c.class = 'native' then 0 else t.position end, t.sub_position
                order by c.rank, t.source) as best_teller
            from lake_transfers t join shared_blocks using (chain, block_number) join kind_classes c using (kind)
            where position_is_known or c.class = 'native'
        ) where teller <> best_teller
        """
    )
    con.execute(
        """
        create or replace temp table calldata as
        select source, chain, block_number, tx_hash, kind, position, sub_position, token from lake_transfers
        where kind in ('erc20_calldata', 'erc20_or_erc721_calldata')
        """
    )
    # The few first: to look a row up among all logs would be to hash them all.
    con.execute(
        """
        create or replace temp table logged as
        select distinct l.chain, l.tx_hash, l.token from lake_transfers l
        join kind_classes k on k.kind = l.kind and k.class = 'log'
        join (select distinct chain, tx_hash, token from calldata) c
            on c.chain = l.chain and c.tx_hash = l.tx_hash and c.token = l.token
        """
    )
    con.execute(
        """
        insert into told_again
        select c.* exclude (token) from calldata c semi join logged using (chain, tx_hash, token)
        """
    )


def fill_transfers(con: Connection) -> None:
    """Write facts.transfers bucket by bucket: ids for texts, USD, and the exact value only where it counts.

    Rows that are there already stay, and are earlier.
    """
    _find_overlaps(con)
    has_gaps, has_ambiguous, has_repeats = con.execute(
        "select bool_or(block_time is null), bool_or(kind = 'erc20_or_erc721'), exists (from told_again) "
        "from lake_transfers"
    ).fetchall()[0]
    # A join that finds nothing still costs a pass over every hash: it is left out where there is nothing to find.
    choices = {
        "standard": "f.standard" if has_ambiguous else "cast(null as varchar)",
        "standards": _STANDARDS if has_ambiguous else "",
        "repeats": _REPEATS if has_repeats else "",
        "order": _ORDER,
    }
    key = key_addresses(con)
    choices |= {name: key.format("t", name) for name in ("sender", "receiver", "initiator")}
    _find_times(con, has_gaps=bool(has_gaps))
    for first, last in list_buckets(con):
        offset = int(con.execute("select count(*) from facts.transfers").fetchall()[0][0])
        span, bounds = _limit_time(first, last)
        alive = "true" if has_gaps else _limit_life(first, last)
        con.execute(_TRANSFERS.format(**choices, span=span, alive=alive), bounds | {"offset": offset})


_KEY = "case when {0}.{1} is not null then hash({0}.chain, {0}.{1}) end"
_WHOLE_KEY = "{0}.chain || ' ' || {0}.{1}"


def key_addresses(con: Connection) -> str:
    """Make the temporary table address_keys out of what `deal_ids` left; return the SQL of the key of {0}.{1}, a text.

    Whoever asks has an address that got an id. So where no two of them share a hash, that is enough to find it: a
    number, where the text would make every lookup miss the processor's cache twice more.
    """
    for key in (_KEY, _WHOLE_KEY):
        con.execute(
            f"create or replace temp table address_keys as select {key.format('a', 'address')} as key, address_id, "
            "first_time, last_time from facts.addresses a left join address_spans using (address_id)"
        )
        if not con.execute("select count(*) - count(distinct key) from address_keys").fetchall()[0][0]:
            break
    return key


def _limit_time(first: date | None, last: date | None) -> tuple[str, dict[str, object]]:
    """Return the condition of a bucket, and its parameters: plain bounds, by which files skip what lies outside."""
    if first is None:
        return "true", {}
    if last is None:  # the last one: rows without a time come after all others
        return "(l.block_time >= $first or l.block_time is null)", {"first": first}
    return "l.block_time >= $first and l.block_time < $last", {"first": first, "last": last}


def _limit_life(first: date | None, last: date | None) -> str:
    """Return the condition of the addresses that a bucket may speak of: about a third of all, found in less memory."""
    if first is None:
        return "true"
    return "last_time >= $first" if last is None else "first_time < $last and last_time >= $first"


def _find_times(con: Connection, *, has_gaps: bool) -> None:
    """Create the view timed_transfers: the lake's, with times that a source left out taken from its blocks."""
    if not has_gaps:
        con.execute("create or replace temp view timed_transfers as from lake_transfers")
        return
    con.execute(
        "create or replace temp table block_times as select chain, block_number, min(block_time) as block_time "
        "from lake_blocks where block_time is not null group by all"
    )
    con.execute(
        "create or replace temp view timed_transfers as "
        "select l.* replace (coalesce(l.block_time, b.block_time) as block_time) from lake_transfers l "
        "left join block_times b on b.chain = l.chain and b.block_number = l.block_number"
    )


def list_buckets(con: Connection) -> list[tuple[date | None, date | None]]:
    """Return spans of days, each with at most about BUCKET_ROWS transfers; (None, None) is all of it.

    Rows without a time fall into the last span.
    """
    days = con.execute(
        "select cast(block_time as date), count(*) from timed_transfers "
        "where block_time is not null group by 1 order by 1"
    ).fetchall()
    if sum(rows for _, rows in days) <= BUCKET_ROWS:
        return [(None, None)]
    starts: list[date] = []
    filled = BUCKET_ROWS
    for day, rows in days:
        if filled + rows > BUCKET_ROWS:
            starts.append(day)
            filled = 0
        filled += rows
    ends: list[date | None] = [*starts[1:], None]
    return list(zip(starts, ends, strict=True))


_STANDARDS = (
    "left join (select chain, token, max(standard) as standard from facts.assets where token is not null group by all) "
    "f on f.chain = l.chain and f.token = l.token"
)
_REPEATS = (
    "and not exists (from told_again x where x.source = l.source and x.chain = l.chain "
    "and x.block_number = l.block_number and x.tx_hash is not distinct from l.tx_hash and x.kind = l.kind "
    "and x.position = l.position and x.sub_position = l.sub_position)"
)

# An ambiguous log is resolved by token facts: of a known fungible contract it is a fungible transfer, of a known
# collection it is one NFT whose id stands in the value; of any other contract it stays ambiguous and does not count.
_TRANSFERS = """
insert into facts.transfers
with living as not materialized (select key, address_id from address_keys where {alive})
select number - 1 + $offset as transfer_id, * exclude (number, tag), coalesce(tag, -1 - number % 268435456) as tx_tag
from (select row_number() over () as number, * from (
    select t.chain, t.block_number, t.block_time, t.tx_hash, t.position, t.sub_position, t.resolved_kind as kind,
        s.address_id, r.address_id, i.address_id, a.asset_id, t.counted,
        case when t.counted is null then t.exact_text end,
        case when abs(t.counted * p.micro_usd_per_unit) < 9e18 then
            cast(round(t.counted * p.micro_usd_per_unit) as bigint) end,
        p.age, t.source, t.block_time_is_estimated,
        try_cast('0x' || right(t.tx_hash, 7) as integer) as tag
    from (
        select l.chain, l.block_number, l.block_time, l.tx_hash, l.position, l.sub_position, l.sender,
            l.receiver, l.initiator, l.token, l.source,
            coalesce(l.block_time_is_estimated, false) as block_time_is_estimated,
            case when l.kind = 'erc20_or_erc721' and {standard} in ('erc20', 'erc721') then {standard}
                else l.kind end as resolved_kind,
            case when l.value_raw is null or l.kind in ('erc721', 'erc20_or_erc721', 'erc20_calldata',
                'erc20_or_erc721_calldata') then coalesce(l.value_text, cast(l.value_raw as varchar)) end as exact_text,
            case when l.kind in ('erc721', 'erc1155') then l.token_id
                when resolved_kind = 'erc721' then exact_text end as token_id,
            case when resolved_kind in ('erc20_or_erc721', 'erc20_calldata', 'erc20_or_erc721_calldata') then null
                when resolved_kind = 'erc721' then cast(1 as decimal(38, 0)) else l.value_raw end as counted
        from timed_transfers l {standards}
        where {span} {repeats}
    ) t
    left join living s on s.key = {sender}
    left join living r on r.key = {receiver}
    left join living i on i.key = {initiator}
    left join facts.assets a on a.chain = t.chain and a.token is not distinct from t.token
        and a.token_id is not distinct from t.token_id
    left join usable_prices p on p.asset_id = a.asset_id and p.date = cast(t.block_time as date)
    order by {order}
))
"""


# A sum of doubles cannot overflow, and tells which few assets are worth an exact sum.
_LARGE = f"""
select asset_id, sum(cast(value_raw as double)) as about from facts.transfers where value_raw is not null
group by asset_id having about > {OVERSIZE * 0.99}
"""


def find_oversize(con: Connection) -> None:
    """List the tokens with any value or sum of 10^37 or more: oversize(asset_id)."""
    con.execute(
        f"""
        create or replace temp table oversize as
        select asset_id from facts.transfers where value_text is not null and value_raw is null
            and length(value_text) > 37 and kind in ('native', 'internal', 'erc20', 'erc721', 'erc1155', 'fee',
            'reward', 'withdrawal', 'wrap', 'unwrap')
        union
        select asset_id from facts.transfers join ({_LARGE}) large using (asset_id) where value_raw is not null
            group by asset_id having any_value(large.about) >= {OVERSIZE * 1.01} or
                sum(case when large.about < {OVERSIZE * 1.01} then value_raw end) >= {OVERSIZE}
        """
    )


def mark_oversize(con: Connection) -> None:
    """Take oversize tokens out of every sum: their transfers keep the exact text."""
    if con.execute("select count(*) from oversize").fetchall()[0][0]:
        con.execute("update facts.assets set is_oversize = true where asset_id in (from oversize)")
        con.execute(
            "update facts.transfers set value_text = cast(value_raw as varchar), value_raw = null, "
            "value_micro_usd = null where value_raw is not null and asset_id in (from oversize)"
        )


def build_context(con: Connection) -> None:
    """Fill facts.edges, events, transactions and coverage: what stands beside the transfers."""
    key = key_addresses(con)

    def find_id(alias: str, column: str) -> str:
        return f"left join address_keys {alias} on {alias}.key = {key.format('t', column)}"

    ends = f"{find_id('s', 'sender')} {find_id('r', 'receiver')}"
    con.execute(
        "insert into facts.edges select s.address_id, r.address_id, t.kind, t.transfers, t.tx_hash, t.block_number, "
        f"t.block_time, t.value_micro_usd, t.source from lake_edges t {ends} order by all"
    )
    con.execute(
        "insert into facts.events select t.event, s.address_id, r.address_id, t.block_number, t.block_time, "
        "coalesce(t.block_time_is_estimated, false), t.tx_hash, t.token, t.value_text, t.details, t.source "
        f"from lake_events t {find_id('s', 'address')} {find_id('r', 'actor')} "
        "order by s.address_id, t.block_time, t.tx_hash, t.event, t.details"
    )
    # Told by two sources, a transaction stands once: as told by who knows whether it succeeded, and what it cost.
    once = (
        "qualify row_number() over (partition by t.chain, t.tx_hash "
        "order by t.success is null, t.fee_raw is null, t.source) = 1"
    )
    sources = con.execute("select count(distinct source) from lake_transactions").fetchall()[0][0]
    con.execute(
        "insert into facts.transactions select t.chain, t.block_number, t.block_time, t.tx_hash, t.tx_index, "
        "s.address_id, r.address_id, c.address_id, t.value_raw, t.fee_raw, t.gas_limit, t.gas_price, t.nonce, t.type, "
        "t.method_id, t.input_length, t.success, t.source "
        f"from lake_transactions t {ends} {find_id('c', 'created')} "
        f"{once if sources > 1 else ''} order by t.block_time, t.chain, t.block_number, t.tx_index, t.tx_hash, t.source"
    )
    con.execute("drop table address_keys; drop table address_spans")
    con.execute("insert into facts.coverage select * from lake_coverage order by all")
    summarise_coverage(con)
