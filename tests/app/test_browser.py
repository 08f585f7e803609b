"""Does the app work in a real browser: type, open, filter, download, link, and never leave this machine?"""

from __future__ import annotations

import csv
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Page, expect, sync_playwright

from intel.config import Settings, write_environment
from intel.profiler.database import Database
from tests.app.conftest import HOSTILE, MARKUP
from tests.parts import require_part
from tests.tree import ROOT

pytestmark = pytest.mark.browser

WAIT = 30_000  # milliseconds
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
         "--no-first-run", "--disable-sync"]  # fmt: skip


@pytest.fixture(scope="module")
def address(store: Path) -> Iterator[str]:
    """Serve the app on a free port of this machine."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", str(ROOT / "app.py"), "--server.port", str(port)]
    environment = write_environment(Settings(store=store), os.environ)
    server = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(150):
            with socket.socket() as knock:
                if knock.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(timeout=20)


@pytest.fixture(scope="module")
def visited() -> list[str]:
    return []


@pytest.fixture(scope="module")
def page(address: str, visited: list[str]) -> Iterator[Page]:
    """Open one browser; every request it makes is noted in `visited`."""
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=require_part("browser"), args=FLAGS)
        opened = browser.new_page(viewport={"width": 1400, "height": 1000})
        opened.set_default_timeout(WAIT)
        opened.on("request", lambda request: visited.append(request.url))
        yield opened
        browser.close()


def open_page(page: Page, url: str) -> str:
    """Open the page, wait for its last line and return its text; no page may show a traceback."""
    page.goto(url)
    page.get_by_text("everything on this page comes from this machine").wait_for()
    text = page.locator("[data-testid=stMain]").inner_text()
    assert "Traceback" not in text
    assert "Error:" not in text
    return text


def settle(page: Page) -> None:
    """Wait until the page has answered what was last entered."""
    page.wait_for_timeout(500)
    page.locator("[data-test-script-state=notRunning]").wait_for()


def test_a_fresh_server_may_be_entered_by_a_link(page: Page, address: str, exchange: str) -> None:
    open_page(page, f"{address}/profile?subject={exchange}")
    page.get_by_role("link", name="Coverage and build").wait_for()
    assert page.get_by_role("link", name="columns").count() == 0
    assert page.locator("[data-testid=stSidebar]").count() == 0


def test_typing_a_name_opens_the_profile(page: Page, address: str, database: Database, exchange: str) -> None:
    name = database.profile(exchange).subject["name"]
    open_page(page, address)
    page.get_by_placeholder("Name, entity id").press_sequentially(name[:5], delay=30)
    page.get_by_role("link", name=name).first.wait_for()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/profile?subject={exchange}")
    expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible(timeout=WAIT)


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
    page.get_by_text(f"Rows 1 to {shown}, newest first").wait_for()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download all (CSV)").click()
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
    page.get_by_text(examples["attributed"]).first.wait_for()
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
    "path", ["/explain?left=0x12&right=nobody", "/store", "/profile", "/profile?subject=0x12", "/profile?subject=zz9"]
)
def test_no_page_shows_a_traceback(page: Page, address: str, path: str) -> None:
    assert open_page(page, address + path)


def test_judging_and_taking_back(page: Page, address: str, examples: dict[str, str], exchange: str) -> None:
    open_page(page, f"{address}/explain?left={examples['attributed']}&right={exchange}")
    page.locator("[data-testid=stVegaLiteChart] canvas, [data-testid=stVegaLiteChart] svg").first.wait_for()
    page.get_by_text("Judge it yourself").click()
    page.get_by_text("Different controllers", exact=True).click()
    page.get_by_label("Because").fill("I know them both")
    page.get_by_role("button", name="Judge", exact=True).click()
    page.get_by_text("Pending judgement").first.wait_for()
    expect(page.get_by_text("I know them both")).to_be_visible(timeout=WAIT)
    page.get_by_role("button", name="Take back judgement").click()
    expect(page.get_by_text("Pending judgement")).to_have_count(0, timeout=WAIT)


def test_no_request_left_this_machine(visited: list[str], address: str) -> None:
    assert visited
    outside = [url for url in visited if not url.startswith((address, "data:", "blob:"))]
    assert not outside
