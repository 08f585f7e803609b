"""Which rows of a raw table can be trusted, what do they say in the lake's columns, and what is wrong with the rest?

One staged table per raw table holds every row, good and bad: lake columns, file, row number, and `issue`, the first
fault found (null for a good row). Rows are never dropped here; the writer takes the good ones and counts the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from intel.errors import UsageError
from intel.etl import columns as clean
from intel.etl.calls import shape_calls, shape_payments, shape_traces
from intel.etl.declared import declare_blocks
from intel.etl.logs import shape_logs
from intel.model import TRANSFER_KINDS, CoverageRange
from intel.sources.chains import load_chains, resolve_chain, resolve_chains
from intel.sources.files import FILE_COLUMN, ROW_COLUMN, RawTable, file_kind, quote_name
from intel.sources.layout import SHAPE_COLUMNS, Layout
from intel.store import Connection
from intel.store.lake import lake_types

_CLOCK_SKEW = timedelta(hours=1)  # a node's clock may run ahead of ours by this much
_MARKS = {"value_hex": "varchar", "token_id_hex": "varchar", "is_unproven": "boolean", "value_text": "varchar"}

_INTEGERS = {
    "block_number": "bad_block", "position": "missing_field", "sub_position": "missing_field",
    "tx_index": "missing_field", "gas_limit": "bad_value", "nonce": "bad_value", "type": "bad_value",
    "input_length": "bad_value", "transfers": "bad_value", "value_micro_usd": "bad_value",
}  # fmt: skip
_ADDRESSES = ("sender", "receiver", "token", "initiator", "address", "actor", "created", "miner")
_BOOLEANS = ("block_time_is_estimated", "success")
_AMOUNTS = ("fee_raw", "gas_price")
# Without these a row of that dataset says nothing.
_REQUIRED: Mapping[str, tuple[tuple[str, str], ...]] = {
    "transfers": (("block_number", "bad_block"), ("kind", "bad_kind")),
    "transactions": (("block_number", "bad_block"), ("tx_hash", "bad_hash"), ("sender", "missing_field")),
    "blocks": (("block_number", "bad_block"),),
    "edges": (("sender", "missing_field"), ("receiver", "missing_field")),
    "events": (("event", "missing_field"), ("address", "missing_field")),
}
_IN_BLOCK = ("reward", "withdrawal")
DEFAULTS = {"sub_position": "0", "block_time_is_estimated": "false", "transfers": "1", "kind": "'unknown'"}


@dataclass(frozen=True, slots=True)
class Staged:
    """A staged table `stage.<name>`; `dataset` is the lake table its good rows belong to."""

    name: str
    dataset: str
    layout: Layout
    raw: RawTable
    is_part: bool = False  # made of rows that another table holds too: what is wrong with them is counted there
    declared: tuple[CoverageRange, ...] = ()  # blocks that these files cover, whether or not they hold rows for them
    marks: frozenset[str] = frozenset()  # columns beyond the lake's: value_hex, token_id_hex, is_unproven


def stage_rows(
    con: Connection, raw: RawTable, layout: Layout, *, chain: str | None, now: datetime, is_part: bool = False
) -> Staged | None:
    """Write every row of `raw` to `stage.<dataset>_<raw name>`, cleaned and with its first fault.

    `chain` is the user's word for files without a chain column (UsageError when neither is there). `now` bounds
    block times. None where a part (a fee) cannot be told from the columns that are there.
    """
    view = f"{raw.name}_projected"
    filled = _project(con, view, raw, layout, chain)
    if layout.tells == ("fee",) and "fee_raw" not in filled:
        return None
    family = _map_chains(con, view, raw)
    declared = declare_blocks(con, view, raw, layout)
    types = _describe(con, view)
    if layout.shape:
        con.execute(f"create or replace temp view {view}_shaped as {_shape(con, layout, view, types)}")
        view = f"{view}_shaped"
        types = _describe(con, view)
    fields, faults = _clean_fields(types, layout, family)
    faults += _row_faults(fields, layout.dataset)
    name = f"{layout.dataset}_{raw.name}" + (f"_{layout.tells[0]}" if is_part else "")
    kinds = lake_types(layout.dataset)
    latest = {"latest": now + _CLOCK_SKEW} if any("$latest" in condition for condition, _ in faults) else {}
    verdict = " ".join(f"when {condition} then '{code}'" for condition, code in faults)
    typed = [f"cast({sql} as {kinds.get(column, _MARKS.get(column))}) as {column}" for column, sql in fields.items()]
    con.execute(
        f"create or replace table stage.{name} as select p.{FILE_COLUMN}, p.{ROW_COLUMN}, {', '.join(typed)}, "
        f"case {verdict} end as issue "
        f"from {view} p join chain_map m on m.chain_text is not distinct from p.chain::varchar",
        latest,
    )
    con.execute("drop table if exists stage.calls")
    return Staged(name, layout.dataset, layout, raw, is_part, declared, frozenset(fields) & frozenset(_MARKS))


def _describe(con: Connection, view: str) -> dict[str, str]:
    return {str(name): str(kind) for name, kind, *_ in con.execute(f"describe {view}").fetchall()}


def _shape(con: Connection, layout: Layout, view: str, types: Mapping[str, str]) -> str:
    """Return SQL that makes transfers of rows that are logs, traces, listed calls or transactions."""
    if layout.shape == "logs":
        return shape_logs(con, view, types)
    if layout.shape == "traces":
        told = ", ".join(f"'{kind}'" for kind in layout.tells)
        return f"select * from ({shape_traces(con, view, types)}) where kind in ({told}, 'reward')"
    if layout.shape == "calls":
        return shape_calls(view, types)
    return shape_payments(layout.tells[0], view, types)


def _project(con: Connection, view: str, raw: RawTable, layout: Layout, chain: str | None) -> list[str]:
    """Name the file's columns as the layout does and return those it fills.

    Layouts and their SQL are ours, only column names are the file's. Bytes become 0x text, as in every other source.
    """
    names = {column.lower(): column for column in raw.columns}
    selected = [f"{FILE_COLUMN}, {ROW_COLUMN}"]
    filled = []
    for column in layout.columns:
        sql = layout.fill(column, frozenset(names))
        if sql is not None:
            filled.append(column)
            selected.append(f"{quote_name(names[sql]) if sql in names else sql} as {column}")
    missing = SHAPE_COLUMNS[layout.shape] - set(filled) if layout.shape else ()
    selected += [f"null::varchar as {column}" for column in sorted(missing)]
    if "chain" not in filled:
        selected.append(f"'{_choose_chain(chain, raw)}' as chain")
    if layout.details:
        rest = [quote_name(c) for low, c in names.items() if low not in filled and low not in ("chain", "source")]
        pairs = ", ".join(f"{_quote_text(c)}, {c}" for c in rest)
        selected.append(f"json_object({pairs})::varchar as details" if rest else "null::varchar as details")
    where = f"where {layout.where}"
    if raw.malformed and file_kind(raw.files[0]) == "jsonl":  # rows of nulls stand for lines that are no JSON
        where += " and not (" + " and ".join(f"{quote_name(c)} is null" for c in raw.columns) + ")"
    blobs = [quote_name(c) for c, kind in raw.columns.items() if kind == "BLOB"]
    source = raw.name
    if blobs:
        texts = ", ".join(f"'0x' || lower(hex({c})) as {c}" for c in blobs)
        source = f"(select * replace ({texts}) from {raw.name})"
    con.execute(f"create or replace temp view {view} as select {', '.join(selected)} from {source} {where}")
    return filled


def _quote_text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _choose_chain(chain: str | None, raw: RawTable) -> str:
    if chain is None:
        raise UsageError(f"{raw.files[0]} has no chain column", "say which chain it is: --chain ethereum")
    slug = resolve_chain(chain)
    if slug is None:
        raise UsageError(f"unknown chain {chain!r}", f"known: {', '.join(load_chains())}")
    return slug


def _map_chains(con: Connection, view: str, raw: RawTable) -> str:
    """Fill chain_map with the file's spellings; return SQL for a row's family, a constant where all rows share it."""
    texts = [row[0] for row in con.execute(f"select distinct chain::varchar from {view} order by 1").fetchall()]
    mapped = resolve_chains(texts)
    con.register("chain_map_arrow", mapped)
    con.execute("create or replace temp table chain_map as select * from chain_map_arrow")
    con.unregister("chain_map_arrow")
    families = set(mapped["family"].to_pylist())
    return "'evm'" if families == {"evm"} else "m.family"


def _clean_fields(
    types: Mapping[str, str], layout: Layout, family: str
) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Return SQL per lake column, and (condition, code) per possible fault of a single value."""
    fields: dict[str, str] = {"chain": "m.chain", "source": _source(types, layout)}
    faults = [("p.chain is null", "missing_chain"), ("m.chain is null", "unknown_chain")]
    if "is_malformed" in types:
        faults.append(("p.is_malformed", "bad_log"))
    _add_value(fields, faults, types, layout.dataset)
    if types.keys() & {"token_id", "token_id_word"}:
        _add_token_id(fields, faults, types.get("token_id", "WORD"))
    for column in lake_types(layout.dataset):
        if column in fields:
            continue
        if column not in types:
            fields[column] = DEFAULTS.get(column, "null")
            continue
        cleaned = _clean_column(column, types[column], family)
        fields[column] = cleaned.value if column not in DEFAULTS else f"coalesce({cleaned.value}, {DEFAULTS[column]})"
        if cleaned.bad:
            faults.append((cleaned.bad, _fault_code(column)))
    if layout.dataset == "transfers":
        fields["position_is_known"] = f"({fields['position']}) is not null"
    if "is_unproven" in types:
        fields["is_unproven"] = "p.is_unproven"
    return fields, faults


