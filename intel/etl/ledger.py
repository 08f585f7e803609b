"""What follows from the lake alone? Addresses and assets get ids, and every fact stands once, in order of time.

The lake is read through the views lake_<table>; the tables of `facts` are filled. Each step is one or a few
statements over all rows; where sorting or joining would outgrow memory the work is cut into buckets of time.
"""

from __future__ import annotations

import pyarrow as pa

from intel.etl.seen import summarise_coverage
from intel.model import OVERSIZE
from intel.sources.chains import chain_families
from intel.store import Connection

BUCKET_ROWS = 12_000_000  # transfers per bucket: about 3 GB while they are joined and sorted
_LISTS_TO_VERIFY = 5  # a contract in that many token lists is taken for what its symbol says

# Kinds that one log, one trace or one transaction can be told as; the lower rank wins where sources overlap.
_CLASSES = {
    "native": ("native", 0), "internal": ("internal", 0), "fee": ("fee", 0), "reward": ("reward", 0),
    "withdrawal": ("withdrawal", 0), "erc20": ("log", 0), "erc721": ("log", 0), "erc1155": ("log", 0),
    "wrap": ("log", 0), "unwrap": ("log", 0), "erc20_or_erc721": ("log", 1), "erc20_calldata": ("calldata", 2),
    "erc20_or_erc721_calldata": ("calldata", 3),
}  # fmt: skip
_ORDER = "block_time nulls last, chain, block_number, position, sub_position, kind, tx_hash, source"


def build_ledger(con: Connection) -> None:
    """Fill facts.addresses, address_lookup, assets, asset_prices and transfers."""
    _register_vocabulary(con)
    _fill_addresses(con)
    _fill_assets(con)
    _fill_prices(con)
    _find_overlaps(con)
    _fill_transfers(con)
    _mark_oversize(con)


def _register_vocabulary(con: Connection) -> None:
    classes = pa.table(
        {
            "kind": list(_CLASSES),
            "class": [name for name, _ in _CLASSES.values()],
            "rank": [rank for _, rank in _CLASSES.values()],
        }
    )
    for name, table in (("kind_classes", classes), ("chain_facts", chain_families())):
        con.register("vocabulary_arrow", table)
        con.execute(f"create or replace temp table {name} as select * from vocabulary_arrow")
        con.unregister("vocabulary_arrow")


def _fill_addresses(con: Connection) -> None:
    """Deal ids in order of (chain, address); contracts are those created, emitting logs or paying inside a call.

    A key that signed to act by a contract's code (EIP-7702) pays inside calls too, and is none all the same.
    """
    con.execute(
        """
        create or replace temp table seen_addresses as
        select chain, address, max(is_contract) as is_contract from (
            select distinct chain, sender as address, case when kind = 'internal' then true end as is_contract
                from lake_transfers
            union all select distinct chain, receiver, cast(null as boolean) from lake_transfers
            union all select distinct chain, token, true from lake_transfers where token is not null
            union all select distinct chain, initiator, cast(null as boolean) from lake_transfers
            union all select distinct chain, sender, cast(null as boolean) from lake_transactions
            union all select distinct chain, receiver, cast(null as boolean) from lake_transactions
            union all select distinct chain, created, true from lake_transactions
            union all select distinct chain, sender, cast(null as boolean) from lake_edges
            union all select distinct chain, receiver, cast(null as boolean) from lake_edges
            union all select distinct chain, address,
                case when event in ('contract_created', 'forwarder_created') then true end from lake_events
            union all select distinct chain, actor, cast(null as boolean) from lake_events
        ) where address is not null group by chain, address
        """
    )
    con.execute(
        """
        create or replace temp table signers as
        select chain, sender as address from lake_transactions where sender is not null
        union select chain, initiator from lake_transfers where initiator is not null
        """
    )
    con.execute(
        "create or replace temp table delegating_keys as "
        "select distinct chain, address from lake_events where event = 'authorization' and address is not null"
    )
    con.execute(
        "insert into facts.addresses select row_number() over (order by chain, address) - 1, chain, address, "
        "case when k.address is not null then false "
        "else coalesce(is_contract, case when s.address is not null then false end) end "
        "from seen_addresses left join signers s using (chain, address) "
        "left join delegating_keys k using (chain, address) order by 1"
    )
    con.execute(
        "insert into facts.address_lookup select address, chain, address_id from facts.addresses "
        "order by address, chain"
    )
    con.execute("drop table seen_addresses; drop table signers; drop table delegating_keys")


