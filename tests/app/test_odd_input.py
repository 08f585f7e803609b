"""Is odd data shown as what it is: no decimals, absurd prices, negative amounts, markup, ambiguous names?"""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

import intel
from intel.config import Settings
from intel.pipeline import add_labels, add_prices, add_tokens, build, ingest_files
from tests.app.test_pages import open_page, read_text
from tests.app.test_profiler_pages import find_table

ALICE, BOB = "0x" + "a1" * 20, "0x" + "b0" * 20
GOOD, BLANK, EVIL = "0x" + "0d" * 20, "0x" + "b1" * 20, "0x" + "e1" * 20
MARKUP = "<script>x</script>"
NAME = "<img src=x onerror=alert(1)> **bold** [y](//e.org)"
E18 = 10**18


def write_csv(path: Path, columns: str, rows: list[tuple[object, ...]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([columns.split(","), *rows])
    return path


@pytest.fixture(scope="module")
def odd_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Blocks 100 to 103 of a chain: what was held before is not seen."""
    folder = tmp_path_factory.mktemp("odd")
    settings = Settings(store=folder / "store")
    columns = "chain,block_number,block_time,tx_hash,position,sub_position,kind,sender,receiver,token,value_raw"
    moved = [
        (100, ALICE, BOB, GOOD, 7 * E18), (101, BOB, ALICE, GOOD, 2 * E18), (102, BOB, ALICE, BLANK, 12_345),
        (103, BOB, ALICE, EVIL, 3 * E18),
    ]  # fmt: skip
    rows = [
        ("ethereum", block, f"2024-01-0{block - 99} 12:00:00", f"0x{block:064x}", 0, 0, "erc20", sender, receiver,
         token, raw)
        for block, sender, receiver, token, raw in moved
    ]  # fmt: skip
    ingest_files(settings, [write_csv(folder / "transfers.csv", columns, rows)])
    tokens = [
        ("ethereum", GOOD, "GOOD", "Good coin", 18),
        ("ethereum", EVIL, MARKUP, NAME, 18),
    ]  # fmt: skip
    add_tokens(settings, [write_csv(folder / "tokens.csv", "chain,token,symbol,name,decimals", tokens)])
    prices = [("2024-01-01", "GOOD", "2.5"), ("2024-01-02", "GOOD", "0"), ("2024-01-03", "GOOD", "inf"),
              ("2024-01-04", "GOOD", "-1"), ("2024-01-04", "GOOD", "nan")]  # fmt: skip
    assets = [("GOOD", "ethereum", GOOD)]
    add_prices(
        settings,
        [write_csv(folder / "prices.csv", "date,symbol,usd", prices)],
        assets=[write_csv(folder / "assets.csv", "symbol,chain,token", assets)],
    )
    names = [("ethereum", "0x" + f"{place}f" * 20, f"Twin {end}", f"Twin {end}", "exchange", "test")
             for place, end in ((1, "House"), (2, "Harbour"))]  # fmt: skip
    add_labels(settings, [write_csv(folder / "labels.csv", "chain,address,entity,label,category,source", names)])
    build(settings)
    return settings.store


def test_prices_that_are_no_prices_are_counted_and_value_nothing(
    odd_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    issues = find_table(open_page(odd_store, monkeypatch, "store"), "code", "rows")
    assert int(issues[issues["code"] == "bad price"]["rows"].sum()) == 4
    with intel.open(odd_store) as database:
        told = dict(database.reader.query("select date, usd from facts.asset_prices order by date"))
    assert list(told.values()) == [2.5]


def test_more_out_than_in_is_a_negative_net_flow_and_is_said(odd_store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = open_page(odd_store, monkeypatch, "profile", subject=ALICE)
    held = find_table(app, "symbol", "amount", "share").set_index("symbol")
    assert held.loc["GOOD", "amount"] == "-5"
    assert "negative" in held.loc["GOOD", "flags"]
    assert "Holdings: net flow" in read_text(app)
    assert "not whole" in read_text(app)
    token = read_text(open_page(odd_store, monkeypatch, "token", token=GOOD))
    assert "more went out than was seen coming in" in token


def test_a_token_without_decimals_is_in_base_units(odd_store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = open_page(odd_store, monkeypatch, "profile", subject=ALICE)
    held = find_table(app, "symbol", "amount", "share").set_index("token")
    assert held.loc[BLANK, "amount"] == "12,345"
    assert "unknown decimals" in held.loc[BLANK, "flags"]
    page = open_page(odd_store, monkeypatch, "token", token=BLANK)
    assert "base units" in "".join(item.value for item in page.warning)
    assert "decimals unknown" in read_text(page)


@pytest.mark.parametrize("tab", ["Overview", "Balance", "PnL", "Exposure", "Transfers", "Evidence", "Coverage"])
def test_every_tab_of_odd_data_opens(odd_store: Path, monkeypatch: pytest.MonkeyPatch, tab: str) -> None:
    for subject in (ALICE, BOB):
        assert open_page(odd_store, monkeypatch, "profile", subject=subject, tab=tab).title


def test_markup_in_the_names_of_tokens_is_text(odd_store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    title = open_page(odd_store, monkeypatch, "token", token=EVIL).title[0].value
    assert title.replace("\\", "").replace("\u2060", "") == NAME
    for mark in ("<", "[", "*"):
        assert all(title[place - 1] == "\\" for place, letter in enumerate(title) if letter == mark)
    held = find_table(open_page(odd_store, monkeypatch, "profile", subject=ALICE), "symbol", "amount", "share")
    assert MARKUP in list(held["symbol"])  # a cell of a table is never markup


def test_a_date_outside_of_what_was_seen_is_told(odd_store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = open_page(odd_store, monkeypatch, "profile", subject=ALICE, tab="Balance", day="2020-02-02")
    assert "lies outside of what was seen: 2024-01-01 to 2024-01-04" in read_text(app)
    later = open_page(odd_store, monkeypatch, "profile", subject=ALICE, since="2025-01-01")
    assert "in this period" in read_text(later)


def test_a_name_with_several_matches_is_a_choice(odd_store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = open_page(odd_store, monkeypatch, "profile", subject="twin")
    assert "Which one is meant?" in read_text(app)
    assert {"Twin House", "Twin Harbour"} <= {link.proto.label.split(" \\(")[0] for link in app.page_link}


@pytest.mark.parametrize(
    ("text", "told"),
    [("0x12", "it has 2 hex digits"), ("0x" + "g" * 40, "is no address"), ("0x" + "9e" * 20, "Unknown is not clean"),
     ("eip155:1:0x" + "9e" * 20, "Unknown is not clean"), ("nobody at all", "Unknown")],
)  # fmt: skip
def test_what_names_nobody_is_told_with_the_next_step(
    odd_store: Path, monkeypatch: pytest.MonkeyPatch, text: str, told: str
) -> None:
    app = open_page(odd_store, monkeypatch, "profile", subject=text)
    assert told in read_text(app)
    assert app.page_link  # the way on