def _source(types: Mapping[str, str], layout: Layout) -> str:
    given = "nullif(trim(p.source::varchar), '')" if "source" in types else "null"
    # The name stands in Delta predicates and file listings: keep it to plain characters.
    return f"regexp_replace(coalesce({given}, '{layout.name}'), '[^A-Za-z0-9 ._:/@+-]', '_', 'g')"


def _clean_column(column: str, kind: str, family: str) -> clean.Cleaned:
    raw = f"p.{column}"
    if column in _INTEGERS:
        return clean.clean_integer(raw, kind)
    if column == "block_time":
        return clean.clean_time(raw, kind)
    if column in _ADDRESSES:
        return clean.clean_evm_address(raw) if family == "'evm'" else clean.clean_address(raw, family)
    if column == "tx_hash":
        return clean.clean_hash(raw, family)
    if column in _BOOLEANS:
        return clean.clean_boolean(raw, kind)
    if column in _AMOUNTS:
        value = clean.clean_value(raw, kind)
        return clean.Cleaned(value.value_raw, f"{raw} is not null and ({value.bad})")
    return clean.clean_text(raw, kind)


def _fault_code(column: str) -> str:
    if column in _ADDRESSES:
        return "bad_address"
    if column in _AMOUNTS:
        return "bad_value"
    return {"block_time": "bad_time", "tx_hash": "bad_hash"}.get(column) or _INTEGERS.get(column, "missing_field")


