"""Does a lake of many small files become one of few, without a row changed, a reader disturbed or a build outdated?"""

from __future__ import annotations

import os
import time
from pathlib import Path

import pyarrow as pa
import pytest

from intel.store import open_connection
from intel.store.compaction import compact_lake, is_compaction_due
from intel.store.lake import Lake, lake_schema

COMMITS = 12


def fill(lake: Lake, commits: int = COMMITS) -> None:
    for number in range(commits):
        row = {"date": None, "symbol": f"S{number:02d}", "usd": 1.0, "source": "book", "is_doubtful": False}
        with lake.write("prices add") as run:
            run.append("prices", pa.Table.from_pylist([row], schema=lake_schema("prices")))
            run.replace("coverage", pa.Table.from_pylist([], schema=lake_schema("coverage")))
            run.commit(rows=1, bad_rows=0)


def symbols(lake: Lake) -> list[str]:
    con = open_connection(threads=1)
    lake.attach(con, lake.head())
    rows = con.execute("select symbol from lake_prices order by 1").fetchall()
    con.close()
    return [row[0] for row in rows]


def age(folder: Path, hours: float) -> None:
    """Make every file look as if it had been written so long ago."""
    then = time.time() - 3_600 * hours
    for path in folder.rglob("*"):
        os.utime(path, (then, then))


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(tmp_path / "store")
    fill(lake)
    return lake


def test_few_files_hold_the_same_rows_and_no_build_is_outdated(lake: Lake) -> None:
    before, said = symbols(lake), lake.source_head()
    assert said is not None
    done = compact_lake(lake)
    assert done.files_before >= 2 * COMMITS
    assert len(lake.files("prices", lake.head())) == 1
    assert len(lake.opened.list_files("commits")) == 2  # those of before, and the compaction's own
    for reader in (lake, Lake(lake.store)):
        assert symbols(reader) == before
        assert len(reader.commits()) == COMMITS + 1
        again = reader.source_head()
        assert again is not None
        assert again.commit_id == said.commit_id
        assert again.tables == (reader.head() or said).tables  # the versions that will stay readable


def test_who_reads_meanwhile_reads_to_the_end(lake: Lake) -> None:
    """A reader that had listed its files finds them; so does one that knows only the commit."""
    other = Lake(lake.store)
    head = other.head()
    con = open_connection(threads=1)
    other.attach(con, head)
    compact_lake(lake)
    assert con.execute("select count(*) from lake_prices").fetchall() == [(COMMITS,)]
    Lake(lake.store).attach(con, head)
    assert con.execute("select count(*) from lake_prices").fetchall() == [(COMMITS,)]
    con.close()


def test_old_files_go_when_their_time_is_over_and_the_newest_state_stays(lake: Lake) -> None:
    with lake.write("killed") as run:  # what a killed run leaves behind
        run.append("prices", pa.Table.from_pylist([{"symbol": "X"}], schema=lake_schema("prices")))
    orphan = lake.path / "prices" / "orphan.parquet"
    orphan.write_bytes(b"half a file")
    assert compact_lake(lake).files_removed == 0
    age(lake.path, 48)
    fill(lake, 1)
    young = lake.path / "prices" / "young.parquet"
    young.write_bytes(b"half a file")
    before = symbols(lake)
    compact_lake(lake)
    assert not orphan.exists()
    assert young.exists()
    assert symbols(Lake(lake.store)) == before == sorted([f"S{n:02d}" for n in range(COMMITS)] + ["S00"])


def test_a_compaction_that_was_killed_leaves_the_lake_as_it_was(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    before, head = symbols(lake), lake.head()

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    age(lake.path, 48)
    with monkeypatch.context() as patch:
        patch.setattr("intel.store.lake.LakeRun.commit", die)
        with pytest.raises(KeyboardInterrupt):
            compact_lake(lake)
    assert Lake(lake.store).head() == head
    assert symbols(Lake(lake.store)) == before
    fill(Lake(lake.store), 1)
    assert symbols(Lake(lake.store)) == sorted([*before, "S00"])


def test_compaction_is_due_after_so_many_commits_and_not_again_at_once(lake: Lake) -> None:
    assert is_compaction_due(lake, COMMITS)
    assert not is_compaction_due(lake, COMMITS + 1)
    compact_lake(lake)
    assert not is_compaction_due(lake, COMMITS)
    assert not is_compaction_due(Lake(lake.store), 2)
    fill(lake, 2)
    assert is_compaction_due(lake, 2)


def test_an_empty_lake_has_nothing_to_compact(tmp_path: Path) -> None:
    assert compact_lake(Lake(tmp_path / "store")).commit is None


def test_a_long_log_makes_no_commit_dear(lake: Lake) -> None:
    """What a commit reads does not grow with the commits before it: the lake opens no table anew for one."""
    opened: list[str] = []
    real = lake.opened.open
    lake.opened.open = lambda table, version=None: opened.append(table) or real(table, version)  # type: ignore[method-assign,func-returns-value]
    fill(lake, 3)
    assert opened == []
