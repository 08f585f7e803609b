"""Does each thing stand in its one place? (The floors themselves: import-linter, in pyproject.toml.)"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.tree import iter_imports, iter_texts, list_python_files, name_of, parse_file

# library -> the only places in intel/, app.py and pages/ that import it
HOMES = {
    "duckdb": ("intel/store/",),
    "deltalake": ("intel/store/",),
    "sqlalchemy": ("intel/store/",),
    "web3": ("intel/sources/rpc.py",),
    "neo4j": ("intel/export/neo4j.py",),
    "streamlit": ("app.py", "pages/"),
    "typer": ("intel/cli",),
    "rich": ("intel/cli_app.py", "intel/render", "intel/talk.py"),
}
PRODUCT = ("intel", "pages", "app.py")

SQL = re.compile(r"\bselect\b.+\bfrom\b|\b(insert\s+into|create\s+table|delete\s+from)\b", re.IGNORECASE | re.DOTALL)
LOUD_SQL = re.compile(r"\b(SELECT|FROM|WHERE|GROUP BY|ORDER BY|LEFT JOIN|CREATE TABLE|INSERT INTO)\b")
# What Spark does not have, or what gives another answer on another day (ARCHITECTURE section 6).
BARRED_SQL = re.compile(r"\basof\b|\bhash\s*\(|\bapprox_\w+|\bhugeint\b|\brandom\s*\(|\bany_value\s*\(", re.IGNORECASE)


@pytest.mark.parametrize("library", HOMES)
def test_library_stays_at_home(library: str) -> None:
    strays = [
        name_of(path)
        for path in list_python_files(*PRODUCT)
        if any(module.split(".")[0] == library for module in iter_imports(path))
        and not name_of(path).startswith(HOMES[library])
    ]
    assert not strays, f"{library} belongs to {HOMES[library]}"


def test_only_config_reads_the_environment() -> None:
    readers = [
        f"{name_of(path)}:{node.lineno}"
        for path in list_python_files(*PRODUCT)
        if name_of(path) != "intel/config.py"
        for node in ast.walk(parse_file(path))
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv", "environb"}
    ]
    assert not readers


def find_texts(pattern: re.Pattern[str], files: list[Path]) -> list[str]:
    return [
        f"{name_of(path)}:{line} {match.group(0)[:60]!r}"
        for path in files
        for line, text in iter_texts(path)
        if (match := pattern.search(text))
    ]


def test_the_app_holds_no_sql() -> None:
    assert not find_texts(SQL, list_python_files("pages", "app.py"))


def test_sql_is_lower_case() -> None:
    assert not find_texts(LOUD_SQL, list_python_files(*PRODUCT))


def test_rule_sql_runs_on_both_engines() -> None:
    # dialect.py names what it bars; it is the thorough check, this one needs no parser.
    rules = [path for path in list_python_files("intel/heuristics") if path.name != "dialect.py"]
    assert not find_texts(BARRED_SQL, rules)


@pytest.mark.parametrize(
    ("pattern", "caught", "spared"),
    [
        (SQL, "select a\nfrom t", "Select a chain"),
        (LOUD_SQL, "SELECT a", "select a from t"),
        (BARRED_SQL, "select hash(a) from t", "select tx_hash from t"),
    ],
)
def test_the_patterns_catch_what_they_should(pattern: re.Pattern[str], caught: str, spared: str) -> None:
    assert pattern.search(caught)
    assert not pattern.search(spared)
