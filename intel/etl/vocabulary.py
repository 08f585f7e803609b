"""Which addresses, assets and prices does the ledger speak of? Each gets its id here, in order of first sight."""

from __future__ import annotations

import pyarrow as pa

from intel.sources.chains import chain_families
from intel.store import Connection

_LISTS_TO_VERIFY = 5  # a contract in that many token lists is taken for what its symbol says

# Kinds that one log, one trace or one transaction can be told as; the lower rank wins where sources overlap.
_CLASSES = {
    "native": ("native", 0), "internal": ("internal", 0), "fee": ("fee", 0), "reward": ("reward", 0),
    "withdrawal": ("withdrawal", 0), "erc20": ("log", 0), "erc721": ("log", 0), "erc1155": ("log", 0),
    "wrap": ("log", 0), "unwrap": ("log", 0), "erc20_or_erc721": ("log", 1), "erc20_calldata": ("calldata", 2),
    "erc20_or_erc721_calldata": ("calldata", 3),
}  # fmt: skip


def deal_ids(con: Connection) -> None:
    """Fill facts.addresses, address_lookup, assets and asset_prices.

    Beside them the temporary tables usable_prices, and address_spans: from when to when the lake speaks of each.
    """
    _register_vocabulary(con)
    _fill_addresses(con)
    _gather_token_facts(con)
    _fill_assets(con)
    _fill_prices(con)


_IS_SAME = "a.chain = m.chain and a.token is not distinct from m.token and a.token_id is not distinct from m.token_id"


def deal_later_ids(con: Connection) -> bool:
    """Add to the same tables what the views of the lake name first, where they show only rows later than all before.

    False, and nothing is done, where such a row tells of an asset of before that it is of another standard.
    """
    _register_vocabulary(con)
    _gather_token_facts(con)
    restated = f"from moved m join facts.assets a on {_IS_SAME} where m.standard <> coalesce(a.standard, '')"
    if con.execute(f"select 1 {restated} limit 1").fetchall():
        return False
    _fill_addresses(con)
    _fill_assets(con)
    _fill_prices(con)
    return True


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


# Each source by itself first: most of an address's rows stand near each other, and so meet in the cache.
_SEEN = """
create or replace temp table seen_addresses as
select chain, address, max(is_contract) as is_contract, max(has_signed) as has_signed,
    min(first_time) as first_time, max(last_time) as last_time
from (
    select chain, sender as address, max(case when kind = 'internal' then true end) as is_contract,
        cast(null as boolean) as has_signed, min(block_time) as first_time, max(block_time) as last_time
        from lake_transfers group by chain, sender
    union all select chain, receiver, null, null, min(block_time), max(block_time)
        from lake_transfers group by chain, receiver
    union all select chain, token, true, null, min(block_time), max(block_time)
        from lake_transfers group by chain, token
    union all select chain, initiator, null, true, min(block_time), max(block_time)
        from lake_transfers group by chain, initiator
    union all select chain, sender, null, true, min(block_time), max(block_time)
        from lake_transactions group by chain, sender
    union all select chain, receiver, null, null, min(block_time), max(block_time)
        from lake_transactions group by chain, receiver
    union all select chain, created, true, null, min(block_time), max(block_time)
        from lake_transactions group by chain, created
    union all select chain, sender, null, null, min(block_time), max(block_time)
        from lake_edges group by chain, sender
    union all select chain, receiver, null, null, min(block_time), max(block_time)
        from lake_edges group by chain, receiver
    union all select chain, address,
        max(case when event in ('contract_created', 'forwarder_created') then true end), null,
        min(block_time), max(block_time) from lake_events group by chain, address
    union all select chain, actor, null, null, min(block_time), max(block_time)
        from lake_events group by chain, actor
) where address is not null group by chain, address
"""


