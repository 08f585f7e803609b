"""Does the lake show one consistent state, whoever failed in the middle of writing the next?"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

import pyarrow as pa
import pytest

from intel.errors import StoreBusy, StoreError, UsageError
from intel.store import open_connection
from intel.store.lake import Lake, LakeRun, lake_schema, quote_literal
from tests.faults.doom import start_server


class Stopped(Exception):
    pass


def price(symbol: str, usd: float, source: str = "book") -> dict[str, object]:
    return {"symbol": symbol, "usd": usd, "source": source}


def as_prices(*rows: dict[str, object]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=lake_schema("prices"))


def as_labels(*addresses: str) -> pa.Table:
    return pa.Table.from_pylist([{"address": a} for a in addresses], schema=lake_schema("labels"))


def write(lake: Lake, act: Callable[[LakeRun], None]) -> None:
    with lake.write("test") as run:
        act(run)
        run.commit(rows=1, bad_rows=0)


def stop(lake: Lake, act: Callable[[LakeRun], None]) -> None:
    """Write without a commit, as a run does that dies."""

    def act_and_die(run: LakeRun) -> None:
        act(run)
        raise Stopped

    with pytest.raises(Stopped):
        write(lake, act_and_die)


def read(lake: Lake, query: str) -> list[tuple[object, ...]]:
    con = open_connection(threads=1)
    lake.attach(con, lake.head())
    rows = con.execute(query).fetchall()
    con.close()
    return rows


def symbols(lake: Lake) -> list[object]:
    return [row[0] for row in read(lake, "select symbol from lake_prices order by symbol, usd")]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "store")


def test_an_empty_lake_has_every_table_and_no_rows(lake: Lake) -> None:
    assert (lake.head(), lake.commits()) == (None, [])
    assert read(lake, "select count(*) from lake_transfers") == [(0,)]


def test_append_adds_and_replace_takes_the_place_of_what_matches(lake: Lake) -> None:
    write(lake, lambda run: run.append("prices", as_prices(price("A", 1.0), price("B", 2.0, "other"))))
    write(lake, lambda run: run.append("prices", as_prices(price("C", 3.0))))
    write(lake, lambda run: run.replace("prices", as_prices(price("D", 4.0)), "source = 'book'"))
    assert symbols(lake) == ["B", "D"]
    write(lake, lambda run: run.replace("prices", as_prices(price("E", 5.0))))
    assert symbols(lake) == ["E"]


@pytest.mark.parametrize(
    "source", ["it's", "a''b", "per%cent_", 'double"quote', "back\\slash", "naïve 🙂", "' or 1=1 --"]
)
def test_a_source_of_any_name_replaces_its_own_rows_only(lake: Lake, source: str) -> None:
    write(lake, lambda run: run.append("prices", as_prices(price("A", 1.0, source), price("B", 1.0))))
    where = f"source = {quote_literal(source)}"
    write(lake, lambda run: run.replace("prices", as_prices(price("A", 2.0, source)), where))
    assert read(lake, "select symbol, usd, source from lake_prices order by 1") == [
        ("A", 2.0, source),
        ("B", 1.0, "book"),
    ]


@pytest.mark.parametrize("name", ["my store", "it's", "st*r", "what?", "näive 🙂", "100%", "a#b", "a&b;c", 'q"q', "-x"])
def test_a_store_lies_where_its_user_wants_it(tmp_path: Path, name: str) -> None:
    lake = Lake(tmp_path / name)
    write(lake, lambda run: run.append("prices", as_prices(price("A", 1.0))))
    stop(lake, ACTS["replace all"])
    write(lake, lambda run: run.append("prices", as_prices(price("B", 1.0))))
    assert symbols(lake) == ["A", "B"]
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["store[1]", "a%20b"])
def test_a_store_that_delta_could_not_find_again_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="cannot lie at") as caught:
        Lake(tmp_path / name)
    assert "[" in caught.value.hint


def test_each_commit_names_a_version_of_every_table(lake: Lake) -> None:
    write(lake, lambda run: run.append("prices", as_prices(price("A", 1.0))))
    write(lake, lambda run: run.append("labels", as_labels("x")))
    write(lake, lambda run: run.append("prices", as_prices(price("B", 1.0))))
    first, second, third = lake.commits()
    assert lake.head() == third
    assert set(first.tables) == {"prices"}
    assert set(second.tables) == set(third.tables) == {"prices", "labels"}
    assert (first.tables["prices"], second.tables["labels"]) == (second.tables["prices"], third.tables["labels"])
    con = open_connection(threads=1)
    for commit, count in ((first, 1), (second, 1), (third, 2)):
        lake.attach(con, commit)
        assert con.execute("select count(*) from lake_prices").fetchall() == [(count,)]
    con.close()


def test_the_newest_commit_counts_though_the_clock_was_set_back(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    write(lake, lambda run: run.append("prices", as_prices(price("A", 1.0))))

    class Yesterday(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) - timedelta(days=1)

    monkeypatch.setattr("intel.store.lake.datetime", Yesterday)
    write(lake, lambda run: run.append("prices", as_prices(price("B", 1.0))))
    assert symbols(lake) == ["A", "B"]


ACTS: dict[str, Callable[[LakeRun], None]] = {
    "append": lambda run: run.append("prices", as_prices(price("X", 9.0))),
    "replace all": lambda run: run.replace("prices", as_prices(price("X", 9.0))),
    "replace some": lambda run: run.replace("prices", as_prices(price("X", 9.0, "other")), "source = 'other'"),
    "empty": lambda run: run.replace("prices", as_prices()),
    "new table": lambda run: run.append("labels", as_labels("x")),
}


@pytest.mark.parametrize("act", ACTS.values(), ids=list(ACTS))
def test_a_run_that_stopped_shows_nothing_and_is_rolled_back(lake: Lake, act: Callable[[LakeRun], None]) -> None:
    write(lake, lambda run: run.append("prices", as_prices(price("A", 1.0), price("B", 1.0, "other"))))
    before = lake.head()
    for _ in range(2):
        stop(lake, act)
        assert lake.head() == before
        assert symbols(lake) == ["A", "B"]
    write(lake, lambda run: run.append("prices", as_prices(price("C", 1.0))))
    write(lake, lambda run: run.append("labels", as_labels("y")))
    assert symbols(lake) == ["A", "B", "C"]
    assert read(lake, "select address from lake_labels") == [("y",)]


@pytest.mark.parametrize("again", ["append", "replace"])
def test_where_the_first_run_ever_stopped_nothing_of_it_stays(lake: Lake, again: str) -> None:
    stop(lake, ACTS["append"])
    assert lake.head() is None
    assert symbols(lake) == []
    write(lake, lambda run: getattr(run, again)("prices", as_prices(price("A", 1.0))))
    assert symbols(lake) == ["A"]


def test_what_was_replaced_in_vain_comes_back_before_the_next_replacement(lake: Lake) -> None:
    write(lake, lambda run: run.append("prices", as_prices(price("A", 1.0), price("B", 1.0, "other"))))
    stop(lake, ACTS["replace all"])
    write(lake, lambda run: run.replace("prices", as_prices(price("C", 1.0, "other")), "source = 'other'"))
    assert symbols(lake) == ["A", "C"]


def hold_lake(store: Path, ready: object, release: object) -> None:
    with Lake(store).write("slow") as run:
        run.append("prices", as_prices(price("S", 1.0)))
        ready.set()  # type: ignore[attr-defined]
        release.wait(60)  # type: ignore[attr-defined]
        run.commit(rows=1, bad_rows=0)


@pytest.mark.slow
def test_two_writers_at_once_are_refused_and_readers_are_not(lake: Lake) -> None:
    write(lake, lambda run: run.append("prices", as_prices(price("A", 1.0))))
    context = start_server()
    ready, release = context.Event(), context.Event()
    other = context.Process(target=hold_lake, args=(lake.store, ready, release))
    other.start()
    try:
        assert ready.wait(60)
        with pytest.raises(StoreBusy, match="another command is writing") as caught, lake.write("second", patience=0):
            pass
        assert "wait" in caught.value.hint
        assert symbols(lake) == ["A"]
    finally:
        release.set()
        other.join(60)
    assert symbols(lake) == ["A", "S"]


def test_rows_that_do_not_match_their_predicate_are_refused(lake: Lake) -> None:
    write(lake, lambda run: run.append("prices", as_prices(price("A", 1.0))))
    with pytest.raises(StoreError, match="prices could not be written"), lake.write("test") as run:
        run.replace("prices", as_prices(price("B", 1.0, "other")), "source = 'book'")
    assert symbols(lake) == ["A"]


def remove_rows(table: Path) -> None:
    for path in table.glob("*.parquet"):
        path.unlink()


def spoil_rows(table: Path) -> None:
    for path in table.glob("*.parquet"):
        path.write_bytes(b"no parquet at all")


def spoil_log(table: Path) -> None:
    for path in (table / "_delta_log").glob("*.json"):
        path.write_text("no json")


def remove_log(table: Path) -> None:
    for path in (table / "_delta_log").glob("*.json"):
        path.unlink()


@pytest.mark.parametrize("damage", [remove_rows, spoil_rows, spoil_log, remove_log])
def test_a_damaged_table_is_named(lake: Lake, damage: Callable[[Path], None]) -> None:
    write(lake, lambda run: run.append("prices", as_prices(price("A", 1.0))))
    damage(lake.path / "prices")
    with pytest.raises(StoreError, match="lake table prices cannot be read") as caught:
        symbols(lake)
    assert "backup" in caught.value.hint


@pytest.mark.parametrize("damage", [remove_rows, spoil_rows, spoil_log])
def test_damaged_commits_are_named(lake: Lake, damage: Callable[[Path], None]) -> None:
    write(lake, lambda run: run.append("prices", as_prices(price("A", 1.0))))
    damage(lake.path / "commits")
    with pytest.raises(StoreError, match="lake table commits cannot be read"):
        Lake(lake.store).head()


def test_a_table_whose_log_is_lost_is_not_quietly_begun_anew(lake: Lake) -> None:
    write(lake, lambda run: run.append("prices", as_prices(price("A", 1.0))))
    remove_log(lake.path / "prices")
    with pytest.raises(StoreError, match="lake table prices cannot be read"):
        write(lake, ACTS["append"])
