"""Do the pages of the Profiler show what the Python functions say, in every state?"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from intel.profiler.categories import tabulate_category
from intel.profiler.clock import localise
from intel.profiler.database import Database
from intel.profiler.disposals import list_lots, tabulate_disposals
from intel.profiler.exposure import measure_exposure
from intel.profiler.history import tabulate_history
from intel.profiler.overview import list_tokens
from intel.profiler.pnl import compute_pnl
from intel.profiler.subjects import resolve_subject
from intel.profiler.tokens import resolve_token, tabulate_holders
from intel.profiler.weighing import tabulate_weights
from intel.store.notes import Notebook
from tests.app.conftest import HOSTILE, MARKUP, SECRET
from tests.app.test_pages import NOBODY, open_page, read_text


def find_table(app: AppTest, *columns: str) -> object:
    """Return the first table on the page that has these columns."""
    return next(table.value for table in app.dataframe if set(columns) <= set(table.value.columns))


@pytest.fixture
def own_store(store: Path, tmp_path: Path) -> Path:
    """A copy for tests that write."""
    return Path(shutil.copytree(store, tmp_path / "own"))


@pytest.mark.parametrize("subject", [NOBODY, "0x12", HOSTILE, SECRET])
@pytest.mark.parametrize("tab", ["Exchange", "Balance", "PnL", "Exposure"])
def test_every_tab_of_every_kind_of_subject_opens(
    store: Path, monkeypatch: pytest.MonkeyPatch, subject: str, tab: str
) -> None:
    assert open_page(store, monkeypatch, "profile", subject=subject, tab=tab).title or subject == "0x12"


@pytest.mark.parametrize("state", ["labelled", "attributed", "unknown", "private"])
@pytest.mark.parametrize("tab", ["Balance", "PnL", "Exposure", "Transfers"])
def test_every_tab_of_every_state_of_knowledge_opens(
    store: Path, examples: dict[str, str], monkeypatch: pytest.MonkeyPatch, state: str, tab: str
) -> None:
    assert open_page(store, monkeypatch, "profile", subject=examples[state], tab=tab).title


def test_pnl_is_that_of_the_method_chosen(
    store: Path, database: Database, examples: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = resolve_subject(database.reader, examples["unknown"])
    app = open_page(store, monkeypatch, "profile", subject=subject.name, tab="PnL", method="FIFO")
    shown = {metric.label: metric.value.replace("\\", "") for metric in app.metric}
    told = compute_pnl(database.reader, subject, method="fifo")
    assert shown["Realised"].replace("−", "-").replace("-$", "$-").replace(",", "") == f"${told['realized_usd']:.2f}"
    app.segmented_control(key="method").set_value("LIFO").run()
    assert not app.exception
    table = find_table(app, "basis_usd", "gain_usd")
    rows = tabulate_disposals(database.reader, subject, method="lifo", limit=1_000)
    assert list(table["gain_usd"].dropna()) == [value for value in rows["gain_usd"].to_pylist() if value is not None]


def test_the_lots_of_the_picked_disposal_are_shown(
    store: Path, database: Database, examples: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = resolve_subject(database.reader, examples["unknown"])
    app = open_page(store, monkeypatch, "profile", subject=subject.name, tab="PnL", method="FIFO")
    newest = tabulate_disposals(database.reader, subject, method="fifo", limit=1).to_pylist()[0]
    lots = list_lots(database.reader, subject, newest["disposal"], method="fifo")
    assert newest["tx_hash"] in read_text(app)
    assert list(find_table(app, "unit_cost_usd")["tx_hash"]) == [lot["tx_hash"] for lot in lots]


def test_a_custodian_has_no_pnl_and_is_told_why(store: Path, exchange: str, monkeypatch: pytest.MonkeyPatch) -> None:
    app = open_page(store, monkeypatch, "profile", subject=exchange, tab="PnL")
    assert "belongs to its customers" in app.info[0].value


def test_balance_history_and_comparison_are_those_of_the_api(
    store: Path, database: Database, examples: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = resolve_subject(database.reader, examples["unknown"])
    history = tabulate_history(database.reader, subject)
    app = open_page(store, monkeypatch, "profile", subject=subject.name, tab="Balance")
    assert list(find_table(app, "day", "revalued_usd")["usd"]) == history["usd"].to_pylist()[::-1]
    days = {"date_a": str(history["day"][-1]), "date_b": str(history["day"][-1])}
    same = open_page(store, monkeypatch, "profile", subject=subject.name, tab="Balance", **days)
    assert "is not after" in read_text(same)
    for shown in ("by token", "what moved it"):
        open_page(store, monkeypatch, "profile", subject=subject.name, tab="Balance", shown=shown)


def test_a_period_before_the_ledger_is_told_as_empty(
    store: Path, examples: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for tab in ("Overview", "Balance", "PnL", "Exposure", "Transfers"):
        query = {"subject": examples["unknown"], "until": "2010-01-01", "tab": tab}
        app = open_page(store, monkeypatch, "profile", **query)
        assert "in this period" in read_text(app), tab


def test_exposure_makes_the_whole(
    store: Path, database: Database, examples: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = resolve_subject(database.reader, examples["unknown"])
    app = open_page(store, monkeypatch, "profile", subject=subject.name, tab="Exposure")
    parts = [table.value for table in app.dataframe if {"how", "share"} <= set(table.value.columns)]
    sides = [side for side in measure_exposure(database.reader, subject).values() if side.total_usd]
    assert len(parts) == len(sides) > 0
    for part, side in zip(parts, sides, strict=True):
        assert part["usd"].sum() == pytest.approx(side.total_usd)
        assert part["share"].sum() == pytest.approx(1)


def test_counterparties_in_one_token_are_those_of_its_transfers(
    store: Path, database: Database, exchange: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = open_page(store, monkeypatch, "profile", subject=exchange, in_token="ethereum:native", by="address")
    shown = find_table(app, "who", "in_usd")
    moved = database.transfers(exchange, token="native")
    moved = moved[(moved["chain"] == "ethereum") & moved["counterparty"].notna()]
    members = set(database.transfers(exchange)["address"])
    moved = moved[moved["kind"] != "fee"]  # who earns a fee is no counterparty
    outside = moved[~moved["counterparty"].isin(members) & ~moved["flags"].str.contains("spam|spoof|lookalike")]
    count = min(len(shown), 1_000)
    assert (shown["transfers_in"].sum() + shown["transfers_out"].sum() == len(outside)) or count == 1_000
    assert shown["in_usd"].iloc[0] + shown["out_usd"].iloc[0] == pytest.approx(
        outside.groupby("counterparty")["value_usd"].sum().max()
    )
    odd = open_page(store, monkeypatch, "profile", subject=exchange, in_token="no such token")
    assert "no token of this store" in "".join(item.value for item in odd.warning).replace("\\", "")


def test_an_exchange_shows_its_netflows(store: Path, exchange: str, monkeypatch: pytest.MonkeyPatch) -> None:
    app = open_page(store, monkeypatch, "profile", subject=exchange, tab="Exchange", step="week")
    table = find_table(app, "deposited_usd", "net_usd")
    assert len(table) > 4
    assert (table["deposited_usd"] - table["withdrawn_usd"]).sum() == pytest.approx(table["net_usd"].sum())
    assert len(find_table(app, "role", "share")) > 1


def test_a_token_page_shows_its_holders(store: Path, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    text = list_tokens(database.reader)[0][0]
    app = open_page(store, monkeypatch, "token", token=text, by="address")
    told = tabulate_holders(database.reader, resolve_token(database.reader, text), by="address", limit=1_000)
    assert list(find_table(app, "who", "share")["who"]) == told["who"].to_pylist()
    assert open_page(store, monkeypatch, "token").page_link


def test_tokens_that_are_unknown_or_ambiguous_are_told(
    store: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "No token of this store" in read_text(open_page(store, monkeypatch, "token", token="no such token"))
    rows = database.reader.query(
        """select lower(symbol) from facts.assets where symbol is not null group by 1
        having count(distinct (chain, token)) > 1 order by 1 limit 1"""
    )
    choice = open_page(store, monkeypatch, "token", token=rows[0][0])
    assert "Which one is meant?" in read_text(choice)
    assert all("token=" in link.proto.query_string for link in choice.page_link)


def test_every_kind_of_token_opens(store: Path, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = database.reader.query(
        """select chain || ':' || coalesce(token, 'native'), min(decimals) is null, bool_or(is_oversize)
        from facts.assets group by 1 qualify row_number() over (
            partition by min(decimals) is null, bool_or(is_oversize), min(standard) order by 1) = 1"""
    )
    for text, no_decimals, oversize in kinds:
        told = open_page(store, monkeypatch, "token", token=text)
        warned = "".join(item.value for item in told.warning)
        assert ("base units" in warned) == no_decimals, text
        assert ("beyond any sum" in warned) == bool(oversize), text


def test_categories_and_their_entities(store: Path, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "exchange" in list(find_table(open_page(store, monkeypatch, "category"), "entities")["category"])
    app = open_page(store, monkeypatch, "category", category="exchange")
    told = tabulate_category(database.reader, "exchange")
    assert list(find_table(app, "name", "net_usd")["in_usd"]) == told["in_usd"].to_pylist()
    assert "no entity of this store" in read_text(open_page(store, monkeypatch, "category", category="zz")).lower()


def test_two_subjects_side_by_side(
    store: Path, database: Database, examples: dict[str, str], exchange: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = open_page(store, monkeypatch, "compare", left=examples["unknown"], right=exchange)
    table = find_table(app, "left", "right").set_index("what")
    activity = database.profile(exchange).activity
    assert table.loc["Transfers in", "right"] == f"{activity['transfers_in']:,}"
    assert "0x12 is no address" in read_text(open_page(store, monkeypatch, "compare", left="0x12", right=exchange))
    assert "Give two subjects" in read_text(open_page(store, monkeypatch, "compare"))


def test_the_evaluation_page_says_what_is_measured(
    store: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = open_page(store, monkeypatch, "evaluation")
    told = tabulate_weights(database.reader)
    assert list(find_table(app, "weight", "weight_bits")["weight"]) == told["weight"].to_pylist()
    measured = sum(row == "measured" for row in told["weight"].to_pylist())
    assert f"Rules measured {measured}" in read_text(app)


def test_times_are_shown_in_the_zone_and_days_begin_there(
    store: Path, database: Database, examples: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = examples["unknown"]
    zone = "Asia/Tokyo"
    app = open_page(store, monkeypatch, "profile", subject=subject, tab="Transfers")
    app.selectbox(key="zone").set_value(zone).run()
    whole = database.transfers(subject).sort_values("block_time")["block_time"].iloc[::-1]
    shown = list(find_table(app, "block_time", "tx_hash")["block_time"])
    assert shown == [localise(moment.to_pydatetime(), zone) for moment in whole.iloc[: len(shown)]]
    assert f"times: {zone}" in read_text(app)
    day = shown[0].date()
    app.date_input(key="since").set_value(day)
    app.date_input(key="until").set_value(day).run()
    assert {moment.date() for moment in find_table(app, "block_time", "tx_hash")["block_time"]} == {day}


def test_markup_in_names_is_text_everywhere(store: Path, exchange: str, monkeypatch: pytest.MonkeyPatch) -> None:
    app = open_page(store, monkeypatch, "compare", left=HOSTILE, right=exchange)
    heading = next(item.value for item in app.subheader if "script" in item.value)
    assert heading.replace("\\", "").replace("⁠", "") == MARKUP
    assert "\\*\\*b\\*\\*" in heading


def test_watching_noting_and_opening_a_case(
    own_store: Path, examples: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = examples["unknown"]
    app = open_page(own_store, monkeypatch, "profile", subject=subject)
    app.button(key="watch").click().run()
    app.text_area(key="note_text").set_value("Seen <b>at</b> the bank").run()
    app.button(key="keep_note_text").click().run()
    app.text_input(key="new_case").set_value("The lost coins").run()
    app.button(key="open_case").click().run()
    assert not app.exception
    assert "Seen <b>at</b> the bank" in read_text(app)
    listed = open_page(own_store, monkeypatch, "cases")
    assert any(subject in link.proto.query_string for link in listed.page_link)
    assert any("lost coins" in link.proto.label for link in listed.page_link)
    with Notebook(own_store) as notebook:
        newest = notebook.cases()[0].case_id
    case = open_page(own_store, monkeypatch, "cases", case=str(newest))
    assert "The lost coins" in case.title[0].value
    case.toggle(key="shows_report").set_value(True).run()
    assert subject in read_text(case)
    case.button(key=f"drop_{subject}").click().run()
    assert "No subject yet" in read_text(case)


def test_a_note_that_says_nothing_and_a_case_there_is_not_are_told(
    own_store: Path, examples: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = open_page(own_store, monkeypatch, "profile", subject=examples["unknown"])
    app.button(key="keep_note_text").click().run()
    assert "the note is empty" in read_text(app)
    for wrong in ("77", "x", "-1"):
        assert "no" in read_text(open_page(own_store, monkeypatch, "cases", case=wrong)).lower()


def test_why_opens_exactly_the_rows_that_were_counted(
    store: Path, examples: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = open_page(store, monkeypatch, "profile", subject=examples["unknown"])
    counted = next(metric.value for metric in app.metric if metric.label == "Transfers in").replace(",", "")
    app.button(key="why_Transfers in").click().run()
    rows = len(find_table(app, "block_time", "tx_hash"))
    assert rows == min(int(counted), 100)


def test_all_transfers_are_sorted_not_only_those_on_the_page(
    store: Path, database: Database, exchange: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = open_page(store, monkeypatch, "profile", subject=exchange, tab="Transfers", hides_fees="true")
    app.selectbox(key="sort").set_value("USD").run()
    whole = database.transfers(exchange)
    whole = whole[whole["kind"] != "fee"]
    shown = find_table(app, "block_time", "tx_hash")
    assert list(shown["value_usd"]) == sorted(whole["value_usd"].fillna(-1), reverse=True)[:100]
    assert "largest first, by USD" in read_text(app)


def test_who_only_earned_fees_is_no_counterparty(
    store: Path, database: Database, examples: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = database.transfers(examples["unknown"])
    paid = set(moved[moved["kind"] == "fee"]["counterparty"].dropna())
    dealt = set(moved[moved["kind"] != "fee"]["counterparty"].dropna())
    assert paid - dealt
    app = open_page(store, monkeypatch, "profile", subject=examples["unknown"], by="address")
    assert not set(find_table(app, "who", "in_usd")["address"]) & (paid - dealt)


def test_shares_of_holdings_make_the_whole(store: Path, exchange: str, monkeypatch: pytest.MonkeyPatch) -> None:
    held = find_table(open_page(store, monkeypatch, "profile", subject=exchange), "symbol", "amount", "share")
    counted = held[held["share"].notna()]
    assert counted["share"].sum() == pytest.approx(1)
    assert (counted["share"] * counted["value_usd"].sum()).tolist() == pytest.approx(counted["value_usd"].tolist())
