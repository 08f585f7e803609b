"""How does a Spark cluster run the statements of a build, written for DuckDB, one after the other?

A table is Parquet in a folder that driver and workers see under one path: so the driver's DuckDB reads what the cluster
wrote, and the cluster what the driver hands it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import sqlglot
from sqlglot import exp

from intel.config import Settings
from intel.errors import EngineLost, StoreError
from intel.store.connection import Connection, open_connection
from intel.store.ddl import create_tables, read_tables
from intel.store.dialect import write_spark
from intel.store.snapshot import Build
from intel.store.spark import can_work, check_engine, failures, name_failure, open_session

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

Row = tuple[Any, ...]
_SPLIT_BYTES = 64_000_000  # of what the driver handed over, for each part of a shuffle


class SparkAnswer:
    """What a statement returned."""

    def __init__(self, rows: Sequence[Row] = ()) -> None:
        self._rows = list(rows)

    def fetchall(self) -> list[Row]:
        """Return all rows."""
        return self._rows

    def fetchone(self) -> Row | None:
        """Return the first row, or None."""
        return self._rows[0] if self._rows else None


@dataclass
class _View:
    query: exp.Expr
    read: dict[str, int] = field(default_factory=dict)  # the versions of the tables that it was last made from


class SparkEngine:
    """Runs what the rules of a build ask for: create table or view as, insert into, delete from, drop, and queries.

    Tables of facts and beliefs have the columns of schema.sql and begin empty. A statement that Spark refuses raises
    StoreError; a cluster that is gone raises EngineLost. Spark would work out a view, and a part of a query (`with`),
    again for each place that reads it, in the largest rules a hundred times: a view is a table here, made when it is
    first read and again when what it reads has grown, and a part with two readers is kept while its query runs.
    """

    def __init__(self, session: SparkSession, folder: Path) -> None:
        self._session = session
        self._folder = folder.absolute()
        self._parts: dict[str, list[Path]] = {}  # of each table: the folders or files that hold its rows
        self._versions: Counter[str] = Counter()
        self._views: dict[str, _View] = {}
        self._kept: list[DataFrame] = []
        self._asked: dict[str, tuple[dict[str, int], list[Row]]] = {}
        self._made = 0
        self._taken: set[str] = set()
        for name in _layer_columns():
            self._empty(name)

    def execute(self, query: str, parameters: object = None) -> SparkAnswer:
        """Run a statement; `parameters` are named. Returns what DuckDB would: its rows, or how many were inserted."""
        given = {str(name): value for name, value in (parameters if isinstance(parameters, Mapping) else {}).items()}
        tree = sqlglot.parse_one(query, read="duckdb")
        try:
            with _name_failures(self._session):
                return self._dispatch(tree, given)
        finally:
            while self._kept:
                self._kept.pop().unpersist()

    def register(self, view_name: str, python_object: object) -> None:
        """Make an Arrow table readable under a name, as a DuckDB connection does."""
        if not isinstance(python_object, pa.Table):
            raise TypeError(f"{view_name}: an Arrow table is wanted, not {type(python_object).__name__}")
        path = self._name_part(view_name).with_suffix(".parquet")
        pq.write_table(python_object, path)
        self._read_parts(view_name, [path])

    def unregister(self, view_name: str) -> None:
        """Forget a name."""
        self._session.catalog.dropTempView(view_name)
        self._parts.pop(view_name, None)
        self._views.pop(view_name, None)

    def take(self, con: Connection, *tables: str) -> None:
        """Copy tables of DuckDB (facts.transfers, ...) to where the cluster reads them; facts only once."""
        for table in tables:
            if table in self._taken and table.startswith("facts."):  # once laid, they do not change in a build
                continue
            self._taken.add(table)
            name = table.replace(".", "_")
            path = self._name_part(name).with_suffix(".parquet")
            con.execute(f"copy (from {table}) to '{str(path).replace(chr(39), chr(39) * 2)}' (format parquet)")
            self._read_parts(name, [path])
        # 200 parts, Spark's own choice, are too many for a test and far too few for a chain.
        taken = sum(file.stat().st_size for file in self._folder.glob("*.parquet"))
        parts = max(self._session.sparkContext.defaultParallelism, taken // _SPLIT_BYTES)
        self._session.conf.set("spark.sql.shuffle.partitions", str(parts))

    def give(self, con: Connection, *tables: str) -> None:
        """Add the rows of tables that statements filled here to the tables of the same names in DuckDB, in order."""
        for table in tables:
            files = [str(file) for part in self._parts[table.replace(".", "_")] for file in _list_files(part)]
            if files:
                con.execute(f"insert into {table} by name select * from read_parquet($files)", {"files": files})

    def _dispatch(self, tree: exp.Expr, given: dict[str, Any]) -> SparkAnswer:
        if isinstance(tree, exp.Create) and tree.kind == "VIEW":
            self._views[tree.this.name] = _View(tree.expression)
        elif isinstance(tree, exp.Create):
            self._parts[tree.this.name] = []
            self._write(tree.this.name, self._run(tree.expression, given))
        elif isinstance(tree, exp.Insert):
            return self._insert(tree, given)
        elif isinstance(tree, exp.Drop):
            for table in tree.args["tables"]:
                self.unregister(table.name)
        elif isinstance(tree, exp.Delete) and tree.args.get("where") is None:
            self._empty(_name_table(tree.this))
        elif isinstance(tree, exp.Query):
            return SparkAnswer(self._ask(tree, given))
        else:
            raise StoreError(f"no statement for Spark: {tree.sql(dialect='duckdb')[:200]}")
        return SparkAnswer()

    def _ask(self, tree: exp.Expr, given: dict[str, Any]) -> list[Row]:
        """Return the rows of a query; what was asked before (rules share what they require) is not worked out again."""
        names = {_name_table(table) for table in tree.find_all(exp.Table)}
        for name in sorted(names):
            self._refresh(name)
        versions = {name: self._versions[name] for name in names}
        question = f"{tree.sql(dialect='duckdb')} {given}"
        known, rows = self._asked.get(question, ({}, []))
        if known != versions:
            rows = [tuple(row) for row in self._run(tree, given).collect()]
            self._asked[question] = (versions, rows)
        return rows

    def _run(self, tree: exp.Expr, given: dict[str, Any]) -> DataFrame:
        for table in list(tree.find_all(exp.Table)):
            self._refresh(_name_table(table))
        for clause in list(tree.find_all(exp.With)):
            self._keep_shared(clause, given)
        return self._query(tree, given)

    def _refresh(self, name: str) -> None:
        """Make the table of a view, unless it stands as it would be made now."""
        if name not in self._views:
            return
        view = self._views[name]
        sources = {_name_table(table) for table in view.query.find_all(exp.Table)}
        for source in sorted(sources):
            self._refresh(source)
        versions = {source: self._versions[source] for source in sources}
        if view.read != versions or name not in self._parts:
            self._parts[name] = []
            self._write(name, self._run(view.query.copy(), {}))
            view.read = versions

    def _keep_shared(self, clause: exp.With, given: dict[str, Any]) -> None:
        """Keep the parts of a `with` clause that are read at two places or more, and take them out of it."""
        query = clause.parent
        assert query is not None
        for part in list(clause.expressions):
            readers = [one for one in query.find_all(exp.Table) if one.name == part.alias and not one.db]
            if len(readers) < 2 or part.this.find(exp.With):
                continue
            before = clause.expressions[: clause.expressions.index(part)]
            inner = part.this.copy()
            inner.set("with_", exp.With(expressions=[one.copy() for one in before]) if before else None)
            frame = self._query(inner, given).persist()
            self._kept.append(frame)
            name = f"shared_{self._next()}"
            frame.createOrReplaceTempView(name)
            for reader in readers:
                reader.set("alias", exp.TableAlias(this=exp.to_identifier(reader.alias_or_name)))
                reader.set("this", exp.to_identifier(name))
            part.pop()
        if not clause.expressions:
            clause.pop()

    def _query(self, tree: exp.Expr, given: dict[str, Any]) -> DataFrame:
        marks = list(tree.find_all(exp.Placeholder, exp.Parameter))
        args = {mark.name: given[mark.name] for mark in marks}
        for mark in marks:
            if isinstance(moment := given[mark.name], datetime):  # else it would pass through this machine's time zone
                args[mark.name] = moment.isoformat(sep=" ")
                mark.replace(exp.cast(mark.copy(), "timestamp", dialect="duckdb"))
        return self._session.sql(write_spark(tree), args=args)

    def _insert(self, tree: exp.Insert, given: dict[str, Any]) -> SparkAnswer:
        name = _name_table(tree.this)
        frame = self._run(tree.expression, given)
        if not tree.args.get("by_name"):
            raise StoreError(f"no statement for Spark: insert into {name} without `by name`")
        told = [
            f"cast({f'`{column}`' if column in frame.columns else 'null'} as {kind}) as `{column}`"
            for column, kind in _layer_columns()[name].items()
        ]
        return SparkAnswer([(self._write(name, frame.selectExpr(*told)),)])

    def _empty(self, name: str) -> None:
        columns = ", ".join(f"cast(null as {kind}) as `{column}`" for column, kind in _layer_columns()[name].items())
        self._session.sql(f"select {columns} where false").createOrReplaceTempView(name)
        self._parts[name] = []
        self._versions[name] += 1

    def _write(self, name: str, frame: DataFrame) -> int:
        """Add rows to a table and return how many there were."""
        part = self._name_part(name)
        frame.write.parquet(str(part))
        rows = sum(int(pq.read_metadata(file).num_rows) for file in _list_files(part))
        if rows or not self._parts[name]:
            self._read_parts(name, [*self._parts[name], part], frame)
        return rows

    def _read_parts(self, name: str, parts: list[Path], frame: DataFrame | None = None) -> None:
        reader = self._session.read.schema(frame.schema) if frame is not None else self._session.read
        reader.parquet(*map(str, parts)).createOrReplaceTempView(name)
        self._parts[name] = parts
        self._versions[name] += 1

    def _next(self) -> int:
        self._made += 1
        return self._made

    def _name_part(self, name: str) -> Path:
        self._folder.mkdir(parents=True, exist_ok=True)
        return self._folder / f"{name}-{self._next():04d}"


@contextmanager
def choose_engine(settings: Settings, work: Build) -> Iterator[Connection | SparkEngine]:
    """Yield what runs the rules of a build: its own DuckDB, or the Spark cluster that the settings name.

    A cluster's workers must see the store under the same path; what they write there goes with the build.
    """
    if check_engine(settings.engine) == "duckdb":
        yield work.con
        return
    folder = work.folder / "spill" / "spark"
    with open_session(settings.engine, folder / "spark.log", memory=_share_memory(settings)) as session:
        yield SparkEngine(session, folder / "tables")


def _share_memory(settings: Settings) -> str:
    """Return the memory of the Java process here: half of ours where it does all the work, else two gigabytes."""
    told = re.fullmatch(r"\s*([0-9.]+)\s*([kmgt])i?b?\s*", settings.memory.lower())
    if not told or not settings.engine.startswith("local"):
        return "2g"
    scale = {"k": 1e-3, "m": 1, "g": 1e3, "t": 1e6}[told[2]]
    return f"{max(512, int(float(told[1]) * scale / 2))}m"


def _name_table(table: exp.Expr) -> str:
    return "_".join(part.name for part in table.parts) if isinstance(table, exp.Table) else table.name


def _list_files(part: Path) -> list[Path]:
    return sorted(part.glob("part-*.parquet")) if part.is_dir() else [part]


@cache
def _layer_columns() -> dict[str, dict[str, str]]:
    """Return {facts_transfers: {column: Spark type}} of every table of facts and beliefs."""
    con = open_connection(threads=1)
    found: dict[str, dict[str, str]] = {}
    for layer in ("facts", "beliefs"):
        con.execute(f"create schema {layer}")
        create_tables(con, layer)
        for table in read_tables()[layer]:
            told = con.execute(f"describe {layer}.{table}").fetchall()
            found[f"{layer}_{table}"] = {str(row[0]): _spark_type(str(row[1])) for row in told}
    con.close()
    return found


def _spark_type(kind: str) -> str:
    return exp.DataType.build(kind, dialect="duckdb").sql(dialect="spark")


@contextmanager
def _name_failures(session: SparkSession) -> Iterator[None]:
    try:
        yield
    except failures() as error:
        if can_work(session):
            raise StoreError(f"Spark: {name_failure(error)}") from error
        hint = "the build of before stays current; see the master's log, and build again"
        raise EngineLost(
            f"the Spark cluster went away in the middle of the build: {name_failure(error)}", hint
        ) from error
