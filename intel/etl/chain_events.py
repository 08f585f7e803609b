"""Which facts that the rules read do a block's logs and traces tell exactly?

Any contract can log anything about anybody: so an approval counts only where the owner acted in that transaction, an
operation only from a known entry point, a forwarder only where the contract that names it has just made it. Owners of
a Safe are as its own log names them; the rules ask for more than being named.
"""

from __future__ import annotations

from eth_utils.crypto import keccak

from intel.etl.event_words import PLACE, address, amount, number, tell
from intel.etl.known_contracts import KNOWN_PARTS, KNOWN_TOPICS, USER_OPERATION


def _topic(signature: str) -> str:
    return "0x" + keccak(text=signature).hex()


_APPROVAL = _topic("Approval(address,address,uint256)")
_APPROVAL_FOR_ALL = _topic("ApprovalForAll(address,address,bool)")
_SAFE_SETUP = _topic("SafeSetup(address,address[],uint256,address,address)")
_ADDED_OWNER, _REMOVED_OWNER = _topic("AddedOwner(address)"), _topic("RemovedOwner(address)")
_THRESHOLD = _topic("ChangedThreshold(uint256)")
_FORWARDERS = (_topic("ForwarderCreated(address,address)"), _topic("ForwarderCreated(address,address,bool,bool)"))
_ACCOUNT = _topic("SimpleAccountInitialized(address,address)")
_KNOWN = (_APPROVAL, _APPROVAL_FOR_ALL, _SAFE_SETUP, _ADDED_OWNER, _REMOVED_OWNER, _THRESHOLD, _ACCOUNT, USER_OPERATION)
_NOBODY = "0x" + "0" * 40


# Arguments that a contract left unindexed stand in the data: laid end to end they read alike.
_SPOKEN = f"""
spoken as (
    select l.*, topic0 as topic, coalesce(substr(topic1, 3), '') || coalesce(substr(topic2, 3), '')
            || coalesce(substr(topic3, 3), '') || coalesce(substr(data, 3), '') as words
    from raw_logs l
    where topic0 in ({", ".join(f"'{topic}'" for topic in (*_KNOWN, *_FORWARDERS, *KNOWN_TOPICS))})
),
made as (
    select distinct {PLACE}, lower(created) as created, lower(sender) as maker, call_type from raw_traces
    where trace_type = 'create' and created is not null and not exists (
        from failed_calls f where f.tx_hash = raw_traces.tx_hash and (f.path = ''
            or translate(trace_address, ',', '_') = f.path
            or starts_with(translate(trace_address, ',', '_'), f.path || '_')))
)
"""
_OWNERS = f"""
select {PLACE}, 'safe_owner_added', token, initiator, null, null,
    json_object('owner', {address("owner_at")}, 'threshold', threshold)::varchar
from (
    select *, {number(2)} as threshold, unnest(range(6, 6 + least({number(5)}, 100))) as owner_at
    from spoken where topic = '{_SAFE_SETUP}' and length(words) >= 64 * 6
)
"""
_PARTS = (
    tell(
        "approval", address(0), f"'spender', {address(1)}",
        f"topic = '{_APPROVAL}' and topic3 is null and length(words) = 192 and {address(0)} = initiator",
        value=amount(2), of_token=True,
    ),
    tell(
        "approval_for_all", address(0), f"'operator', {address(1)}",
        f"topic = '{_APPROVAL_FOR_ALL}' and length(words) = 192 and {number(2)} = 1 and {address(0)} = initiator",
    ),
    tell(
        "safe_created", "initiator", f"'threshold', {number(2)}, 'owners', {number(5)}",
        f"topic = '{_SAFE_SETUP}' and length(words) >= 64 * 6",
    ),
    tell(
        "safe_owner_added", "initiator", f"'owner', {address(0)}",
        f"topic = '{_ADDED_OWNER}' and length(words) = 64",
    ),
    tell(
        "safe_owner_removed", "initiator", f"'owner', {address(0)}",
        f"topic = '{_REMOVED_OWNER}' and length(words) = 64",
    ),
    tell(
        "safe_threshold_changed", "initiator", f"'threshold', {number(0)}",
        f"topic = '{_THRESHOLD}' and length(words) = 64",
    ),
    tell(
        "user_operation", address(1),
        f"'sender', {address(1)}, 'paymaster', nullif({address(2)}, '{_NOBODY}')",
        f"topic = '{USER_OPERATION}' and topic3 is not null and token in (select address from rpc_entry_points)",
    ),
)  # fmt: skip
EVENTS_SQL = f"""
with {_SPOKEN}
{" union all ".join((*_PARTS, *KNOWN_PARTS))}
union all {_OWNERS}
union all select {PLACE}, 'forwarder_created', {address(0)}, initiator, null, null,
    json_object('parent', {address(1)}, 'factory', token)::varchar
from spoken s where topic in ({", ".join(f"'{topic}'" for topic in _FORWARDERS)}) and length(words) >= 128
    and exists (from made m where m.tx_hash = s.tx_hash and m.created = {address(0)} and m.maker = s.token)
union all select {PLACE}, 'account_created', token, initiator, null, null,
    json_object('owner', {address(1)})::varchar
from spoken s where topic = '{_ACCOUNT}' and length(words) = 128
    and {address(0)} in (select address from rpc_entry_points)
    and exists (from made m where m.tx_hash = s.tx_hash and m.created = s.token)
union all select m.block_number, m.block_time, m.tx_hash, 'contract_created', m.created, t.sender, null, null,
    json_object('factory', m.maker, 'method', coalesce(m.call_type, 'create'))::varchar
from made m join rpc_transactions t on t.tx_hash = m.tx_hash
where coalesce(t.success, true) and m.maker <> lower(t.sender)
union all select t.block_number, t.block_time, a.tx_hash, 'authorization', a.authority, a.authority, null, null,
    json_object('delegate', a.delegate)::varchar
from rpc_authorizations a join rpc_transactions t on t.tx_hash = a.tx_hash
"""
