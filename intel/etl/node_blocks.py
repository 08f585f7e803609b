"""How do blocks read from a node become rows, and take the place of what that node said of them before?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from intel.etl.chain_credits import adjust_credits
from intel.etl.chain_events import EVENTS_SQL
from intel.etl.clean import Staged, stage_rows
from intel.etl.known_contracts import credit_accounts, list_proofs
from intel.etl.logs import STANDARD_EVENTS, USUAL_LOGS
from intel.etl.stage import settle_rows
from intel.sources.chains import find_chain
from intel.sources.files import FILE_COLUMN, ROW_COLUMN, RawTable
from intel.sources.layout import Shape
from intel.sources.layouts_rpc import rpc_layout
from intel.store import Connection
from intel.store.lake import LakeRun, lake_schema, quote_literal

# A node's clock is the chain's: no block is too late.
_NEVER = datetime(9999, 1, 1)  # noqa: DTZ001 (the lake's times are UTC without a zone)
_TOKEN_KINDS = ("erc20", "erc721", "erc1155", "wrap", "unwrap")
NODE_DATASETS = ("blocks", "transactions", "transfers", "events")
_ORDER = {
    "blocks": "block_number",
    "transactions": "block_number, tx_index",
    "transfers": "block_number, tx_hash, kind, position, sub_position",
    "events": "block_number, tx_hash, event, address, actor, details",
}


@dataclass(frozen=True, slots=True)
class Told:
    """What a node can tell of each block: kinds of transfers, and whether receipts and traces are there."""

    has_receipts: bool
    has_traces: bool
    has_rewards: bool = True  # false: blocks are mined, and what mining pays stands in no answer

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of transfers whose absence from a block is a fact."""
        kinds = ["native", *_TOKEN_KINDS, "withdrawal"]
        kinds += ["fee"] if self.has_receipts else []
        kinds += ["reward"] if self.has_receipts and self.has_rewards else []
        kinds += ["internal"] if self.has_traces else []
        return tuple(kinds)

    @property
    def covered(self) -> tuple[tuple[str, str], ...]:
        """(dataset, kind) of every line of coverage."""
        return (("transactions", ""), *(("transfers", kind) for kind in self.kinds))


@dataclass(frozen=True, slots=True)
class Scope:
    """The blocks of one source that a run speaks about; the chain has left those after `last` up to `cleared_to`."""

    chain: str
    source: str
    first: int
    last: int
    cleared_to: int
    is_fresh: bool = False  # the lake holds nothing of these blocks: nothing to replace

    @property
    def condition(self) -> str:
        """The condition on lake rows that this run supersedes."""
        where = f"chain = {quote_literal(self.chain)} and source = {quote_literal(self.source)}"
        return f"{where} and block_number >= {self.first} and block_number <= {max(self.last, self.cleared_to)}"


def stage_node_blocks(con: Connection, opened: Mapping[str, RawTable], scope: Scope, told: Told) -> list[Staged]:
    """Make staged rows of the raw tables of a node (intel.sources.rpc_tables); needs a database `stage`."""
    plan: list[tuple[str, str, tuple[str, ...], Shape | None]] = [
        ("blocks", "blocks", (), None),
        ("transactions", "transactions", (), None),
        ("transactions", "transfers", ("native",), "payments"),
        ("credits", "transfers", (), None),
    ]
    adjust_credits(con, find_chain(scope.chain), scope.source)
    plan += [("transactions", "transfers", ("fee",), "payments")] if told.has_receipts else []
    plan += [("traces", "transfers", ("internal",), "traces")] if told.has_traces else []
    staged = []
    for table, dataset, tells, shape in plan:
        columns = "payments" if shape == "payments" else table
        layout = rpc_layout(scope.source, columns, dataset, tells, shape)
        one = stage_rows(con, opened[table], layout, chain=None, now=_NEVER, is_part=shape == "payments")
        staged += [one] if one else []
    if not told.has_traces:
        con.execute("create or replace temp table failed_calls (tx_hash varchar, path varchar)")
    else:
        credit_accounts(con)
    staged += stage_logs(con, opened, scope.source)
    staged.append(_stage_events(con, scope))
    for dataset in NODE_DATASETS:
        settle_rows(con, [one for one in staged if one.dataset == dataset])
    return staged


def stage_logs(con: Connection, opened: Mapping[str, RawTable], source: str) -> list[Staged]:
    """Make staged transfers of raw_usual, of which nothing is left to check, and of the others in raw_logs."""
    con.execute(f"create or replace table stage.transfers_usual as {USUAL_LOGS}", {"source": source})
    layout = rpc_layout(source, "logs", "transfers", _TOKEN_KINDS, "logs")
    usual = Staged("transfers_usual", "transfers", layout, opened["usual"], is_part=True)
    return [usual, stage_odd_logs(con, opened["logs"], source)]


def stage_odd_logs(con: Connection, logs: RawTable, source: str) -> Staged:
    """Make staged transfers of the logs in raw_logs that tell of one, or claim to."""
    con.execute(
        "create or replace temp table raw_unusual_logs as from raw_logs "
        f"where topic0 in {STANDARD_EVENTS} or is_wrapped_coin"
    )
    raw = RawTable("raw_unusual_logs", logs.files, logs.columns)
    layout = rpc_layout(source, "logs", "transfers", _TOKEN_KINDS, "logs")
    staged = stage_rows(con, raw, layout, chain=None, now=_NEVER)
    assert staged is not None  # only fees may be untellable
    return staged