def _gather_token_facts(con: Connection) -> None:
    """Choose one entry per contract from token lists and from the verified map, and list what moved."""
    con.execute(
        """
        create or replace temp table token_facts as
        select chain, token, arg_max(symbol, rank) as symbol, arg_max(name, rank) as name,
            arg_max(decimals, rank) as decimals, max(standard) as standard, max(lists) as lists
        from (select *, row_number() over (partition by chain, token
            order by decimals is not null, coalesce(lists, 0), source, symbol, name) as rank from lake_tokens)
        group by chain, token
        """
    )
    con.execute(
        """
        create or replace temp table verified as
        select chain, token, arg_max(symbol, rank) as symbol, arg_max(decimals, rank) as decimals
        from (select *, row_number() over (partition by chain, token order by coalesce(lists, 0), source, symbol)
            as rank from lake_assets)
        group by chain, token
        """
    )
    con.execute(
        """
        create or replace temp table moved as
        select chain, token, token_id, max(standard) as standard from (
            select distinct chain, token, case when kind in ('erc721', 'erc1155') then token_id end as token_id,
                case when kind in ('erc20', 'erc721', 'erc1155') then kind end as standard
            from lake_transfers
        ) group by chain, token, token_id
        """
    )
    # NFTs that an ambiguous log names by its value, now that their contract is known as a collection.
    con.execute(
        """
        insert into moved
        select distinct l.chain, l.token, coalesce(l.value_text, cast(l.value_raw as varchar)), 'erc721'
        from lake_transfers l left join token_facts t on t.chain = l.chain and t.token = l.token
        where l.kind = 'erc20_or_erc721' and (t.standard = 'erc721' or exists (
            from moved m where m.chain = l.chain and m.token = l.token and m.standard = 'erc721'))
        except select chain, token, token_id, 'erc721' from moved
        """
    )


def _fill_assets(con: Connection) -> None:
    """Give an id to every native coin, token contract and NFT, with what token lists and verified maps say of it."""
    _gather_token_facts(con)
    con.execute(
        f"""
        insert into facts.assets
        select row_number() over (order by m.chain, m.token nulls first, m.token_id nulls first) - 1, m.chain, m.token,
            m.token_id,
            case when m.token is null then c.native_symbol else coalesce(v.symbol, t.symbol) end,
            case when m.token is null then c.native_symbol else t.name end,
            case when m.token is null then c.native_decimals
                when coalesce(m.standard, t.standard) in ('erc721', 'erc1155') then 0
                else coalesce(v.decimals, t.decimals) end,
            case when m.token is null then 'native' else coalesce(m.standard, t.standard,
                case when v.token is not null or t.decimals > 0 then 'erc20' end) end,
            case when m.token is null then c.price_symbol when m.token_id is null then v.symbol end,
            m.token is null or v.token is not null or coalesce(t.lists, 0) >= {_LISTS_TO_VERIFY},
            false
        from moved m
        left join token_facts t on t.chain = m.chain and t.token = m.token
        left join verified v on v.chain = m.chain and v.token = m.token
        left join chain_facts c on c.chain = m.chain
        order by 1
        """
    )


def _fill_prices(con: Connection) -> None:
    """Keep one daily price per priced asset: undoubted before doubtful, then by source name."""
    con.execute(
        """
        insert into facts.asset_prices
        select asset_id, date, usd, source, is_doubtful from (
            select a.asset_id, p.date, p.usd, p.source, p.is_doubtful, row_number() over (
                partition by a.asset_id, p.date order by coalesce(p.is_doubtful, false), p.source, p.usd) as choice
            from facts.assets a join lake_prices p on upper(p.symbol) = upper(a.price_symbol)
        ) where choice = 1 order by asset_id, date
        """
    )
    # A price serves its own day and, marked as one day old, the next day where that has none: never longer.
    con.execute(
        """
        create or replace temp table usable_prices as
        select p.asset_id, p.date, p.usd * 1e6 / power(10::double, a.decimals) as micro_usd_per_unit, p.age from (
            select asset_id, date, usd, 0 as age from facts.asset_prices
            union all
            select p.asset_id, p.date + 1, p.usd, 1 from facts.asset_prices p
            where not exists (from facts.asset_prices n where n.asset_id = p.asset_id and n.date = p.date + 1)
        ) p join facts.assets a using (asset_id) where a.decimals is not null
        """
    )


def _find_overlaps(con: Connection) -> None:
    """List the rows that tell again what a better, or earlier named, source tells: told_again(source and key)."""
    con.execute(
        """
        create or replace temp table shared_blocks as
        select chain, block_number from lake_transfers group by chain, block_number having count(distinct source) > 1
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
        insert into told_again
        select t.source, t.chain, t.block_number, t.tx_hash, t.kind, t.position, t.sub_position from lake_transfers t
        where t.kind in ('erc20_calldata', 'erc20_or_erc721_calldata') and exists (
            from lake_transfers l join kind_classes c on c.kind = l.kind
            where c.class = 'log' and l.chain = t.chain and l.tx_hash = t.tx_hash and l.token = t.token)
        """
    )


