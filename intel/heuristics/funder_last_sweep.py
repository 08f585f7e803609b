"""Whose wallet gives what is left back to the address that paid its first coins?

Reads: wallet_fundings (first_fundings, plain_wallets, known_deposits), clean_transfers, facts.address_assets,
    beliefs.listings.
Requires: transfers, initiators (the funder signed the first payment, the wallet the last).
Returns: same_controller, funder -> wallet, where the last thing the wallet ever sent went to its funder and left
    nothing of that asset behind. Weight: `weight_bits` - log2(wallets first paid by this funder).
Fails when: a loan is paid back to the last coin; a worker returns what is left of an advance.
Source: SCIENCE.md A11, rank 12; Arbitrum Foundation's airdrop filter (first coins in, last coins out).
Cost: one pass over the transfers for each wallet's last send (semi-join).
"""

from __future__ import annotations

from intel.heuristics.base import Heuristic

_SQL = """
with chosen as (
    select f.* from wallet_fundings f where f.funded <= $max_funded
),
lasts as (
    select t.sender_id as address_id, max(t.transfer_id) as transfer_id
    from clean_transfers t
    where t.sender_id in (select address_id from chosen)
    group by t.sender_id
)
select
    c.funder_id as left_id, c.address_id as right_id, cast(null as varchar) as right_entity,
    'same_controller' as relation, c.event,
    cast($weight_bits as double) - round(log2(cast(c.funded as double)), 3) as weight_bits,
    cast(2 as bigint) as support,
    list_sort([c.tx_hash, t.tx_hash]) as tx_hashes, c.block_number as first_block, t.block_number as last_block,
    c.block_time as valid_from, cast(null as timestamp) as valid_to, 'public' as visibility,
    'Paid the first coins of the other and got its last payment, which left nothing behind'
        || case when c.funded = 1 then '' else '; paid the first coins of ' || cast(c.funded as varchar)
            || ' wallets in all' end as reason
from chosen c
join lasts l on l.address_id = c.address_id
join facts.transfers t on t.transfer_id = l.transfer_id
join facts.address_assets b on b.address_id = c.address_id and b.asset_id = t.asset_id
where t.receiver_id = c.funder_id
    and t.initiator_id = c.address_id
    and cast(b.out_raw as double) >= cast($min_share as double) * cast(b.in_raw as double)
    and cast($weight_bits as double) > log2(cast(c.funded as double))
    and not exists (select 1 from beliefs.listings l where l.address_id = c.address_id)
    and not exists (select 1 from beliefs.listings l where l.address_id = c.funder_id)
"""

HEURISTIC = Heuristic(
    name="funder_last_sweep",
    version=1,
    family="FUND",
    relations=("same_controller",),
    requires=("transfers", "initiators"),
    params={"max_funded": 20, "min_share": 0.98, "weight_bits": 7.0},
    sql=_SQL,
    title="Gives what is left back to who paid its first coins",
    consent="both signed",
    is_tree=True,
)
