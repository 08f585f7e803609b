"""What went across the border of each owner of a known kind, per day and asset?

What an owner moves between its own addresses is no part of it, nor what hygiene flagged as spam. Every such sum of a
period is a sum of these few rows: the largest exchange has one per day and asset, for millions of transfers.
"""

from __future__ import annotations

from intel.model import SYSTEM_ADDRESSES
from intel.store import Connection

# Hygiene flags that keep a transfer out of sums by counterparty; the others (dust, self_transfer, ...) are only shown.
SPAM_TRANSFER_FLAGS = ("batch_spam", "lookalike_dust", "zero_value_spoof")
TIERS = ("confirmed", "probable")

# An address has one attribution per visibility: this tells the private one, else the public one, without sorting them.
STANDS_FIRST = """(visibility = 'private' or address_id not in (
                select address_id from beliefs.attributions where visibility = 'private' and address_id is not null))"""

# Who owns an address, as a number: grouping by texts takes twice the time. Parameter: tier.
FIND_OWNERS = f"""
create or replace temp table border_owners as
select a.address_id, e.entity_id, cast(dense_rank() over (order by e.entity_id) as integer) as owner
from beliefs.attributions a
join (select distinct entity_id from beliefs.entities where category is not null) e using (entity_id)
where a.address_id is not null and {STANDS_FIRST}
    and (a.tier = 'confirmed' or a.status = 'labelled' or $tier = 'probable')
"""

# A transfer stands on either side of its border. What is minted or burnt is no dealing. Reads border_owners.
# Parameters: flags, system (addresses nobody owns), since, until (null: open).
SUM_DAYS = """
with nobodies as (select address_id from facts.address_lookup where address in (select unnest($system)))
select o.entity_id, d.* exclude (owner) from (
    select case when c.side > 0 then r.owner else s.owner end as owner, t.asset_id,
        cast(t.block_time as date) as day,
        t.kind <> 'fee' and t.sender_id is not null and t.receiver_id is not null
            and t.sender_id not in (select address_id from nobodies)
            and t.receiver_id not in (select address_id from nobodies) as is_dealing,
        count(*) filter (where c.side > 0) as transfers_in, count(*) filter (where c.side < 0) as transfers_out,
        count(*) - count(t.value_micro_usd) as unpriced,
        cast(coalesce(sum(t.value_raw) filter (where c.side > 0), 0) as decimal(38, 0)) as in_raw,
        cast(coalesce(sum(t.value_raw) filter (where c.side < 0), 0) as decimal(38, 0)) as out_raw,
        cast(least(coalesce(sum(t.value_micro_usd) filter (where c.side > 0), 0), 9223372036854775807) as bigint)
            as in_micro_usd,
        cast(least(coalesce(sum(t.value_micro_usd) filter (where c.side < 0), 0), 9223372036854775807) as bigint)
            as out_micro_usd,
        min(t.block_time) as first_time, max(t.block_time) as last_time
    from facts.transfers t
    left join border_owners s on s.address_id = t.sender_id
    left join border_owners r on r.address_id = t.receiver_id
    cross join (values (1), (-1)) c(side)
    where s.owner is distinct from r.owner and case when c.side > 0 then r.owner else s.owner end is not null
        and ($since is null or t.block_time >= cast($since as timestamp))
        and ($until is null or t.block_time < cast($until as timestamp))
        and t.transfer_id not in (select transfer_id from beliefs.transfer_flags where flag in (select unnest($flags)))
    group by 1, 2, 3, 4
) d join (select distinct owner, entity_id from border_owners) o using (owner)
"""


def build_entity_days(con: Connection) -> None:
    """Fill beliefs.entity_days for both tiers; reads beliefs.attributions as every judgement left them."""
    for tier in TIERS:
        con.execute(FIND_OWNERS, {"tier": tier})
        con.execute(
            f"insert into beliefs.entity_days by name select $tier as tier, * from ({SUM_DAYS}) "
            "order by asset_id, entity_id, day nulls last, is_dealing",
            {
                "tier": tier,
                "since": None,
                "until": None,
                "flags": list(SPAM_TRANSFER_FLAGS),
                "system": list(SYSTEM_ADDRESSES),
            },
        )
    con.execute("drop table border_owners")
