"""What comes into and goes out of exchanges, what do they keep for customers, and who uses which deposit address?"""

from __future__ import annotations

import pyarrow as pa

from intel.model import SYSTEM_ADDRESSES, TRANSFER_KINDS, Subject, Tier
from intel.profiler.borders import gather_borders
from intel.profiler.holdings import prepare_known_assets
from intel.profiler.postings import (
    ALWAYS,
    EXCHANGE_CATEGORIES,
    Window,
    fill_owners,
    gather_flows,
    gather_members,
    gather_moves,
    prepare_entities,
)
from intel.profiler.tokens import Step, Token, check_step, gather_token
from intel.store.reader import Reader

FEE = TRANSFER_KINDS.index("fee")
DEPOSIT_ROLES = ("exchange_deposit", "deposit")

_SUMS = """coalesce(sum(value_micro_usd) filter (direction > 0), 0)::double / 1e6 as deposited_usd,
            coalesce(sum(value_micro_usd) filter (direction < 0), 0)::double / 1e6 as withdrawn_usd,
            coalesce(sum(value_micro_usd * direction), 0)::double / 1e6 as net_usd,
            count(*) filter (direction > 0) as deposits, count(*) filter (direction < 0) as withdrawals,
            count(*) - count(value_micro_usd) as unpriced"""


def tabulate_netflows(
    reader: Reader,
    subject: Subject | None = None,
    window: Window = ALWAYS,
    *,
    step: Step = "month",
    token: Token | None = None,
    tier: Tier = "confirmed",
) -> pa.Table:
    """Return what came in from outside and went out per period: of one exchange, or of each (`subject` None).

    Columns: exchange, name, period (its first day), deposited_usd, withdrawn_usd, net_usd, deposits, withdrawals,
    unpriced. Left out: moves inside an exchange, spam, fees, mints, burns, and what came from or went to nobody. Of
    all exchanges `tier` says which addresses count; a subject brings its own.
    """
    check_step(step)
    if token is not None:
        gather_token(reader, token)
    chosen = "true" if token is None else "p.asset_id in (select asset_id from token_assets)"
    if subject is None:
        return _add_up_days(reader, window, tier, chosen, (step, None))
    if subject.kind == "entity" and _has_days(reader, subject):
        return _add_up_days(reader, window, subject.tier, chosen, (step, subject.entity_id))
    gather_moves(reader, subject, window)
    return reader.arrow(
        f"""select $exchange as exchange, $name as name, date_trunc($step, p.block_time)::date as period, {_SUMS}
        from moves p
        where {chosen} and p.kind_code <> {FEE} and p.counterparty_id is not null
            and p.counterparty_id not in (select address_id from members)
            and p.counterparty_id not in (
                select address_id from facts.address_lookup where address in (select unnest($system)))
            and p.asset_id not in (select asset_id from spam_assets)
            and p.transfer_id not in (select transfer_id from spam_transfers)
        group by 3 order by 3""",
        {
            "exchange": subject.entity_id or subject.name,
            "name": subject.name,
            "step": step,
            "system": list(SYSTEM_ADDRESSES),
        },
    )


def _has_days(reader: Reader, subject: Subject) -> bool:
    """An owner without a category is summed from its own transfers, and so is a list, which owns nothing."""
    prepare_entities(reader)
    wanted: dict[str, object] = {"entity_id": subject.entity_id}
    found = "select 1 from known_entities where entity_id = $entity_id and category is not null and kind <> 'list'"
    return bool(reader.query(found, wanted))


def _add_up_days(reader: Reader, window: Window, tier: Tier, chosen: str, wanted: tuple[Step, str | None]) -> pa.Table:
    days, ends = gather_borders(reader, window, tier)
    step, entity_id = wanted
    whose = "e.category in (select unnest($exchanges))" if entity_id is None else "e.entity_id = $entity_id"
    whom = {"exchanges": list(EXCHANGE_CATEGORIES)} if entity_id is None else {"entity_id": entity_id}
    return reader.arrow(
        f"""select e.entity_id as exchange, min(coalesce(e.name, e.entity_id)) as name,
            date_trunc($step, p.day)::date as period, sum(p.in_micro_usd)::double / 1e6 as deposited_usd,
            sum(p.out_micro_usd)::double / 1e6 as withdrawn_usd,
            (sum(p.in_micro_usd) - sum(p.out_micro_usd))::double / 1e6 as net_usd,
            sum(p.transfers_in)::bigint as deposits, sum(p.transfers_out)::bigint as withdrawals,
            sum(p.unpriced)::bigint as unpriced
        from {days} p join known_entities e using (entity_id)
        where {whose} and {chosen} and p.is_dealing and p.asset_id not in (select asset_id from spam_assets)
        group by 1, 3 order by 3, 1""",
        ends | whom | {"step": step},
    )


