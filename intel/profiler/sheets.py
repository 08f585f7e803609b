"""What does each table of a profile look like as a sheet that a person reads, and downloads whole?

Every sheet is an Arrow table: USD are dollars, amounts exact text, times UTC. `limit` None means all rows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from intel.model import MICRO, Holding, Subject
from intel.profiler.counterparties import By, tabulate_counterparties
from intel.profiler.coverage import read_coverage
from intel.profiler.evidence import list_evidence
from intel.profiler.exchanges import list_exchange_usage, tabulate_usage_over_time
from intel.profiler.holdings import list_holdings
from intel.profiler.labels import list_labels
from intel.profiler.postings import ALWAYS, Window
from intel.store.reader import Reader
from intel.store.snapshot import Manifest

_ALL = 2**62
_CHARTED = 6  # exchanges with a colour of their own; the rest is one

_TIME = pa.timestamp("us")
_HOLDING = pa.schema({
    "symbol": pa.string(), "amount": pa.string(), "value_usd": pa.float64(), "share": pa.float64(),
    "price_date": pa.date32(), "chain": pa.string(), "token": pa.string(), "token_id": pa.string(),
    "decimals": pa.int32(), "flags": pa.string(),
})  # fmt: skip
_USAGE = pa.schema({
    "name": pa.string(), "exchange": pa.string(), "deposits": pa.int64(), "deposited_usd": pa.float64(),
    "withdrawals": pa.int64(), "withdrawn_usd": pa.float64(), "first_time": _TIME, "last_time": _TIME,
})  # fmt: skip
_FLOW = pa.schema({
    "name": pa.string(), "period": pa.date32(), "direction": pa.string(), "usd": pa.float64(), "transfers": pa.int64(),
})  # fmt: skip
_LABEL = pa.schema({
    "status": pa.string(), "visibility": pa.string(), "address": pa.string(), "name": pa.string(),
    "entity": pa.string(), "entity_id": pa.string(), "category": pa.string(), "source": pa.string(),
    "claim": pa.string(), "level": pa.int32(), "conflict": pa.bool_(), "source_date": pa.date32(),
    "url": pa.string(),
    "source_ref": pa.string(), "licence": pa.string(), "origin": pa.string(), "valid_from": _TIME, "valid_to": _TIME,
    "chain": pa.string(),
})  # fmt: skip
_EVIDENCE = pa.schema({
    "reason": pa.string(), "weight_bits": pa.float64(), "weight": pa.string(), "left": pa.string(),
    "relation": pa.string(), "right": pa.string(), "heuristic": pa.string(), "version": pa.int32(),
    "family": pa.string(), "event": pa.string(), "support": pa.int64(), "tx_hashes": pa.list_(pa.string()),
    "first_block": pa.int64(), "last_block": pa.int64(), "valid_from": _TIME, "valid_to": _TIME,
    "visibility": pa.string(), "left_chain": pa.string(), "right_chain": pa.string(),
})  # fmt: skip
_SEEN = pa.schema({
    "chain": pa.string(), "dataset": pa.string(), "kind": pa.string(), "source": pa.string(),
    "first_block": pa.int64(), "last_block": pa.int64(), "blocks": pa.int64(), "holes": pa.int64(),
    "missing_blocks": pa.int64(), "first_time": _TIME, "last_time": _TIME,
})  # fmt: skip
_REPORT = pa.schema({
    "name": pa.string(), "rows": pa.int64(), "seconds": pa.float64(), "failed": pa.bool_(), "note": pa.string(),
})  # fmt: skip
_FILE = pa.schema({"file": pa.string(), "bytes": pa.int64(), "sha256": pa.string()})
_RANGE = pa.schema({
    "chain": pa.string(), "dataset": pa.string(), "kind": pa.string(), "source": pa.string(),
    "first_block": pa.int64(), "last_block": pa.int64(), "first_time": _TIME, "last_time": _TIME, "rows": pa.int64(),
})  # fmt: skip


def sheet_holdings(reader: Reader, subject: Subject, window: Window = ALWAYS, *, limit: int | None = None) -> pa.Table:
    """Return the holdings, largest USD first; the amount is exact text (null: oversize, never summed).

    `share` is of what all priced holdings that are no spam are worth; null where that is nothing, or less.
    """
    held = list_holdings(reader, subject, window, limit=limit)
    # What has a price stands first: only where the last row has one may others with a price follow.
    is_whole = limit is None or len(held) < limit or held[-1].value_usd is None
    worth = add_up(held if is_whole else list_holdings(reader, subject, window, limit=None)) or 0.0
    rows = [
        {
            "symbol": item.symbol,
            "amount": None if item.amount is None else format(item.amount, "f"),
            "value_usd": item.value_usd,
            "share": item.value_usd / worth if item.value_usd and worth > 0 and "spam" not in item.flags else None,
            "price_date": item.price_date,
            "chain": item.chain,
            "token": item.token or "native",
            "token_id": item.token_id,
            "decimals": item.decimals,
            "flags": ", ".join(flag.replace("_", " ") for flag in item.flags),
        }
        for item in held
    ]
    return pa.Table.from_pylist(rows, _HOLDING)


def add_up(holdings: Iterable[Holding]) -> float | None:
    """Return the USD of the priced holdings that are no spam; None where nothing is priced."""
    values = [item.value_usd for item in holdings if item.value_usd is not None and "spam" not in item.flags]
    return sum(values) if values else None


def sheet_counterparties(
    reader: Reader, subject: Subject, window: Window = ALWAYS, *, by: By = "entity", limit: int | None = None
) -> pa.Table:
    """Return the counterparties, largest turnover first, with `who`: the name, or the address nobody claims."""
    table = tabulate_counterparties(reader, subject, window, by=by, limit=limit)
    who = table["address"] if by == "address" else pc.coalesce(table["name"], table["entity_id"], table["address"])
    standing = pc.if_else(pc.equal(table["visibility"], "private"), "private", table["status"])
    columns = {
        "who": who,
        "name": table["name"],
        "status": standing,
        "category": table["category"],
        "in_usd": _to_dollars(table["in_micro_usd"]),
        "out_usd": _to_dollars(table["out_micro_usd"]),
        "net_usd": pc.subtract(_to_dollars(table["in_micro_usd"]), _to_dollars(table["out_micro_usd"])),
        "transfers_in": table["transfers_in"],
        "transfers_out": table["transfers_out"],
        "unpriced": table["unpriced"],
        "first_time": table["first_time"],
        "last_time": table["last_time"],
        "address": table["address"],
        "addresses": table["addresses"],
        "entity_id": table["entity_id"],
        "chain": table["chain"],
        "is_venue": table["is_venue"],
    }
    return pa.table(columns)


def _to_dollars(micro: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.divide(micro.cast(pa.float64()), float(MICRO))


def sheet_usage(reader: Reader, subject: Subject, window: Window = ALWAYS) -> pa.Table:
    """Return what went to and came back from each exchange, largest USD first."""
    rows = [
        {name: getattr(item, name) for name in _USAGE.names} for item in list_exchange_usage(reader, subject, window)
    ]
    return pa.Table.from_pylist(rows, _USAGE)


def sheet_usage_over_time(reader: Reader, subject: Subject, window: Window = ALWAYS) -> pa.Table:
    """Return deposits and withdrawals per exchange and month."""
    return tabulate_usage_over_time(reader, subject, window)


def draw_usage(over_time: pa.Table) -> pa.Table:
    """Return name, period, direction, usd (withdrawals below zero), transfers: the bars of the usage chart.

    The six largest exchanges stand alone, the others are one.
    """
    rows = over_time.to_pylist()
    turnover: dict[str, float] = defaultdict(float)
    for row in rows:
        turnover[row["name"]] += row["deposited_usd"] + row["withdrawn_usd"]
    shown = set(sorted(turnover, key=lambda name: (-turnover[name], name))[:_CHARTED])
    bars: dict[tuple[str, Any, str], list[float]] = defaultdict(lambda: [0.0, 0])
    for row in rows:
        name = row["name"] if row["name"] in shown else "Other exchanges"
        for direction, sign, usd, count in (("deposits", 1, "deposited_usd", "deposits"),
                                            ("withdrawals", -1, "withdrawn_usd", "withdrawals")):  # fmt: skip
            if row[count]:
                bar = bars[name, row["period"], direction]
                bar[0] += sign * row[usd]
                bar[1] += row[count]
    found = [
        {"name": name, "period": period, "direction": direction, "usd": usd, "transfers": int(count)}
        for (name, period, direction), (usd, count) in sorted(bars.items())
    ]
    return pa.Table.from_pylist(found, _FLOW)


def sheet_labels(reader: Reader, subject: Subject, *, limit: int | None = None) -> pa.Table:
    """Return the claims side by side, best level first; `claim` is the source's own confidence level."""
    rows = list_labels(reader, subject, limit=limit or _ALL)
    for row in rows:
        row["status"] = "private" if row["visibility"] == "private" else "labelled"
        row["claim"] = row["confidence"]
    return pa.Table.from_pylist(rows, _LABEL)


