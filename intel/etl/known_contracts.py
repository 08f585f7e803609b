"""What do contracts that everybody knows tell: names, bridges, deposits of validators, mixers, Safes?

Any contract can log the same about anybody, so of these events only those count that come from the addresses in
data/chains.toml, a Safe's only with signatures that fit. Who acted is who signed the transaction, never whom it names.
"""

from __future__ import annotations

import pyarrow as pa

from intel.etl.event_words import PLACE, address, amount, number, tell, word
from intel.sources.chains import find_chain
from intel.sources.files import ROW_COLUMN
from intel.sources.rpc_names import hash_label, hash_name, read_text, reverse_node
from intel.sources.rpc_safes import find_signers
from intel.store import Connection

# keccak-256 of the event's signature
SAFE_SUCCESS = "0x442e715f626346e8c54381002da614f62bee8d27386535b2521ec8540898556e"  # ExecutionSuccess(bytes32,uint256)
NEW_OWNER = "0xce0457fe73731f824cc272376169235128c118b49d344817417c6d108d155e82"  # NewOwner(bytes32,bytes32,address)
NODE_MOVED = "0xd4735d920b0f87494915f556dd9b54c8f309026070caea5c737245152564d266"  # Transfer(bytes32,address)
NODE_POINTS = "0x52d7d861f09ab3d26239d492e8968629f95e9e318cf0b73bfddc441522a15fd2"  # AddrChanged(bytes32,address)
NODE_NAMED = "0xb7d29e911041e8d9b843369e890bcb72c9388692ba48b65ac54e7214c4c348f7"  # NameChanged(bytes32,string)
# What an entry point logs of each operation: UserOperationEvent of ERC-4337.
USER_OPERATION = "0x49628fd1471006c1482da88028e9ce4dbb080b815c9b0344d39e5a8e6ec1419f"
MESSAGE_SENT = "0x8c5261668696ce22758910d05bab8f186d6eb247ceac2af2e82c7dc17669b036"  # of CCTP
# MessageReceived of CCTP
MESSAGE_RECEIVED = "0x58200b4c34ae05ee816d710053fff3fb75af4395915d3d2a771b24aa10e3cc5d"
# (V3)FundsDeposited and Filled(V3)Relay of Across, with addresses and, later, with 32 bytes for them
FUNDS_DEPOSITED = (
    "0xa123dc29aebf7d0c3322c8eeb5b999e859f39937950ed31056532713d0de396f",
    "0x32ed1a409ef04c7b0227189c3a103dc5ac10e775a15b785dcc510201f7c25ad3",
)
RELAY_FILLED = (
    "0x571749edf1d5c9599318cdbc4e28a6475d65e87fd3b2ddbe1e9a8d5e7a0f0ff7",
    "0x44b559f101f8fbcc8a0ea43fa91a05a729a5ea6e14a7c75aa750374690137208",
)
VALIDATOR_DEPOSIT = "0x649bbc62d0e31342afea4e5cd82d4049e7e1ee912fc0889aa790803be39038c5"  # DepositEvent(5 * bytes)
MIXER_DEPOSIT = "0xa945e51eec50ab98c161376f0db4cf2aeba3ec92755fe2fcd388bdbbb80ff196"  # Deposit(bytes32,uint32,uint256)
# Withdrawal of Tornado Cash
MIXER_WITHDRAWAL = "0xe9e508bad6d4c3227e881ca19068f099da81b5164dd6d62b2eaf1e8bc6c34931"
KNOWN_TOPICS = (
    SAFE_SUCCESS, NEW_OWNER, NODE_MOVED, NODE_POINTS, NODE_NAMED, MESSAGE_SENT, MESSAGE_RECEIVED, *FUNDS_DEPOSITED,
    *RELAY_FILLED, VALIDATOR_DEPOSIT, MIXER_DEPOSIT, MIXER_WITHDRAWAL,
)  # fmt: skip
_NAMES = f"('{NEW_OWNER}', '{NODE_MOVED}', '{NODE_POINTS}', '{NODE_NAMED}')"


def _is(role: str, *topics: str) -> str:
    listed = ", ".join(f"'{topic}'" for topic in topics)
    return f"topic in ({listed}) and token in (select address from rpc_known where role = '{role}')"


