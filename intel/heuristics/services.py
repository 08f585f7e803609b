"""Which addresses serve many unrelated people, so that dealing with them says nothing about who is who?"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping

import pyarrow as pa

from intel.config import data_path
from intel.heuristics.base import Value
from intel.model import TRANSFER_KINDS
from intel.store import Engine

# A deposit address is the exchange's, but it is used by one customer: no hub. A private label makes no service: that
# would take evidence from the public layer.
_LABELLED = """
with known as (
    select distinct a.address_id, l.category
    from beliefs.labels l
    join facts.addresses a on a.address = l.address and (a.chain = l.chain or l.chain = 'evm')
    where l.category in (select category from service_categories) and l.visibility = 'public'
    union
    select address_id, category from beliefs.anchors
    where category in (select category from service_categories) and visibility = 'public'
)
select
    address_id, 'labelled' as kind, max(case when category = 'exchange_deposit' then 0 else 1 end) = 1 as is_hub,
    'Labelled ' || min(category) as reason
from known
group by address_id
"""

_CONTRACTS = """
select a.address_id, 'contract' as kind, coalesce(s.counterparties, 0) > $max_counterparties as is_hub,
    'A contract not proven to serve one person' as reason
from facts.addresses a
left join facts.address_stats s on s.address_id = a.address_id
where a.is_contract
"""

_HUBS = """
select address_id, 'hub' as kind, true as is_hub,
    'Deals with ' || cast(counterparties as varchar) || ' addresses' as reason
from facts.address_stats
where counterparties > $max_counterparties
"""

_COINS = ", ".join(str(TRANSFER_KINDS.index(kind)) for kind in ("native", "internal"))

# Somebody's own wallets are few; whoever pays the first coins of many is a faucet, an exchange or an employer. From
# postings, for the rows of an address stand together there, and the sums of millions are not all under way at once.
_FUNDERS = f"""
with firsts as (
    select p.address_id, min(p.transfer_id) as transfer_id
    from facts.postings p
    where p.direction = 1 and p.kind_code in ({_COINS}) and p.value_raw > 0 and p.counterparty_id is not null
    group by p.address_id
)
select t.sender_id as address_id, 'funder' as kind, true as is_hub,
    'Paid the first coins of ' || cast(count(*) as varchar) || ' addresses' as reason
from firsts f
join facts.transfers t on t.transfer_id = f.transfer_id
group by t.sender_id
having count(*) > $max_funded
"""

# One reward may be an allocation of the first block.
_MINERS = """
select receiver_id as address_id, 'miner' as kind, true as is_hub,
    'Received ' || cast(count(*) as varchar) || ' block rewards' as reason
from facts.transfers
where kind = 'reward' and receiver_id is not null
group by receiver_id
having count(*) >= $min_rewards
"""

# First by a few bits of the hash, which no transaction shares with twenty others of one sender: hashes of all of them
# would be the largest table of a build. Where a hash has no such bits, all of its sender's transfers are looked at.
_MULTISENDERS = """
with crowds as (
    select p.address_id as sender_id, case when p.tx_tag >= 0 then p.tx_tag else -1 end as tag
    from facts.postings p
    join facts.address_stats s on s.address_id = p.address_id
    where p.direction = -1 and s.counterparties_out >= $min_receivers and p.counterparty_id is not null
    group by p.address_id, case when p.tx_tag >= 0 then p.tx_tag else -1 end
    having count(*) >= $min_receivers
),
batches as (
    select t.sender_id, t.tx_hash, count(distinct t.receiver_id) as receivers
    from facts.transfers t
    join crowds c on c.sender_id = t.sender_id and c.tag = case when t.tx_tag >= 0 then t.tx_tag else -1 end
    group by t.sender_id, t.tx_hash
    having count(distinct t.receiver_id) >= $min_receivers
)
select sender_id as address_id, 'multisender' as kind, true as is_hub,
    'Paid ' || cast(max(receivers) as varchar) || ' addresses in one transaction' as reason
from batches
group by sender_id
"""

_SYSTEM = """
select address_id, 'system' as kind, true as is_hub, 'Null, burn or precompiled address' as reason
from facts.addresses
where address like '0x00000000000000000000000000000000%' or address like '0xdead0000000000000000%'
"""

SERVICE_KINDS: tuple[tuple[str, Mapping[str, Value]], ...] = (
    (_LABELLED, {}),
    (_CONTRACTS, {"max_counterparties": 50}),
    (_HUBS, {"max_counterparties": 50}),
    (_FUNDERS, {"max_funded": 20}),
    (_MINERS, {"min_rewards": 3}),
    (_MULTISENDERS, {"min_receivers": 20}),
    (_SYSTEM, {}),
)


def type_services(con: Engine) -> None:
    """Fill beliefs.services: one row per address and kind.

    Every row keeps its address out of same-controller evidence; `is_hub` also says that it is no link between others.
    """
    list_service_categories(con)
    for query, params in SERVICE_KINDS:
        con.execute(f"insert into beliefs.services by name {query}", dict(params))


def list_service_categories(con: Engine) -> None:
    """Make the relation service_categories (category) from data/categories.toml."""
    categories = tomllib.loads(data_path("categories.toml").read_text(encoding="utf-8"))
    services = sorted(slug for slug, facts in categories.items() if facts.get("service", False))
    con.register("service_categories", pa.table({"category": pa.array(services, pa.string())}))
