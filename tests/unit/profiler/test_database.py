"""Does a Python program get the same answers by the same names as the functions behind them?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import intel
from intel.errors import UnknownSubject, UsageError
from intel.profiler.database import Database
from intel.profiler.profile import to_plain
from tests.small_world import FUND_1, USDC


@pytest.fixture
def db(store: Path) -> Iterator[Database]:
    with intel.open(store) as opened:
        yield opened


def test_history_and_comparison_agree(db: Database) -> None:
    days = db.history("alice-fund", since="2024-03-31", until="2024-03-31")
    compared = db.compare("alice-fund", "2024-02", "2024-03")
    assert days["usd"].tolist() == [pytest.approx(compared.totals["usd_b"])]
    usdc = db.history("alice-fund", token=USDC.token, until="2024-01-03")
    # 5,000 came on the second; what the fund moves to itself changes nothing.
    assert usdc["amount"].tolist()[:2] == ["5000", "5000"]
    with pytest.raises(UsageError):
        db.compare("alice-fund", "2024-03", "2024-02")


def test_a_token_and_its_holders(db: Database) -> None:
    told = db.token(str(USDC.token))
    holders = db.holders(str(USDC.token), by="address")
    assert told["holders"] == (holders["share"] > 0).sum()
    assert holders["share"].sum() == pytest.approx(1.0)
    with pytest.raises(UnknownSubject):
        db.token("NOPE")


def test_exposure_is_one_plain_document(db: Database) -> None:
    told = json.loads(json.dumps(to_plain(db.exposure("alice-fund"))))
    assert {"rule", "incoming", "outgoing", "build"} <= set(told)
    assert told["incoming"]["categories"][0]["category"] == "exchange"


def test_counterparties_members_and_transfers_take_their_filters(db: Database) -> None:
    assert set(db.counterparties("alice-fund", token="USDC", limit=2)["name"]) == {"Binance", "Kraken"}
    assert set(db.members("alice-fund")["address"]) >= {FUND_1}
    assert set(db.transfers("alice-fund", chain="bsc")["chain"]) == {"bsc"}
    with pytest.raises(UsageError, match="colour"):
        db.counterparties("alice-fund", colour="red")
    with pytest.raises(UsageError, match="window"):
        db.transfers("alice-fund", window=None)
