"""What did the subject do, transaction by transaction, once the legs of each are netted?

A swap by way of a router is one event: coins out, tokens in. Counterparties and PnL stand on events; the raw legs stay
in the transfers.
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from intel.model import TRANSFER_KINDS, Subject
from intel.profiler.postings import ALWAYS, Window, cap_sum, gather_flows
from intel.sources.chains import load_chains
from intel.store.reader import Reader

# code -> what it is; `is_external`: value that comes from, or goes to, somebody else
CLASSES: Mapping[str, str] = {
    "payment": "money from or to somebody else",
    "swap": "one asset given for another in one transaction",
    "wrap": "the native coin wrapped or unwrapped: nothing changes hands",
    "bridge": "sent to, or received from, a bridge",
    "liquidity": "tokens given to a pool for a share of it, or back",
    "lending": "tokens given to a lender for a receipt, or back",
    "loan": "coins borrowed or repaid",
    "airdrop": "tokens given to very many at once",
    "reward": "block rewards and withdrawals of validators",
    "fee": "the price of a transaction",
}

_KIND = {kind: code for code, kind in enumerate(TRANSFER_KINDS)}
# An asset whose units, brought to those of the others in its pool, no sum could hold stands alone.
_DIGITS, _MOST_UNITS = 36, 1e35


def gather_events(reader: Reader, subject: Subject, window: Window = ALWAYS) -> None:
    """Fill the thread's temporary table `event_legs`: what each transaction changed, per pool of equal assets.

    Columns: event_id (dense, in order of time), block_time, tx_tag, first_id (its first transfer), class, pool (text),
    asset_id (of the largest leg), net (exact units of the pool, + in, - out), micro_usd (market value, always
    positive; null: no price), counterparty_id (null: several, or none). Spam tokens are left out; dust of a genuine
    token is held like any other. What moves between members nets to nothing.
    """
    gather_flows(reader, subject, window)
    prepare_pools(reader)
    reader.prepare("event_legs", (subject.address_ids, subject.tier, window), lambda: _fill_legs(reader))


def prepare_pools(reader: Reader) -> None:
    """Fill the build's `asset_pools(asset_id, pool, scale)`: one pool holds an asset on all chains, wrapped or not.

    Verified, priced tokens of one price are one asset; every other token stands alone. `scale` brings base units of
    different decimals to one unit; where no sum could hold that, the asset stands alone.
    """

    def fill() -> None:
        coins = sorted((slug, chain.native_symbol) for slug, chain in load_chains().items() if chain.native_symbol)
        reader.load(
            "native_coins",
            pa.table({"chain": [slug for slug, _ in coins], "symbol": [symbol for _, symbol in coins]}),
        )
        reader.query(
            """create or replace table airdropped as select distinct f.asset_id from beliefs.asset_flags f
            join facts.assets a using (asset_id) where f.flag = 'mass_airdrop' and a.is_verified order by 1"""
        )
        reader.query(
            f"""create or replace table asset_pools as
            with moved as (
                select asset_id, sum(in_raw::double + out_raw::double) as units from facts.address_assets group by 1),
            named as (
                select a.asset_id, coalesce(m.units, 0) as units, coalesce(a.decimals, 0) as decimals,
                    case when a.token_id is not null or a.price_symbol is null or not a.is_verified
                            then 'asset ' || a.asset_id
                        when upper(a.price_symbol) = 'W' || upper(c.symbol) then upper(c.symbol)
                        else upper(a.price_symbol) end as pool
                from facts.assets a left join native_coins c on c.chain = a.chain left join moved m using (asset_id)
                where not coalesce(a.is_oversize, false))
            select asset_id, case when is_one then pool else 'asset ' || asset_id end as pool,
                case when is_one then pow(10::double, widest - decimals)::hugeint else 1::hugeint end as scale
            from (
                select *, widest = decimals or (widest - decimals <= {_DIGITS}
                    and units * pow(10::double, widest - decimals) < {_MOST_UNITS}) as is_one
                from (select *, max(decimals) over (partition by pool) as widest from named))
            order by 1"""
        )

    reader.share("asset_pools", fill)


def _fill_legs(reader: Reader) -> None:
    """Net the moves per transaction and pool, then say what each transaction was."""
    reader.query(
        f"""create or replace temp table event_legs as
        with event_nets as materialized (
        select m.block_time, m.tx_tag, a.pool, m.kind_code = {_KIND["fee"]} and m.direction < 0 as is_fee,
            min(m.transfer_id) as first_id, arg_max(m.asset_id, (m.value_micro_usd, -m.transfer_id)) as asset_id,
            min(m.asset_id) as any_asset_id, sum(m.value_raw::hugeint * m.direction * a.scale) as net,
            {cap_sum("abs(sum(m.value_micro_usd * m.direction))")} as micro_usd,
            bool_or(m.value_micro_usd is null) as is_unpriced,
            case when min(m.counterparty_id) = max(m.counterparty_id) then min(m.counterparty_id) end
                as counterparty_id,
            bool_or(m.kind_code in ({_KIND["reward"]}, {_KIND["withdrawal"]}) or
                (m.kind_code = {_KIND["fee"]} and m.direction > 0)) as is_reward,
            bool_or(m.kind_code in ({_KIND["wrap"]}, {_KIND["unwrap"]})) as is_wrap,
            bool_or(o.category = 'bridge') as is_bridge, bool_or(o.category = 'lending_defi') as is_lending,
            bool_or(o.category = 'dex') as is_pool, bool_or(m.asset_id in (select asset_id from airdropped)) as is_gift
        from moves m
        join asset_pools a on a.asset_id = m.asset_id
        left join owners o on o.address_id = m.counterparty_id
        where m.value_raw is not null and m.value_raw > 0
            and m.asset_id not in (select asset_id from spam_assets)
        group by 1, 2, 3, 4),
        told as (
            select *, count(*) filter (net > 0 and not is_fee) over tx as ins,
                count(*) filter (net < 0 and not is_fee) over tx as outs,
                bool_or(coalesce(is_bridge, false)) over tx as of_bridge,
                bool_or(coalesce(is_lending, false)) over tx as of_lender,
                bool_or(coalesce(is_pool, false)) over tx as of_pool,
                bool_or(is_unpriced and not is_fee) over tx as lacks_price,
                min(first_id) over tx as event_first
            from event_nets window tx as (partition by block_time, tx_tag))
        select dense_rank() over (order by block_time nulls last, event_first) - 1 as event_id, block_time, tx_tag,
            event_first as first_id,
            case when is_fee then 'fee' when is_reward then 'reward' when net = 0 then 'wrap'
                when of_bridge and (ins = 0 or outs = 0) then 'bridge'
                when ins > 0 and outs > 0 and of_lender then 'lending'
                when ins > 0 and outs > 0 and of_pool and lacks_price and ins + outs > 2 then 'liquidity'
                when ins > 0 and outs > 0 then 'swap'
                when of_lender then 'loan'
                when is_gift and ins > 0 then 'airdrop'
                else 'payment' end as class,
            pool, coalesce(asset_id, any_asset_id) as asset_id, net,
            case when not is_unpriced then micro_usd end as micro_usd, counterparty_id
        from told where net <> 0 or is_wrap
        order by event_id, is_fee, net < 0, pool"""
    )