def _part(start: int, digits: int) -> str:
    """Return SQL of digits of a message in a log's data: its place and its length stand before it in two words."""
    return f"substr(words, {128 + start + 1}, {digits})"


def _small(hexed: str) -> str:
    return f"try_cast('0x' || {hexed} as bigint)::varchar"


_MOVED = "join rpc_nodes n on n.tx_hash = spoken.tx_hash and n.position = spoken.position"
_ACROSS = "'message_id', 'across:' || {origin} || ':' || {id}, 'recipient', {to}"
_BODY = 232  # digits before the body of a message of CCTP: version, domains, nonce, sender, recipient, caller
# Who holds a name at the end of a transaction: to register one moves it from contract to contract.
_HELD = f"""
select {PLACE}, event, address, initiator, null, null, details from (
    select spoken.block_number, spoken.block_time, spoken.tx_hash, token as address, initiator,
        case when topic = '{NEW_OWNER}' then 'name_registered' else 'name_transferred' end as event,
        json_object('node', n.node, 'owner', {address("case when topic = '" + NEW_OWNER + "' then 2 else 1 end")})
            ::varchar as details,
        row_number() over (partition by spoken.tx_hash, n.node order by spoken.position desc) as nth
    from spoken {_MOVED} where {_is("name_registry", NEW_OWNER, NODE_MOVED)}
) where nth = 1
"""
_POINTED = f"""
select spoken.block_number, spoken.block_time, spoken.tx_hash, 'name_record_set', token, initiator, null, null,
    json_object('node', n.node, 'target', {address(1)})::varchar
from spoken {_MOVED} where {_is("name_resolver", NODE_POINTS)} and length(words) = 128
"""
_TAKEN = f"""
select spoken.block_number, spoken.block_time, spoken.tx_hash, 'reverse_record_set', initiator, initiator, null, null,
    json_object('node', n.node, 'title', n.title)::varchar
from spoken {_MOVED} where {_is("name_resolver", NODE_NAMED)} and n.title is not null
"""
_EXECUTED = f"""
select {PLACE}, 'safe_executed', token, g.signer, null, null,
    json_object('signer', g.signer, 'signatures', g.signatures, 'hash', '0x' || {word(0)})::varchar
from spoken s left join rpc_signers g using (tx_hash, position)
where topic = '{SAFE_SUCCESS}' and length(words) = 128
""".replace("select block_number, block_time, tx_hash", "select s.block_number, s.block_time, s.tx_hash")
KNOWN_PARTS = (
    tell(
        "bridge_sent", "initiator",
        f"'message_id', 'cctp:' || {_small(_part(8, 8))} || ':' || {_small(_part(24, 16))}, "
        f"'recipient', '0x' || {_part(_BODY + 72 + 24, 40)}",
        f"{_is('cctp', MESSAGE_SENT)} and {number(1)} = 248",
    ),
    tell(
        "bridge_received", "initiator",
        f"'message_id', 'cctp:' || {number(2)}::varchar || ':' || {number(1)}::varchar, "
        "'recipient', '0x' || substr(words, 64 * 6 + 72 + 24 + 1, 40)",
        f"{_is('cctp', MESSAGE_RECEIVED)} and {number(5)} = 132",
    ),
    tell(
        "bridge_sent", "initiator",
        _ACROSS.format(origin="(select chain_id from rpc_chain)::varchar", id=amount(1), to=address(10)),
        f"{_is('across', *FUNDS_DEPOSITED)} and length(words) >= 64 * 11",
    ),
    tell(
        "bridge_received", "initiator",
        _ACROSS.format(origin=amount(0), id=amount(1), to=address(12)),
        f"{_is('across', *RELAY_FILLED)} and length(words) >= 64 * 13",
    ),
    tell(
        "validator_deposit", "initiator", f"'recipient', {address(9)}",
        f"{_is('validator_deposits', VALIDATOR_DEPOSIT)} and {number(8)} = 32 "
        f"and regexp_matches({word(9)}, '^0[12]0{{22}}')",
    ),
    tell("mixer_deposit", "initiator", "", f"{_is('mixer', MIXER_DEPOSIT)}"),
    tell("mixer_withdrawal", "initiator", f"'recipient', {address(1)}", f"{_is('mixer', MIXER_WITHDRAWAL)}"),
    _HELD, _POINTED, _TAKEN, _EXECUTED,
)  # fmt: skip


