"""Which native coins did calls move: traces of execution, listed transfers, and transactions themselves?

Position of a native transfer is 0; internal ones are numbered from 1 in the order of execution among those that moved
value, so that every tool that saw the same transaction gives the same number.
"""

from __future__ import annotations

from collections.abc import Mapping

from intel.sources.files import FILE_COLUMN, ROW_COLUMN
from intel.store import Connection

_PLACE = f"{FILE_COLUMN}, {ROW_COLUMN}, chain, block_number, block_time, tx_hash"
_TRANSACTION = "chain, block_number, tx_hash"


def _moves_value(kind: str) -> str:
    """Return SQL that a raw value is not zero; a missing one counts as not zero, so that it is reported."""
    if kind == "VARCHAR":
        return "(coalesce(value_raw, '') = '' or ltrim(value_raw, '0x') <> '')"
    return "(value_raw is null or value_raw <> 0)"


def shape_payments(kind: str, view: str, types: Mapping[str, str]) -> str:
    """Return SQL of what transactions move by themselves: their native value, or their fee.

    `is_unproven` marks value of transactions whose success the source does not tell.
    """
    same = f"select {_PLACE}, 0 as position, '{kind}' as kind, sender, sender as initiator"
    if kind == "fee":
        return f"{same}, null::varchar as receiver, fee_raw as value_raw from {view} where fee_raw > 0"
    success = "try_cast(nullif(success::varchar, '') as boolean)"
    return (
        f"{same}, coalesce(nullif(receiver, ''), nullif(created, '')) as receiver, value_raw, "
        f"{success} is null as is_unproven from {view} "
        f"where coalesce({success}, true) and {_moves_value(types['value_raw'])}"
    )


def shape_calls(view: str, types: Mapping[str, str]) -> str:
    """Return SQL of native transfers from a plain list of calls in order: the first of a transaction is its own.

    Such a list does not say which calls failed or only borrowed code: every row is `is_unproven`.
    """
    return f"""
        with ordered as (
            select *, call_order = min(call_order) over (partition by {_TRANSACTION}) as is_first
            from {view}
        )
        select {_PLACE}, receiver, value_raw, coalesce(tx_hash, '') <> '' as is_unproven,
            case when coalesce(tx_hash, '') = '' then 'reward' when is_first then 'native' else 'internal' end as kind,
            case when coalesce(tx_hash, '') <> '' then sender end as sender,
            case when coalesce(tx_hash, '') <> '' and is_first then sender end as initiator,
            case when coalesce(tx_hash, '') = '' then null when is_first then 0
                else dense_rank() over (partition by {_TRANSACTION}, is_first order by call_order) end as position
        from ordered where {_moves_value(types["value_raw"])}"""


def shape_traces(con: Connection, view: str, types: Mapping[str, str]) -> str:
    """Return SQL of the coins that traces moved: calls and creations with value, selfdestructs, rewards.

    Borrowed code (delegatecall, callcode) and staticcall move nothing. A call that failed moved nothing, nor did any
    call inside it: known from `status`, or where the source has none, from the errors of the calls around it.
    """
    status = "try_cast(nullif(status::varchar, '') as integer)"
    path = "array_to_string(trace_address, '_')" if types["trace_address"].endswith("[]") else (
        "translate(trace_address::varchar, ',[]\" ', '_')"
    )  # fmt: skip
    con.execute(
        f"create or replace table stage.calls as select {_PLACE}, sender, receiver, created, value_raw, "
        f"lower(trace_type) as trace_type, call_type, coalesce({path}, '') as path, {status} as status, "
        f"error from {view}"
    )
    con.execute(
        f"create or replace temp table failed_calls as select distinct {_TRANSACTION}, path from stage.calls "
        "where status is null and coalesce(error, '') <> '' and coalesce(tx_hash, '') <> ''"
    )
    con.execute(
        f"create or replace temp table root_calls as select {_TRANSACTION}, min(sender) as initiator from stage.calls "
        f"where path = '' and trace_type in ('call', 'create') and coalesce(tx_hash, '') <> '' group by {_TRANSACTION}"
    )
    same = " and ".join(f"c.{name} is not distinct from o.{name}" for name in ("chain", "block_number"))
    return f"""
        with moved as (
            select *, case when coalesce(tx_hash, '') <> '' then false
                else trace_type in ('reward', 'genesis') end as is_reward
            from stage.calls c
            where {_moves_value(types["value_raw"])} and coalesce(status, 1) = 1
                and (trace_type not in ('call', 'callcode', 'delegatecall', 'staticcall')
                    or (trace_type = 'call' and coalesce(lower(call_type), '') in ('', 'call', 'none')))
                and not exists (from failed_calls o where c.status is null and c.tx_hash = o.tx_hash and {same}
                    and (o.path = '' or c.path = o.path or starts_with(c.path, o.path || '_')))
        )
        select c.* exclude (sender, receiver, created), o.initiator,
            case when not is_reward then sender end as sender,
            case when is_reward then coalesce(nullif(receiver, ''), sender)
                else coalesce(nullif(receiver, ''), created) end as receiver,
            case when is_reward then 'reward' when path = '' then 'native' else 'internal' end as kind,
            case when is_reward then null when path = '' then 0 else dense_rank() over (
                partition by c.chain, c.block_number, c.tx_hash, path = ''
                order by try_cast(string_split(path, '_') as integer[]), path) end as position
        from moved c left join root_calls o on c.tx_hash = o.tx_hash and {same}"""
