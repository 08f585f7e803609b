"""How did the subject's balance change from day to day, in USD and per token, and what moved it?

Days are UTC. A day is valued at its last known price, by the same rule as holdings: the newest one up to that day, so
the history at a day is what `list_holdings` finds for it.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

import pyarrow as pa

from intel.model import Subject
from intel.profiler.coverage import last_seen_by_chain
from intel.profiler.holdings import scale_amount
from intel.profiler.postings import ALWAYS, Window, gather_moves
from intel.profiler.tokens import Token, gather_token
from intel.profiler.transfers import TransferFilter, read_page
from intel.store.reader import Reader

_FRESH_DAYS = 1  # an older price is stale
_CHARTED = 8

_SERIES = pa.schema({
    "day": pa.date32(), "chain": pa.string(), "token": pa.string(), "token_id": pa.string(), "symbol": pa.string(),
    "amount": pa.string(), "usd": pa.float64(), "price_usd": pa.float64(), "price_date": pa.date32(),
})  # fmt: skip

# Micro-dollars as decimals, not floats: their sum is the same in any order. What is beyond 10^24 USD has no value.
_VALUE = "try_cast(round(net_raw::double * price_usd / pow(10, decimals) * 1e6) as decimal(30, 0))"


def gather_balances(reader: Reader, subject: Subject, until: datetime | None = None) -> None:
    """Fill the thread's temporary table `day_balances`: asset by day, from the first move on; spam left out.

    Columns: asset_id, day, net_raw (exact, at the end of the day), change_raw, price_usd, price_date, micro_usd,
    moved_micro_usd (the day's change at the day's price), is_stale, transfers. Assets with prices have every day, the
    others those on which they moved. Oversize assets have no amounts and are left out.
    """
    gather_moves(reader, subject, Window(None, until))
    reader.prepare("day_balances", (subject.address_ids, until), lambda: _fill_balances(reader, until))


def _fill_balances(reader: Reader, until: datetime | None) -> None:
    reader.query(
        """create or replace temp table day_changes as
        select p.asset_id, p.block_time::date as day, sum(p.value_raw * p.direction)::decimal(38, 0) as change_raw,
            count(*) filter (p.direction < 0
                or coalesce(p.counterparty_id not in (select address_id from members), true)) as transfers
        from moves p
        where p.asset_id not in (select asset_id from spam_assets)
            and p.asset_id not in (select asset_id from facts.assets where is_oversize)
        group by 1, 2"""
    )
    seen = last_seen_by_chain(reader)
    last = None if until is None else until - timedelta(microseconds=1)
    reader.query(
        f"""create or replace temp table day_balances as
        with ends as (select unnest($chains::varchar[]) as chain, unnest($ends::date[]) as last_day),
        spans as (
            select c.asset_id, min(c.day) as first_day, any_value(a.decimals) as decimals,
                any_value(e.last_day) as last_day,
                greatest(max(max(c.day)) over (), (select max(last_day) from ends)) as final_day
            from day_changes c join facts.assets a using (asset_id) left join ends e on e.chain = a.chain group by 1),
        prices as (
            select p.asset_id, p.date as day, p.usd as price_usd from facts.asset_prices p
            join spans s using (asset_id) where s.decimals is not null and p.date <= s.last_day),
        grid as (
            select asset_id,
                unnest(generate_series(first_day::timestamp, final_day::timestamp, interval 1 day))::date as day
            from spans where asset_id in (select asset_id from prices)),
        marks as (
            select asset_id, day, change_raw, transfers, null::double as price_usd from day_changes
            union all select asset_id, day, null, 0, null from grid
            union all select asset_id, day, null, 0, price_usd from prices),
        days as (
            select asset_id, day, coalesce(sum(change_raw), 0)::decimal(38, 0) as change_raw,
                sum(transfers)::bigint as transfers, max(price_usd) as price_usd
            from marks group by 1, 2),
        running as (
            select asset_id, day, change_raw, transfers,
                (sum(change_raw) over w)::decimal(38, 0) as net_raw,
                last_value(price_usd ignore nulls) over w as price_usd,
                last_value(case when price_usd is not null then day end ignore nulls) over w as price_date
            from days window w as (partition by asset_id order by day rows unbounded preceding))
        select r.asset_id, r.day, r.net_raw, r.change_raw, r.transfers, r.price_usd, r.price_date,
            {_VALUE} as micro_usd, {_VALUE.replace("net_raw", "change_raw")} as moved_micro_usd,
            least(r.day, s.last_day) - r.price_date > {_FRESH_DAYS} as is_stale
        from running r join spans s using (asset_id) where r.day >= s.first_day order by r.asset_id, r.day""",
        {"chains": list(seen), "ends": [(end if last is None else min(end, last)).date() for end in seen.values()]},
    )


def tabulate_history(reader: Reader, subject: Subject, window: Window = ALWAYS) -> pa.Table:
    """Return one row per day from the first move (or the window's start) to the last day seen.

    Columns: day; usd (priced holdings at the day's end, as `list_holdings` adds them up); change_usd (against the day
    before) = moved_usd (what came and went, at the day's price) + revalued_usd (prices that changed, or came to be
    known); stale_usd (the part of usd whose price is older than a day); unpriced (tokens held without a price, NFTs
    among them); negative (tokens of which more went out than was seen coming in); transfers, and of the largest one
    of the day, spam and moves between members left out: largest_usd, largest_direction, largest_tx, largest_chain.
    """
    gather_balances(reader, subject, window.until)
    return reader.arrow(
        f"""with bounds as (select min(day) as first_day, max(day) as last_day from day_balances),
        calendar as (
            select unnest(generate_series(first_day::timestamp, last_day::timestamp, interval 1 day))::date as day
            from bounds),
        priced as (
            select day, coalesce(sum(micro_usd), 0) as usd, coalesce(sum(moved_micro_usd), 0) as moved,
                coalesce(sum(micro_usd) filter (is_stale), 0) as stale,
                count(*) filter (micro_usd is not null and net_raw < 0) as negative
            from day_balances group by 1),
        turns as (
            select day, case when micro_usd is null then net_raw else 0 end as held,
                lag(case when micro_usd is null then net_raw else 0 end, 1, 0)
                    over (partition by asset_id order by day) as before
            from day_balances),
        unpriced as (
            select day, sum((held <> 0)::integer - (before <> 0)::integer) as more,
                sum((held < 0)::integer - (before < 0)::integer) as more_negative
            from turns group by 1),
        counted as (select day, sum(transfers)::bigint as transfers from day_changes group by 1),
        told as (
            select c.day, coalesce(p.usd, 0) as usd, coalesce(p.moved, 0) as moved, coalesce(p.stale, 0) as stale,
                coalesce(p.negative, 0) + sum(coalesce(u.more_negative, 0)) over w as negative,
                sum(coalesce(u.more, 0)) over w as unpriced, coalesce(n.transfers, 0) as transfers,
                coalesce(p.usd, 0) - coalesce(lag(p.usd) over w, 0) as change
            from calendar c left join priced p using (day) left join unpriced u using (day)
                left join counted n using (day)
            window w as (order by c.day)),
        largest as ({_LARGEST})
        select t.day, t.usd::double / 1e6 as usd, t.change::double / 1e6 as change_usd,
            t.moved::double / 1e6 as moved_usd, (t.change - t.moved)::double / 1e6 as revalued_usd,
            t.stale::double / 1e6 as stale_usd, t.unpriced::bigint as unpriced, t.negative::bigint as negative,
            t.transfers, l.micro_usd / 1e6 as largest_usd, l.direction as largest_direction, x.tx_hash as largest_tx,
            x.chain as largest_chain
        from told t left join largest l using (day) left join facts.transfers x on x.transfer_id = l.transfer_id
        where $since::timestamp is null or t.day >= $since::timestamp::date order by t.day""",
        {"since": window.since},
    )


_OUTSIDE = """p.value_micro_usd is not null and p.asset_id not in (select asset_id from spam_assets)
            and p.transfer_id not in (select transfer_id from spam_transfers)
            and coalesce(p.counterparty_id not in (select address_id from members), true)"""

# First how much, then which one: a struct per move costs five times what a number does.
_LARGEST = f"""select day, leg.micro_usd as micro_usd, -leg.negated_id as transfer_id,
        case when leg.direction > 0 then 'in' else 'out' end as direction
    from (
        select m.day, max({{'micro_usd': p.value_micro_usd, 'negated_id': -p.transfer_id,
            'direction': p.direction}}) as leg
        from moves p join (
            select p.block_time::date as day, max(p.value_micro_usd) as most from moves p where {_OUTSIDE} group by 1) m
            on m.day = p.block_time::date and m.most = p.value_micro_usd
        where {_OUTSIDE} group by 1)"""


def tabulate_token_history(
    reader: Reader, subject: Subject, window: Window = ALWAYS, *, token: Token | None = None, top: int = _CHARTED
) -> pa.Table:
    """Return day, chain, token, token_id, symbol, amount (exact text, at the day's end), usd, price_usd, price_date.

    `token` names one (`resolve_token`); without it the `top` tokens with the largest USD at any day of the window. A
    token without prices has only the days on which it moved: its amount holds until the next.
    """
    gather_balances(reader, subject, window.until)
    if token is not None:
        gather_token(reader, token)
    chosen = "true" if token is None else "asset_id in (select asset_id from token_assets)"
    rows = reader.records(
        f"""with shown as (
            select * from day_balances where {chosen}
                and ($since::timestamp is null or day >= $since::timestamp::date)),
        ranked as (
            select asset_id, max(abs(micro_usd)) as most from shown group by 1
            having $named or most is not null order by most desc nulls last, asset_id limit $top)
        select s.day, a.chain, coalesce(a.token, 'native') as token, a.token_id, a.symbol, a.decimals, s.net_raw,
            s.micro_usd::double / 1e6 as usd, s.price_usd, s.price_date
        from shown s join facts.assets a using (asset_id) join ranked r using (asset_id)
        order by r.most desc nulls last, s.asset_id, s.day""",
        {"since": window.since, "top": top if token is None else 2**62, "named": token is not None},
    )
    for row in rows:
        row["amount"] = format(scale_amount(row.pop("net_raw"), row.pop("decimals")), "f")
    return pa.Table.from_pylist(rows, _SERIES)


def tabulate_day(reader: Reader, subject: Subject, day: date, *, limit: int = 20) -> pa.Table:
    """Return the transfers of one day, the largest USD first: what moved the balance; columns as in `read_page`."""
    start = datetime.combine(day, time())
    wanted = TransferFilter(window=Window(start, start + timedelta(days=1)), hides_spam=True)
    return read_page(reader, subject, wanted, limit=limit, sort="value", descending=True).rows


def summarise_history(history: pa.Table) -> dict[str, Any]:
    """Return first_day, last_day, first_usd, last_usd, highest and lowest ({day, usd}) of a balance history."""
    rows = [(row["usd"], row["day"]) for row in history.select(["day", "usd"]).to_pylist()]
    if not rows:
        return {}
    (high, high_day), (low, low_day) = max(rows, key=lambda row: row[0]), min(rows, key=lambda row: row[0])
    return {
        "first_day": rows[0][1],
        "last_day": rows[-1][1],
        "first_usd": rows[0][0],
        "last_usd": rows[-1][0],
        "highest": {"day": high_day, "usd": high},
        "lowest": {"day": low_day, "usd": low},
    }
