"""What do sources say about addresses? Label files and actor files become lake rows."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa

from intel.errors import BadInput
from intel.model import CONFIDENCE_LEVELS, DataIssue
from intel.sources.actors import is_actor_table, read_actor_table
from intel.sources.categories import resolve_category
from intel.sources.chains import find_wrong_checksums, is_address_sql, normalise_address_sql, resolve_chains
from intel.sources.files import FILE_COLUMN, ROW_COLUMN, RawTable, expand_paths, file_kind, name_unreadable, open_files
from intel.sources.parsed import (
    Check,
    Parsed,
    check_utf8,
    column_sql,
    count_faults,
    count_malformed,
    fault_sql,
    file_source_sql,
    merge_parsed,
    require_columns,
)  # fmt: skip
from intel.sources.tagpack import is_yaml, list_yaml, read_tagpacks
from intel.store import Connection

# Staging column -> names it goes by in files, best first.
_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "chain_text": ("chain", "network", "blockchain"),
    "address_text": ("address",),
    "entity": ("entity",),
    "label": ("label", "name_tag", "tag"),
    "category_text": ("category",),
    "source_ref": ("source_ref",),
    "url_text": ("url",),
    "licence": ("licence", "license"),
    "source_date_text": ("source_date",),
    "confidence_text": ("confidence",),
    "valid_from_text": ("valid_from",),
    "valid_to_text": ("valid_to",),
}

_SAYS_NOTHING = "address_text is not null and entity is null and label is null and category is null"

_CHECKS = (
    Check("missing_chain", "chain_text is null", "chain_text", "name the chain; `evm` means any EVM chain"),
    Check("unknown_chain", "chain is null", "chain_text", "see data/chains.toml for the names we know"),
    Check("missing_field", "address_text is null", "address_text", "a label needs an address"),
    Check("bad_address", "not is_address", "address_text", "check chain and address; nothing was guessed"),
    Check("missing_field", _SAYS_NOTHING, "label", "say who or what it is"),
    Check("checksum_mismatch", "is_checksum_wrong", "address_text", "perhaps a typing error: compare with the source"),
    Check("bad_category", "category is not null and not is_category", "category", "see data/categories.toml"),
    Check("bad_confidence", "confidence_text is not null and confidence <> confidence_text", "confidence_text",
          "treated as `unknown`; use a TagPack level"),
    Check("bad_date", "source_date_text is not null and source_date is null", "source_date_text", "use YYYY-MM-DD"),
    Check("bad_date", "valid_from_text is not null and valid_from is null", "valid_from_text", "use YYYY-MM-DD"),
    Check("bad_date", "valid_to_text is not null and valid_to is null", "valid_to_text", "use YYYY-MM-DD"),
)  # fmt: skip

_FIELDS = (
    "chain, address, entity, label, category, source, source_ref, url, licence, source_date, confidence, "
    "valid_from, valid_to"
)


def read_labels(
    con: Connection, paths: Sequence[str | Path], *, source: str | None = None, recorded_at: datetime
) -> Parsed:
    """Read Parquet, CSV, JSON lines and TagPack files or folders into rows of lake.labels and lake.actors.

    `source` replaces what the files say; without both it is the file's name. Bad rows become issues; BadInput is
    raised only for a file that cannot be read at all.
    """
    yaml_files, table_paths = _split_paths(paths)
    parts = []
    if yaml_files:
        packs = read_tagpacks(yaml_files, source=source)
        parts.append(Parsed({"actors": packs.actors}, packs.issues, packs.bad_rows))
        parts.append(_read_tag_rows(con, packs.tags, source, recorded_at))
    if table_paths:
        files = expand_paths(table_paths)
        check_utf8(files)
        for table in open_files(con, files):
            with name_unreadable(table.files):
                if is_actor_table(table):
                    parts.append(read_actor_table(con, table, source))
                else:
                    parts.append(_read_label_table(con, table, source, recorded_at))
    return merge_parsed(parts)


def _split_paths(paths: Sequence[str | Path]) -> tuple[list[Path], list[Path]]:
    """Separate YAML from tables; a folder gives both, and one that gives nothing is an error."""
    yaml_files: list[Path] = []
    tables: list[Path] = []
    for path in map(Path, paths):
        if os.path.isdir(path):  # noqa: PTH112 (a name too long for the system is no folder, and no error)
            found = list_yaml(path)
            yaml_files += found
            if any(file_kind(p) for p in path.rglob("*") if p.is_file()):
                tables.append(path)
            elif not found:
                raise BadInput(f"no label files in {path}", "expected .parquet, .csv, .jsonl or TagPack .yaml files")
        elif is_yaml(path) and os.path.lexists(path):
            yaml_files.append(path)
        else:
            tables.append(path)
    return yaml_files, tables


def _read_label_table(con: Connection, table: RawTable, source: str | None, recorded_at: datetime) -> Parsed:
    require_columns(table, {"chain": _COLUMNS["chain_text"], "address": _COLUMNS["address_text"]})
    fields = ", ".join(f"{column_sql(table, names)} as {column}" for column, names in _COLUMNS.items())
    named = "?" if source is not None else column_sql(table, ["source"])
    con.execute(
        f"create or replace temp table label_raw as select {FILE_COLUMN}, {ROW_COLUMN}, {fields}, "
        f"coalesce({named}, {file_source_sql()}) as source from {table.name}",
        [source] if source is not None else [],
    )
    parsed = _clean_labels(con, recorded_at)
    malformed = count_malformed(con, table, "labels", source or "")
    return Parsed(parsed.tables, (*malformed, *parsed.issues), parsed.bad_rows + sum(i.rows for i in malformed))


def _read_tag_rows(con: Connection, tags: pa.Table, source: str | None, recorded_at: datetime) -> Parsed:
    con.register("tagpack_rows", tags)
    con.execute("create or replace temp table label_raw as select * from tagpack_rows")
    con.unregister("tagpack_rows")
    if source is not None:
        con.execute("update label_raw set source = ?", [source])
    return _clean_labels(con, recorded_at)


def _clean_labels(con: Connection, recorded_at: datetime) -> Parsed:
    """Clean temp table label_raw (the columns of _COLUMNS, source, file and row)."""
    _register_lookups(con)
    date = "coalesce(try_cast({0} as date), try_strptime({0}, ['%m/%d/%y', '%m/%d/%Y', '%Y%m%d'])::date)"
    con.execute(f"""
        create or replace temp table label_staged as
        with resolved as (
            select r.*, c.chain, c.family,
                {normalise_address_sql("r.address_text", "c.family")} as address,
                coalesce(k.category, r.category_text) as category,
                k.category is not null as is_category,
                w.address_text is not null as is_checksum_wrong,
                coalesce(l.confidence, case when r.confidence_text is not null then 'unknown' end) as confidence,
                coalesce(r.url_text, nullif(regexp_extract(r.source_ref, 'https?://[^ ]+'), '')) as url,
                {date.format("r.source_date_text")} as source_date,
                try_cast(r.valid_from_text as timestamp) as valid_from,
                try_cast(r.valid_to_text as timestamp) as valid_to
            from label_raw r
            left join label_chains c on c.chain_text = r.chain_text
            left join label_categories k on k.category_text = r.category_text
            left join label_levels l on l.confidence = lower(r.confidence_text)
            left join label_wrong_checksums w on w.address_text = r.address_text and c.family = 'evm'
        ), formed as (
            select *, {is_address_sql("address", "family")} as is_address from resolved
        )
        select *, {fault_sql(_CHECKS)} as fault from formed
    """)  # the fault codes and patterns are our own constants
    issues = count_faults(con, "label_staged", "labels", _CHECKS)
    con.execute(f"""
        create or replace temp table label_rows as
        select {_FIELDS}, min(({FILE_COLUMN}, {ROW_COLUMN})) as first_seen, count(*) as copies
        from label_staged where fault is null group by {_FIELDS}
    """)
    issues += _count_duplicates(con)
    bad = con.execute("select count(*) filter (fault is not null) from label_staged").fetchall()[0][0]
    moment = recorded_at.astimezone(UTC).replace(tzinfo=None) if recorded_at.tzinfo else recorded_at
    labels = con.sql(
        f"select {_FIELDS}, ?::timestamp as recorded_at, cast(null as timestamp) as retracted_at "
        "from label_rows order by first_seen",
        params=[moment],
    ).to_arrow_table()
    for name in ("label_raw", "label_staged", "label_rows"):
        con.execute(f"drop table {name}")
    copies = sum(issue.rows for issue in issues if issue.code == "duplicate_row")
    return Parsed({"labels": labels}, tuple(issues), bad + copies)


def _register_lookups(con: Connection) -> None:
    """Resolve each distinct chain, category and mixed-case address once, and register the answers for joins."""
    chains = _distinct(con, "chain_text")
    categories = _distinct(con, "category_text")
    mixed = con.execute(
        "select distinct address_text from label_raw where regexp_full_match(address_text, '0x[0-9a-fA-F]{40}') "
        "and substr(address_text, 3) <> lower(substr(address_text, 3)) "
        "and substr(address_text, 3) <> upper(substr(address_text, 3)) order by 1"
    ).fetchall()
    wrong = find_wrong_checksums([row[0] for row in mixed])
    lookups = {
        "label_chains": resolve_chains(chains),
        "label_categories": pa.table(
            {
                "category_text": pa.array(categories, pa.string()),
                "category": pa.array([resolve_category(text) for text in categories], pa.string()),
            }
        ),
        "label_levels": pa.table({"confidence": pa.array(list(CONFIDENCE_LEVELS), pa.string())}),
        "label_wrong_checksums": pa.table({"address_text": pa.array(wrong, pa.string())}),
    }
    for name, table in lookups.items():
        con.register(name, table)


def _distinct(con: Connection, column: str) -> list[str]:
    rows = con.execute(f"select distinct {column} from label_raw where {column} is not null order by 1").fetchall()
    return [row[0] for row in rows]


def _count_duplicates(con: Connection) -> list[DataIssue]:
    rows = con.execute(
        "select first_seen[1], min(source), sum(copies - 1)::bigint, min(first_seen[2]), "
        "arg_min(address, first_seen) from label_rows where copies > 1 group by 1 order by 1"
    ).fetchall()
    return [
        DataIssue("duplicate_row", "labels", source or "", file, row, "address", address, "", count)
        for file, source, count, row, address in rows
    ]
