"""Does a profile show every kind of evidence, the weightiest first, however many rows there are?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

import intel
from intel.profiler import evidence
from intel.profiler.database import Database
from intel.profiler.evidence import list_evidence
from intel.profiler.subjects import resolve_subject
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
