"""Which transfers do raw event logs tell, exactly as their contracts wrote them?

Arguments are laid end to end as 64-digit words, indexed ones (topics) first, then the data: so a contract that left
its arguments unindexed reads like any other. A log whose words do not fit its event is malformed, never guessed.
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from intel.sources.chains import load_chains
from intel.sources.files import FILE_COLUMN, ROW_COLUMN
from intel.store import Connection

# keccak-256 of the event's signature
TRANSFER = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"  # (address,address,uint256)
TRANSFER_SINGLE = "0xc3d58168c5ae7397731d063d5bbf3d657854427343f4c083240f7aacaa2d0f62"
TRANSFER_BATCH = "0x4a39dc06d4c0dbc64b70af90fd698a233a518aa5d07e595d983b8c0526c8f7fb"
DEPOSIT = "0xe1fffcc4923d04b559f4d29a8bfc6cda04eb5b0d3c460751c2402c5c5cc9109c"  # (address,uint256)
WITHDRAWAL = "0x7fcf532c15f0a6db0bd6d0e038bea71d30d808c7d98cb3bf7268a95bf5081b65"  # (address,uint256)

STANDARD_EVENTS = f"('{TRANSFER}', '{TRANSFER_SINGLE}', '{TRANSFER_BATCH}')"
_WRAPPING = f"('{DEPOSIT}', '{WITHDRAWAL}')"
_NO_ADDRESS = "0" * 24  # an address fills the last 20 of its 32 bytes

# Transfers that were read as such from a node's receipts, as staged rows; `$source` names the node.
USUAL_LOGS = f"""
select {FILE_COLUMN}, {ROW_COLUMN}, chain, block_number, block_time, tx_hash, position, 0 as sub_position,
    case when is_erc20 then 'erc20' else 'erc721' end as kind, sender, receiver, token,
    case when not is_erc20 then amount::varchar end as token_id,
    case when is_erc20 then amount else 1 end::decimal(38, 0) as value_raw,
    null::varchar as value_text, initiator, $source as source, false as block_time_is_estimated,
    true as position_is_known, null::varchar as issue
