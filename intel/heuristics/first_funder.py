"""Who paid the first coins of a wallet, and is that its owner?

Reads: wallet_fundings (first_fundings, plain_wallets, known_deposits, facts.transfers), wallet_flows, beliefs.listings.
Requires: transfers, initiators (the funder must have signed the payment, the funded wallet something after it and
    nothing before).
Returns: funded_by, wallet -> funder; same_controller, funder -> wallet, where the wallet first signs within
    `max_days` of the payment. Weight: `weight_bits` - log2(wallets first paid by this funder), where the wallet ever
    paid the funder by its own signature; else never above `one_sided_bits`, which unites nobody: anybody can pay the
    first coins of a stranger. None above `max_funded`.
Fails when: somebody helps a friend to start who pays back later; a small employer, a grant. Exchanges, faucets and
    whoever else serves the public are no plain wallets; what comes from them says who was a customer.
Source: SCIENCE.md A11; Arbitrum Foundation's airdrop filter (funder and sweep graph). The edge goes to the funder only:
    wallets with one funder are not claimed of each other.
Cost: the stored inputs, and one pass over the transfers for who signed when (semi-join).
"""

from __future__ import annotations

from intel.heuristics.base import Heuristic

_SQL = """
with weighed as (
    select
        f.*, case when r.sender_id is null then false else true end as is_mutual,
        case
            when r.sender_id is null then least(cast($weight_bits as double) - round(log2(cast(f.funded as double)), 3),
                cast($one_sided_bits as double))
            else cast($weight_bits as double) - round(log2(cast(f.funded as double)), 3)
        end as weight_bits
    from wallet_fundings f
    left join wallet_flows r on r.sender_id = f.address_id and r.receiver_id = f.funder_id
    where f.funded <= $max_funded
)
select
    w.address_id as left_id, w.funder_id as right_id, cast(null as varchar) as right_entity, 'funded_by' as relation,
    w.event, w.weight_bits, cast(1 as bigint) as support, [w.tx_hash] as tx_hashes, w.block_number as first_block,
    w.block_number as last_block, w.block_time as valid_from, cast(null as timestamp) as valid_to,
    'public' as visibility, 'Its first coins came from there' as reason
from weighed w
union all
select
    w.funder_id, w.address_id, cast(null as varchar), 'same_controller', w.event, w.weight_bits, cast(1 as bigint),
    [w.tx_hash], w.block_number, w.block_number, w.block_time, cast(null as timestamp), 'public',
    'Paid the first coins of the other, which was used within ' || cast($max_days as varchar) || ' days'
        || case when w.is_mutual then ' and paid back later' else '; nothing came back' end
        || case when w.funded = 1 then '; paid the first coins of no other'
            else '; paid the first coins of ' || cast(w.funded as varchar) || ' wallets in all' end
from weighed w
where date_diff('second', w.block_time, w.signed_time) <= $max_days * 86400
    and w.weight_bits > 0
    and not exists (select 1 from beliefs.listings l where l.address_id = w.address_id)
    and not exists (select 1 from beliefs.listings l where l.address_id = w.funder_id)
"""

HEURISTIC = Heuristic(
    name="first_funder",
    version=1,
    family="FUND",
    relations=("funded_by", "same_controller"),
    requires=("transfers", "initiators"),
    params={"max_funded": 20, "max_days": 7, "weight_bits": 5.0, "one_sided_bits": 4.0},
    sql=_SQL,
    title="Paid its first coins",
    consent="both signed",
    is_tree=True,
)
