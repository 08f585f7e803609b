"""How do a node's answers become raw tables, in bulk and without a Python object per row?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from intel.errors import BadInput
from intel.sources.chains import ChainFacts, load_chains, load_entry_points
from intel.sources.files import FILE_COLUMN, ROW_COLUMN, RawTable
from intel.sources.json_columns import BadJson, Plan, Walked, walk_texts
from intel.sources.rpc_blocks import RawBlocks
from intel.sources.rpc_keys import recover_authorities
from intel.sources.rpc_safes import SAFE_CALL
from intel.sources.rpc_transfers import UsualTransfers
from intel.store import Connection

_TEXT = ""
_LOG: dict[str, object] = {
    **dict.fromkeys(("address", "data", "logIndex", "transactionHash"), _TEXT),
    "topics": [_TEXT],
}
_AUTHORIZATION = ("chainId", "address", "nonce", "yParity", "v", "r", "s")
_TRANSACTION: dict[str, object] = dict.fromkeys(
    ("hash", "nonce", "transactionIndex", "from", "to", "value", "gas", "gasPrice", "input", "type"), _TEXT
)
_TRANSACTION |= {"authorizationList": [dict.fromkeys(_AUTHORIZATION, _TEXT)]}
_WITHDRAWAL = dict.fromkeys(("index", "address", "amount"), _TEXT)
_BLOCK = dict.fromkeys(
    ("number", "hash", "parentHash", "timestamp", "miner", "baseFeePerGas", "difficulty"), _TEXT
) | {"transactions": [_TRANSACTION], "withdrawals": [_WITHDRAWAL]}  # fmt: skip
_RECEIPT = dict.fromkeys(
    (
        "transactionHash", "blockHash", "blockNumber", "from", "status", "gasUsed", "effectiveGasPrice",
        "contractAddress", "l1Fee", "blobGasUsed", "blobGasPrice",
    ),
    _TEXT,
) | {"logs": [_LOG]}  # fmt: skip
_ACTION = dict.fromkeys(
    (
        "from", "to", "value", "callType", "creationMethod", "address", "refundAddress", "balance", "author",
        "rewardType",
    ),
    _TEXT,
)  # fmt: skip
_TRACE = {
    "action": _ACTION, "result": {"address": _TEXT}, "blockHash": _TEXT, "blockNumber": _TEXT, "traceAddress": _TEXT,
    "transactionHash": _TEXT, "type": _TEXT, "error": _TEXT,
}  # fmt: skip
BLOCKS = Plan("blocks", _BLOCK, is_list=False)
RECEIPTS = Plan("receipts", _RECEIPT, is_list=True)
TRACES = Plan("traces", _TRACE, is_list=True)
LOGS = Plan("logs", _LOG, is_list=True)
_CALLS = pa.schema(
    [("block_number", pa.int64()), ("tx_index", pa.int64())]
    + [
        (name, pa.string())
        for name in (
            "sender", "receiver", "created", "value_raw", "trace_type", "call_type", "trace_address", "error",
        )
    ]
)  # fmt: skip
_USER_OPERATION = "0x49628fd1471006c1482da88028e9ce4dbb080b815c9b0344d39e5a8e6ec1419f"
_BEFORE_EXECUTION = "0xbb47ee3e183a558b1a2ff0874b079f3fc5478b7454eacf2bfc5af2ff5878f972"
_DEPOSIT = "0xe1fffcc4923d04b559f4d29a8bfc6cda04eb5b0d3c460751c2402c5c5cc9109c"  # (address,uint256)
_WITHDRAWN = "0x7fcf532c15f0a6db0bd6d0e038bea71d30d808c7d98cb3bf7268a95bf5081b65"  # (address,uint256)


class BlocksChanged(Exception):
    """The answers are of different states of the chain: it changed between two requests."""


@dataclass(frozen=True, slots=True)
class Unpacking:
    """What is known before a node's answers are read: chain, name of the source, contracts of the wrapped coin."""

    facts: ChainFacts
    source: str
    wrapped: tuple[str, ...] = ()
    find_wrapping: Callable[[list[str]], set[str]] | None = None  # asks which of these contracts wrap the coin