def _stage_events(con: Connection, scope: Scope) -> Staged:
    list_proofs(con, scope.chain)
    con.execute(
        f"create or replace temp table raw_events as select *, $chain as chain, $source as {FILE_COLUMN}, "
        f"row_number() over () as {ROW_COLUMN} from ({EVENTS_SQL})",
        {"chain": scope.chain, "source": scope.source},
    )
    columns = {str(row[0]): str(row[1]) for row in con.execute("describe raw_events").fetchall()}
    raw = RawTable("raw_events", (), columns)
    staged = stage_rows(con, raw, rpc_layout(scope.source, "events", "events"), chain=None, now=_NEVER)
    assert staged is not None  # only fees may be untellable
    return staged


def list_tokens(con: Connection) -> list[tuple[str, str | None, str]]:
    """Return the tokens that moved in the staged transfers: contract, standard, and an amount that moved.

    The standard is None where the logs do not tell an ERC-20 from an ERC-721; then the amount may be a token's id.
    """
    rows = con.execute(
        "select token, min(case when kind in ('wrap', 'unwrap') then 'erc20' when kind = 'erc20_or_erc721' then null "
        "else kind end), min(coalesce(value_raw::varchar, value_text)) from staged_transfers "
        "where issue is null and token is not null group by token order by token"
    ).fetchall()
    return [(str(token), standard, str(amount)) for token, standard, amount in rows]


def replace_blocks(con: Connection, run: LakeRun, scope: Scope) -> tuple[dict[str, int], int]:
    """Write the good staged rows in place of all that is in the scope; return rows written and replaced.

    Needs the views staged_<dataset>, and lake_<dataset> unless the scope is fresh.
    """
    written: dict[str, int] = {}
    replaced = 0
    for dataset in NODE_DATASETS:
        names = ", ".join(lake_schema(dataset).names)
        rows = con.sql(
            f"select {names} from staged_{dataset} where issue is null order by {_ORDER[dataset]}"
        ).to_arrow_table()
        written[dataset] = rows.num_rows
        old = 0
        if not scope.is_fresh:
            count = con.execute(f"select count(*) from lake_{dataset} where {scope.condition}").fetchall()
            old = int(count[0][0])
        if old:
            replaced += old
            run.replace(dataset, rows.cast(lake_schema(dataset)), scope.condition)
        elif rows.num_rows:
            run.append(dataset, rows.cast(lake_schema(dataset)))
    return written, replaced


def cover_blocks(con: Connection, run: LakeRun, scope: Scope, told: Told) -> list[tuple[int, int]]:
    """Write and return which blocks are now complete; one of which a row was refused is not. Needs lake_coverage."""
    bad = con.execute(
        " union ".join(
            f"select distinct block_number from staged_{dataset} where block_number is not null and issue is not null "
            "and issue not in ('duplicate_row', 'duplicate_key', 'bad_log')"
            for dataset in ("transactions", "transfers")
        )
    ).fetchall()
    times = con.execute(
        "select block_number, block_time from staged_blocks where block_number in (?, ?) and issue is null",
        [scope.first, scope.last],
    ).fetchall()
    when = dict(times)
    seen = subtract([(scope.first, scope.last)], [(row[0], row[0]) for row in bad])
    rows = con.sql("from lake_coverage").to_arrow_table().to_pylist()
    kept: list[dict[str, Any]] = []
    mine: dict[tuple[str, str], list[dict[str, Any]]] = {key: [] for key in told.covered}
    for row in rows:
        is_mine = row["chain"] == scope.chain and row["source"] == scope.source and row["first_block"] is not None
        (mine.setdefault((row["dataset"], row["kind"]), []) if is_mine else kept).append(row)
    for key, before in mine.items():
        fresh = [
            {
                "dataset": key[0], "chain": scope.chain, "kind": key[1], "source": scope.source, "first_block": first,
                "last_block": last, "first_time": when.get(scope.first), "last_time": when.get(scope.last),
                "rows": None,
            }
            for first, last in (seen if key in told.covered else [])
        ]  # fmt: skip
        kept += _join_ranges([*_cut_ranges(before, scope), *fresh])
    kept.sort(
        key=lambda row: (
            (*tuple(str(row[name]) for name in ("dataset", "chain", "kind", "source")), row["first_block"] or 0)
        )
    )
    run.replace("coverage", pa.Table.from_pylist(kept, schema=lake_schema("coverage")))
    return seen


def _cut_ranges(rows: Sequence[dict[str, Any]], scope: Scope) -> list[dict[str, Any]]:
    hole = [(scope.first, max(scope.last, scope.cleared_to))]
    return [
        {**row, "first_block": first, "last_block": last}
        for row in rows
        for first, last in subtract([(row["first_block"], row["last_block"])], hole)
    ]


def _join_ranges(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Join ranges that touch; of their times the earliest and the latest that is known."""
    joined: list[dict[str, Any]] = []
    for row in sorted(rows, key=lambda one: (one["first_block"], one["last_block"])):
        last = joined[-1] if joined else None
        if last is None or row["first_block"] > last["last_block"] + 1:
            joined.append(dict(row))
            continue
        last["last_block"] = max(last["last_block"], row["last_block"])
        last["first_time"] = last["first_time"] or row["first_time"]
        last["last_time"] = row["last_time"] or last["last_time"]
    return joined


def subtract(ranges: Sequence[tuple[int, int]], holes: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return what is left of ranges of blocks (both ends included) without the holes, in order."""
    left = sorted(ranges)
    for first, last in sorted(holes):
        cut = []
        for a, b in left:
            if last < a or first > b:
                cut.append((a, b))
                continue
            cut += [(a, first - 1)] if a < first else []
            cut += [(last + 1, b)] if b > last else []
        left = cut
    return left
