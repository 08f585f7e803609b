"""How does a Spark cluster run the statements of a build, written for DuckDB, one after the other?

A table is Parquet in a folder that driver and workers see under one path; a view is a name for a query. So the driver's
DuckDB reads what the cluster wrote, and the cluster what the driver hands it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq
import sqlglot
from sqlglot import exp

from intel.config import Settings
from intel.errors import EngineLost, StoreError
from intel.store.connection import Connection, Engine, open_connection
from intel.store.ddl import create_tables, read_tables
from intel.store.dialect import write_spark
from intel.store.snapshot import Build
from intel.store.spark import can_work, check_engine, failures, name_failure, open_session

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

T = TypeVar("T")
Row = tuple[Any, ...]
_INDEX = "row_index"
_SPLIT_BYTES = 64_000_000  # of input for each part of a shuffle


class SparkAnswer:
    """What a statement returns; the rows of a query are fetched when they are asked for."""

    def __init__(self, fetch: Callable[[], list[Row]]) -> None:
        self._fetch = fetch

    def fetchall(self) -> list[Row]:
        """Return all rows."""
        return self._fetch()

    def fetchone(self) -> Row | None:
        """Return the first row, or None."""
        return next(iter(self._fetch()), None)


class SparkEngine:
    """Runs what a build asks of an engine: create table/view as, insert into, delete, drop, and queries.

    Tables of facts and beliefs have the columns of schema.sql and begin empty. Statements that Spark refuses raise
    StoreError; a cluster that is gone raises EngineLost.
    """

    def __init__(self, session: SparkSession, folder: Path) -> None:
        self._session = session
        self._folder = folder.absolute()
        self._parts: dict[str, list[Path]] = {}  # of each table: the folders or files that hold its rows
        self._made = 0
        for name in _layer_columns():
            self._empty(name)

    def execute(self, query: str, parameters: object = None) -> SparkAnswer:
        """Run statements; `parameters` are named. Returns what DuckDB would of the last: rows, or how many came in."""
        given = {str(name): value for name, value in (parameters if isinstance(parameters, Mapping) else {}).items()}
        answer = SparkAnswer(list)
        for tree in filter(None, sqlglot.parse(query, read="duckdb")):
            with _name_failures(self._session):
                answer = self._dispatch(tree, given)
        return answer

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

    def read_files(self, view_name: str, files: Sequence[str], columns: Mapping[str, str]) -> None:
        """Make Parquet files readable under a name; `columns` are their DuckDB types."""
        schema = ", ".join(f"`{name}` {_spark_type(kind)}" for name, kind in columns.items())
        with _name_failures(self._session):
            reader = self._session.read.schema(schema)
            frame = reader.parquet(*files) if files else self._session.createDataFrame([], schema)
            frame.createOrReplaceTempView(view_name)

    def take(self, con: Connection, *tables: str) -> None:
        """Copy tables of DuckDB (facts.transfers, ...) to where the cluster reads them."""
        for table in tables:
            name = table.replace(".", "_")
            path = self._name_part(name).with_suffix(".parquet")
            con.execute(f"copy (from {table}) to '{str(path).replace(chr(39), chr(39) * 2)}' (format parquet)")
            self._read_parts(name, [path])

    def give(self, con: Connection, *tables: str) -> None:
        """Add the rows of tables that statements filled here to the tables of the same names in DuckDB, in order."""
        for table in tables:
            files = [str(file) for part in self._parts.get(table.replace(".", "_"), []) for file in _list_files(part)]
            if files:
                con.execute(f"insert into {table} by name select * from read_parquet($files)", {"files": files})

    def _dispatch(self, tree: exp.Expr, given: dict[str, Any]) -> SparkAnswer:
        if isinstance(tree, exp.Create) and tree.kind == "VIEW":
            # As text: a view over a table that grows, such as the evidence, is to read what is there by then.
            self._session.sql(f"create or replace temporary view {tree.this.name} as {write_spark(tree.expression)}")
        elif isinstance(tree, exp.Create):
            self._parts[tree.this.name] = []
            self._write(tree.this.name, self._run(tree.expression, given))
        elif isinstance(tree, exp.Insert):
            return self._insert(tree, given)
        elif isinstance(tree, exp.Drop):
            for table in tree.args["tables"]:
                self.unregister(table.name)
                self._parts.pop(table.name, None)
        elif isinstance(tree, exp.Delete) and tree.args.get("where") is None:
            self._empty(_name_view(tree.this))
        elif isinstance(tree, exp.Update):
            self._update(tree, given)
        elif isinstance(tree, exp.Query):
            frame = self._run(tree, given)
            return SparkAnswer(lambda: self._collect(frame))
        else:
            raise StoreError(f"no statement for Spark: {tree.sql(dialect='duckdb')[:200]}")
        return SparkAnswer(list)

    def _collect(self, frame: DataFrame) -> list[Row]:
        with _name_failures(self._session):
            return [tuple(row) for row in frame.collect()]

    def _run(self, tree: exp.Expr, given: dict[str, Any]) -> DataFrame:
        number = _find_numbering(tree)
        if number is not None:
            self._number_rows(number, given)
        return self._query(tree, given)

    def _query(self, tree: exp.Expr, given: dict[str, Any]) -> DataFrame:
        used = {node.name for node in tree.find_all(exp.Placeholder, exp.Parameter)}
        moments = {name for name in used if isinstance(given.get(name), datetime)}
        for node in list(tree.find_all(exp.Placeholder, exp.Parameter)):
            if node.name in moments:  # a Python datetime would pass through the time zone of this machine
                node.replace(exp.cast(node.copy(), "timestamp", dialect="duckdb"))
        args = {name: given[name].isoformat(sep=" ") if name in moments else given[name] for name in used}
        return self._session.sql(write_spark(tree), args=args)

    def _number_rows(self, window: exp.Window, given: dict[str, Any]) -> None:
        """Number rows in order without bringing them to one worker: `row_number() over (order by ...)` of all rows."""
        select = window.find_ancestor(exp.Select)
        assert isinstance(select, exp.Select)
        order = window.args.get("order")
        kept = [one for one in select.expressions if window not in one.walk()]
        inner = select.copy()
        inner.set(
            "expressions",
            [
                *(
                    one.copy() if one.is_star else exp.alias_(one.unalias().copy(), f"c{n}")
                    for n, one in enumerate(kept)
                ),
                *(exp.alias_(key.this.copy(), f"k{n}") for n, key in enumerate(order.expressions if order else [])),
            ],
        )
        if order is not None:
            inner.set("order", None)
            inner = exp.select("*").from_(inner.subquery("t"))
            keys = [key.copy() for key in order.expressions]
            for n, key in enumerate(keys):
                key.set("this", exp.column(f"k{n}"))
            inner.set("order", exp.Order(expressions=keys))
        name = f"numbered_{self._next()}"
        self._query(inner, given).zipWithIndex(_INDEX).createOrReplaceTempView(name)
        window.replace(exp.paren(exp.column(_INDEX) + 1))
        for n, one in enumerate(kept):
            one.replace(
                exp.Star(except_=[exp.to_identifier(_INDEX)])
                if one.is_star
                else exp.alias_(exp.column(f"c{n}"), one.alias_or_name or f"c{n}")
            )
        for part in ("from_", "joins", "where", "group", "having", "order", "laterals"):
            select.set(part, None)
        select.set("from_", exp.From(this=exp.to_table(name)))

    def _insert(self, tree: exp.Insert, given: dict[str, Any]) -> SparkAnswer:
        name = _name_view(tree.this)
        columns = _layer_columns().get(name)
        frame = self._run(tree.expression, given)
        if columns is None:
            columns = dict(self._session.table(name).dtypes)
        if tree.args.get("by_name"):
            told = [f"cast({f'`{c}`' if c in frame.columns else 'null'} as {t}) as `{c}`" for c, t in columns.items()]
        else:
            frame = frame.toDF(*columns)
            told = [f"cast(`{column}` as {kind}) as `{column}`" for column, kind in columns.items()]
        rows = self._write(name, frame.selectExpr(*told))
        return SparkAnswer(lambda: [(rows,)])

    def _empty(self, name: str) -> None:
        columns = ", ".join(f"cast(null as {kind}) as `{column}`" for column, kind in _layer_columns()[name].items())
        self._session.sql(f"select {columns} where false").createOrReplaceTempView(name)
        self._parts[name] = []

    def _update(self, tree: exp.Update, given: dict[str, Any]) -> None:
        """Write a table anew: rows in which the condition holds get the new values."""
        name, where = _name_view(tree.this), tree.args["where"].this
        new = {one.this.name: exp.Case().when(where.copy(), one.expression).else_(one.this) for one in tree.expressions}
        columns = [
            exp.alias_(new.get(column, exp.column(column)), column) for column in self._session.table(name).columns
        ]
        frame = self._query(exp.select(*columns).from_(name), given)
        self._parts[name] = []
        self._write(name, frame)

    def _write(self, name: str, frame: DataFrame) -> int:
        """Add rows to a table and return how many there were."""
        part = self._name_part(name)
        frame.write.parquet(str(part))
        rows = sum(int(pq.read_metadata(file).num_rows) for file in _list_files(part))
        parts = self._parts.get(name, [])
        if rows or not parts:
            self._read_parts(name, [*parts, part], frame)
        return rows

    def _read_parts(self, name: str, parts: list[Path], frame: DataFrame | None = None) -> None:
        reader = self._session.read.schema(frame.schema) if frame is not None else self._session.read
        reader.parquet(*map(str, parts)).createOrReplaceTempView(name)
        self._parts[name] = parts

    def _next(self) -> int:
        self._made += 1
        return self._made

    def _name_part(self, name: str) -> Path:
        self._folder.mkdir(parents=True, exist_ok=True)
        return self._folder / f"{name}-{self._next():04d}"


@contextmanager
def choose_engine(settings: Settings, work: Build) -> Iterator[Engine]:
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


def _name_view(table: exp.Expr) -> str:
    return "_".join(part.name for part in table.parts) if isinstance(table, exp.Table) else table.name


def _list_files(part: Path) -> list[Path]:
    return sorted(part.glob("part-*.parquet")) if part.is_dir() else [part]


def _find_numbering(tree: exp.Expr) -> exp.Window | None:
    return next(
        (w for w in tree.find_all(exp.Window) if isinstance(w.this, exp.RowNumber) and not w.args.get("partition_by")),
        None,
    )


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
