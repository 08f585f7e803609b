"""Does exposure add up to the whole, stop at walls, and divide money behind strangers in proportion?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from intel.profiler.exposure import Exposure, describe_exposure, measure_exposure
from intel.profiler.postings import parse_window
from intel.profiler.subjects import resolve_subject
from intel.store.reader import Reader
from tests.small_world import address
from tests.snapshots import Asset, Moved, World, write_snapshot

COIN = Asset(address("a"), "COIN", 0, is_verified=True)
FAKE = Asset(address("b"), "COIN", 0)
ME, BANK, MIXER, DARK, LISTED, STRANGER, HUB, ORPHAN, FAR, FARTHER, SPARE = (
    "0x" + f"{number:040x}" for number in range(1, 12)
)


def paid(day: int, sender: str | None, receiver: str, usd: float | None, token: str | None = COIN.token) -> Moved:
    return Moved(f"2024-01-{day:02}", sender, receiver, token, 1, usd)


def build_world() -> World:
    def owned(who: str, entity: str) -> dict[str, Any]:
        return {"address": who, "entity_id": entity}

    return World(
        transfers=[
            paid(1, BANK, STRANGER, 90.0),
            paid(2, MIXER, STRANGER, 30.0),
            paid(3, ME, STRANGER, 30.0),
            paid(4, STRANGER, STRANGER, 500.0),  # to itself: nothing comes from anywhere
            paid(5, BANK, STRANGER, None),  # without a price
            paid(6, STRANGER, ME, 60.0),
            paid(7, DARK, STRANGER, 1_000.0),  # after the payment: it cannot be in it
            paid(8, BANK, ME, 100.0),
            paid(9, MIXER, ME, 15.0),
            paid(10, LISTED, ME, 25.0),
            paid(11, HUB, ME, 40.0),
            paid(12, BANK, HUB, 40.0),
            paid(13, ORPHAN, ME, 10.0),
            paid(14, FARTHER, FAR, 7.0),
            paid(15, FAR, ME, 20.0),
            paid(16, None, ME, 5.0),
            paid(17, SPARE, ME, 77.0, FAKE.token),  # a counterfeit
            paid(18, BANK, ME, None),
        ],
        assets=[COIN, FAKE],
        entities=[{"entity_id": "bank", "name": "Bank", "category": "exchange"},
                  {"entity_id": "washer", "name": "Washer", "category": "infrastructure"},
                  {"entity_id": "dark", "name": "Dark", "category": "darknet_market"}],
        attributions=[owned(BANK, "bank"), owned(LISTED, "bank"), owned(DARK, "dark"), owned(MIXER, "washer")],
        events=[{"event": "mixer_deposit", "address": MIXER, "actor": None, "block_time": "2024-01-01",
                 "source": "test"}],
        services=[{"address": HUB, "kind": "hub", "is_hub": True, "reason": "test"}],
        listings=[{"address": LISTED, "category": "sanction", "source": "test", "visibility": "public"}],
        asset_flags=[(FAKE, "counterfeit")],
    )  # fmt: skip


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    store = tmp_path_factory.mktemp("exposure") / "store"
    write_snapshot(store, build_world())
    with Reader(store, memory="1GB") as opened:
        yield opened


def by_category(found: Exposure) -> dict[str, tuple[float, float]]:
    return {row["category"]: (row["direct_usd"], row["indirect_usd"]) for row in found.rows.to_pylist()}


def test_each_dollar_has_a_source_or_a_reason(reader: Reader) -> None:
    found = measure_exposure(reader, resolve_subject(reader, ME))["incoming"]
    assert found.total_usd == 275.0  # 60 + 100 + 15 + 25 + 40 + 10 + 20 + 5
    # The stranger's money was 90 of the bank, 30 of the mixer, 30 of our own: of its 60 that is 36, 12, 12.
    assert by_category(found) == {
        "exchange": (100.0, 36.0),
        "mixer": (15.0, 12.0),
        "sanction": (25.0, 0.0),
        "own_funds": (0.0, 12.0),
        "protocol": (5.0, 0.0),
    }
    assert found.unresolved == {"hub": 40.0, "nothing_seen": 10.0, "second_hop": 20.0}
    assert (found.unresolved_usd, found.followed, found.not_followed) == (70.0, 3, 0)
    assert found.rows["category"].to_pylist()[0] == "exchange"
    assert sum(found.rows["share"].to_pylist()) + (found.unresolved_share or 0.0) == pytest.approx(1.0)


def test_outgoing_is_followed_from_the_payment_on(reader: Reader) -> None:
    found = measure_exposure(reader, resolve_subject(reader, ME))["outgoing"]
    # The stranger, once paid, sent only to us: to itself does not count.
    assert (found.total_usd, by_category(found), found.unresolved) == (30.0, {"own_funds": (0.0, 30.0)}, {})


def test_a_window_bounds_the_payments_and_not_what_lies_behind(reader: Reader) -> None:
    found = measure_exposure(reader, resolve_subject(reader, ME), parse_window("2024-01-06", "2024-01-06"))["incoming"]
    assert by_category(found) == {"exchange": (0.0, 36.0), "mixer": (0.0, 12.0), "own_funds": (0.0, 12.0)}


def test_nothing_in_is_nothing_exposed(reader: Reader) -> None:
    told = describe_exposure(reader, resolve_subject(reader, ORPHAN))
    assert told["incoming"]["total_usd"] == 0.0
    assert told["incoming"]["unresolved_share"] is None
    assert "haircut" in told["rule"]


def test_work_is_bounded_and_the_rest_said(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("intel.profiler.exposure._FOLLOWED", 1)
    with Reader(reader.store, memory="1GB") as fresh:
        found = measure_exposure(fresh, resolve_subject(fresh, ME))["incoming"]
    assert (found.followed, found.not_followed, found.unresolved["not_followed"]) == (1, 2, 30.0)
    assert found.total_usd == 275.0


@pytest.mark.parametrize("subject", ["alice-fund", "binance", "kraken"])
def test_the_parts_are_the_whole_on_the_small_world(store: Path, subject: str) -> None:
    with Reader(store, memory="1GB") as small:
        for found in measure_exposure(small, resolve_subject(small, subject)).values():
            parts = sum(found.rows["usd"].to_pylist()) + found.unresolved_usd
            assert parts == pytest.approx(found.total_usd, abs=1e-6)