def unpack_blocks(con: Connection, raw: RawBlocks, how: Unpacking) -> dict[str, RawTable]:
    """Make the raw tables of one range of blocks; return them by name.

    They are blocks, transactions, usual (logs that are usual transfers), logs (all others), traces and credits.

    Raises BlocksChanged where receipts or traces are of other blocks than those read, BadInput where an answer cannot
    be read.
    """
    usual = UsualTransfers()
    try:
        blocks, traces = walk_texts(BLOCKS, raw.blocks), walk_texts(TRACES, raw.traces)
        # Where a node gives no receipts, logs come by themselves.
        logged = walk_texts(RECEIPTS if raw.receipts else LOGS, raw.receipts or raw.logs, usual.add)
    except BadJson as error:
        raise BadInput(f"blocks {raw.first}-{raw.last}: an answer cannot be read: {error}", "try again") from error
    told = _list_told(blocks, logged, traces)
    told |= {"told_calls": pa.Table.from_pylist(raw.calls, schema=_CALLS), "told_usual": usual.table(logged)}
    for name, table in told.items():
        con.register(name, table)
    try:
        return _make_tables(con, raw, how)
    finally:
        for name in told:
            con.unregister(name)


def _list_told(blocks: Walked, logged: Walked, traces: Walked) -> dict[str, pa.Table]:
    """Return what was told, one table per kind; without receipts, that of them is empty."""
    receipts = logged if "receipts" in logged.plan.columns else walk_texts(RECEIPTS, [])
    return {
        "told_blocks": blocks.table("blocks"),
        "told_transactions": blocks.table("transactions"),
        "told_withdrawals": blocks.table("withdrawals"),
        "told_authorizations": blocks.table("authorizationList"),
        "told_receipts": receipts.table("receipts"),
        "told_logs": logged.table("logs"),
        "told_traces": traces.table("traces"),
    }


def _make_tables(con: Connection, raw: RawBlocks, how: Unpacking) -> dict[str, RawTable]:
    con.execute(_HEADS)
    con.execute(_PAID)
    con.execute(_TRANSACTIONS)
    _check_blocks(con, raw)
    same = _IN_RECEIPT if raw.receipts else _OF_TRANSACTION
    con.execute(_LOGGED.format(same=same))
    known = {"known": _list_wrapped(con, how)}
    con.execute("create or replace temp table rpc_wrapped as select unnest($known::varchar[]) as token", known)
    points = {"points": list(load_entry_points())}
    con.execute("create or replace temp table rpc_entry_points as select unnest($points::varchar[]) as address", points)
    con.execute(_ACTS)
    opened = {name: _open(con, name, sql.format(same=same), how) for name, sql in _RAW.items()}
    _list_authorities(con, how)
    return opened


def _list_wrapped(con: Connection, how: Unpacking) -> list[str]:
    """Return the contracts of the wrapped coin: those known, and on a chain that is not listed, those found."""
    known = {address.lower() for address in (how.facts.wrapped, *how.wrapped) if address}
    if how.find_wrapping is not None and how.facts.slug not in load_chains():
        asked = con.execute(
            f"select distinct token from rpc_logs where topic0 in ('{_DEPOSIT}', '{_WITHDRAWN}') order by 1"
        ).fetchall()
        known |= how.find_wrapping([str(row[0]) for row in asked if row[0] not in known])
    return sorted(known)


def _list_authorities(con: Connection, how: Unpacking) -> None:
    signed = con.execute(
        f"select lower(t.hash), struct_pack({', '.join(f'{name} := a.{name}' for name in _AUTHORIZATION)}) "
        "from told_authorizations a join told_transactions t on t.row = a.parent where t.type = '0x4' order by a.row"
    ).fetchall()
    rows = recover_authorities(signed, how.facts.chain_id or 0)
    schema = pa.schema([(name, pa.string()) for name in ("tx_hash", "authority", "delegate")])
    con.register("rpc_signed", pa.Table.from_pylist(rows, schema=schema))
    con.execute("create or replace temp table rpc_authorizations as select * from rpc_signed")
    con.unregister("rpc_signed")


