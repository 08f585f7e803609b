"""Which tokens do lists name, with which symbol and decimals?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from intel.sources.chains import is_address_sql, normalise_address_sql, resolve_chains
from intel.sources.files import FILE_COLUMN, ROW_COLUMN, RawTable, expand_paths, name_unreadable, open_files
from intel.sources.parsed import (
    ROW_ORDER,
    Check,
    Parsed,
    check_utf8,
    column_sql,
    count_duplicates,
    count_faults,
    count_malformed,
    fault_sql,
    file_source_sql,
    merge_parsed,
    require_columns,
)
from intel.store import Connection

_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "chain_text": ("chain", "chain_id", "chainid", "network"),
    "token_text": ("token", "contract", "contract_address", "address"),
    "symbol": ("symbol",),
    "name": ("name",),
    "decimals_text": ("decimals",),
    "standard": ("standard",),
    "lists_text": ("lists",),
}

_CHECKS = (
    Check("missing_chain", "chain_text is null", "chain_text", "name the chain"),
    Check("unknown_chain", "chain is null", "chain_text", "see data/chains.toml for the names we know"),
    Check("missing_field", "token_text is null", "token_text", "a token needs its contract"),
    Check("bad_address", "token_text is not null and not is_address", "token_text", "check chain and contract"),
    Check(
        "bad_decimals",
        "decimals_text is not null and coalesce(decimals not between 0 and 77, true)",
        "decimals_text",
        "leave it empty where it is not known",
    ),
)

_NATIVE_CHECKS = tuple(check for check in _CHECKS if check.column != "token_text" or check.code != "missing_field")

_DATASETS = {"tokens": "symbol, name, decimals, standard, lists", "assets": "symbol, decimals, lists"}


def read_tokens(con: Connection, paths: Sequence[str | Path], *, source: str | None = None) -> Parsed:
    """Read token lists (chain, contract, symbol, name, decimals, standard, lists) into rows of lake.tokens."""
    return _read_contracts(con, paths, source, "tokens")


def read_assets(con: Connection, paths: Sequence[str | Path], *, source: str | None = None) -> Parsed:
    """Read the verified map from price symbols to contracts into rows of lake.assets; no contract: the native coin."""
    return _read_contracts(con, paths, source, "assets")


def _read_contracts(con: Connection, paths: Sequence[str | Path], source: str | None, dataset: str) -> Parsed:
    files = expand_paths(paths)
    check_utf8(files)
    parts = []
    for table in open_files(con, files):
        with name_unreadable(table.files):
            parts.append(_read_table(con, table, source, dataset))
    return merge_parsed(parts)


def _read_table(con: Connection, table: RawTable, source: str | None, dataset: str) -> Parsed:
    require_columns(
        table, {name.removesuffix("_text"): _COLUMNS[name] for name in ("chain_text", "token_text", "symbol")}
    )
    fields = ", ".join(f"{column_sql(table, names)} as {column}" for column, names in _COLUMNS.items())
    named = "?" if source is not None else column_sql(table, ["source"])
    con.execute(
        f"create or replace temp table token_raw as select {FILE_COLUMN}, {ROW_COLUMN}, {fields}, "
        f"coalesce({named}, {file_source_sql()}) as source from {table.name}",
        [source] if source is not None else [],
    )
    checks = _NATIVE_CHECKS if dataset == "assets" else _CHECKS
    chains = con.execute("select distinct chain_text from token_raw where chain_text is not null order by 1").fetchall()
    con.register("token_chains", resolve_chains([row[0] for row in chains]))
    con.execute(f"""
        create or replace temp table token_staged as
        with resolved as (
            select r.*, c.chain, c.family, {normalise_address_sql("r.token_text", "c.family")} as token,
                try_cast(r.decimals_text as integer) as decimals, try_cast(r.lists_text as integer) as lists
            from token_raw r left join token_chains c on c.chain_text = r.chain_text
        ), formed as (
            select *, {is_address_sql("token", "family")} as is_address from resolved
        )
        select *, {fault_sql(checks)} as fault from formed
    """)
    return _collect(con, table, dataset)


def _collect(con: Connection, table: RawTable, dataset: str) -> Parsed:
    fields = f"chain, token, {_DATASETS[dataset]}, source"
    issues = count_malformed(con, table, dataset, "")
    issues += count_faults(con, "token_staged", dataset, _CHECKS)
    # One contract, one row per source: the first wins, a second one that differs is counted.
    issues += count_duplicates(con, "token_staged", dataset, "chain, token, source", f"({_DATASETS[dataset]})")
    rows = con.sql(
        f"select {fields} from token_staged where fault is null "
        f"qualify row_number() over (partition by chain, token, source {ROW_ORDER}) = 1 {ROW_ORDER}"
    ).to_arrow_table()
    con.execute("drop table token_raw")
    con.execute("drop table token_staged")
    return Parsed({dataset: rows}, tuple(issues), sum(issue.rows for issue in issues if not issue.kept))
