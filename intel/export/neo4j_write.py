"""How does a build come into a Neo4j database whole or not at all, beside whatever others keep there?"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from intel.errors import GraphDatabaseError, UsageError
from intel.export.neo4j import Graph
from intel.export.neo4j_removal import remove_build
from intel.export.neo4j_rows import (
    PARTS,
    Part,
    choose_params,
    count_rows,
    describe_part,
    gather_neighbourhood,
    list_near_parts,
)
from intel.store.reader import Reader

MOST_EDGES = 10_000_000  # more than that goes as CSV: the server's own importer is built for it
_BATCH_ROWS = 10_000  # 2,000 to 20,000 cost the server the same; fewer are fewer round trips
_WRITERS = 2  # while one batch is packed, the server works on another

Tell = Callable[..., None]

# All that we write has the label Intel and a key that is unique in it: what others call Address stays out of the way.
SCHEMA = (
    "create constraint intel_key if not exists for (n:Intel) require n.key is unique",
    "create index intel_address if not exists for (n:Address) on (n.address)",
    "create index intel_entity_id if not exists for (n:Entity) on (n.entity_id)",
    "create index intel_entity_name if not exists for (n:Entity) on (n.name)",
    "create index intel_label if not exists for (n:Label) on (n.label)",
    "create index intel_token_symbol if not exists for (n:Token) on (n.symbol)",
    "create index intel_transfer_key if not exists for ()-[r:TRANSFER]-() on (r.key)",
    "create index intel_transfer_tx if not exists for ()-[r:TRANSFER]-() on (r.tx)",
    "call db.awaitIndexes(600)",
)


def name_layer(reader: Reader, *, include_private: bool) -> str:
    """Return what every row of this export carries as `build`: the build, and the layer where it is not the public."""
    return reader.build_id + ("-private" if include_private else "")


def export_build(
    reader: Reader, graph: Graph, *, include_private: bool = False, tell: Tell | None = None
) -> dict[str, int]:
    """Write a whole build, make it the current one and remove older ones; return the rows of each part.

    Safe to repeat: finished batches are skipped, and a build that is there whole is only counted. Readers see the
    older build until everything is written and counted. Raises UsageError above MOST_EDGES.
    """
    build = name_layer(reader, include_private=include_private)
    params = {"build": build, "private": include_private}
    counts = {part.name: count_rows(reader, part, params) for part in PARTS}
    check_size(counts)
    _prepare_schema(graph)
    known = _find_build(graph, build)
    shape = _name_shape()
    if known and (
        known["shape"] != shape or (known["whole"] and _count_written(graph, build) != _sum_by_label(counts))
    ):
        remove_build(graph, build, successor=None)  # of another version of this program, or changed by somebody
        known = None
    if not (known and known["whole"]):
        _announce(reader, graph, params)
        total = sum(counts.values())
        with _Progress(tell, total) as progress:
            for part in PARTS:
                _write_part(reader, graph, part, params, progress)
        _check_written(graph, build, counts)
    _make_current(graph, build, whole=True)
    _remove_others(graph, build)
    return counts


def check_size(counts: Mapping[str, int]) -> None:
    """Raise UsageError where there are more relationships than a server should be sent one by one."""
    edges = sum(counts[part.name] for part in PARTS if part.kind == "relationship")
    if edges > MOST_EDGES:
        raise UsageError(
            f"{edges:,} relationships are more than {MOST_EDGES:,}",
            "write files for the server's own importer instead: intel export neo4j --csv DIR",
        )


def export_neighbourhood(
    reader: Reader,
    graph: Graph,
    address_ids: Sequence[int],
    *,
    name: str,
    hops: int,
    include_private: bool = False,
    tell: Tell | None = None,
) -> dict[str, int]:
    """Write the single transfers within some hops of addresses, and who those belong to; return the rows of each part.

    They join the build that is current there. Raises GraphDatabaseError where another build stands there whole.
    """
    build = name_layer(reader, include_private=include_private)
    params = {"build": build, "private": include_private}
    gather_neighbourhood(reader, address_ids, hops, build)
    _prepare_schema(graph)
    current = graph.read("match (b:Intel:Build {current: true}) return b.build as build, b.whole as whole")
    if current and current[0]["build"] != build and current[0]["whole"]:
        raise GraphDatabaseError(
            f"{graph.place} holds build {current[0]['build']} whole, and these transfers are of build {build}",
            "export the whole build first: intel export neo4j URI",
        )
    parts = list_near_parts()
    counts = {part.name: count_rows(reader, part, params) for part in parts}
    if not _find_build(graph, build):
        _announce(reader, graph, params)
    text = f"{name} {hops} {sorted(address_ids)}"
    marker = "near-" + hashlib.sha256(text.encode()).hexdigest()[:16]
    with _Progress(tell, sum(counts.values())) as progress:
        for part in parts:
            _write_part(reader, graph, part, params, progress, marker=marker)
    graph.write(
        "match (b:Intel:Build {build: $build}) where not $name in coalesce(b.neighbourhoods, []) "
        "set b.neighbourhoods = coalesce(b.neighbourhoods, []) + $name",
        build=build,
        name=f"{name}, {hops} hops",
    )
    _make_current(graph, build, whole=False)
    _remove_others(graph, build)
    return counts


# ------------------------------------------------------------------------------------------- the state of it


def _prepare_schema(graph: Graph) -> None:
    for statement in SCHEMA:
        graph.run(statement)


def _name_shape() -> str:
    """Return a name for what this version of the program writes: batches of another one do not fit."""
    return hashlib.sha256(f"{PARTS}{_BATCH_ROWS}".encode()).hexdigest()[:12]


def _find_build(graph: Graph, build: str) -> dict[str, Any] | None:
    found = graph.read(
        "match (b:Intel:Build {build: $build}) return b.shape as shape, b.whole as whole, b.current as current",
        build=build,
    )
    return found[0] if found else None


def _announce(reader: Reader, graph: Graph, params: Mapping[str, object]) -> None:
    """Note that a build is coming: its rows say which, its node says whether it is whole and what is ours in it."""
    nodes = [part for part in PARTS if part.kind == "node"]
    graph.write(
        """merge (b:Intel {key: 'build:' + $build})
        on create set b:Build, b.build = $build, b.build_id = $build_id, b.layer = $layer, b.shape = $shape,
            b.current = false, b.whole = false, b.started_at = datetime(), b.properties = $properties""",
        build=params["build"], build_id=reader.build_id, layer="private" if params["private"] else "public",
        shape=_name_shape(),
        properties=sorted({name for part in nodes for name in describe_part(reader, part, params).names}),
    )  # fmt: skip


def _make_current(graph: Graph, build: str, *, whole: bool) -> None:
    """Flip from the older build to this one: one transaction, which also forgets the marks of its batches."""
    graph.write(
        "match (m:Intel:Batch) where m.key starts with $prefix delete m",
        """match (b:Intel:Build) set b.current = (b.build = $build)
        with b where b.current
        set b.whole = (b.whole or $whole), b.finished_at = coalesce(b.finished_at, datetime())""",
        build=build, prefix=f"{build}:batch:", whole=whole,
    )  # fmt: skip


def _remove_others(graph: Graph, build: str) -> None:
    for row in graph.read("match (b:Intel:Build) where b.build <> $build return b.build as build", build=build):
        remove_build(graph, row["build"], successor=build)


# ------------------------------------------------------------------------------------------------ the rows


class _Progress:
    """Counts what is written and says so, at most a few times a second."""

    def __init__(self, tell: Tell | None, total: int) -> None:
        self._tell, self._total = tell, total
        self._done, self._skipped, self._start = 0, 0, time.perf_counter()

    def __enter__(self) -> _Progress:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def add(self, rows: int, *, is_new: bool) -> None:
        self._done += rows
        self._skipped += 0 if is_new else rows
        if self._tell is not None:
            rate = (self._done - self._skipped) / max(time.perf_counter() - self._start, 1e-6)
            left = (self._total - self._done) / rate if rate else None
            self._tell(self._done, self._total, rate=rate, left=left)


def _write_part(
    reader: Reader, graph: Graph, part: Part, params: Mapping[str, object], progress: _Progress, *, marker: str = "all"
) -> None:
    """Write the rows of a part in numbered batches, two at a time."""
    statement = write_statement(part, describe_part(reader, part, params))
    build = str(params["build"])

    def write(number: int, rows: list[list[Any]]) -> tuple[int, bool]:
        key = f"{build}:batch:{marker}:{part.name}:{number}"
        return len(rows), graph.write_once(key, statement, rows=rows, build=build)

    with ThreadPoolExecutor(_WRITERS) as writers:
        running: set[Future[tuple[int, bool]]] = set()
        try:
            for number, rows in enumerate(_cut_batches(reader, part, params)):
                running.add(writers.submit(write, number, rows))
                if len(running) > _WRITERS:
                    running = _collect(running, progress)
            while running:
                running = _collect(running, progress)
        finally:
            for one in running:
                one.cancel()


def _collect(running: set[Future[tuple[int, bool]]], progress: _Progress) -> set[Future[tuple[int, bool]]]:
    done, rest = wait(running, return_when=FIRST_COMPLETED)
    for one in done:
        rows, is_new = one.result()
        progress.add(rows, is_new=is_new)
    return rest


def _cut_batches(reader: Reader, part: Part, params: Mapping[str, object]) -> Iterator[list[list[Any]]]:
    rows = _iter_rows(reader, part, params)
    while batch := list(islice(rows, _BATCH_ROWS)):
        yield batch


def _iter_rows(reader: Reader, part: Part, params: Mapping[str, object]) -> Iterator[list[Any]]:
    for batch in reader.batches(part.sql, choose_params(part, params), rows=_BATCH_ROWS):
        columns = [_to_seconds(column).to_pylist() for column in batch.columns]
        yield from map(list, zip(*columns, strict=True))


def _to_seconds(column: pa.Array) -> pa.Array:
    # Numbers travel ten times faster than the driver's own datetimes; the server makes times of them.
    return pc.cast(pc.cast(column, pa.timestamp("s")), pa.int64()) if pa.types.is_timestamp(column.type) else column


def write_statement(part: Part, schema: pa.Schema) -> str:
    """Return the Cypher that writes `$rows`, lists in the order of the columns, of build `$build`."""
    ends = 1 if part.kind == "node" else 2
    values = {
        field.name: f"row[{place}]" if not pa.types.is_timestamp(field.type) else
        f"case when row[{place}] is null then null else datetime.fromEpoch(row[{place}], 0) end"
        for place, field in enumerate(schema)
        if place >= ends
    }  # fmt: skip
    values["build"] = "$build"
    if part.kind == "node":
        given = ", ".join(f"n.{name} = {value}" for name, value in values.items())
        return f"unwind $rows as row merge (n:Intel {{key: row[0]}}) set n:{part.label}, {given}"
    match = "match (a:Intel {key: row[0]}) match (b:Intel {key: row[1]})"
    if part.has_key:
        seen = f"optional match ()-[x:{part.label} {{key: row[2]}}]->() with row, x where x is null"
        match = f"{seen} {match}"
    if not part.repeats:
        given = ", ".join(f"r.{name} = {value}" for name, value in values.items())
        return f"unwind $rows as row {match} merge (a)-[r:{part.label}]->(b) set {given}"
    given = ", ".join(f"{name}: {value}" for name, value in values.items())
    return f"unwind $rows as row {match} create (a)-[r:{part.label} {{{given}}}]->(b)"


# ------------------------------------------------------------------------------------------- is it all there


def _sum_by_label(counts: Mapping[str, int]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for part in PARTS:
        sums[part.label] = sums.get(part.label, 0) + counts[part.name]
    return sums


def _count_written(graph: Graph, build: str) -> dict[str, int]:
    """Return how many nodes and relationships of a build are there, by label or type."""
    found = {}
    for part in PARTS:
        pattern = f"(x:Intel:{part.label})" if part.kind == "node" else f"(:Intel)-[x:{part.label}]->()"
        rows = graph.read(f"match {pattern} where x.build = $build return count(*) as n", build=build)
        found[part.label] = int(rows[0]["n"])
    return found


def _check_written(graph: Graph, build: str, counts: Mapping[str, int]) -> None:
    wanted, found = _sum_by_label(counts), _count_written(graph, build)
    wrong = [f"{found[name]:,} {name} instead of {wanted[name]:,}" for name in wanted if found[name] != wanted[name]]
    if wrong:
        remove_build(graph, build, successor=None)
        raise GraphDatabaseError(
            f"{graph.place} holds {', '.join(wrong)} of build {build}: it was changed while we wrote",
            "it was removed again; run the same command once more, alone",
        )
