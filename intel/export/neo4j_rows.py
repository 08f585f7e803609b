"""Which rows of a build become which nodes and relationships of a property graph?

All SQL of the Neo4j export stands here. Every key begins with the build it belongs to, so two builds never meet; a part
is a query in a total order, so the same batch of it is the same rows in every run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import pyarrow as pa

from intel.errors import UsageError
from intel.store.reader import Reader

Kind = Literal["node", "relationship"]
MOST_NEAR_TRANSFERS = 1_000_000


@dataclass(frozen=True, slots=True)
class Part:
    """One kind of node or relationship; `label` is its label or type.

    A node's columns are `key` and its properties; a relationship's are `start_key`, `end_key` and its properties.
    `repeats`: there may be several between two nodes. `has_key`: its property `key` names it.
    """

    name: str
    kind: Kind
    label: str
    sql: str
    repeats: bool = False
    has_key: bool = False


# The layer that is asked for. In the private one a private row stands before a public one about the same.
_SHOWN = "(visibility = 'public' or $private)"
_ADDRESS_KEY = "$build || ':address:' || {0}.chain || ':' || {0}.address"
_OWNERS = f"""select chain, address, address_id, entity_id, confidence, tier, status, role, basis, reason, label_source,
        valid_from, valid_to, visibility
    from beliefs.attributions where {_SHOWN}
    qualify row_number() over (partition by chain, address order by visibility, entity_id) = 1"""

# A label of any EVM chain is about its address on each of them where it occurs.
_CLAIMS = """select coalesce(k.chain, l.chain) as chain, l.address, k.address_id,
        $build || ':label:' || md5(concat_ws(chr(31), coalesce(l.entity, ''), coalesce(l.label, ''),
            coalesce(l.category, ''), l.source, l.visibility)) as label_key, l.* exclude (chain, address)
    from beliefs.labels l left join facts.address_lookup k
        on k.address = l.address and (k.chain = l.chain or (l.chain = 'evm' and starts_with(l.address, '0x')))
    where l.visibility = 'public' or $private"""

# Dealings, as every page counts them: gas and what the protocol pays are none, spam is none, and what a source could
# not decide is not known to have happened.
_NO_DEALING = "('fee', 'reward', 'withdrawal', 'erc20_or_erc721', 'erc20_calldata', 'erc20_or_erc721_calldata')"
_SPAM = """transfer_id in (
        select transfer_id from beliefs.transfer_flags
        where flag in ('batch_spam', 'lookalike_dust', 'zero_value_spoof'))
    or asset_id in (select f.asset_id from beliefs.asset_flags f join facts.assets s using (asset_id)
        where f.flag = 'counterfeit' or (f.flag = 'mass_airdrop' and not coalesce(s.is_verified, false)))"""
_DEALINGS = f"""select * from facts.transfers
    where sender_id is not null and receiver_id is not null and kind not in {_NO_DEALING} and not ({_SPAM})"""

# The exact amount as text, in whole tokens: digits moved by the token's decimals, no trailing zeros, no exponent.
_DIGITS = "lpad(t.value_raw::varchar, greatest(s.decimals + 1, length(t.value_raw::varchar))::integer, '0')"
_AMOUNT = f"""case
    when s.token_id is not null or s.decimals = 0 then t.value_raw::varchar
    when t.value_raw is null or s.decimals is null or s.decimals > 38 then null
    else rtrim(rtrim(left({_DIGITS}, -s.decimals) || '.' || right({_DIGITS}, s.decimals), '0'), '.') end"""

_LARGEST_SUM = 2**63 - 1  # micro-dollars: more can only come from a wrong price


def _usd(micro: str) -> str:
    return f"least({micro}, {_LARGEST_SUM})::bigint / 1000000"


_SUMS = f"""sum(transfers)::bigint as transfers, {_usd("sum(micro_usd)")} as value_usd,
    sum(unpriced)::bigint as unpriced, min(first) as first, max(last) as last"""

# By asset first, on numbers alone; the few that are left get their texts.
_PAIRS = f"""
    select t.sender_id, t.receiver_id, s.chain, coalesce(s.token, 'native') as token, min(s.symbol) as symbol,
        sum(t.transfers)::bigint as transfers, sum(t.micro_usd) as micro_usd, sum(t.unpriced)::bigint as unpriced,
        min(t.first) as first, max(t.last) as last
    from (
        select sender_id, receiver_id, asset_id, count(*) as transfers, sum(value_micro_usd) as micro_usd,
            count(*) - count(value_micro_usd) as unpriced, min(block_time) as first, max(block_time) as last
        from ({_DEALINGS}) group by sender_id, receiver_id, asset_id) t
    join facts.assets s using (asset_id)
    group by t.sender_id, t.receiver_id, s.chain, s.token
    union all
    select e.sender_id, e.receiver_id, a.chain, null, null, sum(e.transfers)::bigint, sum(e.value_micro_usd),
        sum(e.transfers)::bigint - count(e.value_micro_usd), min(e.block_time), max(e.block_time)
    from facts.edges e join facts.addresses a on a.address_id = e.sender_id
    group by e.sender_id, e.receiver_id, a.chain"""

_ADDRESSES = f"""
    with known as (
        select chain, address, address_id, is_contract from facts.addresses
        union
        select chain, address, null, null from ({_OWNERS}) where address_id is null
        union
        select chain, address, null, null from ({_CLAIMS}) where address_id is null),
    roles as (
        select address_id, list(distinct role order by role) as roles from beliefs.roles where {_SHOWN} group by 1),
    services as (select address_id, list(distinct kind order by kind) as services, bool_or(is_hub) as is_hub
        from beliefs.services group by 1)
    select {_ADDRESS_KEY.format("k")} as key, k.chain, k.address, k.is_contract, r.roles, v.services, v.is_hub,
        t.transfers_in, t.transfers_out, t.counterparties, t.first_time as first, t.last_time as last
    from known k left join roles r using (address_id) left join services v using (address_id)
    left join facts.address_stats t using (address_id)"""

_ENTITIES = f"""
    select $build || ':entity:' || entity_id as key, entity_id, name, category, kind, parent, website, is_custodial,
        visibility
    from (
        select * from beliefs.entities where {_SHOWN}
        union all by name
        select entity_id, entity_id as name, 'zz' as visibility from ({_OWNERS}) where entity_id is not null
        union all by name
        select right_entity as entity_id, right_entity as name, 'zz' as visibility
        from beliefs.evidence where {_SHOWN} and right_entity is not null)
    qualify row_number() over (partition by entity_id order by visibility, name, kind, category) = 1"""

_LABELS = f"""
    select label_key as key, label, entity, min(entity_id) as entity_id, category, source, min(licence) as licence,
        visibility, count(distinct (chain, address)) as addresses
    from ({_CLAIMS}) group by label_key, label, entity, category, source, visibility"""

_TOKENS = """
    select $build || ':token:' || a.chain || ':' || coalesce(a.token, 'native') as key, a.chain,
        coalesce(a.token, 'native') as token, min(a.symbol) as symbol, min(a.name) as name,
        min(a.decimals) as decimals, min(a.standard) as standard, bool_or(a.is_verified) as is_verified,
        list(distinct f.flag order by f.flag) filter (f.flag is not null) as flags
    from facts.assets a left join beliefs.asset_flags f using (asset_id) group by a.chain, a.token"""

_CONTROLLED_BY = f"""
    select {_ADDRESS_KEY.format("o")} as start_key, $build || ':entity:' || entity_id as end_key, confidence, tier,
        status, role, basis, reason, label_source, valid_from, valid_to, visibility
    from ({_OWNERS}) o where entity_id is not null"""

_HAS_LABEL = f"""
    select {_ADDRESS_KEY.format("c")} as start_key, label_key as end_key, min(source_ref) as source_ref,
        min(url) as url, max(source_date)::timestamp as source_date, max(level) as level, min(valid_from) as valid_from,
        max(valid_to) as valid_to
    from ({_CLAIMS}) c group by chain, address, label_key"""

_ADDRESS_SENT = f"""
    select {_ADDRESS_KEY.format("l")} as start_key, {_ADDRESS_KEY.format("r")} as end_key, p.chain, p.token, p.symbol,
        p.transfers, {_usd("p.micro_usd")} as value_usd, p.unpriced, p.first, p.last
    from ({_PAIRS}) p join facts.addresses l on l.address_id = p.sender_id
    join facts.addresses r on r.address_id = p.receiver_id
    order by p.sender_id, p.receiver_id, p.chain, p.token nulls first"""

_ENTITY_SENT = f"""
    with owners as (select address_id, entity_id from ({_OWNERS}) where address_id is not null)
    select $build || ':entity:' || l.entity_id as start_key, $build || ':entity:' || r.entity_id as end_key, p.chain,
        p.token, min(p.symbol) as symbol, {_SUMS}
    from ({_PAIRS}) p join owners l on l.address_id = p.sender_id join owners r on r.address_id = p.receiver_id
    where l.entity_id <> r.entity_id group by l.entity_id, r.entity_id, p.chain, p.token
    order by 1, 2, 3, 4 nulls first"""

_EVIDENCE = f"""
    select {_ADDRESS_KEY.format("l")} as start_key,
        coalesce({_ADDRESS_KEY.format("r")}, $build || ':entity:' || e.right_entity) as end_key, e.relation,
        e.heuristic, e.version, e.family, e.event, e.weight_bits, e.weight_is_assumed, e.support, e.tx_hashes,
        e.first_block, e.last_block, e.valid_from, e.valid_to, e.visibility, e.reason
    from beliefs.evidence e join facts.addresses l on l.address_id = e.left_id
    left join facts.addresses r on r.address_id = e.right_id
    where {_SHOWN} and (e.right_id is not null or e.right_entity is not null) order by all"""

# What comes first is what the next ones stand on.
PARTS = (
    Part("addresses", "node", "Address", _ADDRESSES + " order by key"),
    Part("entities", "node", "Entity", _ENTITIES + " order by key"),
    Part("labels", "node", "Label", _LABELS + " order by key"),
    Part("tokens", "node", "Token", _TOKENS + " order by key"),
    Part("controlled_by", "relationship", "CONTROLLED_BY", _CONTROLLED_BY + " order by start_key"),
    Part("has_label", "relationship", "HAS_LABEL", _HAS_LABEL + " order by start_key, end_key"),
    Part("evidence", "relationship", "EVIDENCE", _EVIDENCE, repeats=True),
    Part("entity_sent", "relationship", "SENT", _ENTITY_SENT, repeats=True),
    Part("address_sent", "relationship", "SENT", _ADDRESS_SENT, repeats=True),
)


# Of a neighbourhood: what stands on the addresses in `near_keys(key)`, and the single transfers in `near_transfers`.
_OWNERS_NEAR = f"select end_key from ({_CONTROLLED_BY}) where start_key in (select key from near_keys)"
_LABELS_NEAR = f"select end_key from ({_HAS_LABEL}) where start_key in (select key from near_keys)"
_TRANSFERS = f"""
    select {_ADDRESS_KEY.format("l")} as start_key, {_ADDRESS_KEY.format("r")} as end_key,
        $build || ':' || concat_ws(':', t.chain, t.tx_hash, t.kind, t.position, t.sub_position, t.source) as key,
        t.tx_hash as tx, t.block_time as time, {_AMOUNT} as amount, t.chain, coalesce(s.token, 'native') as token,
        s.symbol, s.token_id, coalesce(t.value_raw::varchar, t.value_text) as value_raw,
        t.value_micro_usd / 1000000 as value_usd, t.kind, t.block_number as block, t.position
    from ({_DEALINGS}) t join facts.assets s using (asset_id)
    join facts.addresses l on l.address_id = t.sender_id join facts.addresses r on r.address_id = t.receiver_id
    where t.transfer_id in (select transfer_id from near_transfers) order by t.transfer_id"""
_NEAR = {
    "addresses": "key in (select key from near_keys)",
    "entities": f"key in ({_OWNERS_NEAR})",
    "labels": f"key in ({_LABELS_NEAR})",
    "controlled_by": "start_key in (select key from near_keys)",
    "has_label": "start_key in (select key from near_keys)",
}
TRANSFERS_PART = Part("transfers", "relationship", "TRANSFER", _TRANSFERS, repeats=True, has_key=True)


def list_near_parts() -> tuple[Part, ...]:
    """Return the parts of a neighbourhood that gather_neighbourhood has found, its transfers last."""
    chosen = [
        replace(part, sql=f"select * from ({part.sql}) where {_NEAR[part.name]} order by all")
        for part in PARTS
        if part.name in _NEAR
    ]
    return (*chosen, TRANSFERS_PART)


def gather_neighbourhood(reader: Reader, address_ids: Sequence[int], hops: int, build: str) -> int:
    """Fill the thread's `near_transfers` and `near_keys`, and return the number of transfers.

    One hop is every dealing of the addresses; the next adds every dealing of those they dealt with, and so on. Hubs
    (exchanges, contracts of many, miners) are reached and not passed: behind them is everybody. Raises UsageError
    where it grows beyond what a graph of single transfers can show.
    """
    reader.load("near_level", pa.table({"address_id": pa.array(address_ids, pa.int64())}))
    reader.query("create or replace temp table near_addresses as from near_level")
    reader.query("create or replace temp table near_transfers (transfer_id bigint)")
    for _ in range(hops):
        reader.query(
            f"""create or replace temp table near_found as
            select transfer_id, sender_id, receiver_id from ({_DEALINGS}) where transfer_id in (
                select transfer_id from facts.postings where address_id in (select address_id from near_level))"""
        )
        reader.query(
            """insert into near_transfers select transfer_id from near_found
            where transfer_id not in (select transfer_id from near_transfers)"""
        )
        reader.query(
            """create or replace temp table near_ends as
            select distinct address_id from (select unnest([sender_id, receiver_id]) as address_id from near_found)
            where address_id not in (select address_id from near_addresses)"""
        )
        reader.query("insert into near_addresses from near_ends")
        reader.query(
            """create or replace temp table near_level as select address_id from near_ends
            where address_id not in (select address_id from beliefs.services where is_hub)"""
        )
        found = int(reader.query("select count(*) from near_transfers")[0][0])
        if found > MOST_NEAR_TRANSFERS:
            raise UsageError(
                f"{found:,} transfers lie so near, more than {MOST_NEAR_TRANSFERS:,}",
                "take fewer hops; the whole build, with sums instead of transfers, goes without --subject",
            )
    reader.query(
        f"""create or replace temp table near_keys as select {_ADDRESS_KEY.format("a")} as key
        from facts.addresses a where address_id in (select address_id from near_addresses)""",
        {"build": build},
    )
    return found


def count_rows(reader: Reader, part: Part, params: Mapping[str, object]) -> int:
    """Return how many nodes or relationships a part has."""
    return int(reader.query(f"select count(*) from ({part.sql})", choose_params(part, params))[0][0])


def choose_params(part: Part, params: Mapping[str, object]) -> dict[str, object]:
    """Return those of the parameters that the part's query names."""
    return {name: value for name, value in params.items() if f"${name}" in part.sql}


def describe_part(reader: Reader, part: Part, params: Mapping[str, object]) -> pa.Schema:
    """Return the columns of a part."""
    return reader.arrow(f"from ({part.sql}) limit 0", choose_params(part, params)).schema