def _check_blocks(con: Connection, raw: RawBlocks) -> None:
    """See that every block is there once, and that its receipts and traces are its own."""
    count, first, last, parents = con.execute(
        "select count(distinct block_number), min(block_number), max(block_number), count(*) filter "
        "(where parent_hash <> before) from (select *, lag(block_hash) over (order by block_number) as before "
        "from rpc_heads)"
    ).fetchall()[0]
    if (count, first, last) != (raw.last - raw.first + 1, raw.first, raw.last):
        raise BadInput(f"blocks {raw.first}-{raw.last}: the node gave {count} blocks, {first} to {last}", "try again")
    strange = con.execute(
        "select count(*) from (select distinct lower(blockHash) as block_hash from told_receipts "
        "union select distinct lower(blockHash) from told_traces) t where block_hash is not null "
        "and not exists (from rpc_heads h where h.block_hash = t.block_hash)"
    ).fetchall()[0][0]
    lacking = 0
    if raw.receipts:
        lacking = con.execute("select count(*) from rpc_transactions where not has_receipt").fetchall()[0][0]
    if parents or strange or lacking:
        raise BlocksChanged(f"blocks {raw.first}-{raw.last} changed while they were read")


def _open(con: Connection, name: str, sql: str, how: Unpacking) -> RawTable:
    con.execute(
        f"create or replace temp table raw_{name} as select *, $source as {FILE_COLUMN}, "
        f"row_number() over () as {ROW_COLUMN}, $chain as chain from ({sql})",
        {"source": how.source, "chain": how.facts.slug},
    )
    columns = {str(row[0]): str(row[1]) for row in con.execute(f"describe raw_{name}").fetchall()}
    return RawTable(f"raw_{name}", (Path(how.source),), columns)


def _small(hexed: str) -> str:
    return f"try_cast({hexed} as bigint)"


def _wide(hexed: str) -> str:
    # HUGEINT only carries the product of two numbers into DECIMAL(38, 0).
    return f"try_cast({hexed} as hugeint)"


