"""Are transfers filtered, paged and exported without losing a row or a digit?"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

import intel
from intel.errors import UnknownSubject, UsageError
from intel.profiler.postings import parse_window
from intel.profiler.subjects import resolve_subject
from intel.profiler.transfers import Sort, TransferFilter, read_page, stream_transfers, tabulate_transfers
from intel.store.reader import Reader
from tests.small_world import DEEP, FAKE, FUND_1, USDC


def hashes(table: pa.Table) -> list[str]:
    return [str(value) for value in table["tx_hash"].to_pylist()]


@pytest.mark.parametrize(
    ("wanted", "test"),
    [
        (TransferFilter(direction="in"), lambda r: r["direction"] == "in"),
        (TransferFilter(token="usdc"), lambda r: r["symbol"] == "USDC"),
        (TransferFilter(token=USDC.token), lambda r: r["token"] == USDC.token),
        (TransferFilter(token="native"), lambda r: r["token"] is None),
        (TransferFilter(kind="fee"), lambda r: r["kind"] == "fee"),
        (TransferFilter(min_usd=900), lambda r: (r["value_usd"] or 0) >= 900),
        (TransferFilter(counterparty="binance"), lambda r: r["counterparty_entity"] == "binance"),
        (TransferFilter(counterparty=FUND_1), lambda r: r["counterparty"] == FUND_1),
        (TransferFilter(window=parse_window("2024-02", "2024-02")), lambda r: r["block_time"].month == 2),
        (TransferFilter(hides_spam=True), lambda r: r["flags"] not in {"counterfeit", "zero_value_spoof"}),
        (TransferFilter(direction="out", token="USDC", min_usd=500), lambda r: r["direction"] == "out"
            and r["symbol"] == "USDC" and (r["value_usd"] or 0) >= 500),
    ],
)  # fmt: skip
def test_a_filter_keeps_exactly_the_rows_that_fit(reader: Reader, wanted: TransferFilter, test: object) -> None:
    subject = resolve_subject(reader, "alice-fund")
    assert callable(test)
    everything = tabulate_transfers(reader, subject).to_pylist()
    expected = [row["tx_hash"] for row in everything if test(row)]
    assert 0 < len(expected) < len(everything)
    assert hashes(tabulate_transfers(reader, subject, wanted)) == expected


def test_a_filter_that_cannot_be_is_refused(reader: Reader) -> None:
    subject = resolve_subject(reader, FUND_1)
    with pytest.raises(UnknownSubject, match="no token"):
        read_page(reader, subject, TransferFilter(token="NOPE"))
    with pytest.raises(UnknownSubject):
        read_page(reader, subject, TransferFilter(counterparty="nobody at all"))
    with pytest.raises(UsageError):
        read_page(reader, subject, TransferFilter(kind="gift"))
    with pytest.raises(UsageError):
        read_page(reader, subject, TransferFilter(direction="sideways"))  # type: ignore[arg-type]


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize("limit", [1, 2, 7, 1000])
def test_pages_put_together_are_the_whole(reader: Reader, limit: int, newest_first: bool) -> None:
    subject = resolve_subject(reader, "alice-fund")
    pages, key = [], None
    while True:
        page = read_page(reader, subject, limit=limit, after=key, newest_first=newest_first)
        pages += list(zip(hashes(page.rows), page.rows["direction"].to_pylist(), strict=True))
        key = page.next_key
        if key is None:
            break
    whole = tabulate_transfers(reader, subject)
    expected = list(zip(hashes(whole), whole["direction"].to_pylist(), strict=True))
    assert sorted(pages) == sorted(expected)
    assert len(set(pages)) == len(pages)
    times = [name for name, _ in pages]
    assert times == sorted(times, reverse=newest_first)  # the hashes of this world rise with time


def test_amounts_are_exact_in_every_form(store: Path) -> None:
    with intel.open(store) as db:
        frame = db.transfers(FUND_1)
        table = db.transfers(FUND_1, as_="arrow")
        batches = list(db.transfers(FUND_1, as_="batches"))
    assert pa.Table.from_batches(batches).equals(table)
    assert table.schema.field("amount").type == pa.decimal256(76, 38)
    assert table.schema.field("value_raw").type == pa.decimal128(38, 0)
    decimals = {None: 18, USDC.token: 6, FAKE.token: 6, DEEP.token: 37}
    checked = 0
    for row, amount in zip(table.to_pylist(), frame["amount"], strict=True):
        if row["token"] in decimals and row["value_raw"] is not None:
            assert isinstance(amount, Decimal)
            assert int(amount.scaleb(decimals[row["token"]])) == int(row["value_raw"]) or row["token"] == DEEP.token
            assert row["amount"] == amount
            checked += 1
    assert checked > 10
    deep = next(row for row in table.to_pylist() if row["token"] == DEEP.token)
    assert deep["amount"] == Decimal("1.2345678901234567890123456789012345678")
    oversize = next(row for row in table.to_pylist() if row["value_text"] is not None)
    assert (oversize["amount"], oversize["value_raw"], oversize["value_text"]) == (None, None, str(10**40))


def test_text_amounts_have_no_exponent_and_no_empty_tail(reader: Reader) -> None:
    subject = resolve_subject(reader, "alice-fund")
    texts = [a for b in stream_transfers(reader, subject, amounts="text") for a in b.column("amount").to_pylist()]
    amounts = {text for text in texts if text is not None}
    assert {"0.000000000000000123", "2.000000000000000001", "0.5", "10", "5000", "0"} <= amounts
    assert not any(text.endswith(".") or "E" in text or ("." in text and text.endswith("0")) for text in amounts)


@pytest.mark.parametrize("sort", ["time", "value", "amount", "token", "counterparty", "kind", "direction"])
@pytest.mark.parametrize("descending", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_pages_in_any_order_show_each_row_once(reader: Reader, sort: Sort, descending: bool) -> None:
    subject = resolve_subject(reader, "alice-fund")
    everything = read_page(reader, subject, limit=10_000, sort=sort, descending=descending).rows
    assert everything.num_rows == tabulate_transfers(reader, subject).num_rows
    for limit in (1, 7):
        rows, key = [], None
        while True:
            page = read_page(reader, subject, limit=limit, after=key, sort=sort, descending=descending)
            rows += page.rows.to_pylist()
            key = page.next_key
            if key is None:
                break
        assert rows == everything.to_pylist()


def test_the_order_is_that_of_the_column(reader: Reader) -> None:
    subject = resolve_subject(reader, "alice-fund")

    def column(name: str, sort: Sort) -> list[object]:
        return [row[name] for row in read_page(reader, subject, limit=10_000, sort=sort).rows.to_pylist()]

    values = [-1.0 if value is None else value for value in column("value_usd", "value")]  # unpriced is the smallest
    assert values == sorted(values)
    symbols = [str(symbol or "").lower() for symbol in column("symbol", "token")]
    assert [s for s in symbols if s] == sorted(s for s in symbols if s)
    assert column("direction", "direction") == sorted(column("direction", "direction"), reverse=True)  # out, then in
    with pytest.raises(UsageError, match="sorted by"):
        read_page(reader, subject, sort="colour")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wanted", "test"),
    [
        (TransferFilter(max_usd=100), lambda r: r["value_usd"] is not None and r["value_usd"] <= 100),
        (TransferFilter(chain="bsc"), lambda r: r["chain"] == "bsc"),
        (TransferFilter(category="exchange"), lambda r: r["counterparty_entity"] in {"binance", "kraken"}),
        (TransferFilter(hides_internal=True), lambda r: r["counterparty_entity"] != "alice-fund"),
        (TransferFilter(tx_hash="0x" + "1".zfill(64)), lambda r: int(r["tx_hash"], 16) == 1),
    ],
)
def test_more_filters_keep_exactly_the_rows_that_fit(reader: Reader, wanted: TransferFilter, test: object) -> None:
    subject = resolve_subject(reader, "alice-fund")
    assert callable(test)
    everything = tabulate_transfers(reader, subject).to_pylist()
    expected = [row["tx_hash"] for row in everything if test(row)]
    assert 0 < len(expected) < len(everything)
    assert hashes(tabulate_transfers(reader, subject, wanted)) == expected
