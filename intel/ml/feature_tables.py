"""Which tables do the features come from? Sums over one address, over its pairs, its transactions and its neighbours.

Each is one query over facts and the tables before it; `$cut_off` ends history, and `$end` as the cut-off is no end.
Sums are over integers (logarithms in thousandths), so that no figure depends on the order of addition.
"""

from __future__ import annotations

from intel.model import TRANSFER_KINDS

_FEE = TRANSFER_KINDS.index("fee")
_COIN = tuple(TRANSFER_KINDS.index(kind) for kind in ("native", "internal"))
_COLLECTIBLE = tuple(TRANSFER_KINDS.index(kind) for kind in ("erc721", "erc1155"))
_REWARD = tuple(TRANSFER_KINDS.index(kind) for kind in ("reward", "withdrawal"))
_INTERNAL = TRANSFER_KINDS.index("internal")
_WRAPPED = tuple(TRANSFER_KINDS.index(kind) for kind in ("wrap", "unwrap"))

# Four-byte selectors of published contract interfaces, by what the call is for.
METHODS = {
    "token": ("0xa9059cbb", "0x23b872dd", "0x42842e0e", "0x095ea7b3", "0xa22cb465"),
    "swap": (
        "0x38ed1739", "0x7ff36ab5", "0x18cbafe5", "0x8803dbee", "0xfb3bdb41", "0x4a25d94a", "0x5c11d795", "0xb6f9de95",
        "0x791ac947", "0x414bf389", "0xc04b8d59", "0x3593564c", "0x12aa3caf",
    ),
    "liquidity": ("0xe8e33700", "0xf305d719", "0xbaa2abde", "0x02751cec", "0x88316456", "0x0c49ccbe"),
    "lending": ("0x617ba037", "0x69328dec", "0xa415bcad", "0x573ade81", "0xe8eda9df", "0xd0e30db0", "0x2e1a7d4d"),
}  # fmt: skip


def _is_one_of(column: str, codes: tuple[object, ...]) -> str:
    return f"{column} in ({', '.join(repr(code) for code in codes)})"


def _milli_log(value: str) -> str:
    return f"cast(round(1000 * ln(1 + {value})) as bigint)"


_N_LOG_N = "sum(cast(round(1000 * n * ln(n)) as bigint))"

