"""Which rows of a raw table can be trusted, what do they say in the lake's columns, and what is wrong with the rest?

One staged table per raw table holds every row, good and bad: lake columns, file, row number, and `issue`, the first
fault found (null for a good row). Rows are never dropped here; the writer takes the good ones and counts the others.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from intel.errors import UsageError
from intel.etl import columns as clean
from intel.model import TRANSFER_KINDS
from intel.sources.chains import load_chains, resolve_chain, resolve_chains
from intel.sources.files import FILE_COLUMN, ROW_COLUMN, RawTable, quote_name
from intel.sources.formats import Layout
from intel.store import Connection
from intel.store.lake import lake_types

_CLOCK_SKEW = timedelta(hours=1)  # a node's clock may run ahead of ours by this much
_WORD = re.compile(r"\b[a-z_][a-z0-9_]*\b")

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
    "transfers": (("block_number", "bad_block"), ("tx_hash", "bad_hash"), ("kind", "bad_kind")),
    "transactions": (("block_number", "bad_block"), ("tx_hash", "bad_hash"), ("sender", "missing_field")),
    "blocks": (("block_number", "bad_block"),),
    "edges": (("sender", "missing_field"), ("receiver", "missing_field")),
    "events": (("event", "missing_field"), ("address", "missing_field")),
}
DEFAULTS = {"sub_position": "0", "block_time_is_estimated": "false", "transfers": "1", "kind": "'unknown'"}


@dataclass(frozen=True, slots=True)
class Staged:
    """A staged table `stage.<name>`; `dataset` is the lake table its good rows belong to."""

    name: str
    dataset: str
    layout: Layout
    raw: RawTable


def stage_rows(con: Connection, raw: RawTable, layout: Layout, *, chain: str | None, now: datetime) -> Staged:
    """Write every row of `raw` to `stage.<dataset>_<raw name>`, cleaned and with its first fault.

    `chain` is the user's word for files without a chain column (UsageError when neither is there). `now` bounds
    block times.
    """
    view = f"{raw.name}_projected"
    _project(con, view, raw, layout, chain)
    types = {str(name): str(kind) for name, kind, *_ in con.execute(f"describe {view}").fetchall()}
    family = _map_chains(con, view, raw)
    fields, faults = _clean_fields(types, layout, family)
    faults += _row_faults(fields, layout.dataset)
    name = f"{layout.dataset}_{raw.name}"
    kinds = lake_types(layout.dataset)
    latest = {"latest": now + _CLOCK_SKEW} if any("$latest" in condition for condition, _ in faults) else {}
    verdict = " ".join(f"when {condition} then '{code}'" for condition, code in faults)
    typed = [f"cast({sql} as {kinds.get(column, 'varchar')}) as {column}" for column, sql in fields.items()]
    con.execute(
        f"create or replace table stage.{name} as select p.{FILE_COLUMN}, p.{ROW_COLUMN}, {', '.join(typed)}, "
        f"case {verdict} end as issue "
        f"from {view} p join chain_map m on m.chain_text is not distinct from p.chain::varchar",
        latest,
    )
    return Staged(name, layout.dataset, layout, raw)


def _project(con: Connection, view: str, raw: RawTable, layout: Layout, chain: str | None) -> None:
    """Name the file's columns as the lake does; layouts and their SQL are ours, only column names are the file's."""
    names = {column.lower(): column for column in raw.columns}
    selected = [f"{FILE_COLUMN}, {ROW_COLUMN}"]
    filled = []
    for column, sql in layout.columns.items():
        if all(word in names for word in layout.uses.get(column, _WORD.findall(re.sub(r"'[^']*'", "", sql)))):
            filled.append(column)
            selected.append(f"{sql} as {column}" if column != sql else f"{quote_name(names[column])} as {column}")
    if "chain" not in filled:
        selected.append(f"'{_choose_chain(chain, raw)}' as chain")
    if layout.details:
        rest = [c for low, c in names.items() if low not in filled and low not in ("chain", "source")]
        pairs = ", ".join(f"{_quote_text(c)}, {quote_name(c)}" for c in rest)
        selected.append(f"json_object({pairs})::varchar as details" if rest else "null::varchar as details")
    where = f"where {layout.where}"
    if raw.malformed and raw.files[0].suffix != ".csv":  # rows of nulls stand for lines that are no JSON
        where += " and not (" + " and ".join(f"{quote_name(c)} is null" for c in raw.columns) + ")"
    con.execute(f"create or replace temp view {view} as select {', '.join(selected)} from {raw.name} {where}")


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
    fields: dict[str, str] = {}
    faults = [("p.chain is null", "missing_chain"), ("m.chain is null", "unknown_chain")]
    for column in lake_types(layout.dataset):
        if column == "chain":
            fields[column] = "m.chain"
        elif column == "source":
            given = "nullif(trim(p.source::varchar), '')" if "source" in types else "null"
            # The name stands in Delta predicates and file listings: keep it to plain characters.
            fields[column] = f"regexp_replace(coalesce({given}, '{layout.name}'), '[^A-Za-z0-9 ._:/@+-]', '_', 'g')"
        elif column not in types:
            if column == "value_text" and layout.dataset == "transfers":
                continue  # filled together with value_raw
            fields[column] = DEFAULTS.get(column, "null")
        elif column == "value_raw":
            _add_value(fields, faults, types[column], layout.dataset)
        else:
            cleaned = _clean_column(column, types[column], family)
            fields[column] = (
                cleaned.value if column not in DEFAULTS else f"coalesce({cleaned.value}, {DEFAULTS[column]})"
            )
            if cleaned.bad:
                faults.append((cleaned.bad, _fault_code(column)))
    if layout.dataset == "transfers":
        fields["position_is_known"] = f"({fields['position']}) is not null"
    return fields, faults


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


def _add_value(fields: dict[str, str], faults: list[tuple[str, str]], kind: str, dataset: str) -> None:
    value = clean.clean_value("p.value_raw", kind)
    # An ERC-721 moves one token, whatever its source wrote as value.
    single = "p.kind = 'erc721'" if dataset == "transfers" else "false"
    fields["value_raw"] = f"case when {single} then 1::decimal(38, 0) else {value.value_raw} end"
    if dataset == "transfers":
        fields["value_text"] = f"case when not {single} then {value.value_text} end"
        fields["value_hex"] = f"case when not {single} then {value.value_hex} end"
    faults.append((f"not {single} and {value.too_large}", "value_over_256_bits"))
    faults.append((f"not {single} and ({value.bad})", "bad_value"))


def _row_faults(fields: Mapping[str, str], dataset: str) -> list[tuple[str, str]]:
    """Return faults of a row as a whole: what must be there, what cannot be."""
    faults = [(f"({fields[column]}) is null", code) for column, code in _REQUIRED[dataset]]
    if "block_number" in fields:
        faults.append((f"({fields['block_number']}) < 0", "bad_block"))
    if dataset == "transfers":
        kinds = ", ".join(f"'{kind}'" for kind in TRANSFER_KINDS)
        faults.append((f"({fields['kind']}) not in ({kinds})", "bad_kind"))
        faults.append((f"({fields['sender']}) is null and ({fields['receiver']}) is null", "missing_field"))
    if fields.get("block_time", "null") != "null":
        faults.append((f"({fields['block_time']}) > $latest", "future_time"))
    return faults