def sheet_evidence(reader: Reader, subject: Subject, *, limit: int | None = None) -> pa.Table:
    """Return the evidence rows, the weightiest of each kind first."""
    return sheet_evidence_rows(list_evidence(reader, subject, limit=limit or _ALL))


def sheet_evidence_rows(rows: list[dict[str, Any]]) -> pa.Table:
    """Return evidence rows as a sheet; `weight` tells an assumed weight from a measured one."""
    told = [{**row, "weight": "assumed" if row["weight_is_assumed"] else "measured"} for row in rows]
    return pa.Table.from_pylist(told, _EVIDENCE)


def sheet_coverage(reader: Reader) -> pa.Table:
    """Return the exact covered ranges of blocks of the whole store."""
    rows = [{name: getattr(item, name) for name in _RANGE.names} for item in read_coverage(reader)]
    return pa.Table.from_pylist(rows, _RANGE)


def sheet_chains(coverage: Mapping[str, Any]) -> pa.Table:
    """Return a profile's coverage, one row per chain, dataset and kind: all sources together."""
    rows = [
        {
            "chain": chain["chain"],
            "dataset": kind["dataset"],
            "kind": kind["kind"],
            "source": ", ".join(kind["sources"]),
            **{name: kind[name] for name in _SEEN.names[4:]},
        }
        for chain in coverage["chains"]
        for kind in chain["kinds"]
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, _SEEN)


def sheet_shared(rows: list[dict[str, Any]]) -> pa.Table:
    """Return the third parties of `explain_link` as a sheet."""
    return pa.Table.from_pylist(rows) if rows else pa.table({})


def sheet_reports(reports: Sequence[Mapping[str, object]]) -> pa.Table:
    """Return what each heuristic of a build found, or why it did not run."""
    return pa.Table.from_pylist([dict(report) for report in reports], _REPORT)


def sheet_files(files: Mapping[str, Mapping[str, object]]) -> pa.Table:
    """Return the files of a build with size and SHA-256."""
    return pa.Table.from_pylist([{"file": name, **facts} for name, facts in sorted(files.items())], _FILE)


def sheet_manifest(manifest: Manifest) -> pa.Table:
    """Return what a build was made from: fact and value."""
    facts = {
        "build": manifest.build_id,
        "made (UTC)": manifest.created_at,
        "lake commit": manifest.lake_commit,
        "workspace revision": manifest.workspace_revision,
        "code version": manifest.code_version,
        **{f"setting {name}": value for name, value in sorted(manifest.settings.items())},
    }
    return pa.table({"fact": list(facts), "value": [str(value) for value in facts.values()]})
