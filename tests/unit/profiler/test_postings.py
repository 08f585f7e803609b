"""Are a subject's postings those of the window, whichever windows, subjects and threads asked before?"""

from __future__ import annotations

import threading

import pytest

from intel.profiler.postings import ALWAYS, Window, add_flows, gather_flows, gather_moves, lend_flows, parse_window
from intel.profiler.subjects import resolve_subject
from intel.store.reader import Reader

WINDOWS = (
    ALWAYS,
    parse_window("2024-02", "2024-02"),
    parse_window(until="2024-03-01T11:59:30"),
    parse_window(since="2024-02-10T00:00:01"),
    ALWAYS,
    parse_window("2024-02", "2024-02"),
)


def read_ids(reader: Reader, ids: tuple[int, ...], window: Window) -> list[tuple[int, int]]:
    """The postings of a window as the ledger has them."""
    return reader.query(
        """select transfer_id, direction from facts.postings where address_id in (select unnest($ids))
        and ($since::timestamp is null or block_time >= $since) and ($until::timestamp is null or block_time < $until)
        order by all""",
        {"ids": list(ids), "since": window.since, "until": window.until},
    )


def test_moves_are_those_of_the_window_whatever_was_asked_before(reader: Reader) -> None:
    subjects = [resolve_subject(reader, text) for text in ("alice-fund", "binance")]
    found = set()
    for window in WINDOWS:
        for subject in subjects:
            gather_flows(reader, subject, window)
            gather_moves(reader, subject, window)
            wanted = read_ids(reader, subject.address_ids, window)
            assert reader.query("select transfer_id, direction from moves order by all") == wanted
            flows = reader.query("select coalesce(sum(transfers_in + transfers_out), 0) from flows")[0][0]
            assert flows == len(wanted)
            found.add(len(wanted))
    assert len(found) > len(subjects)  # the windows differ


def test_a_reader_too_large_to_keep_answers_the_same(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    subject = resolve_subject(reader, "alice-fund")
    kept = []
    for most in (10**9, 0):
        monkeypatch.setattr("intel.profiler.postings._KEPT_POSTINGS", most)
        with reader.fork() as own:
            for window in WINDOWS[1:3]:
                gather_flows(own, subject, window)
                kept.append(own.query("select * from flows order by all"))
    assert kept[:2] == kept[2:]
    assert all(kept)


def test_lent_flows_are_those_of_the_lender_until_others_are_asked_for(reader: Reader) -> None:
    subject = resolve_subject(reader, "alice-fund")
    sums = [f"select * from {table} order by all" for table in ("flows", "owners")]
    wanted = {}
    for window in WINDOWS[:3]:
        gather_flows(reader, subject, window)
        wanted[window] = [reader.query(sql) for sql in sums]
    assert len({str(rows) for rows in wanted.values()}) == len(wanted)  # the windows differ

    def ask(window: Window) -> list[list[tuple[object, ...]]]:
        add_flows(reader, subject, window)
        return [reader.query(sql) for sql in sums]

    for window in WINDOWS[:3]:
        borrow = lend_flows(reader, subject, window)
        gather_flows(reader, subject, WINDOWS[3])  # the lender goes on to another question
        reader.aside(borrow).result()
        with pytest.raises(Exception, match="moves"):  # nothing was read again
            reader.aside(lambda: reader.query("select 1 from moves")).result()
        assert reader.aside(lambda window=window: ask(window)).result() == wanted[window]
    assert reader.aside(lambda: ask(WINDOWS[1])).result() == wanted[WINDOWS[1]]


def test_what_holds_for_the_build_is_made_once_for_all_threads(reader: Reader) -> None:
    made: list[int] = []
    seen: list[int] = []
    together = threading.Barrier(4)

    def fill() -> None:
        made.append(threading.get_ident())
        reader.query("create or replace table shared_numbers as select unnest(range(5)) as number")

    def ask() -> None:
        together.wait()
        reader.share("shared_numbers", fill)
        seen.append(reader.query("select count(*) from shared_numbers")[0][0])

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [5] * 4
    assert len(made) == 1
    with reader.fork() as other:
        other.share("shared_numbers", fill)
        assert other.query("select sum(number) from shared_numbers")[0][0] == 10
    assert len(made) == 1
