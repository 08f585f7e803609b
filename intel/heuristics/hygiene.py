"""Which assets and transfers are spam, poison, dust or fake, and so never evidence?"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

import pyarrow as pa

from intel.heuristics.base import Value
from intel.heuristics.transfer_flags import TRANSFER_FLAGS
from intel.looks import fold_looks
from intel.model import TRANSFER_KINDS
from intel.store import Engine

# Digits and signs that pass for a letter: in symbols alone, for names are often numbered.
_SIGNS = dict(zip(map(ord, "015$₮"), "oisst", strict=True))


def fold_symbol(text: str) -> str:
    """Fold a symbol or name to what a hurried reader takes it for: look-alikes of letters, digits and signs."""
    return fold_looks(unicodedata.normalize("NFKC", text).translate(_SIGNS))


# Same symbol or name as the chain's own coin or a verified and priced token of the chain, without being it. Tokens
# nobody prices are not worth faking and share names in good faith; so do collections (ENS names are no ENS coins).
_COUNTERFEIT_ASSETS = """
with famous as (
    select a.chain, f.folded, min(a.symbol) as symbol
    from facts.assets a
    join folded_texts f on f.text = a.symbol or f.text = a.name
    where (a.token is null or (a.is_verified and a.price_symbol is not null)) and f.folded <> ''
    group by a.chain, f.folded
),
claims as (
    select a.asset_id, m.symbol
    from facts.assets a
    join folded_texts f on f.text = a.symbol
    join famous m on m.chain = a.chain and m.folded = f.folded
    where a.token is not null and not coalesce(a.is_verified, false)
        and coalesce(a.standard, 'erc20') = 'erc20'
    union all
    select a.asset_id, m.symbol
    from facts.assets a
    join folded_texts f on f.text = a.name
    join famous m on m.chain = a.chain and m.folded = f.folded
    where a.token is not null and not coalesce(a.is_verified, false)
        and coalesce(a.standard, 'erc20') = 'erc20'
)
select asset_id, 'counterfeit' as flag, 'Goes by the symbol or name of ' || min(symbol) || ' but is another contract'
    as reason
from claims
group by asset_id
"""

_TOKENS = ", ".join(str(TRANSFER_KINDS.index(kind)) for kind in ("erc20", "erc1155"))

# One amount to very many, in a run of neighbouring blocks: a flag to show, not a verdict. Who pays that many at all
# comes first (one of them may be the giver itself), then how many times: receivers are told apart for the few left.
_AIRDROP_ASSETS = f"""
with repeated as (
    select p.address_id as sender_id, p.asset_id, p.value_raw
    from facts.postings p
    join facts.address_stats s on s.address_id = p.address_id
    where p.direction = -1 and p.kind_code in ({_TOKENS}) and p.value_raw > 0
        and s.counterparties_out >= $min_recipients - 1
    group by p.address_id, p.asset_id, p.value_raw
    having count(p.counterparty_id) >= $min_recipients
),
gifts as (
    select p.address_id as sender_id, p.asset_id, p.value_raw, p.transfer_id, p.counterparty_id as receiver_id
    from facts.postings p
    join repeated r on r.sender_id = p.address_id and r.asset_id = p.asset_id and r.value_raw = p.value_raw
    where p.direction = -1 and p.kind_code in ({_TOKENS})
),
givers as (
    select sender_id, asset_id, value_raw
    from gifts
    group by sender_id, asset_id, value_raw
    having count(distinct receiver_id) >= $min_recipients
),
gaps as (
    select
        g.asset_id, g.receiver_id,
        t.block_number - lag(t.block_number) over (
            partition by g.sender_id, g.asset_id, g.value_raw order by g.transfer_id
        ) as gap
    from gifts g
    join givers w on w.sender_id = g.sender_id and w.asset_id = g.asset_id and w.value_raw = g.value_raw
    join facts.transfers t on t.transfer_id = g.transfer_id
)
select asset_id, 'mass_airdrop' as flag,
    'Given in one amount to ' || cast(count(distinct receiver_id) as varchar) || ' addresses' as reason
from gaps
group by asset_id
having 2 * count(case when gap <= $max_gap then 1 end) >= count(gap)
"""

# (query, its parameters); the assets first, for transfers inherit from them
ASSET_FLAGS: tuple[tuple[str, Mapping[str, Value]], ...] = (
    (_COUNTERFEIT_ASSETS, {}),
    (_AIRDROP_ASSETS, {"min_recipients": 1_000, "max_gap": 2}),
)


def flag_hygiene(con: Engine) -> None:
    """Fill beliefs.asset_flags and beliefs.transfer_flags. A transfer may have several flags, each once."""
    fold_texts(con)
    for query, params in ASSET_FLAGS:
        con.execute(f"insert into beliefs.asset_flags by name {query}", dict(params))
    for query, params in TRANSFER_FLAGS:
        con.execute(f"insert into beliefs.transfer_flags by name {query}", dict(params))


def fold_texts(con: Engine) -> None:
    """Make the relation folded_texts (text, folded): every symbol and name of an asset, folded."""
    texts = [
        row[0]
        for row in con.execute(
            "select symbol from facts.assets where symbol is not null union select name from facts.assets "
            "where name is not null order by 1"
        ).fetchall()
    ]
    folded = [fold_symbol(text) for text in texts]
    con.register(
        "folded_texts", pa.table({"text": pa.array(texts, pa.string()), "folded": pa.array(folded, pa.string())})
    )
