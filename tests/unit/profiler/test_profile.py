"""Does a profile say who, how much and how sure, in the fixed JSON, with every caveat that applies?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest

import intel
from intel.errors import UsageError
from intel.profiler.database import Database
from intel.profiler.postings import parse_window
from intel.profiler.profile import to_json
from tests.small_world import (
    DEEP,
    DISPUTED,
    FAKE,
    FUND_1,
    HOT,
    LABELLED_ONLY,
    MIXER,
    STRANGER,
    SUSPECT,
    build_world,
)
from tests.snapshots import World, dump, write_snapshot

KEYS = {
    "subject", "entity", "role", "labels", "holdings", "counterparties", "exchange_usage", "pnl", "activity",
    "coverage", "caveats",
}  # fmt: skip

PNL_KEYS = {
    "method", "realized_usd", "unrealized_usd", "total_usd", "fees_usd", "income_usd", "received_usd", "sent_usd",
    "unknown_basis_usd", "by_token", "by_method", "build", "tier", "membership_hash",
}  # fmt: skip
# What custodians hold belongs to customers; a list owns nothing; of the others no transfer was seen.
WITHOUT_PNL = {HOT, LABELLED_ONLY, "binance", MIXER, "ofac"}


@pytest.fixture
def db(store: Path) -> Iterator[Database]:
    with intel.open(store) as opened:
        yield opened


@pytest.mark.parametrize("subject", [FUND_1, HOT, LABELLED_ONLY, MIXER, "alice-fund", "binance", "ofac"])
def test_json_has_the_fixed_keys_and_only_json_types(db: Database, subject: str) -> None:
    document = json.loads(dump(to_json(db.profile(subject))))
    assert set(document) >= KEYS
    assert all({"chain", "token", "symbol", "amount", "value_usd"} <= set(row) for row in document["holdings"])
    assert all(isinstance(row["amount"], str | None) for row in document["holdings"])
    for row in document["counterparties"]:
        assert {"entity_id", "name", "address", "in_usd", "out_usd", "transfers"} <= set(row)
    assert {"first_seen", "last_seen", "transfers_in", "transfers_out"} <= set(document["activity"])
    if subject in WITHOUT_PNL:
        assert document["pnl"] is None
    else:
        assert set(document["pnl"]) >= PNL_KEYS


def test_amounts_are_exact_beyond_floats(db: Database) -> None:
    holdings = {h.token: h for h in db.profile(FUND_1).holdings if h.chain == "ethereum"}
    assert holdings[DEEP.token].amount == Decimal("1.2345678901234567890123456789012345678")
    rows = to_json(db.profile(FUND_1))["holdings"]
    assert (
        next(row for row in rows if row["token"] == DEEP.token)["amount"] == "1.2345678901234567890123456789012345678"
    )


def test_a_price_is_the_last_one_before_the_end(db: Database) -> None:
    def value(until: str | None) -> tuple[float | None, str]:
        held = next(h for h in db.profile(FUND_1, until=until).holdings if h.symbol == "ETH")
        assert held.amount is not None
        return held.value_usd, str(held.price_date)

    assert value(None) == (pytest.approx(8.5 * 3500), "2024-04-10")  # coverage ends there; the next day's is not taken
    assert value("2024-03-25") == (pytest.approx(8.5 * 3000), "2024-03-20")
    assert value("2024-03-19") == (None, "None")
    flags = {h.symbol: h.flags for h in db.profile(FUND_1, until="2024-03-25").holdings}
    assert "stale_price" in flags["ETH"]


def test_spam_oversize_and_unpriced_stand_apart(db: Database) -> None:
    profile = db.profile(FUND_1)
    by_token = {h.token: h for h in profile.holdings}
    assert set(by_token[FAKE.token].flags) == {"counterfeit", "spam", "unpriced"}
    assert profile.holdings[-1].token == FAKE.token
    assert next(h for h in profile.holdings if "oversize" in h.flags).amount is None
    assert not any(c.address and c.address.startswith("0x99") for c in profile.counterparties)


def test_titles(db: Database, tmp_path: Path) -> None:
    assert db.profile("binance").holdings_title == "held for customers, net flow over the window"
    assert db.profile("alice-fund").holdings_title == "net flow over the window"
    world = build_world()
    ranges = {"dataset": "transfers", "source": "node", "first_block": 0, "last_block": 40, "rows": 1}
    kinds = ("native", "internal", "erc20", "fee")
    world.coverage = [ranges | {"chain": c, "kind": k} for c in ("ethereum", "bsc") for k in kinds]
    write_snapshot(tmp_path / "whole", world)
    with intel.open(tmp_path / "whole") as whole:
        assert whole.profile("alice-fund").holdings_title == "balance"
        assert whole.profile("binance").holdings_title == "held for customers"
        assert whole.profile("alice-fund", until="2024-03").holdings_title == "balance"
        assert whole.profile("alice-fund", since="2024-03").holdings_title == "net flow over the window"
        assert not any("Only part" in caveat for caveat in whole.profile("alice-fund").caveats)
    world.coverage = [row for row in world.coverage if row["kind"] != "fee" or row["chain"] != "bsc"]
    write_snapshot(tmp_path / "partial", world)
    with intel.open(tmp_path / "partial") as partial:
        assert partial.profile("alice-fund").holdings_title == "net flow over the window"


def test_caveats_say_what_was_seen(db: Database) -> None:
    text = "\n".join(db.profile(FUND_1).caveats)
    for part in (
        "native in blocks 1 to 30, 3 of them missing in 1 hole",
        "tornado deposit (1 by it)",
        "1 connection (4 transfers)",
        "The same hex is used on bsc, ethereum",
        "assumed, not measured",
        "of what moved has no price",
        "PnL leaves out 1 movement too large",
    ):
        assert part in text
    assert "tornado deposit (2 at it)" in "\n".join(db.profile(MIXER).caveats)
    assert "No transfer of this subject was seen" in "\n".join(db.profile(LABELLED_ONLY).caveats)
    assert "1 probable address is left out" in "\n".join(db.profile("alice-fund").caveats)
    assert "left out" not in "\n".join(c for c in db.profile("alice-fund", tier="probable").caveats if "probable" in c)
    assert "unknown is not clean" in "\n".join(db.profile(STRANGER).caveats)
    assert "No PnL for custodians" in "\n".join(db.profile(HOT).caveats)
    assert "The times of 1 transfer are estimated" in "\n".join(db.profile("alice-fund").caveats)


def test_private_labels_are_shown_and_marked(db: Database) -> None:
    profile = db.profile(SUSPECT)
    assert [(row["entity_id"], row["visibility"]) for row in profile.labels] == [("case-7", "private")]
    assert profile.entity is not None
    assert profile.entity["visibility"] == "private"
    assert any("Private labels" in caveat for caveat in profile.caveats)
    assert not any("Private labels" in caveat for caveat in db.profile(HOT).caveats)


def test_claims_stand_side_by_side_and_a_list_is_no_rival(db: Database) -> None:
    claims = {(row["entity_id"], row["source"]): row for row in db.profile(DISPUTED).labels}
    assert set(claims) == {("binance", "etherscan"), ("kraken", "forum"), ("ofac", "ofac")}
    assert claims["binance", "etherscan"]["conflict"]
    assert claims["kraken", "forum"]["conflict"]
    assert not claims["ofac", "ofac"]["conflict"]
    assert not any(row["conflict"] for row in db.profile(HOT).labels)
    assert claims["kraken", "forum"]["url"] == "https://example.org/forum"


def test_an_empty_build_still_answers(tmp_path: Path) -> None:
    world = World(transfers=[], assets=[], entities=[{"entity_id": "ghost", "name": "Ghost", "category": "other"}])
    write_snapshot(tmp_path / "s", world)
    with intel.open(tmp_path / "s") as empty:
        profile = empty.profile("ghost")
        assert (profile.holdings, profile.counterparties, profile.activity["transfers_in"]) == ((), (), 0)
        assert empty.transfers("ghost").empty
        assert list(empty.attribute(["0x" + "1" * 40]).status) == ["unknown"]


@pytest.mark.parametrize(
    ("since", "until", "first", "end"),
    [
        ("2024", "2024", datetime(2024, 1, 1), datetime(2025, 1, 1)),  # noqa: DTZ001
        ("2024-02", "2024-02", datetime(2024, 2, 1), datetime(2024, 3, 1)),  # noqa: DTZ001
        ("2024-02-29", "2024-02-29", datetime(2024, 2, 29), datetime(2024, 3, 1)),  # noqa: DTZ001
        ("2024-01-01T06:00:00+02:00", None, datetime(2024, 1, 1, 4), None),  # noqa: DTZ001
    ],
)
def test_a_window_takes_days_months_and_years_whole(
    since: str, until: str | None, first: datetime, end: datetime | None
) -> None:
    window = parse_window(since, until)
    assert (window.since, window.until) == (first, end)


@pytest.mark.parametrize("ends", [("2024-13", None), ("soon", None), ("2024-02-30", None), ("2025", "2024")])
def test_a_bad_window_is_refused(ends: tuple[str, str | None]) -> None:
    with pytest.raises(UsageError):
        parse_window(*ends)
