"""How do good rows enter the lake so that the same input twice is the same lake, and nothing vanishes unsaid?

Rows of one source are replaced block by block: what a run tells about a block supersedes what the same source told
about it before. Rows without a block (value-less edges) are replaced key by key.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from intel.model import CoverageRange, DataIssue
from intel.store import Connection
from intel.store.lake import LakeRun, lake_schema, quote_literal

_BATCH = 65_536  # rows, some twenty megabytes: while the disk is busy, several of them wait to be encoded
_KINDED = ("transfers", "edges")
COVERED = ("transfers", "transactions")  # a block without events or edges proves nothing about what was seen of it


@dataclass(frozen=True, slots=True)
class Group:
    """Good staged rows of one chain, source and kind (empty where the dataset has none), and the blocks they span."""

    chain: str
    source: str
    kind: str
    first_block: int | None
    last_block: int | None
    rows: int


def load_rows(con: Connection, run: LakeRun, dataset: str) -> tuple[int, int]:
    """Write the good rows of view staged_<dataset>; return (rows written, older rows they replaced).

    Needs the views lake_<dataset> of the state before this run.
    """
    groups = _list_groups(con, dataset)
    overlapping = [group for group in groups if _count_overlap(con, dataset, group)]
    columns = ", ".join(lake_schema(dataset).names)
    fresh = f"select {columns} from staged_{dataset} s where issue is null"
    replaced = 0
    for group in overlapping:
        replaced += _replace_group(con, run, dataset, group)
    if len(overlapping) < len(groups):
        con.execute("create or replace temp table replaced_groups (chain varchar, source varchar, kind varchar)")
        for group in overlapping:
            con.execute("insert into replaced_groups values (?, ?, ?)", [group.chain, group.source, group.kind])
        keep = "" if not overlapping else (
            f" and not exists (from replaced_groups g where g.chain = s.chain and g.source = s.source "
            f"and g.kind = {_kind(dataset, 's')})"
        )  # fmt: skip
        run.append(dataset, con.sql(fresh + keep).to_arrow_reader(_BATCH))
    return sum(group.rows for group in groups), replaced


def _kind(dataset: str, alias: str) -> str:
    return f"{alias}.kind" if dataset in _KINDED else "''"


def _list_groups(con: Connection, dataset: str) -> list[Group]:
    rows = con.execute(
        f"select chain, source, {_kind(dataset, 's')}, min(block_number), max(block_number), count(*) "
        f"from staged_{dataset} s where issue is null group by 1, 2, 3 order by 1, 2, 3"
    ).fetchall()
    return [Group(*row) for row in rows]


def _scope(dataset: str, group: Group) -> str:
    """Return the condition on lake rows that this group may supersede; the texts come quoted, names are ours."""
    kind = f" and kind = {quote_literal(group.kind)}" if dataset in _KINDED else ""
    where = f"chain = {quote_literal(group.chain)} and source = {quote_literal(group.source)}{kind}"
    if group.first_block is None:
        return f"{where} and block_number is null"
    return f"{where} and block_number >= {group.first_block} and block_number <= {group.last_block}"


def _count_overlap(con: Connection, dataset: str, group: Group) -> int:
    return int(con.execute(f"select count(*) from lake_{dataset} where {_scope(dataset, group)}").fetchall()[0][0])


def _replace_group(con: Connection, run: LakeRun, dataset: str, group: Group) -> int:
    """Write the group with the older rows in its range that it says nothing about; return how many it replaces."""
    names = lake_schema(dataset).names
    scope = _scope(dataset, group)
    if group.first_block is not None:
        same = "n.block_number = o.block_number"
    elif dataset == "edges":
        same = "n.sender = o.sender and n.receiver = o.receiver"
    else:
        same = "n.address = o.address and n.event = o.event and n.tx_hash is not distinct from o.tx_hash"
    con.execute(
        f"create or replace temp view group_rows as select {', '.join(names)} from staged_{dataset} s "
        f"where issue is null and {scope}"
    )
    old = f"from lake_{dataset} o where {scope}"
    kept = f"{old} and not exists (from group_rows n where {same})"
    counts = con.execute(f"select (select count(*) {old}), (select count(*) {kept})").fetchall()[0]
    query = f"select * from group_rows union all select {', '.join(f'o.{name}' for name in names)} {kept}"
    run.replace(dataset, con.sql(query).to_arrow_reader(_BATCH), scope)
    return int(counts[0] - counts[1])


def load_coverage(con: Connection, run: LakeRun, dataset: str, declared: Sequence[CoverageRange] = ()) -> None:
    """Add the blocks this run saw (or declares to have seen) to the coverage table: maximal runs without a hole.

    A block of which a row was refused is a hole: what that row says is missing from the lake.
    Needs the views staged_<dataset> and lake_coverage; row counts are those of the lake after this run.
    """
    if dataset not in COVERED:
        return
    kind = _kind(dataset, "s")
    con.execute(
        "create or replace temp table seen (chain varchar, kind varchar, source varchar, first_block bigint, "
        "last_block bigint, first_time timestamp, last_time timestamp)"
    )
    time = "block_time" if "block_time" in lake_schema(dataset).names else "null"
    con.execute(
        f"insert into seen select chain, kind, source, min(block_number), max(block_number), min(t0), max(t1) from ("
        "select *, block_number - row_number() over (partition by chain, kind, source order by block_number) as island "
        f"from (select chain, {kind} as kind, source, block_number, min({time}) as t0, max({time}) as t1 "
        f"from staged_{dataset} s where issue is null group by all)) group by chain, kind, source, island"
    )
    for one in declared:
        con.execute(
            "insert into seen values (?, ?, ?, ?, ?, ?, ?)",
            [one.chain, one.kind, one.source, one.first_block, one.last_block, one.first_time, one.last_time],
        )
    con.execute("insert into seen select chain, kind, source, first_block, last_block, first_time, last_time "
                "from lake_coverage where dataset = ?", [dataset])  # fmt: skip
    con.execute(
        f"create or replace temp table refused as select distinct chain, source, block_number from staged_{dataset} "
        "where issue not in ('duplicate_row', 'duplicate_key', 'bad_log') and block_number is not null"
    )
    con.execute(_PUNCH)
    merged = con.sql(_MERGE, params={"dataset": dataset}).to_arrow_table()
    other = con.sql("from lake_coverage where dataset <> ?", params=[dataset]).to_arrow_table()
    schema = lake_schema("coverage")
    run.replace("coverage", pa.concat_tables([other.cast(schema), merged.cast(schema)]))


# Each range with refused blocks in it becomes the stretches between them.
_PUNCH = """
create or replace temp table seen as
with ranged as (select *, row_number() over () as range_id from seen),
holes as (
    select distinct r.range_id, f.block_number as hole from ranged r join refused f
        on f.chain = r.chain and f.source = r.source and f.block_number between r.first_block and r.last_block
),
edges as (
    select range_id, hole from holes
    union all select range_id, first_block - 1 from ranged semi join holes using (range_id)
    union all select range_id, last_block + 1 from ranged semi join holes using (range_id)
),
stretches as (
    select range_id, hole + 1 as first_block, lead(hole) over (partition by range_id order by hole) - 1 as last_block
    from edges
)
select chain, kind, source, first_block, last_block, first_time, last_time from ranged anti join holes using (range_id)
union all
select r.chain, r.kind, r.source, s.first_block, s.last_block, r.first_time, r.last_time
from ranged r join stretches s using (range_id) where s.first_block <= s.last_block
"""

# A range opens a new run when it starts more than one block after everything before it has ended.
_MERGE = """
select $dataset as dataset, chain, kind, source, min(first_block) as first_block, max(last_block) as last_block,
    min(first_time) as first_time, max(last_time) as last_time, cast(null as bigint) as rows
from (
    select *, sum(opens) over (partition by chain, kind, source, blockless order by first_block, last_block
        rows between unbounded preceding and current row) as stretch
    from (
        select *, case when blockless or first_block <= 1 + max(last_block) over (
            partition by chain, kind, source, blockless order by first_block, last_block
            rows between unbounded preceding and 1 preceding) then 0 else 1 end as opens
        from (select *, first_block is null as blockless from seen)
    )
)
group by chain, kind, source, blockless, stretch
order by chain, kind, source, first_block
"""


def load_issues(run: LakeRun, issues: Sequence[DataIssue]) -> None:
    """Append what went wrong to the issues table."""
    if not issues:
        return
    rows = [
        {
            "run_id": run.run_id, "dataset": issue.dataset, "source": issue.source, "file": issue.file,
            "row_number": issue.row_number, "code": issue.code, "column_name": issue.column_name, "value": issue.value,
            "hint": issue.hint, "kept": issue.kept, "rows": issue.rows,
        }
        for issue in issues
    ]  # fmt: skip
    run.append("issues", pa.Table.from_pylist(rows, schema=lake_schema("issues")))
