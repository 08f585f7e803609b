"""Which staged rows are the same fact twice, in what order do unnumbered rows stand, and what went wrong how often?"""

from __future__ import annotations

import pyarrow as pa

from intel.etl.clean import Staged
from intel.model import ISSUE_CODES, OVERSIZE, DataIssue
from intel.sources.files import FILE_COLUMN, ROW_COLUMN
from intel.store import Connection

_KEYS = {
    # Rewards have no transaction, so their block stands in the key for it.
    "transfers": ("chain", "source", "coalesce(tx_hash, block_number::varchar)", "kind", "position", "sub_position"),
    "transactions": ("chain", "source", "tx_hash"),
    "blocks": ("chain", "source", "block_number"),
    "edges": ("chain", "source", "kind", "sender", "receiver", "tx_hash", "block_number", "value_micro_usd"),
    "events": ("chain", "source", "event", "address", "actor", "block_number", "tx_hash", "details"),
}
_CONTENT = {
    "transfers": ("block_number", "sender", "receiver", "token", "token_id", "value_raw", "value_text"),
    "transactions": ("block_number", "sender", "receiver", "value_raw", "nonce"),
    "blocks": ("block_hash", "parent_hash", "block_time"),
    "edges": ("transfers",),
    "events": ("block_time",),
}
_UINT256 = 2**256
_HINTS = {
    "bad_address": "EVM addresses are 0x and 40 hex digits",
    "bad_hash": "EVM transaction hashes are 0x and 64 hex digits",
    "bad_value": "amounts are whole numbers of base units, as text or integer; rounded doubles are not taken",
    "value_over_256_bits": "no EVM amount exceeds 2^256 - 1: the column may hold something else",
    "oversize_value": "its token is listed but has no balances, USD or PnL",
    "bad_block": "block_number must be a whole number from 0 on",
    "bad_time": "use ISO text in UTC, epoch seconds or a timestamp column",
    "future_time": "check the clock and the unit (seconds, not milliseconds) of the time column",
    "bad_kind": "see `kind` in INTERFACES: native, internal, erc20, ...",
    "unknown_chain": "chain names are listed in data/chains.toml; EVM chain ids are understood too",
    "missing_chain": "fill the chain column, or leave it out and name the chain with --chain",
    "duplicate_row": "the same row stands twice in this input",
    "duplicate_key": "same transaction and position, other content: one of them is wrong",
    "malformed_row": "the line does not have the header's columns, or is no JSON object",
    "missing_field": "a required field is empty",
    "bad_log": "topics and data must be the event's words of 32 bytes: the contract logs something else by that name",
    "unknown_success": "value of a failed transaction never moved: take traces or receipts of these blocks too",
}


def settle_rows(con: Connection, staged: list[Staged]) -> None:
    """Finish the staged tables of one dataset together: exact large values, positions, duplicates across files."""
    dataset = staged[0].dataset
    for table in staged:
        for marked, column in (("value_hex", "value_text"), ("token_id_hex", "token_id")):
            if marked in table.marks:
                _read_large_numbers(con, table.name, marked, column)
    union = " union all by name ".join(
        f"select *, '{t.name}' as part, rowid as line from stage.{t.name}" for t in staged
    )
    con.execute(f"create or replace temp view staged_{dataset} as {union}")
    if dataset == "transfers":
        _number_rows(con, staged)
    _mark_duplicates(con, staged, dataset)


def _read_large_numbers(con: Connection, name: str, marked: str, column: str) -> None:
    """Turn numbers of more than 31 hex digits into exact decimal text; SQL has no 256-bit integers."""
    digits = con.sql(f"select distinct {marked} as digits from stage.{name} where {marked} is not null")
    texts = [text for batch in digits.to_arrow_table()["digits"].chunks for text in batch.to_pylist()]
    if not texts:
        return
    numbers = [int(text, 16) for text in texts]
    exact = [str(number) if number < _UINT256 else None for number in numbers]
    con.register(
        "large_arrow", pa.table({"digits": pa.array(texts, pa.string()), "text": pa.array(exact, pa.string())})
    )
    con.execute(
        f"update stage.{name} t set {column} = n.text, "
        "issue = case when n.text is null and t.issue is null then 'value_over_256_bits' else t.issue end "
        f"from large_arrow n where n.digits = t.{marked}"
    )
    con.unregister("large_arrow")
    assert OVERSIZE < 16**31  # what SQL could not read is oversize by construction


def _number_rows(con: Connection, staged: list[Staged]) -> None:
    """Give rows without a position their order within (transaction, kind), and remember that it is ours."""
    con.execute(
        "create or replace temp table numbered as select part, line, row_number() over (partition by chain, source, "
        f"block_number, tx_hash, kind order by part, {FILE_COLUMN}, {ROW_COLUMN}) - 1 as position "
        "from staged_transfers where not position_is_known and issue is null"
    )
    for table in staged:
        con.execute(
            f"update stage.{table.name} t set position = n.position from numbered n "
            f"where n.part = '{table.name}' and n.line = t.rowid"
        )


