"""What was a symbol worth in USD, day by day?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

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
    "date_text": ("date", "day"),
    "symbol": ("symbol",),
    "usd_text": ("usd", "price", "price_usd"),
    "doubtful_text": ("is_doubtful", "spread_flag"),
}

_CHECKS = (
    Check("missing_field", "symbol is null", "symbol", "a price needs its symbol"),
    Check("bad_time", "date is null", "date_text", "use YYYY-MM-DD"),
    Check("bad_price", "not coalesce(usd > 0 and isfinite(usd), false)", "usd_text", "a price is a positive number"),
)


def read_prices(con: Connection, paths: Sequence[str | Path], *, source: str | None = None) -> Parsed:
    """Read daily prices (date, symbol, usd) into rows of lake.prices; symbols are written in upper case."""
    files = expand_paths(paths)
    check_utf8(files)
    parts = []
    for table in open_files(con, files):
        with name_unreadable(table.files):
            parts.append(_read_table(con, table, source))
    return merge_parsed(parts)


def _read_table(con: Connection, table: RawTable, source: str | None) -> Parsed:
    require_columns(table, {name.removesuffix("_text"): _COLUMNS[name] for name in ("date_text", "symbol", "usd_text")})
    fields = ", ".join(f"{column_sql(table, names)} as {column}" for column, names in _COLUMNS.items())
    named = "?" if source is not None else column_sql(table, ["source"])
    con.execute(
        f"create or replace temp table price_staged as select *, {fault_sql(_CHECKS)} as fault from ("
        f"select * exclude (symbol), upper(symbol) as symbol, try_cast(date_text as date) as date, "
        f"try_cast(usd_text as double) as usd, coalesce(try_cast(doubtful_text as boolean), false) as is_doubtful "
        f"from (select {FILE_COLUMN}, {ROW_COLUMN}, {fields}, coalesce({named}, {file_source_sql()}) as source "
        f"from {table.name}))",
        [source] if source is not None else [],
    )
    issues = count_malformed(con, table, "prices", "")
    issues += count_faults(con, "price_staged", "prices", _CHECKS)
    issues += count_duplicates(con, "price_staged", "prices", "date, symbol, source", "(usd, is_doubtful)")
    rows = con.sql(
        "select date, symbol, usd, source, is_doubtful from price_staged where fault is null "
        f"qualify row_number() over (partition by date, symbol, source {ROW_ORDER}) = 1 {ROW_ORDER}"
    ).to_arrow_table()
    con.execute("drop table price_staged")
    return Parsed({"prices": rows}, tuple(issues), sum(issue.rows for issue in issues if not issue.kept))
