"""Does a profile show every kind of evidence, the weightiest first, however many rows there are?"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import intel
from intel.profiler import evidence
from intel.profiler.database import Database
from intel.profiler.evidence import list_evidence
from intel.profiler.subjects import resolve_subject
from intel.store import open_connection
from intel.store.snapshot import attach_file
from tests.shared import share_demo

LIMIT = 40


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    with intel.open(share_demo(tmp_path_factory)) as db:
        yield db


def _find_largest(db: Database) -> str:
    """The entity with the most rows that name it."""
    rows = db.reader.query(
        "select right_entity from beliefs.evidence where right_entity is not null group by 1 order by count(*) desc, 1"
    )
    return str(rows[0][0])


def test_every_kind_has_its_turn(demo: Database) -> None:
    subject = resolve_subject(demo.reader, _find_largest(demo))
    rows = list_evidence(demo.reader, subject, limit=10_000)
    kinds = Counter((row["heuristic"], row["relation"]) for row in rows)
    assert len(kinds) > 2
    assert max(kinds.values()) > LIMIT

    first = list_evidence(demo.reader, subject, limit=LIMIT)

    assert first == rows[:LIMIT]
    assert {(row["heuristic"], row["relation"]) for row in first[: len(kinds)]} == set(kinds)
    for kind in kinds:
        bits = [abs(row["weight_bits"]) for row in rows if (row["heuristic"], row["relation"]) == kind]
        assert bits == sorted(bits, reverse=True)


def test_sql_and_python_order_the_same(demo: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    names = demo.reader.query("select distinct right_entity from beliefs.evidence where right_entity is not null")
    subjects = [resolve_subject(demo.reader, str(name)) for (name,) in sorted(names)]
    sorted_here = [list_evidence(demo.reader, subject, limit=LIMIT) for subject in subjects]

    monkeypatch.setattr(evidence, "_FEW", 1)

    assert [list_evidence(demo.reader, subject, limit=LIMIT) for subject in subjects] == sorted_here


def test_the_order_is_not_that_of_the_table(demo: Database, tmp_path: Path) -> None:
    """Two builds of the same lake fill the table in different orders."""
    shutil.copytree(demo.reader.store, tmp_path / "store")
    beliefs = tmp_path / "store" / "snapshots" / demo.build_id / "beliefs.duckdb"
    con = open_connection()
    con.execute(attach_file(beliefs, "beliefs"))
    con.execute("create or replace table beliefs.evidence as select * from beliefs.evidence order by rowid desc")
    con.close()

    names = [str(name) for (name,) in demo.reader.query("select entity_id from beliefs.entities order by 1")]
    with intel.open(tmp_path / "store", demo.build_id) as other:
        for name in names:
            subjects = [resolve_subject(db.reader, name) for db in (demo, other)]
            first, second = (
                list_evidence(db.reader, subject, limit=LIMIT)
                for db, subject in zip((demo, other), subjects, strict=True)
            )
            assert first == second, name
