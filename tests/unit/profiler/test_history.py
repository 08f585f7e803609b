"""Is the balance of every day what the ledger and that day's price say, and is each change told in two parts?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from intel.errors import UnknownSubject
from intel.profiler.history import summarise_history, tabulate_day, tabulate_history, tabulate_token_history
from intel.profiler.holdings import list_holdings
from intel.profiler.postings import parse_window
from intel.profiler.sheets import add_up
from intel.profiler.subjects import resolve_subject
from intel.profiler.tokens import resolve_token
from intel.store.reader import Reader
from tests.small_world import address
from tests.snapshots import Asset, Moved, World, write_snapshot

ME, OTHER, SECOND = address("1"), address("2"), address("3")
TOY = Asset(address("a"), "TOY", 2, is_verified=True)
BARE = Asset(address("b"), "BARE", 0)
SPAM = Asset(address("c"), "SPAM", 0)
POLY = Asset(None, "POL", 18, chain="polygon", is_verified=True)
HUGE = Asset(address("d"), "HUGE", 0, is_verified=True)


def moved(when: str, sender: str, receiver: str, asset: Asset, value: int, usd: float | None = None) -> Moved:
    return Moved(f"2024-01-{when}", sender, receiver, asset.token, value, usd, chain=asset.chain)


def build_world() -> World:
    covered = {"dataset": "transfers", "kind": "erc20", "source": "test", "first_block": 0, "last_block": 9,
               "first_time": "2024-01-01"}  # fmt: skip
    return World(
        transfers=[
            moved("01T08:00:00", OTHER, ME, TOY, 1_000, 10.0),
            moved("02T08:00:00", OTHER, ME, BARE, 7),
            moved("03T08:00:00", ME, OTHER, TOY, 300, 6.0),
            moved("03T09:00:00", ME, OTHER, TOY, 100, 2.0),
            moved("03T10:00:00", ME, SECOND, TOY, 50, 100.0),
            moved("03T11:00:00", OTHER, ME, SPAM, 9_999, 1e6),
            moved("04T08:00:00", ME, OTHER, BARE, 7),
            moved("05T08:00:00", ME, OTHER, BARE, 1),
            moved("02T09:00:00", OTHER, ME, POLY, 2 * 10**18, 4.0),
            moved("06T00:00:00", OTHER, SECOND, HUGE, 10**36),
        ],
        assets=[TOY, BARE, SPAM, POLY, HUGE],
        prices=[(TOY, "2024-01-01", 1.0), (TOY, "2024-01-02", 2.0), (TOY, "2024-01-05", 3.0), (POLY, "2024-01-02", 2.0),
                (POLY, "2024-01-04", 50.0), (SPAM, "2024-01-01", 1.0), (HUGE, "2024-01-06", 1e300)],
        coverage=[covered | {"chain": "ethereum", "last_time": "2024-01-06"},
                  covered | {"chain": "polygon", "last_time": "2024-01-03"}],
        entities=[{"entity_id": "us", "name": "Us"}],
        attributions=[{"address": ME, "entity_id": "us"}, {"address": SECOND, "entity_id": "us"}],
        asset_flags=[(SPAM, "counterfeit")],
    )  # fmt: skip


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    store = tmp_path_factory.mktemp("history") / "store"
    write_snapshot(store, build_world())
    with Reader(store, memory="1GB") as opened:
        yield opened


def column(reader: Reader, name: str, subject: str = ME, **ends: str) -> list[object]:
    found = tabulate_history(reader, resolve_subject(reader, subject), parse_window(**ends))
    return [row[name] for row in found.to_pylist()]


def test_each_day_is_worth_its_amounts_at_its_last_price(reader: Reader) -> None:
    assert column(reader, "day") == [date(2024, 1, n) for n in range(1, 7)]
    # TOY: 10, 10, 5.5 and on, at 1, 2, 2, 2, 3, 3. POL: 2 at 2 from the second day on; its chain was seen to the third.
    assert column(reader, "usd") == [10.0, 24.0, 15.0, 15.0, 20.5, 20.5]
    assert column(reader, "moved_usd") == [10.0, 4.0, -9.0, 0.0, 0.0, 0.0]
    assert column(reader, "revalued_usd") == [0.0, 10.0, 0.0, 0.0, 5.5, 0.0]
    assert column(reader, "change_usd") == [10.0, 14.0, -9.0, 0.0, 5.5, 0.0]


def test_what_the_value_rests_on_is_said(reader: Reader) -> None:
    assert column(reader, "stale_usd") == [0.0, 0.0, 0.0, 11.0, 0.0, 0.0]  # TOY's price is two days old on the fourth
    assert column(reader, "unpriced") == [0, 1, 1, 0, 1, 1]  # seven BARE, then none, then one too few
    assert column(reader, "negative") == [0, 0, 0, 0, 1, 1]


def test_the_transfers_behind_a_day_are_named(reader: Reader) -> None:
    assert column(reader, "transfers") == [1, 2, 3, 1, 1, 0]  # spam tokens are no part of the balance
    assert column(reader, "largest_usd") == [10.0, 4.0, 100.0, None, None, None]
    # Between two members it moves nothing of theirs.
    assert column(reader, "largest_usd", "us")[2] == 6.0
    assert column(reader, "largest_direction", "us")[2] == "out"
    day = tabulate_day(reader, resolve_subject(reader, ME), date(2024, 1, 3))
    assert day["value_usd"].to_pylist() == [100.0, 6.0, 2.0]


def test_a_window_shows_its_days_with_the_balance_brought_into_it(reader: Reader) -> None:
    assert column(reader, "usd", since="2024-01-02", until="2024-01-03") == [24.0, 15.0]
    assert column(reader, "change_usd", since="2024-01-02", until="2024-01-03") == [14.0, -9.0]


def test_no_value_is_beyond_measure(reader: Reader) -> None:
    """A price of 1e300 makes no number that sums could carry: the token counts as one without a value."""
    assert column(reader, "usd", SECOND)[-1] == 1.5
    assert column(reader, "unpriced", SECOND)[-1] == 1


@pytest.mark.parametrize("subject", [ME, OTHER, "us"])
def test_the_last_day_of_any_end_is_what_the_holdings_add_up_to(reader: Reader, subject: str) -> None:
    who = resolve_subject(reader, subject)
    for number in range(1, 7):
        until = parse_window(until=f"2024-01-{number:02}")
        held = add_up([item for item in list_holdings(reader, who, until, limit=None) if item.symbol != "HUGE"])
        assert tabulate_history(reader, who, until)["usd"].to_pylist()[-1] == pytest.approx(held or 0.0, abs=1e-6)


def test_the_small_world_agrees_with_its_holdings(store: Path) -> None:
    with Reader(store, memory="1GB") as small:
        who = resolve_subject(small, "alice-fund")
        history = {row["day"]: row["usd"] for row in tabulate_history(small, who).to_pylist()}
        for day in (date(2024, 1, 5) + timedelta(days=19 * n) for n in range(6)):
            held = list_holdings(small, who, parse_window(until=day), limit=None)
            assert history.get(day, history[max(history)]) == pytest.approx(add_up(held) or 0.0, abs=1e-5)


def test_a_token_has_its_own_exact_series(reader: Reader) -> None:
    who = resolve_subject(reader, ME)
    rows = tabulate_token_history(reader, who, token=resolve_token(reader, "toy")).to_pylist()
    assert [row["amount"] for row in rows] == ["10", "10", "5.5", "5.5", "5.5", "5.5"]
    assert [row["price_date"].day for row in rows] == [1, 2, 2, 2, 5, 5]
    bare = tabulate_token_history(reader, who, token=resolve_token(reader, "BARE")).to_pylist()
    assert [(row["day"].day, row["amount"], row["usd"]) for row in bare] == [
        (2, "7", None),
        (4, "0", None),
        (5, "-1", None),
    ]
    charted = tabulate_token_history(reader, who, top=1).to_pylist()
    assert {row["symbol"] for row in charted} == {"TOY"}


def test_ends_and_extremes_are_summed_up(reader: Reader) -> None:
    told = summarise_history(tabulate_history(reader, resolve_subject(reader, ME)))
    assert told["highest"] == {"day": date(2024, 1, 2), "usd": 24.0}
    assert told["lowest"] == {"day": date(2024, 1, 1), "usd": 10.0}
    assert summarise_history(tabulate_history(reader, resolve_subject(reader, ME), parse_window(until="2020"))) == {}


def test_an_unknown_token_is_refused(reader: Reader) -> None:
    with pytest.raises(UnknownSubject, match="no token"):
        resolve_token(reader, "NOPE")
