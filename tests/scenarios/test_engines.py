"""Does every rule find the same on DuckDB and on Spark, and keep to the SQL that both read alike?"""

from __future__ import annotations

import inspect
import itertools
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from intel.heuristics import ALL, hygiene, services, transfer_flags
from intel.heuristics.base import RESULT_COLUMNS, EvidenceSettings, Heuristic, Value
from intel.heuristics.dialect import find_unsafe, read_parameters
from intel.heuristics.gather import run_rule
from intel.heuristics.inputs import INPUTS, create_inputs
from intel.store import Connection
from intel.store.dialect import to_spark
from tests.parts import require_part
from tests.scenarios.worlds import load_store, read_scenarios

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Query = tuple[str, str, Mapping[str, Value]]  # name, SQL, parameters
ASSET_QUERIES: list[Query] = [("asset_flags", *query) for query in hygiene.ASSET_FLAGS]
FLAG_QUERIES: list[Query] = [("transfer_flags", *query) for query in transfer_flags.TRANSFER_FLAGS]
SERVICE_QUERIES: list[Query] = [("services", *query) for query in services.SERVICE_KINDS]
INPUT_QUERIES: list[Query] = [(item.name, item.sql, {}) for item in INPUTS]
RULE_QUERIES: list[Query] = [(rule.name, rule.sql, rule.params) for rule in ALL]
NUMBERS = itertools.count()
EVERY_QUERY = [*ASSET_QUERIES, *FLAG_QUERIES, *SERVICE_QUERIES, *INPUT_QUERIES, *RULE_QUERIES]


@pytest.mark.parametrize(
    ("name", "sql", "params"), EVERY_QUERY, ids=[f"{n}-{query[0]}" for n, query in enumerate(EVERY_QUERY)]
)
def test_rule_sql_keeps_to_the_subset(name: str, sql: str, params: Mapping[str, Value]) -> None:
    assert not find_unsafe(sql)
    assert read_parameters(sql) == set(params), "a parameter that is declared but not bound, or bound but not declared"
    assert "{" not in sql, "values are bound, never formatted in"


@pytest.mark.parametrize(
    "sql",
    [
        "select hash(a) from t",
        "select arg_min(a, b) from t",
        "select median(a), approx_count_distinct(a) from t",
        "select * from a asof join b on a.t >= b.t",
        "select list(a) from t",
        "select list(a order by b) from t",
        "select first(a) from t",
        "select sum(cast(a as double)) from t",
        "select cast(a as hugeint) from t",
        "select row_number() over (partition by a) from t",
    ],
)
def test_the_check_finds_what_differs_between_engines(sql: str) -> None:
    assert find_unsafe(sql)


@pytest.mark.parametrize("rule", ALL, ids=lambda rule: rule.name)
def test_rule_says_what_it_reads_and_when_it_fails(rule: Heuristic) -> None:
    module = inspect.getmodule(type(rule))
    text = next(m.__doc__ for m in _heuristic_modules() if m.HEURISTIC is rule)
    assert module is not None
    for word in ("Reads:", "Requires:", "Returns:", "Fails when:", "Source:", "Cost:"):
        assert word in text, word


def _heuristic_modules() -> list[Any]:
    import importlib

    return [importlib.import_module(f"intel.heuristics.{rule.name}") for rule in ALL]


@pytest.fixture(scope="module")
def spark() -> Iterator[SparkSession]:
    require_part("spark")
    from pyspark.sql import SparkSession

    session = (
        SparkSession.builder.master("local[1]")
        .appName("scenarios")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "1")
        .config("spark.sql.adaptive.enabled", "false")
        .config("spark.sql.autoBroadcastJoinThreshold", "-1")
        .config("spark.sql.codegen.wholeStage", "false")
        .config("spark.sql.codegen.factoryMode", "NO_CODEGEN")
        .config("spark.sql.sources.parallelPartitionDiscovery.parallelism", "1")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.timestampType", "TIMESTAMP_NTZ")
        .config("spark.driver.memory", "1g")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.log.level", "ERROR")
        .getOrCreate()
    )
    yield session
    session.stop()


@pytest.mark.spark
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning")
@pytest.mark.parametrize("names", ["all scenarios", "an empty store"])
def test_engines_agree(names: str, spark: SparkSession, tmp_path: Path) -> None:
    """Step by step on the same tables: flags, services, inputs, rules; each step's result feeds the next."""
    con, _ = load_store(read_scenarios() if names == "all scenarios" else [])
    hygiene.fold_texts(con)
    services.list_service_categories(con)
    for table in sorted({table for _, sql, _ in EVERY_QUERY for table in re.findall(r"(?:facts|beliefs)\.\w+", sql)}):
        copy_table(spark, con, tmp_path, table, table.replace(".", "_"))
    for table in ("folded_texts", "service_categories"):
        copy_table(spark, con, tmp_path, table, table)
    found = 0
    for queries, target in (
        (ASSET_QUERIES, "asset_flags"),
        (FLAG_QUERIES, "transfer_flags"),
        (SERVICE_QUERIES, "services"),
    ):
        for query in queries:
            found += compare(spark, con, query)
            con.execute(f"insert into beliefs.{target} by name {query[1]}", dict(query[2]))
        copy_table(spark, con, tmp_path, f"beliefs.{target}", f"beliefs_{target}")
    create_inputs(con)
    for query in INPUT_QUERIES:
        found += compare(spark, con, query)
        copy_table(spark, con, tmp_path, query[0], query[0])
    for rule in ALL:
        if "beliefs.evidence" in rule.sql:
            copy_table(spark, con, tmp_path, "beliefs.evidence", "beliefs_evidence")
        found += compare(spark, con, (rule.name, rule.sql, rule.params), RESULT_COLUMNS)
        assert not run_rule(con, rule, EvidenceSettings()).failed
        for view in (
            "known_deposits",
            "proposed_pairs",
            "wallet_fundings",
        ):  # inputs that read what the rules have found so far
            copy_table(spark, con, tmp_path, view, view)
    assert (found > 0) == (names == "all scenarios")
    con.close()


def copy_table(spark: SparkSession, con: Connection, folder: Path, table: str, view: str) -> None:
    """Give Spark a table by way of Parquet, whose types both read alike, also of a table without rows."""
    path = folder / f"{view}-{next(NUMBERS)}.parquet"
    con.execute(f"copy (from {table}) to '{path}' (format parquet)")
    spark.read.parquet(str(path)).createOrReplaceTempView(view)


def compare(spark: SparkSession, con: Connection, query: Query, columns: tuple[str, ...] = ()) -> int:
    """Run one query on both engines and return its number of rows."""
    name, sql, params = query
    result = con.execute(sql, dict(params))
    names = [column[0] for column in result.description]
    ours = result.fetchall()
    frame = spark.sql(to_spark(sql), args=dict(params))
    assert frame.columns == names, name
    assert not columns or tuple(names) == columns, name
    theirs = [tuple(row) for row in frame.collect()]
    assert sorted(map(normalise, theirs)) == sorted(map(normalise, ours)), name
    return len(ours)


def normalise(row: tuple[Any, ...]) -> tuple[str, ...]:
    return tuple(str(int(value)) if isinstance(value, (Decimal, bool)) else str(value) for value in row)