def _add_value(fields: dict[str, str], faults: list[tuple[str, str]], types: Mapping[str, str], dataset: str) -> None:
    """An amount in base units: from `value_raw`, or from the hex digits of `value_word`."""
    # An ERC-721 moves one token, whatever its source wrote as value.
    single = "p.kind = 'erc721'" if dataset == "transfers" else "false"
    if "value_word" in types:
        value = clean.clean_word("p.value_word")
    elif "value_raw" in types:
        value = clean.clean_value("p.value_raw", types["value_raw"])
    elif dataset == "transfers":
        value = clean.CleanedValue("null", "null", "null", "true", "false")
    else:
        return
    fields["value_raw"] = f"case when {single} then 1::decimal(38, 0) else {value.value_raw} end"
    if dataset == "transfers":
        fields["value_text"] = f"case when not {single} then {value.value_text} end"
        fields["value_hex"] = f"case when not {single} then {value.value_hex} end"
    faults.append((f"not {single} and {value.too_large}", "value_over_256_bits"))
    faults.append((f"not {single} and ({value.bad})", "bad_value"))


def _add_token_id(fields: dict[str, str], faults: list[tuple[str, str]], kind: str) -> None:
    """A token id is a number of up to 256 bits, kept as decimal text whatever form the source gave it."""
    given = "p.token_id_word" if kind == "WORD" else "p.token_id"
    if kind == "VARCHAR":
        given = "nullif(p.token_id, '')"
    value = clean.clean_word(given) if kind == "WORD" else clean.clean_value(given, kind)
    fields["token_id"] = f"coalesce({value.value_text}, ({value.value_raw})::varchar)"
    fields["token_id_hex"] = value.value_hex
    faults.append((f"{given} is not null and ({value.too_large})", "value_over_256_bits"))
    faults.append((f"{given} is not null and ({value.bad})", "bad_value"))


def _row_faults(fields: Mapping[str, str], dataset: str) -> list[tuple[str, str]]:
    """Return faults of a row as a whole: what must be there, what cannot be."""
    faults = [(f"({fields[column]}) is null", code) for column, code in _REQUIRED[dataset]]
    if "block_number" in fields:
        faults.append((f"({fields['block_number']}) < 0", "bad_block"))
    if dataset == "transfers":
        kinds = ", ".join(f"'{kind}'" for kind in TRANSFER_KINDS)
        faults.append((f"({fields['kind']}) not in ({kinds})", "bad_kind"))
        faults.append((f"({fields['sender']}) is null and ({fields['receiver']}) is null", "missing_field"))
        # Rewards and withdrawals come with the block, in no transaction.
        faults.append((f"({fields['tx_hash']}) is null and ({fields['kind']}) not in {_IN_BLOCK}", "bad_hash"))
    if fields.get("block_time", "null") != "null":
        faults.append((f"({fields['block_time']}) > $latest", "future_time"))
    return faults