def _fill_transfers(con: Connection) -> None:
    """Write facts.transfers bucket by bucket: ids for texts, USD, and the exact value only where it counts."""
    has_gaps, has_ambiguous, has_repeats = con.execute(
        "select bool_or(block_time is null), bool_or(kind = 'erc20_or_erc721'), exists (from told_again) "
        "from lake_transfers"
    ).fetchall()[0]
    # A join that finds nothing still costs a pass over every hash: it is left out where there is nothing to find.
    statement = _TRANSFERS.format(
        standard="f.standard" if has_ambiguous else "cast(null as varchar)",
        standards=_STANDARDS if has_ambiguous else "",
        repeats=_REPEATS if has_repeats else "",
        order=_ORDER,
    )
    _find_times(con, has_gaps=bool(has_gaps))
    offset = 0
    for first, last in list_buckets(con):
        con.execute(statement, {"first": first, "last": last, "offset": offset})
        offset = int(con.execute("select count(*) from facts.transfers").fetchall()[0][0])


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


def list_buckets(con: Connection) -> list[tuple[int | None, int | None]]:
    """Return spans of epoch days, each with at most about BUCKET_ROWS transfers; (None, None) is all of it.

    Rows without a time fall into the last span.
    """
    days = con.execute(
        "select cast(epoch(block_time) // 86400 as bigint), count(*) from timed_transfers "
        "where block_time is not null group by 1 order by 1"
    ).fetchall()
    if sum(rows for _, rows in days) <= BUCKET_ROWS:
        return [(None, None)]
    starts: list[int] = []
    filled = BUCKET_ROWS
    for day, rows in days:
        if filled + rows > BUCKET_ROWS:
            starts.append(day)
            filled = 0
        filled += rows
    ends: list[int | None] = [*starts[1:], None]
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
            coalesce(l.value_text, cast(l.value_raw as varchar)) as exact_text,
            case when l.kind in ('erc721', 'erc1155') then l.token_id
                when resolved_kind = 'erc721' then exact_text end as token_id,
            case when resolved_kind in ('erc20_or_erc721', 'erc20_calldata', 'erc20_or_erc721_calldata') then null
                when resolved_kind = 'erc721' then cast(1 as decimal(38, 0)) else l.value_raw end as counted
        from timed_transfers l {standards}
        where ($first is null or cast(epoch(l.block_time) // 86400 as bigint) >= $first
                or (l.block_time is null and $last is null))
            and ($last is null or cast(epoch(l.block_time) // 86400 as bigint) < $last) {repeats}
    ) t
    left join facts.addresses s on s.chain = t.chain and s.address = t.sender
    left join facts.addresses r on r.chain = t.chain and r.address = t.receiver
    left join facts.addresses i on i.chain = t.chain and i.address = t.initiator
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


def _mark_oversize(con: Connection) -> None:
    """Take tokens with any value or sum of 10^37 or more out of every sum: their transfers keep the exact text."""
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
    if con.execute("select count(*) from oversize").fetchall()[0][0]:
        con.execute("update facts.assets set is_oversize = true where asset_id in (from oversize)")
        con.execute(
            "update facts.transfers set value_text = cast(value_raw as varchar), value_raw = null, "
            "value_micro_usd = null where value_raw is not null and asset_id in (from oversize)"
        )


def build_context(con: Connection) -> None:
    """Fill facts.edges, events, transactions and coverage: what stands beside the transfers."""
    ids = "left join facts.addresses {0} on {0}.chain = t.chain and {0}.address = t.{1}"
    ends = f"{ids.format('s', 'sender')} {ids.format('r', 'receiver')}"
    con.execute(
        "insert into facts.edges select s.address_id, r.address_id, t.kind, t.transfers, t.tx_hash, t.block_number, "
        f"t.block_time, t.value_micro_usd, t.source from lake_edges t {ends} order by all"
    )
    con.execute(
        "insert into facts.events select t.event, s.address_id, r.address_id, t.block_number, t.block_time, "
        "coalesce(t.block_time_is_estimated, false), t.tx_hash, t.token, t.value_text, t.details, t.source "
        f"from lake_events t {ids.format('s', 'address')} {ids.format('r', 'actor')} "
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
        f"from lake_transactions t {ends} {ids.format('c', 'created')} "
        f"{once if sources > 1 else ''} order by t.block_time, t.chain, t.block_number, t.tx_index, t.tx_hash, t.source"
    )
    con.execute("insert into facts.coverage select * from lake_coverage order by all")
    summarise_coverage(con)
