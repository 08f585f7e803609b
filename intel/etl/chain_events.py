"""Which facts that the rules read do a block's logs and traces tell exactly?

Any contract can log anything about anybody: so an approval counts only where the owner acted in that transaction, an
operation only from a known entry point, a forwarder only where the contract that names it has just made it. Owners of
a Safe are as its own log names them; the rules ask for more than being named.
"""

from __future__ import annotations

from eth_utils.crypto import keccak


def _topic(signature: str) -> str:
    return "0x" + keccak(text=signature).hex()


_APPROVAL = _topic("Approval(address,address,uint256)")
_APPROVAL_FOR_ALL = _topic("ApprovalForAll(address,address,bool)")
_SAFE_SETUP = _topic("SafeSetup(address,address[],uint256,address,address)")
_ADDED_OWNER, _REMOVED_OWNER = _topic("AddedOwner(address)"), _topic("RemovedOwner(address)")
_THRESHOLD = _topic("ChangedThreshold(uint256)")
_FORWARDERS = (_topic("ForwarderCreated(address,address)"), _topic("ForwarderCreated(address,address,bool,bool)"))
USER_OPERATION = _topic("UserOperationEvent(bytes32,address,address,uint256,bool,uint256,uint256)")
_KNOWN = (_APPROVAL, _APPROVAL_FOR_ALL, _SAFE_SETUP, _ADDED_OWNER, _REMOVED_OWNER, _THRESHOLD, USER_OPERATION)
_NOBODY = "0x" + "0" * 40


def _word(index: int | str) -> str:
    """Return SQL of an argument: indexed ones first, then those of the data."""
    return f"substr(words, 64 * ({index}) + 1, 64)"


def _address(index: int | str) -> str:
    return f"'0x' || substr(words, 64 * ({index}) + 25, 40)"


def _number(index: int | str) -> str:
    """Return SQL of an argument as a small number; null where it is none."""
    word = _word(index)
    return f"case when substr({word}, 1, 56) = '{'0' * 56}' then try_cast('0x' || substr({word}, 57) as bigint) end"


def _amount(index: int) -> str:
    """Return SQL of an argument as decimal text, or as hex where it has more than 31 digits."""
    short = f"substr({_word(index)}, 1, 33) = '{'0' * 33}'"
    number = f"('0x' || substr({_word(index)}, 34))::hugeint::varchar"
    return f"case when {short} then {number} else '0x' || ltrim({_word(index)}, '0') end"


_PLACE = "block_number, block_time, tx_hash"


def _tell(event: str, actor: str, details: str, where: str, *, amount: str = "null", of_token: bool = False) -> str:
    token = "token" if of_token else "null"
    return (
        f"select {_PLACE}, '{event}' as event, token as address, {actor} as actor, {token}::varchar as token, "
        f"{amount}::varchar as value_text, json_object({details})::varchar as details from spoken where {where}"
    )


# Arguments that a contract left unindexed stand in the data: laid end to end they read alike.
_SPOKEN = f"""
spoken as (
    select l.*, topic0 as topic, coalesce(substr(topic1, 3), '') || coalesce(substr(topic2, 3), '')
            || coalesce(substr(topic3, 3), '') || coalesce(substr(data, 3), '') as words
    from raw_logs l
    where topic0 in ({", ".join(f"'{topic}'" for topic in (*_KNOWN, *_FORWARDERS))})
),
made as (
    select distinct {_PLACE}, lower(created) as created, lower(sender) as maker, call_type from raw_traces
    where trace_type = 'create' and created is not null and not exists (
        from failed_calls f where f.tx_hash = raw_traces.tx_hash and (f.path = ''
            or translate(trace_address, ',', '_') = f.path
            or starts_with(translate(trace_address, ',', '_'), f.path || '_')))
)
"""
_OWNERS = f"""
select {_PLACE}, 'safe_owner_added', token, initiator, null, null,
    json_object('owner', {_address("owner_at")}, 'threshold', threshold)::varchar
from (
    select *, {_number(2)} as threshold, unnest(range(6, 6 + least({_number(5)}, 100))) as owner_at
    from spoken where topic = '{_SAFE_SETUP}' and length(words) >= 64 * 6
)
"""
_PARTS = (
    _tell(
        "approval", _address(0), f"'spender', {_address(1)}",
        f"topic = '{_APPROVAL}' and topic3 is null and length(words) = 192 and {_address(0)} = initiator",
        amount=_amount(2), of_token=True,
    ),
    _tell(
        "approval_for_all", _address(0), f"'operator', {_address(1)}",
        f"topic = '{_APPROVAL_FOR_ALL}' and length(words) = 192 and {_number(2)} = 1 and {_address(0)} = initiator",
    ),
    _tell(
        "safe_created", "initiator", f"'threshold', {_number(2)}, 'owners', {_number(5)}",
        f"topic = '{_SAFE_SETUP}' and length(words) >= 64 * 6",
    ),
    _tell(
        "safe_owner_added", "initiator", f"'owner', {_address(0)}",
        f"topic = '{_ADDED_OWNER}' and length(words) = 64",
    ),
    _tell(
        "safe_owner_removed", "initiator", f"'owner', {_address(0)}",
        f"topic = '{_REMOVED_OWNER}' and length(words) = 64",
    ),
    _tell(
        "safe_threshold_changed", "initiator", f"'threshold', {_number(0)}",
        f"topic = '{_THRESHOLD}' and length(words) = 64",
    ),
    _tell(
        "user_operation", _address(1),
        f"'sender', {_address(1)}, 'paymaster', nullif({_address(2)}, '{_NOBODY}')",
        f"topic = '{USER_OPERATION}' and topic3 is not null and token in (select address from rpc_entry_points)",
    ),
)  # fmt: skip
EVENTS_SQL = f"""
with {_SPOKEN}
{" union all ".join(_PARTS)}
union all {_OWNERS}
union all select {_PLACE}, 'forwarder_created', {_address(0)}, initiator, null, null,
    json_object('parent', {_address(1)}, 'factory', token)::varchar
from spoken s where topic in ({", ".join(f"'{topic}'" for topic in _FORWARDERS)}) and length(words) >= 128
    and exists (from made m where m.tx_hash = s.tx_hash and m.created = {_address(0)} and m.maker = s.token)
union all select m.block_number, m.block_time, m.tx_hash, 'contract_created', m.created, t.sender, null, null,
    json_object('factory', m.maker, 'method', coalesce(m.call_type, 'create'))::varchar
from made m join rpc_transactions t on t.tx_hash = m.tx_hash
where coalesce(t.success, true) and m.maker <> lower(t.sender)
union all select t.block_number, t.block_time, a.tx_hash, 'authorization', a.authority, a.authority, null, null,
    json_object('delegate', a.delegate)::varchar
from rpc_authorizations a join rpc_transactions t on t.tx_hash = a.tx_hash
"""