def tabulate_reserves(reader: Reader, subject: Subject, window: Window = ALWAYS) -> pa.Table:
    """Return what the exchange's wallets keep for customers, by what the wallets are for: role, addresses, usd, ...

    Columns: role (null: not known), addresses, usd (priced, spam left out), unpriced (address and token without a
    price), share. By token they are the subject's holdings (`sheet_holdings`). `window` counts by its end.
    """
    gather_members(reader, subject)
    prepare_known_assets(reader, Window(None, window.until))
    until = window.until
    held = (
        """select address_id, asset_id, (in_raw - out_raw) as net_raw from facts.address_assets
            where address_id in (select address_id from members)"""
        if until is None
        else """select address_id, asset_id, sum(value_raw * direction) as net_raw from facts.postings
            where address_id in (select address_id from members) and block_time < $until group by 1, 2"""
    )
    return reader.arrow(
        f"""with held as ({held}),
        roles as (
            select address_id, min(role) as role from beliefs.attributions where entity_id = $entity_id
                and address_id in (select address_id from members) group by 1),
        valued as (
            select r.role, h.address_id, try_cast(round(h.net_raw::double * k.price_usd / pow(10, a.decimals) * 1e6)
                    as decimal(30, 0)) as micro_usd, h.net_raw <> 0 as is_held
            from held h join facts.assets a using (asset_id) left join known_assets k using (asset_id)
                left join roles r using (address_id)
            where not coalesce(k.is_spam, false) and not coalesce(a.is_oversize, false)),
        summed as (
            select role, count(distinct address_id) as addresses, coalesce(sum(micro_usd), 0) as micro_usd,
                count(*) filter (is_held and micro_usd is null) as unpriced
            from valued group by 1)
        select role, addresses, micro_usd::double / 1e6 as usd, unpriced,
            micro_usd::double / nullif(sum(micro_usd) over (), 0) as share
        from summed order by micro_usd desc, role""",
        {"entity_id": subject.entity_id} | ({} if until is None else {"until": until}),
    )


def tabulate_new_deposits(
    reader: Reader, subject: Subject, window: Window = ALWAYS, *, step: Step = "month"
) -> pa.Table:
    """Return period and addresses: how many of the exchange's deposit addresses were first used in each."""
    check_step(step)
    gather_members(reader, subject)
    return reader.arrow(
        """with first as (
            select address_id, min(first_time) as first_time from facts.address_assets
            where address_id in (
                select address_id from beliefs.attributions
                where entity_id = $entity_id and role in (select unnest($roles)))
                and address_id in (select address_id from members)
            group by 1)
        select date_trunc($step, first_time)::date as period, count(*) as addresses from first
        where ($since::timestamp is null or first_time >= $since::timestamp)
            and ($until::timestamp is null or first_time < $until::timestamp)
        group by 1 order by 1""",
        {
            "entity_id": subject.entity_id,
            "roles": list(DEPOSIT_ROLES),
            "step": step,
            "since": window.since,
            "until": window.until,
        },
    )


def tabulate_deposit_addresses(
    reader: Reader, subject: Subject, window: Window = ALWAYS, *, limit: int | None = None
) -> pa.Table:
    """Return the deposit addresses of exchanges that the subject paid into, the largest USD first.

    Columns: exchange, name, address, chain, deposits, usd, unpriced, first_time, last_time (of the subject's
    payments), other_users (others who ever paid into it: an owner counts once, the exchange itself not), status, tier,
    confidence. An address with other users is no proof of anything about this one.
    """
    gather_flows(reader, subject, window)
    params: dict[str, object] = {"roles": list(DEPOSIT_ROLES), "own": subject.entity_id}
    reader.query(
        """create or replace temp table deposits_used as
        select p.counterparty_id as address_id, count(*) as deposits, sum(p.value_micro_usd) as micro_usd,
            count(*) - count(p.value_micro_usd) as unpriced, min(p.block_time) as first_time,
            max(p.block_time) as last_time
        from moves p
        where p.direction < 0 and p.counterparty_id in (
                select address_id from owners where role in (select unnest($roles))
                    and entity_id is distinct from $own)
            and p.asset_id not in (select asset_id from spam_assets)
            and p.transfer_id not in (select transfer_id from spam_transfers)
        group by 1""",
        params,
    )
    reader.query(
        """create or replace temp table deposit_senders as
        select distinct p.address_id, p.counterparty_id as sender_id from facts.postings p
        where p.address_id in (select address_id from deposits_used) and p.direction > 0
            and p.counterparty_id is not null and p.counterparty_id not in (select address_id from members)
            and p.asset_id not in (select asset_id from spam_assets)"""
    )
    fill_owners(reader, "select sender_id from deposit_senders", subject.tier, table="deposit_payers")
    return reader.arrow(
        """with others as (
            select s.address_id, count(distinct coalesce(p.entity_id, s.sender_id::varchar)) as other_users
            from deposit_senders s join owners o on o.address_id = s.address_id
                left join deposit_payers p on p.address_id = s.sender_id
            where p.entity_id is distinct from o.entity_id or p.entity_id is null
            group by 1)
        select o.entity_id as exchange, o.name, a.address, a.chain, u.deposits, u.micro_usd::double / 1e6 as usd,
            u.unpriced, u.first_time, u.last_time, coalesce(t.other_users, 0) as other_users, o.status, o.tier,
            o.confidence
        from deposits_used u join owners o using (address_id) join facts.addresses a using (address_id)
            left join others t using (address_id)
        order by u.micro_usd desc nulls last, u.deposits desc, a.chain, a.address limit $limit""",
        {"limit": 2**62 if limit is None else limit},
    )