def _mark_duplicates(con: Connection, staged: list[Staged], dataset: str) -> None:
    """Mark all but the first row of each key: duplicate_row where the content is equal, else duplicate_key."""
    key = ", ".join(_KEYS[dataset])
    # A 64-bit hash narrows millions of rows to the few worth comparing exactly.
    con.execute(
        f"create or replace temp table repeated as select key_hash from (select hash({key}) as key_hash "
        f"from staged_{dataset} where issue is null) group by key_hash having count(*) > 1"
    )
    if not con.execute("select count(*) from repeated").fetchall()[0][0]:
        return
    content = ", ".join(_CONTENT[dataset])
    con.execute(
        "create or replace temp table doubled as select part, line, same from ("
        f"select part, line, row_number() over keyed as n, "
        f"row({content}) is not distinct from first_value(row({content})) over keyed as same from staged_{dataset} "
        f"where issue is null and hash({key}) in (select key_hash from repeated) "
        f"window keyed as (partition by {key} order by {FILE_COLUMN}, {ROW_COLUMN}, part)) where n > 1"
    )
    for table in staged:
        con.execute(
            f"update stage.{table.name} t set issue = case when d.same then 'duplicate_row' else 'duplicate_key' end "
            f"from doubled d where d.part = '{table.name}' and d.line = t.rowid"
        )


def count_issues(con: Connection, staged: Staged) -> list[DataIssue]:
    """Return one DataIssue per file, code and source of a staged table, with the first row of each as its example."""
    found = _count_kept(con, staged) if staged.dataset == "transfers" else []
    if staged.is_part:
        return found
    rows = con.execute(
        f"select {FILE_COLUMN}, issue, source, count(*), min({ROW_COLUMN}), arg_min(example, {ROW_COLUMN}) "
        f"from (select *, {_example(staged.dataset)} as example from stage.{staged.name} where issue is not null) "
        "group by all order by all"
    ).fetchall()
    found += [
        DataIssue(code, staged.dataset, source, file, row, _column_of(code), value, _HINTS.get(code, ""), count)
        for file, code, source, count, row, value in rows
    ]
    return found + _count_malformed(con, staged) if staged.raw.malformed else found


def _example(dataset: str) -> str:
    columns = {
        "transfers": "sender, receiver, token, value_raw, value_text, block_number, block_time, tx_hash, kind, chain",
        "transactions": "sender, receiver, block_number, block_time, tx_hash, chain",
        "blocks": "block_number, block_time, chain",
        "edges": "sender, receiver, transfers, chain",
        "events": "event, address, actor, block_time, chain",
    }[dataset]
    return f"substr(to_json(struct_pack({', '.join(f'{c} := {c}' for c in columns.split(', '))}))::varchar, 1, 400)"


def _column_of(code: str) -> str | None:
    return {
        "bad_value": "value_raw", "value_over_256_bits": "value_raw", "bad_hash": "tx_hash", "bad_kind": "kind",
        "bad_block": "block_number", "bad_time": "block_time", "future_time": "block_time", "unknown_chain": "chain",
        "missing_chain": "chain",
    }.get(code)  # fmt: skip


def _count_kept(con: Connection, staged: Staged) -> list[DataIssue]:
    """Count rows that are taken with a caveat: values too large to sum, success that the source does not tell."""
    caveats: dict[str, tuple[str, str | None, str]] = {
        "oversize_value": ("value_text is not null", "value_raw", "token || ' ' || value_text")
    }
    if "is_unproven" in staged.marks:
        caveats["unknown_success"] = ("is_unproven", None, "tx_hash")
    found = []
    for code, (condition, column, example) in caveats.items():
        rows = con.execute(
            f"select {FILE_COLUMN}, source, count(*), min({ROW_COLUMN}), arg_min({example}, {ROW_COLUMN}) "
            f"from stage.{staged.name} where {condition} and issue is null group by all order by all"
        ).fetchall()
        found += [
            DataIssue(code, "transfers", source, file, row, column, value, _HINTS[code], count)
            for file, source, count, row, value in rows
        ]
    return found


def _count_malformed(con: Connection, staged: Staged) -> list[DataIssue]:
    found: dict[str, DataIssue] = {}
    names = {str(path) for path in staged.raw.files}
    for file, line, text in con.execute(staged.raw.malformed or "").fetchall():
        if file in names:
            first = found.get(file)
            found[file] = DataIssue(
                "malformed_row", staged.dataset, staged.layout.name, file,
                first.row_number if first else line, None, first.value if first else (text or "")[:200],
                _HINTS["malformed_row"], first.rows + 1 if first else 1,
            )  # fmt: skip
    return list(found.values())


assert set(_HINTS) <= set(ISSUE_CODES)