from raw_usual
"""


def shape_logs(con: Connection, view: str, types: Mapping[str, str]) -> str:
    """Return SQL of one row per token transfer in the logs of `view`.

    Columns: those of a transfer, amounts as `value_word` and `token_id_word` (hex digits), and `is_malformed`.
    Needs table chain_map. Deposit and Withdrawal are wrapping only on a chain's own wrapped coin (data/chains.toml):
    other contracts use the same events for other things.
    """
    if "is_wrapped_coin" in types:
        wraps = "l.is_wrapped_coin"
    else:
        _list_wrapped_coins(con)
        wraps = "exists (from wrapped_coins w where w.chain_text is not distinct from l.chain::varchar "
        wraps += "and w.token = lower(l.token::varchar))"
    event, count, indexed = _split_topics(types)
    return f"""
        with logged as (
            select *, {event} as event, {count} as topic_count,
                lower({indexed} || coalesce(substr(data, 3), '')) as words
            from {view} l
            where {event} in {STANDARD_EVENTS} or ({event} in {_WRAPPING} and {wraps})
        ), measured as (
            select *, length(words) // 64 as word_count,
                length(words) % 64 = 0 and regexp_full_match(words, '[0-9a-f]*') as is_whole,
                case event when '{TRANSFER}' then 3 when '{TRANSFER_SINGLE}' then 5 when '{TRANSFER_BATCH}' then 7
                    else 2 end as word_needed,
                case when event in ('{TRANSFER_SINGLE}', '{TRANSFER_BATCH}') then 1 else 0 end as first_party,
                case when event = '{TRANSFER_BATCH}' then {_array(3)} end as ids_at,
                case when event = '{TRANSFER_BATCH}' then {_array(4)} end as values_at
            from logged
        ), counted as (
            select *, {_length("ids_at")} as id_count, {_length("values_at")} as value_count,
                is_whole and substr(words, 64 * first_party + 1, 24) = '{_NO_ADDRESS}'
                and (event in {_WRAPPING} or substr(words, 64 * first_party + 65, 24) = '{_NO_ADDRESS}')
                and (word_count = word_needed or (event = '{TRANSFER_BATCH}' and word_count > word_needed)) as is_fit
            from measured
        ), judged as (
            select *, not coalesce(is_fit and (event <> '{TRANSFER_BATCH}' or (id_count = value_count
                and ids_at + id_count < word_count and values_at + id_count < word_count)), false) as is_malformed
            from counted
        ), parted as (
            select *, unnest(case when event <> '{TRANSFER_BATCH}' or is_malformed then [0] else range(id_count) end)
                as sub_position
            from judged
        )
        select * exclude (event, words), case
                when event = '{DEPOSIT}' then 'wrap' when event = '{WITHDRAWAL}' then 'unwrap'
                when event <> '{TRANSFER}' then 'erc1155' when topic_count = 3 then 'erc20'
                when topic_count = 4 then 'erc721' else 'erc20_or_erc721' end as kind,
            case when not is_malformed and event <> '{DEPOSIT}' then {_address("first_party")} end as sender,
            case when is_malformed or event = '{WITHDRAWAL}' then null when event = '{DEPOSIT}' then {_address("0")}
                else {_address("first_party + 1")} end as receiver,
            case when is_malformed then null
                when event = '{TRANSFER_BATCH}' then {_word("values_at + 1 + sub_position")}
                else {_word("word_needed - 1")} end as value_word,
            case when is_malformed then null
                when event = '{TRANSFER_BATCH}' then {_word("ids_at + 1 + sub_position")}
                when event = '{TRANSFER_SINGLE}' then {_word("3")}
                when event = '{TRANSFER}' and topic_count = 4 then {_word("2")} end as token_id_word
        from parted"""


def _list_wrapped_coins(con: Connection) -> None:
    coins = [(chain.slug, chain.wrapped) for chain in load_chains().values() if chain.wrapped]
    con.register("wrapped_arrow", pa.table({"chain": [c for c, _ in coins], "token": [t for _, t in coins]}))
    con.execute(
        "create or replace temp table wrapped_coins as "
        "select m.chain_text, w.token from chain_map m join wrapped_arrow w using (chain)"
    )
    con.unregister("wrapped_arrow")


def _split_topics(types: Mapping[str, str]) -> tuple[str, str, str]:
    """Return SQL of the event, the number of topics, and the words of the indexed arguments."""
    if "topic0" in types:
        rest = ("topic1", "topic2", "topic3")
        count = " + ".join(["1", *(f"(coalesce({topic}, '') <> '')::int" for topic in rest)])
        indexed = " || ".join(f"coalesce(substr({topic}, 3), '')" for topic in rest)
        return "lower(topic0)", count, indexed
    kind = types["topics"]
    if kind.startswith("STRUCT"):  # lists as BigQuery writes them to Parquet
        text = "array_to_string(list_transform(topics.list, lambda one: one.element), ',')"
    elif kind.endswith("[]"):
        text = "array_to_string(topics, ',')"
    else:  # a comma-separated list, or a JSON one; translate reads letter by letter, so only where it must
        text = "case when starts_with(topics, '0x') then topics else translate(topics, '[]\" ', '') end"
    return (
        f"lower(substr({text}, 1, 66))",
        f"(length({text}) + 1) // 67",
        f"replace(replace(coalesce(substr({text}, 68), ''), '0x', ''), ',', '')",
    )


def _word(index: str) -> str:
    return f"substr(words, 64 * ({index}) + 1, 64)"


def _address(index: str) -> str:
    return f"'0x' || substr(words, 64 * ({index}) + 25, 40)"


def _small(word: str) -> str:
    """Return SQL of a word as a small number; null where it is none."""
    return f"case when substr({word}, 1, 56) = '{'0' * 56}' then try_cast('0x' || substr({word}, 57) as bigint) end"


def _array(index: int) -> str:
    """Return SQL of the word at which the array begins whose offset stands at argument `index`."""
    offset = _small(_word(str(index)))
    return f"case when ({offset}) % 32 = 0 then topic_count - 1 + ({offset}) // 32 end"


def _length(start: str) -> str:
    return f"case when {start} < word_count then {_small(_word(start))} end"