def _fill_addresses(con: Connection) -> None:
    """Deal ids in order of first sight, so that later rows leave those of before as they are.

    Addresses that have an id keep it; of these, too, more may be known now.
    """
    _list_addresses(con)
    con.execute(
        "update facts.addresses a set is_contract = t.is_contract from told_addresses t "
        "where a.address_id = t.address_id and t.is_contract is distinct from t.was_contract"
    )
    con.execute(
        """
        create or replace temp table dealt_addresses as
        select (select count(*) from facts.addresses) + row_number() over () - 1 as address_id, * exclude (address_id)
        from (from told_addresses where address_id is null order by first_time nulls first, chain, address)
        """
    )
    con.execute("insert into facts.addresses select address_id, chain, address, is_contract from dealt_addresses")
    con.execute("truncate facts.address_lookup")
    con.execute(
        "insert into facts.address_lookup select address, chain, address_id from facts.addresses "
        "order by address, chain"
    )
    con.execute(
        "create or replace temp table address_spans as select address_id, first_time, last_time from dealt_addresses "
        "union all select address_id, first_time, last_time from told_addresses where address_id is not null"
    )
    con.execute("drop table told_addresses; drop table dealt_addresses")


def _list_addresses(con: Connection) -> None:
    """List in told_addresses whom the lake names: contracts are those created, emitting logs or paying inside a call.

    A key that signed to act by a contract's code (EIP-7702) pays inside calls too, and is none all the same.
    """
    con.execute(_SEEN)
    con.execute(
        "create or replace temp table delegating_keys as "
        "select distinct chain, address from lake_events where event = 'authorization' and address is not null"
    )
    con.execute(
        """
        create or replace temp table told_addresses as
        select chain, address, first_time, last_time, a.address_id, a.is_contract as was_contract,
            case when k.address is not null or e.address_id is not null then false
                else coalesce(nullif(a.is_contract, false), n.is_contract, a.is_contract,
                    case when has_signed then false end) end as is_contract
        from seen_addresses n
        left join facts.addresses a using (chain, address)
        left join delegating_keys k using (chain, address)
        left join (select distinct address_id from facts.events where event = 'authorization') e
            on e.address_id = a.address_id
        """
    )
    con.execute("drop table seen_addresses; drop table delegating_keys")


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
        select chain, token, case when kind in ('erc721', 'erc1155') then token_id end as token_id,
            max(case when kind in ('erc20', 'erc721', 'erc1155') then kind end) as standard,
            min(block_time) as first_time
        from lake_transfers group by 1, 2, 3
        """
    )
    # NFTs that an ambiguous log names by its value, now that their contract is known as a collection.
    con.execute(
        """
        insert into moved
        select l.chain, l.token, coalesce(l.value_text, cast(l.value_raw as varchar)) as number, 'erc721',
            min(l.block_time)
        from lake_transfers l left join token_facts t on t.chain = l.chain and t.token = l.token
        where l.kind = 'erc20_or_erc721' and (t.standard = 'erc721' or exists (
            from moved m where m.chain = l.chain and m.token = l.token and m.standard = 'erc721'))
            and not exists (from moved m where m.chain = l.chain and m.token = l.token and m.standard is not null
                and m.token_id = coalesce(l.value_text, cast(l.value_raw as varchar)))
        group by l.chain, l.token, number
        """
    )


def _fill_assets(con: Connection) -> None:
    """Give an id to every native coin, token contract and NFT, with what token lists and verified maps say of it."""
    con.execute(
        f"""
        insert into facts.assets
        select (select count(*) from facts.assets) + row_number() over (
            order by m.first_time nulls first, m.chain, m.token nulls first, m.token_id nulls first) - 1,
            m.chain, m.token, m.token_id,
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
        where not exists (from facts.assets a where {_IS_SAME})
        order by 1
        """
    )


def _fill_prices(con: Connection) -> None:
    """Keep one daily price per priced asset: undoubted before doubtful, then by source name."""
    con.execute("truncate facts.asset_prices")
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