def list_proofs(con: Connection, chain: str) -> None:
    """Make what the SQL above reads besides the logs: known contracts, signers of Safes, nodes of names."""
    facts = find_chain(chain)
    roles = [(role, one) for role, listed in sorted(facts.contracts.items()) for one in listed]
    _keep(con, "rpc_known", {"role": [role for role, _ in roles], "address": [one for _, one in roles]})
    con.execute("create or replace temp table rpc_chain as select $id::bigint as chain_id", {"id": facts.chain_id})
    _list_signers(con, facts.chain_id or 0)
    _list_nodes(con)


def _list_signers(con: Connection, chain_id: int) -> None:
    executed = con.execute(
        "select l.tx_hash, l.position, l.token, coalesce(l.topic1, substr(l.data, 1, 66)), t.safe_call, t.sender "
        "from raw_logs l join rpc_transactions t on t.tx_hash = l.tx_hash and t.receiver = l.token "
        f"where l.topic0 = '{SAFE_SUCCESS}' and t.safe_call is not null order by 1, 2"
    ).fetchall()
    found: dict[str, list[object]] = {name: [] for name in ("tx_hash", "position", "signer", "signatures")}
    for tx_hash, position, safe, logged, called, sender in executed:
        signers, count = find_signers(called, safe, logged, chain_id, sender)
        for signer in signers:
            for name, value in zip(found, (tx_hash, position, signer, count), strict=True):
                found[name].append(value)
    _keep(con, "rpc_signers", found)


def _list_nodes(con: Connection) -> None:
    told = con.execute(
        "select tx_hash, position, topic0, topic1, topic2, data, initiator from raw_logs "
        f"where topic0 in {_NAMES} and topic1 is not null and token in (select address from rpc_known) order by 1, 2"
    ).fetchall()
    found: dict[str, list[object]] = {name: [] for name in ("tx_hash", "position", "node", "title")}
    for tx_hash, position, topic, first, label, data, initiator in told:
        title = None
        if topic == NODE_NAMED:  # counts where somebody says it of himself
            title = read_text(data[2:]) if first == reverse_node(initiator) else None
        node = hash_label(first, label) if topic == NEW_OWNER else hash_name(title) if title else first
        for name, value in zip(found, (tx_hash, position, node, title), strict=True):
            found[name].append(value)
    _keep(con, "rpc_nodes", found)


_NUMBERS = ("position", "signatures")


def _keep(con: Connection, name: str, columns: dict[str, list[object]] | dict[str, list[str]]) -> None:
    table = {key: pa.array(rows, pa.int64() if key in _NUMBERS else pa.string()) for key, rows in columns.items()}
    con.register("told_rows", pa.table(table))
    con.execute(f"create or replace temp table {name} as from told_rows")
    con.unregister("told_rows")


def credit_accounts(con: Connection) -> None:
    """Name as initiator of coins that moved inside a user operation its account: the bundler only carries it.

    An account acts in what the entry point has it do, and in all calls from there.
    """
    con.execute(
        f"""update stage.transfers_raw_traces s set initiator = a.account from (
            with bundled as (
                select distinct tx_hash, token as point, '0x' || substr(topic2, 27) as account from raw_logs
                where topic0 = '{USER_OPERATION}' and topic3 is not null
                    and token in (select address from rpc_entry_points)
            ),
            paths as (
                select {ROW_COLUMN} as line, tx_hash, trace_type, lower(sender) as sender, lower(receiver) as receiver,
                    coalesce(translate(trace_address, ',', '_'), '') as path
                from raw_traces where tx_hash in (select tx_hash from bundled)
            ),
            acts as (
                select p.tx_hash, p.path, b.account from paths p
                join bundled b on b.tx_hash = p.tx_hash and b.point = p.sender and b.account = p.receiver
                where p.trace_type = 'call'
            )
            select p.line, arg_max(a.account, length(a.path)) as account from paths p
            join acts a on a.tx_hash = p.tx_hash and (p.path = a.path or starts_with(p.path, a.path || '_'))
            group by p.line
        ) a where a.line = s.{ROW_COLUMN} and s.kind = 'internal'"""
    )