_HEADS = f"""
create or replace temp table rpc_heads as select
    row as block_row, {_small("number")} as block_number,
    make_timestamp({_small("timestamp")} * 1000000) as block_time,
    lower(hash) as block_hash, lower(parentHash) as parent_hash, miner,
    {_wide("baseFeePerGas")} as base_fee, coalesce(ltrim(difficulty, '0x'), '') <> '' as is_mined
from told_blocks
"""
# What each transaction cost: gas, what a rollup charges for its place on layer 1, and blobs.
_PAID = f"""
create or replace temp table rpc_paid as select
    row as receipt, lower(transactionHash) as tx_hash, contractAddress as created, {_small("status")} = 1 as success,
    {_small("gasUsed")} as gas_used, {_wide("effectiveGasPrice")} as price,
    coalesce({_wide("l1Fee")}, 0) as l1_fee,
    coalesce({_small("blobGasUsed")} * {_wide("blobGasPrice")}, 0) as blob_fee
from told_receipts
"""
_TRANSACTIONS = f"""
create or replace temp table rpc_transactions as
with roots as (
    select lower(transactionHash) as tx_hash, bool_and(error is null) as success from told_traces
    where translate(traceAddress, ' ', '') = '[]' and transactionHash is not null group by all
    union all
    select null, null where false
)
select
    h.block_number, h.block_time, h.miner, h.base_fee, lower(t.hash) as tx_hash, t.type as type,
    {_small("t.transactionIndex")} as tx_index, lower(t."from") as sender, lower(t."to") as receiver,
    t.value as value_raw,
    {_small("t.gas")} as gas_limit, coalesce(p.price, {_wide("t.gasPrice")}) as gas_price, {_small("t.nonce")} as nonce,
    case when length(t.input) >= 10 then lower(substr(t.input, 1, 10)) end as method_id,
    case when starts_with(t.input, '{SAFE_CALL}') then t.input end as safe_call,
    greatest(length(t.input) // 2 - 1, 0) as input_length, coalesce(p.success, o.success) as success, p.created,
    p.gas_used, p.l1_fee, p.blob_fee, p.receipt, p.receipt is not null as has_receipt,
    (p.gas_used * coalesce(p.price, {_wide("t.gasPrice")}) + p.l1_fee + p.blob_fee)::decimal(38, 0) as fee_raw
from told_transactions t join rpc_heads h on h.block_row = t.parent
left join rpc_paid p on p.tx_hash = lower(t.hash)
left join roots o on o.tx_hash = lower(t.hash)
"""
_IN_RECEIPT, _OF_TRANSACTION = "t.receipt = l.parent", "t.tx_hash = l.tx_hash"
# Logs that are no usual transfers; `same` says how a log finds its transaction.
_LOGGED = f"""
create or replace temp table rpc_logs as
select t.block_number, t.block_time, t.tx_hash, t.sender as signer, {_small("l.logIndex")} as position,
    lower(l.address) as token, lower(l.topics0) as topic0, lower(l.topics1) as topic1, lower(l.topics2) as topic2,
    lower(l.topics3) as topic3, lower(l.data) as data
from (select *, lower(transactionHash) as tx_hash from told_logs) l join rpc_transactions t on {{same}}
where l.row not in (select row from told_usual)
"""
# Where a bundler carries the operations of others, their accounts act, each up to the log that closes its operation.
# Only the known entry points count: any contract can log that somebody acted.
_ACTS = f"""
create or replace temp table rpc_acts as
with operations as (
    select tx_hash, position, '0x' || substr(topic2, 27) as account from rpc_logs
    where topic0 = '{_USER_OPERATION}' and topic3 is not null and token in (select address from rpc_entry_points)
),
begins as (
    select tx_hash, max(position) as position from rpc_logs
    where topic0 = '{_BEFORE_EXECUTION}' and token in (select address from rpc_entry_points) group by tx_hash
)
select l.tx_hash, l.position, arg_min(o.account, o.position) as account
from (select tx_hash, position from rpc_logs union all select tx_hash, position from told_usual) l
join operations o on o.tx_hash = l.tx_hash and o.position >= l.position
left join begins b on b.tx_hash = l.tx_hash
where l.position > coalesce(b.position, -1)
group by l.tx_hash, l.position
"""
_LOGS = """
select l.block_number, l.block_time, l.tx_hash, l.position, l.token, l.topic0, l.topic1, l.topic2, l.topic3, l.data,
    coalesce(a.account, l.signer) as initiator, l.token in (select token from rpc_wrapped) as is_wrapped_coin
from rpc_logs l left join rpc_acts a on a.tx_hash = l.tx_hash and a.position = l.position
order by l.block_number, l.position
"""
_USUAL = """
select t.block_number, t.block_time, t.tx_hash, l.position, l.token, l.is_erc20, l.sender, l.receiver, l.amount,
    coalesce(a.account, t.sender) as initiator
from told_usual l join rpc_transactions t on {same}
left join rpc_acts a on a.tx_hash = l.tx_hash and a.position = l.position
order by l.row
"""
_TRACES = """
select h.block_number, h.block_time, lower(transactionHash) as tx_hash,
    coalesce("action.from", "action.address") as sender,
    case when type = 'create' then null when type = 'reward' then "action.author"
        else coalesce("action.to", "action.refundAddress") end as receiver,
    "result.address" as created, coalesce("action.value", "action.balance", '0x0') as value_raw,
    case when type = 'selfdestruct' then 'suicide' else type end as trace_type,
    coalesce("action.callType", "action.creationMethod") as call_type,
    translate(traceAddress, '[] ', '') as trace_address, error
from told_traces r join rpc_heads h on h.block_number = try_cast(r.blockNumber as bigint)
union all
select c.block_number, t.block_time, t.tx_hash, c.sender, c.receiver, c.created, c.value_raw, c.trace_type, c.call_type,
    c.trace_address, c.error
from told_calls c join rpc_transactions t on t.block_number = c.block_number and t.tx_index = c.tx_index
"""
# What a block pays by itself: what is left of its fees to who made it, and what validators take out.
_CREDITS = f"""
select block_number, block_time, null::bigint as position, 'reward' as kind, miner as receiver,
    sum(greatest(gas_price - coalesce(base_fee, 0), 0) * gas_used)::decimal(38, 0)::varchar as value_raw
from rpc_transactions where gas_used is not null and miner is not null group by all
having sum(greatest(gas_price - coalesce(base_fee, 0), 0) * gas_used) > 0
union all
select h.block_number, h.block_time, {_small("w.index")}, 'withdrawal', w.address,
    ({_wide("w.amount")} * 1000000000)::decimal(38, 0)::varchar
from told_withdrawals w join rpc_heads h on h.block_row = w.parent
where {_wide("w.amount")} > 0
"""
_RAW = {
    "blocks": "select block_number, block_time, block_hash, parent_hash from rpc_heads",
    "transactions": "from rpc_transactions",
    "logs": _LOGS,
    "usual": _USUAL,
    "traces": _TRACES,
    "credits": _CREDITS,
}