STEPS: tuple[tuple[str, str], ...] = (
    (
        "role_moves",
        f"""
        select p.address_id, p.block_time, p.transfer_id, p.direction, p.counterparty_id, p.asset_id, p.kind_code,
            p.tx_tag, p.value_raw, p.value_micro_usd,
            case when p.value_micro_usd is not null then {_milli_log("greatest(p.value_micro_usd, 0) / 1e4")} end
                as milli_log_cents,
            cast(epoch(p.block_time) as bigint) as seconds
        from facts.postings p
        where p.kind_code <> {_FEE} and p.counterparty_id is distinct from p.address_id
            and (p.block_time < $cut_off or (p.block_time is null and $cut_off = $end))
        """,
    ),
    (
        "role_pairs",
        """
        select address_id, counterparty_id, count_if(direction = 1) as n_in, count_if(direction = -1) as n_out
        from role_moves where counterparty_id is not null
        group by address_id, counterparty_id
        """,
    ),
    (
        "role_partners",
        """
        select address_id, count_if(n_in > 0) as senders, count_if(n_out > 0) as receivers, count(*) as partners,
            count_if(n_in + n_out = 1) as met_once, count_if(n_in > 0 and n_out > 0) as mutual,
            max(n_in) as most_in, max(n_out) as most_out,
            sum(case when n_in > 0 then cast(round(1000 * n_in * ln(n_in)) as bigint) else 0 end) as parts_in,
            sum(case when n_out > 0 then cast(round(1000 * n_out * ln(n_out)) as bigint) else 0 end) as parts_out
        from role_pairs group by address_id
        """,
    ),
    (
        "role_sums",
        f"""
        select address_id, count_if(direction = 1) as received, count_if(direction = -1) as sent,
            count_if(direction = 1 and {_is_one_of("kind_code", _COIN)}) as coins_in,
            count_if(direction = -1 and {_is_one_of("kind_code", _COIN)}) as coins_out,
            count_if({_is_one_of("kind_code", _COLLECTIBLE)}) as collectibles,
            count_if({_is_one_of("kind_code", _REWARD)}) as rewards,
            count_if({_is_one_of("kind_code", _WRAPPED)}) as wrapped,
            count_if(direction = 1 and kind_code = {_INTERNAL}) as internal_in,
            count_if(direction = -1 and kind_code = {_INTERNAL}) as internal_out,
            count_if(direction = 1 and value_raw = 0) as zeros_in,
            count_if(direction = -1 and value_raw = 0) as zeros_out,
            count(milli_log_cents) filter (direction = 1) as priced_in,
            count(milli_log_cents) filter (direction = -1) as priced_out,
            sum(milli_log_cents) filter (direction = 1) as logs_in,
            sum(milli_log_cents) filter (direction = -1) as logs_out,
            sum(milli_log_cents * milli_log_cents) filter (direction = 1) as squares_in,
            sum(milli_log_cents * milli_log_cents) filter (direction = -1) as squares_out,
            min(value_micro_usd) filter (direction = 1) as least_in,
            max(value_micro_usd) filter (direction = 1) as greatest_in,
            min(value_micro_usd) filter (direction = -1) as least_out,
            max(value_micro_usd) filter (direction = -1) as greatest_out,
            sum(value_micro_usd) filter (direction = 1) as usd_in,
            sum(value_micro_usd) filter (direction = -1) as usd_out,
            min(seconds) as first_seconds, max(seconds) as last_seconds,
            max(seconds) filter (direction = 1) as last_in_seconds,
            min(seconds) filter (direction = -1) as first_out_seconds,
            arg_min(counterparty_id, transfer_id) filter (direction = 1 and counterparty_id is not null)
                as first_sender,
            arg_max(counterparty_id, transfer_id) filter (direction = -1 and counterparty_id is not null)
                as last_receiver
        from role_moves group by address_id
        """,
    ),
    (
        "role_hours",
        """
        select address_id, seconds // 3600 as hour, count(*) as n from role_moves where seconds is not null
        group by address_id, hour
        """,
    ),
    (
        "role_rhythm",
        f"""
        select d.address_id, d.days, d.weekend_share, c.parts_clock, c.busy_hours, d.hours
        from (
            select address_id, count(distinct hour // 24) as days, count(*) as hours,
                sum(n) filter ((hour // 24 + 4) % 7 in (0, 6)) / sum(n) as weekend_share
            from role_hours group by address_id
        ) d
        join (
            select address_id, {_N_LOG_N} as parts_clock, count(*) as busy_hours
            from (select address_id, hour % 24 as clock, sum(n) as n from role_hours group by address_id, clock)
            group by address_id
        ) c on c.address_id = d.address_id
        """,
    ),
    (
        "role_order",
        """
        select address_id, direction, seconds, asset_id, value_raw,
            lag(seconds) over before as before_seconds,
            lag(direction) over before as before_direction,
            lag(asset_id) over before as before_asset,
            lag(value_raw) over before as before_value,
            max(case when direction = 1 then seconds end) over before as in_seconds
        from role_moves
        window before as (partition by address_id order by seconds, transfer_id, direction desc)
        """,
    ),
    (
        "role_gaps",
        f"""
        select address_id, count(before_seconds) as gaps,
            sum({_milli_log("seconds - before_seconds")}) as gap_logs,
            sum({_milli_log("seconds - before_seconds")} * {_milli_log("seconds - before_seconds")}) as gap_squares,
            count(in_seconds) filter (direction = -1) as rests,
            sum({_milli_log("seconds - in_seconds")}) filter (direction = -1) as rest_logs,
            count_if(direction = -1 and seconds - in_seconds <= 3600) as rests_hour,
            count_if(direction = -1 and seconds - in_seconds <= 86400) as rests_day,
            count_if(direction = -1 and before_direction = 1 and before_asset = asset_id and before_value > 0
                and value_raw::double between 0.97 * before_value::double and before_value::double) as forwards
        from role_order group by address_id
        """,
    ),
    (
        "role_bundles",
        """
        select address_id, count(*) as bundles, max(n_out) as most_out_at_once, max(n_in) as most_in_at_once,
            count_if(n_in > 0 and n_out > 0) as both_ways, count_if(n_in > 0 and n_out > 0 and assets > 1) as swaps
        from (
            select address_id, count_if(direction = 1) as n_in, count_if(direction = -1) as n_out,
                case when min(asset_id) < max(asset_id) then 2 else 1 end as assets
            from role_moves group by address_id, block_time, tx_tag
        ) group by address_id
        """,
    ),
    (
        "role_assets",
        f"""
        select address_id, count(*) as assets, {_N_LOG_N} as parts_assets, max(n) as most_asset,
            count_if(in_raw > 0 and out_raw > 0) as turned, count_if(in_raw > 0) as held,
            sum(cast(round(1000 * least(1.0, out_raw / in_raw)) as bigint)) filter (in_raw > 0) as passed_on,
            count_if(in_raw = 0 and out_raw > 0) as from_nothing
        from (
            select address_id, asset_id, count(*) as n,
                coalesce(sum(value_raw) filter (direction = 1), 0)::double as in_raw,
                coalesce(sum(value_raw) filter (direction = -1), 0)::double as out_raw
            from role_moves group by address_id, asset_id
        ) group by address_id
        """,
    ),
    (
        "role_amounts",
        """
        select v.address_id, sum(n) filter (direction = 1) as counted_in, sum(n) filter (direction = -1) as counted_out,
            count(*) filter (direction = 1) as amounts_in, count(*) filter (direction = -1) as amounts_out,
            max(n) filter (direction = 1) as same_in, max(n) filter (direction = -1) as same_out,
            sum(n) filter (direction = 1 and is_round) as round_in,
            sum(n) filter (direction = -1 and is_round) as round_out
        from (
            select m.address_id, m.direction, m.n, abs(u - round(u)) < 1e-7 * greatest(u, 1) and u >= 1 as is_round
            from (
                select address_id, direction, asset_id, value_raw, count(*) as n from role_moves
                where value_raw > 0 group by address_id, direction, asset_id, value_raw
            ) m
            left join (select asset_id, decimals from facts.assets) a on a.asset_id = m.asset_id,
            lateral (select 20 * m.value_raw::double / pow(10, coalesce(a.decimals, 0)) as u)
        ) v group by v.address_id
        """,
    ),
    (
        "role_calls",
        """
        select t.sender_id, t.receiver_id, t.created_id, t.method_id, t.gas_price::double as gas_price, t.gas_limit,
            t.nonce, t.success, t.chain, cast(epoch(t.block_time) as bigint) as seconds, t.input_length,
            t.value_raw, t.type
        from facts.transactions t
        where t.block_time < $cut_off or (t.block_time is null and $cut_off = $end)
        """,
    ),
    (
        "role_methods",
        """
        with callers as (select 1 + count(distinct sender_id) as n from role_calls)
        select method_id,
            cast(round(1000 * log2((select n from callers) / count(distinct sender_id))) as bigint) as milli_rarity
        from role_calls where method_id is not null and sender_id is not null group by method_id
        """,
    ),
    (
        "role_gas",
        """
        select chain, seconds // 86400 as day, median(gas_price) as gas_price from role_calls
        where gas_price > 0 group by chain, day
        """,
    ),
    (
        "role_signed",
        f"""
        select c.sender_id as address_id, count(*) as signed, count_if(not c.success) as failed,
            count_if(c.method_id is null and coalesce(c.input_length, 0) = 0) as plain,
            count_if(c.created_id is not null) as created, count(distinct c.method_id) as methods,
            count(distinct c.receiver_id) as callees,
            sum(m.milli_rarity) as rarity, count(m.milli_rarity) as rated,
            {", ".join(f"count_if({_is_one_of('c.method_id', ids)}) as does_{name}" for name, ids in METHODS.items())},
            count(g.gas_price) as tips, sum(cast(round(1000 * ln(c.gas_price / g.gas_price)) as bigint)) as tip_logs,
            sum(cast(round(1000 * ln(c.gas_price / g.gas_price)) as bigint)
                * cast(round(1000 * ln(c.gas_price / g.gas_price)) as bigint)) as tip_squares,
            sum(c.gas_limit) as gas_limits, count(c.gas_limit) as limited, max(c.nonce) as last_nonce,
            count_if(c.gas_limit % 1000 = 0) as round_limits
        from role_calls c
        left join role_methods m on m.method_id = c.method_id
        left join role_gas g on g.chain = c.chain and g.day = c.seconds // 86400 and c.gas_price > 0
        where c.sender_id is not null group by c.sender_id
        """,
    ),
    (
        "role_called",
        f"""
        select c.receiver_id as address_id, count(*) as called, count(distinct c.sender_id) as callers,
            count(distinct c.method_id) as methods, count_if(not c.success) as failed,
            sum(m.milli_rarity) as rarity,
            {", ".join(f"count_if({_is_one_of('c.method_id', ids)}) as does_{name}" for name, ids in METHODS.items())}
        from role_calls c
        left join role_methods m on m.method_id = c.method_id
        where c.receiver_id is not null and c.method_id is not null group by c.receiver_id
        """,
    ),
    (
        "role_consent",
        """
        select t.sender_id as address_id, count(*) as sent, count_if(t.initiator_id = t.sender_id) as own,
            count(distinct t.initiator_id) as initiators
        from facts.transfers t
        where t.sender_id is not null and t.initiator_id is not null and t.kind <> 'fee' and t.block_time < $cut_off
        group by t.sender_id
        """,
    ),
    (
        "role_tokens",
        """
        select d.address_id, count(*) as token_transfers
        from facts.assets a
        join facts.addresses d on d.chain = a.chain and d.address = a.token
        join facts.transfers t on t.asset_id = a.asset_id
        where a.token is not null and (t.block_time < $cut_off or (t.block_time is null and $cut_off = $end))
        group by d.address_id
        """,
    ),
    (
        "role_funders",
        """
        select first_sender, count(*) as first_funded from role_sums where first_sender is not null
        group by first_sender
        """,
    ),
    (
        "role_collectors",
        """
        select last_receiver, count(*) as last_paid from role_sums where last_receiver is not null
        group by last_receiver
        """,
    ),
    (
        "role_kin",
        f"""
        select s.address_id, coalesce(p.senders, 0) as senders, coalesce(p.receivers, 0) as receivers,
            {_milli_log("coalesce(p.senders, 0)")} as log_senders,
            {_milli_log("coalesce(p.receivers, 0)")} as log_receivers,
            {_milli_log("s.received + s.sent")} as log_moves,
            cast(round(1000.0 * s.received / (s.received + s.sent)) as bigint) as in_share,
            cast(round(1000.0 * coalesce(a.same_out, 0) / greatest(s.sent, 1)) as bigint) as same_share,
            {_milli_log("coalesce(r.days, 0)")} as log_days,
            case when c.address_id is null then 0 else 1000 end as is_called,
            coalesce(f.first_funded, 0) as first_funded
        from role_sums s
        left join role_partners p on p.address_id = s.address_id
        left join role_amounts a on a.address_id = s.address_id
        left join role_rhythm r on r.address_id = s.address_id
        left join role_called c on c.address_id = s.address_id
        left join role_funders f on f.first_sender = s.address_id
        """,
    ),
    (
        "role_neighbours",
        """
        select p.address_id,
            count_if(p.n_in > 0) as n_in, count_if(p.n_out > 0) as n_out,
            sum(k.log_receivers) filter (p.n_in > 0) as payers_reach,
            max(k.receivers) filter (p.n_in > 0) as payers_most,
            sum(k.log_senders) filter (p.n_out > 0) as payees_reach, max(k.senders) filter (p.n_out > 0) as payees_most,
            min(k.senders) filter (p.n_out > 0) as payees_least,
            sum(k.log_senders) filter (p.n_in > 0) as payers_fan,
            sum(k.log_receivers) filter (p.n_out > 0) as payees_fan,
            sum(k.log_days) filter (p.n_in > 0) as payers_days,
            sum(k.log_days) filter (p.n_out > 0) as payees_days,
            sum(k.in_share) filter (p.n_in > 0) as payers_in_share,
            sum(k.in_share) filter (p.n_out > 0) as payees_in_share,
            sum(k.same_share) filter (p.n_in > 0) as payers_same,
            sum(k.same_share) filter (p.n_out > 0) as payees_same,
            sum(k.is_called) filter (p.n_in > 0) as payers_called,
            sum(k.is_called) filter (p.n_out > 0) as payees_called
        from role_pairs p join role_kin k on k.address_id = p.counterparty_id
        group by p.address_id
        """,
    ),
)
