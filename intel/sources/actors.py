"""Which organisations do sources know? Actor tables become rows of lake.actors."""

from __future__ import annotations

from intel.sources.files import FILE_COLUMN, ROW_COLUMN, RawTable
from intel.sources.parsed import Check, Parsed, column_sql, count_faults, count_malformed, fault_sql, file_source_sql
from intel.store import Connection

_CHECKS = (Check("missing_field", "name is null and slug is null", "name", "an actor needs a name"),)

_ACTOR_FIELDS = "slug, name, categories, website, jurisdictions, aliases, parent, source, licence"


def is_actor_table(table: RawTable) -> bool:
    """True when the columns are those of an actor file: a name, and no address."""
    columns = {name.strip().casefold() for name in table.columns}
    return "address" not in columns and bool(columns & {"name", "label"}) and bool(columns & _ACTOR_MARKS)


_ACTOR_MARKS = frozenset({"slug", "entity_id", "key", "type", "types", "categories", "website", "aliases", "actor"})


def read_actor_table(con: Connection, table: RawTable, source: str | None) -> Parsed:
    """Read an opened actor file; several spellings (aliases, legal name, catalogue ids) are joined by '|'."""
    aliases = ", ".join(column_sql(table, [name]) for name in ("aliases", "legal_name", "defillama_ids", "key"))
    columns = {
        "slug": column_sql(table, ["slug", "entity_id", "actor"]),
        "name": column_sql(table, ["name", "label"]),
        "categories": column_sql(table, ["categories", "types", "type", "category"]),
        "website": column_sql(table, ["website", "uri", "url"]),
        "jurisdictions": column_sql(table, ["jurisdictions"]),
        "aliases": f"nullif(concat_ws('|', {aliases}), '')",
        "parent": column_sql(table, ["parent"]),
        "licence": column_sql(table, ["licence", "license"]),
    }
    fields = ", ".join(f"{sql} as {column}" for column, sql in columns.items())
    named = "?" if source is not None else column_sql(table, ["source"])
    con.execute(
        f"create or replace temp table actor_staged as select *, {fault_sql(_CHECKS)} as fault from ("
        f"select {FILE_COLUMN}, {ROW_COLUMN}, {fields}, coalesce({named}, {file_source_sql()}) as source "
        f"from {table.name})",
        [source] if source is not None else [],
    )
    malformed = count_malformed(con, table, "actors", source or "")
    issues = [*malformed, *count_faults(con, "actor_staged", "actors", _CHECKS)]
    actors = con.sql(
        f"select {_ACTOR_FIELDS} from actor_staged where fault is null order by {FILE_COLUMN}, {ROW_COLUMN}"
    ).to_arrow_table()
    con.execute("drop table actor_staged")
    return Parsed({"actors": actors}, tuple(issues), sum(issue.rows for issue in issues))
