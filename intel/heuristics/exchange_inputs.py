"""Which addresses are wallets of an exchange: by label, and one step further by what the exchange itself does?"""

from __future__ import annotations

# One row per address: the public claim goes before a private one. A wallet that two owners claim with equal force
# proves nothing; a label that says "deposit" names a deposit address, not a wallet that deposits are swept to.
# `root_id` is the organisation at the top, so that an exchange and its departments are one.
LABELLED_WALLETS = """
with claims as (
    select
        a.address_id, a.entity_id, coalesce(e.name, a.entity_id) as name, a.confidence, a.level, a.visibility, a.role,
        a.category, coalesce(g.entity_id, p.entity_id, e.entity_id) as root_id,
        row_number() over (partition by a.address_id order by a.visibility desc, a.entity_id) as choice
    from beliefs.anchors a
    join beliefs.entities e on e.entity_id = a.entity_id
    left join beliefs.entities p on p.entity_id = e.parent
    left join beliefs.entities g on g.entity_id = p.parent
    where e.kind = 'owner' and coalesce(a.rival_level, -1) < a.level
)
select address_id, entity_id, root_id, name, confidence, level, visibility
from claims
where choice = 1
    and category in ('exchange', 'custodian')
    and coalesce(role, 'hot_wallet') not in ('deposit', 'contract', 'deployer')
"""

# To whom every unlabelled address sends that ever paid a wallet of an exchange. Hubs stay in: anybody can make an
# address look like a hub by dusting it, and the rules count genuine senders themselves.
EXCHANGE_PAYERS = """
with payers as (
    select distinct t.sender_id as address_id
    from clean_transfers t
    join labelled_wallets w on w.address_id = t.receiver_id
    where not exists (select 1 from beliefs.anchors a where a.address_id = t.sender_id and a.visibility = 'public')
        and not exists (
            select 1 from beliefs.services s where s.address_id = t.sender_id and s.kind not in ('contract', 'hub')
        )
)
select t.sender_id as address_id, t.receiver_id, count(*) as sends
from clean_transfers t
where t.sender_id in (select address_id from payers)
group by t.sender_id, t.receiver_id
"""

# SCIENCE.md A6: an unlabelled account that ten deposit addresses of one exchange, and of no other, are swept to beside
# its labelled wallets: a new hot wallet. Such a feeder pays wallets of one exchange and one other address, and passes
# on all it ever got of some asset. The exchange must have dealt with the account itself. Whoever also sends elsewhere
# is no deposit address, and more than five such senders are a service for the public. One step, never from what was
# found to the next.
EXPANDED_WALLETS = """
with feeders as (
    select
        p.address_id, min(w.root_id) as root_id, min(w.entity_id) as entity_id, min(w.visibility) as visibility,
        max(case when w.address_id is null then p.receiver_id end) as wallet_id
    from exchange_payers p
    left join labelled_wallets w on w.address_id = p.receiver_id
    group by p.address_id
    having min(w.root_id) = max(w.root_id) and count(*) - count(w.address_id) = 1
),
emptied as (
    select f.*
    from feeders f
    where f.address_id in (
        select b.address_id
        from facts.address_assets b
        where b.out_raw > 0 and cast(b.out_raw as double) >= 0.98 * cast(b.in_raw as double)
    )
),
counted as (
    select
        e.wallet_id, e.root_id, min(e.entity_id) as entity_id, min(e.visibility) as visibility, count(*) as feeders
    from emptied e
    join facts.addresses a on a.address_id = e.wallet_id
    where coalesce(a.is_contract, false) = false
        and not exists (select 1 from beliefs.anchors b where b.address_id = e.wallet_id and b.visibility = 'public')
        and not exists (
            select 1 from beliefs.services s
            where s.address_id = e.wallet_id and s.kind not in ('hub', 'funder', 'multisender')
        )
    group by e.wallet_id, e.root_id
),
pure as (
    select * from (
        select c.*, sum(c.feeders) over (partition by c.wallet_id) as all_feeders,
            row_number() over (partition by c.wallet_id order by c.feeders desc, c.root_id) as place
        from counted c
    ) ranked
    where place = 1 and feeders >= 10 and cast(feeders as double) >= 0.99 * cast(all_feeders as double)
),
dealings as (
    select distinct u.wallet_id
    from pure u
    join clean_transfers t on t.receiver_id = u.wallet_id
    join labelled_wallets w on w.address_id = t.sender_id and w.root_id = u.root_id
    union
    select distinct u.wallet_id
    from pure u
    join clean_transfers t on t.sender_id = u.wallet_id
    join labelled_wallets w on w.address_id = t.receiver_id and w.root_id = u.root_id
),
senders as (
    select distinct u.wallet_id, u.root_id, t.sender_id
    from pure u
    join clean_transfers t on t.receiver_id = u.wallet_id
    where u.wallet_id in (select wallet_id from dealings)
        and not exists (select 1 from labelled_wallets w where w.address_id = t.sender_id)
),
strangers as (
    select distinct s.wallet_id, s.sender_id
    from senders s
    join clean_transfers t on t.sender_id = s.sender_id
    left join labelled_wallets w on w.address_id = t.receiver_id
    where t.receiver_id <> s.wallet_id and coalesce(w.root_id, '') <> s.root_id
),
crowds as (
    select s.wallet_id, count(*) as senders, count(x.sender_id) as strangers
    from senders s
    left join strangers x on x.wallet_id = s.wallet_id and x.sender_id = s.sender_id
    group by s.wallet_id
)
select u.wallet_id as address_id, u.entity_id, u.root_id, u.visibility, u.feeders, c.senders
from pure u
join crowds c on c.wallet_id = u.wallet_id
where c.strangers <= 5 and 20 * u.feeders >= c.senders
"""

# All wallets together. `bits` says how sure the wallet itself is: what hangs on it can be no surer.
EXCHANGE_WALLETS = """
select address_id, entity_id, root_id, name, confidence, level, visibility, cast(99.0 as double) as bits
from labelled_wallets
union all
select
    x.address_id, x.entity_id, x.root_id, coalesce(e.name, x.entity_id), cast(null as double), cast(null as integer),
    x.visibility, cast(8.0 as double)
from expanded_wallets x
left join beliefs.entities e on e.entity_id = x.entity_id
"""
