"""Does the app work in a real browser: type, open, filter, download, link, and never leave this machine?"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Page, expect, sync_playwright

from intel.profiler.database import Database
from intel.profiler.disposals import tabulate_disposals
from intel.profiler.subjects import resolve_subject
from tests.app.browsing import WAIT, launch_browser, open_page, see, serve_app, settle
from tests.app.conftest import HOSTILE, MARKUP

# A browser answers when it likes: what fails is tried again, and the summary says so.
pytestmark = [pytest.mark.browser, pytest.mark.flaky(reruns=2)]


@pytest.fixture(scope="module")
def address(store: Path) -> Iterator[str]:
    with serve_app(store) as served:
        yield served.address


@pytest.fixture(scope="module")
def visited() -> list[str]:
    return []


@pytest.fixture(scope="module")
def page(address: str, visited: list[str]) -> Iterator[Page]:
    """Open one browser; every request it makes is noted in `visited`."""
    with sync_playwright() as play:
        browser = launch_browser(play)
        opened = browser.new_page(viewport={"width": 1400, "height": 1000})
        opened.set_default_timeout(WAIT)
        opened.on("request", lambda request: visited.append(request.url))
        yield opened
        browser.close()


def test_a_fresh_server_may_be_entered_by_a_link(page: Page, address: str, exchange: str) -> None:
    open_page(page, f"{address}/profile?subject={exchange}")
    see(page.get_by_role("link", name="Coverage and build"))
    assert page.get_by_role("link", name="columns").count() == 0
    assert page.locator("[data-testid=stSidebar]").count() == 0


def test_typing_a_name_opens_the_profile(page: Page, address: str, database: Database, exchange: str) -> None:
    name = database.profile(exchange).subject["name"]
    open_page(page, address)
    page.get_by_placeholder("Name, entity id").press_sequentially(name[:5], delay=30)
    see(page.get_by_role("link", name=name))
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/profile?subject={exchange}")
    see(page.get_by_role("heading", name=name, exact=True))


def test_the_file_holds_what_the_filters_let_through(
    page: Page, address: str, database: Database, exchange: str, tmp_path: Path
) -> None:
    open_page(page, f"{address}/profile?subject={exchange}&tab=Transfers")
    least = page.get_by_label("At least USD")
    least.fill("500")
    least.press("Enter")
    settle(page)
    page.get_by_role("radio", name="In", exact=True).or_(
        page.get_by_role("button", name="In", exact=True)
    ).first.click()
    wanted = database.transfers(exchange, direction="in", min_usd=500)
    shown = min(len(wanted), 100)
    settle(page)
    see(page.get_by_text(f"Rows 1 to {shown}, newest first"))
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download all (CSV)").first.click()
    file = tmp_path / "transfers.csv"
    waiting.value.save_as(file)
    with file.open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    told = wanted.to_dict("records")
    assert len(rows) == len(told) > 0
    for row, truth in zip(rows, told, strict=True):
        assert row["tx_hash"] == truth["tx_hash"]
        assert row["block_time"].startswith(f"{truth['block_time']:%Y-%m-%d %H:%M:%S}")
        assert row["amount"] == format(truth["amount"], "f")
        assert row["value_raw"] == str(truth["value_raw"])
        assert float(row["value_usd"]) == truth["value_usd"]
        assert row["counterparty"] == ("" if pd.isna(truth["counterparty"]) else truth["counterparty"])
        assert row["direction"] == "in"


def test_a_link_leads_to_the_same_page(page: Page, address: str, examples: dict[str, str]) -> None:
    text = open_page(page, f"{address}/profile?subject={examples['attributed']}&tab=Evidence&since=2023-02-01")
    see(page.get_by_text(examples["attributed"]))
    assert "Only the time from 2023-02-01" in text
    assert page.get_by_role("tab", name="Evidence").get_attribute("aria-selected") == "true"


def test_markup_in_a_label_is_text(page: Page, address: str) -> None:
    text = open_page(page, f"{address}/profile?subject={HOSTILE}&tab=Evidence")
    assert MARKUP in text.replace("\u2060", "")
    assert page.locator("[data-testid=stMain] a[href*='e.org']").count() == 0
    assert page.locator("[data-testid=stMain] h1 strong").count() == 0


def test_formulas_in_a_label_are_disarmed(page: Page, address: str, tmp_path: Path) -> None:
    open_page(page, f"{address}/profile?subject={HOSTILE}&tab=Evidence")
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download all (CSV)").first.click()
    file = tmp_path / "labels.csv"
    waiting.value.save_as(file)
    with file.open(newline="", encoding="utf-8") as lines:
        (row,) = csv.DictReader(lines)
    assert row["name"].startswith("'=HYPERLINK")
    assert row["entity"] == MARKUP


@pytest.mark.parametrize(
    "path",
    ["/explain?left=0x12&right=nobody", "/store", "/profile", "/profile?subject=0x12", "/profile?subject=zz9",
     "/token", "/token?token=zz9", "/category", "/category?category=exchange", "/category?category=zz9", "/compare",
     "/compare?left=0x12&right=zz9", "/evaluation", "/cases", "/cases?case=zz9", "/?zone=Mars/Base"],
)  # fmt: skip
def test_no_page_shows_a_traceback(page: Page, address: str, path: str) -> None:
    assert open_page(page, address + path)


def test_judging_and_taking_back(page: Page, address: str, examples: dict[str, str], exchange: str) -> None:
    open_page(page, f"{address}/explain?left={examples['attributed']}&right={exchange}")
    see(page.locator("[data-testid=stVegaLiteChart] canvas, [data-testid=stVegaLiteChart] svg"))
    page.get_by_text("Judge it yourself").click()
    page.get_by_text("Different controllers", exact=True).click()
    page.get_by_label("Because").fill("I know them both")
    page.get_by_role("button", name="Judge", exact=True).click()
    see(page.get_by_text("Pending judgement"))
    see(page.get_by_text("I know them both"))
    page.get_by_role("button", name="Take back judgement").click()
    expect(page.get_by_text("Pending judgement")).to_have_count(0, timeout=WAIT)


def test_the_search_box_waits_for_typing(page: Page, address: str) -> None:
    open_page(page, address)
    page.wait_for_function("document.activeElement.closest('.st-key-query') !== null")
    page.keyboard.type("mar")
    expect(page.get_by_placeholder("Name, entity id")).to_have_value("mar")


def test_changing_the_method_changes_gains_lots_and_link(
    page: Page, address: str, database: Database, examples: dict[str, str], tmp_path: Path
) -> None:
    subject = resolve_subject(database.reader, examples["unknown"])
    open_page(page, f"{address}/profile?subject={subject.name}&tab=PnL&method=FIFO")
    for method, name in (("fifo", "FIFO"), ("lifo", "LIFO")):
        page.get_by_role("radio", name=name, exact=True).or_(
            page.get_by_role("button", name=name, exact=True)
        ).first.click()
        page.wait_for_url(f"**method={name}*")
        settle(page)
        disposals = page.locator(".st-key-download_disposals button")
        with page.expect_download() as waiting:
            disposals.click()
        file = tmp_path / f"{method}.csv"
        waiting.value.save_as(file)
        with file.open(newline="", encoding="utf-8") as lines:
            rows = list(csv.DictReader(lines))
        told = tabulate_disposals(database.reader, subject, method=method).to_pylist()
        assert len(rows) == len(told) > 0
        for row, truth in zip(rows, told, strict=True):
            assert (row["tx_hash"], row["amount"]) == (truth["tx_hash"], truth["amount"])
            assert row["gain_usd"] == "" if truth["gain_usd"] is None else float(row["gain_usd"]) == truth["gain_usd"]


def test_why_leads_to_the_rows(page: Page, address: str, exchange: str) -> None:
    open_page(page, f"{address}/profile?subject={exchange}")
    page.locator(".st-key-figures").get_by_role("button", name="Why?").nth(1).click()
    page.wait_for_url("**tab=Transfers*")
    settle(page)
    chosen = page.locator(".st-key-direction").get_by_role("radio", name="In", exact=True)
    expect(chosen).to_be_checked(timeout=WAIT)
    assert page.get_by_role("tab", name="Transfers").get_attribute("aria-selected") == "true"


def test_a_link_to_another_subject_forgets_the_filters(
    page: Page, address: str, examples: dict[str, str], database: Database
) -> None:
    entity = database.profile(examples["attributed"]).entity
    assert entity is not None
    open_page(page, f"{address}/profile?subject={examples['attributed']}&tab=Transfers&party={examples['unknown']}")
    page.get_by_role("link", name="All of").first.click()
    page.wait_for_url(f"**/profile?subject={entity['id']}")
    settle(page)
    assert page.get_by_role("tab", name="Overview").get_attribute("aria-selected") == "true"
    page.get_by_role("tab", name="Transfers").click()
    expect(page.get_by_label("Counterparty", exact=True)).to_have_value("", timeout=WAIT)


def test_a_zone_in_the_link_holds_for_the_next_page(page: Page, address: str, exchange: str) -> None:
    text = open_page(page, f"{address}/category?category=exchange&zone=Asia/Tokyo")
    assert "times: Asia/Tokyo" in text
    page.get_by_role("link", name="Evaluation").first.click()
    page.wait_for_url("**/evaluation*")
    settle(page)
    see(page.get_by_role("heading", name="How right is it?"))
    see(page.get_by_text("times: Asia/Tokyo"))


def test_a_case_is_opened_and_printed(
    page: Page, address: str, database: Database, examples: dict[str, str], tmp_path: Path
) -> None:
    open_page(page, f"{address}/profile?subject={examples['attributed']}")
    page.get_by_role("button", name="Cases", exact=True).click()
    page.get_by_label("New case").fill("A <b>case</b>")
    page.get_by_label("New case").press("Enter")
    page.get_by_role("button", name="Open a case with this subject").click()
    settle(page)
    open_page(page, f"{address}/cases?case=1")
    see(page.get_by_role("heading", name="A <b>case</b>"))
    with page.expect_download() as waiting:
        page.get_by_role("button", name="HTML, to print").first.click()
    file = tmp_path / "case.html"
    waiting.value.save_as(file)
    text = file.read_text(encoding="utf-8")
    assert database.build_id in text
    assert examples["attributed"] in text
    assert "A &lt;b&gt;case&lt;/b&gt;" in text


def test_no_request_left_this_machine(visited: list[str], address: str) -> None:
    assert visited
    outside = [url for url in visited if not url.startswith((address, "data:", "blob:"))]
    assert not outside
