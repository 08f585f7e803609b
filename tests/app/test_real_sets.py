"""Does the app stand on the real Ethereum sets: search, open, filter, download, link, explain, judge, take back?"""

from __future__ import annotations

import csv
import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

import intel
from intel.config import read_settings
from tests.app.browsing import WAIT, launch_browser, open_page, see, serve_app, settle
from tests.tree import ROOT

MIRROR = read_settings().data_mirror
pytestmark = [
    pytest.mark.browser,
    pytest.mark.flaky(reruns=1),
    pytest.mark.skipif(MIRROR is None, reason="INTEL_DATA_MIRROR is not set: the real sets are not here"),
]

BINANCE_14 = "0x28c6c06298d514db089934071355e5743bf21d60"


@pytest.fixture(scope="module")
def real_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store that the example makes of the whole mirror."""
    assert MIRROR is not None
    found = importlib.util.spec_from_file_location("real_ethereum", ROOT / "examples" / "real_ethereum.py")
    assert found is not None
    assert found.loader is not None
    example = importlib.util.module_from_spec(found)
    found.loader.exec_module(example)
    store = tmp_path_factory.mktemp("real") / "store"
    example.fill_store(store, MIRROR)
    return store


@pytest.fixture(scope="module")
def address(real_store: Path) -> Iterator[str]:
    with serve_app(real_store) as served:
        yield served.address


@pytest.fixture(scope="module")
def page(address: str) -> Iterator[Page]:
    with sync_playwright() as play:
        browser = launch_browser(play)
        opened = browser.new_page(viewport={"width": 1400, "height": 1000})
        opened.set_default_timeout(2 * WAIT)
        yield opened
        browser.close()


def test_search_open_filter_and_download(page: Page, address: str, real_store: Path, tmp_path: Path) -> None:
    open_page(page, address)
    page.get_by_placeholder("Name, entity id").press_sequentially("polonie", delay=30)
    see(page.get_by_role("link", name="Poloniex"))
    page.keyboard.press("Enter")
    page.wait_for_url("**/profile?subject=poloniex")
    see(page.get_by_role("heading", name="Poloniex", exact=True))
    open_page(page, f"{address}/profile?subject=poloniex&tab=Transfers&direction=In&least=1000&sort=USD")
    see(page.get_by_text("largest first, by USD"))
    with page.expect_download() as waiting:
        page.locator(".st-key-download_transfers button").click()
    file = tmp_path / "transfers.csv"
    waiting.value.save_as(file)
    with file.open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    with intel.open(real_store) as database:
        told = database.transfers("poloniex", direction="in", min_usd=1_000).to_dict("records")
    assert len(rows) == len(told) > 0
    for row, truth in zip(rows, told, strict=True):
        assert (row["tx_hash"], row["amount"]) == (truth["tx_hash"], format(truth["amount"], "f"))
        assert float(row["value_usd"]) == truth["value_usd"]


@pytest.mark.parametrize("tab", ["Overview", "Balance", "Exposure", "Transfers", "Evidence", "Coverage"])
@pytest.mark.parametrize("subject", [BINANCE_14, "tornado-cash"])
def test_a_deep_link_opens_every_tab(page: Page, address: str, subject: str, tab: str) -> None:
    text = open_page(page, f"{address}/profile?subject={subject}&tab={tab}")
    assert page.get_by_role("tab", name=tab, exact=True).get_attribute("aria-selected") == "true"
    assert ("Binance" if subject == BINANCE_14 else "Tornado Cash") in text


def test_explain_judge_and_take_back(page: Page, address: str, real_store: Path) -> None:
    text = open_page(page, f"{address}/explain?left={BINANCE_14}&right=binance")
    with intel.open(real_store) as database:
        assert database.explain(BINANCE_14, "binance")["answer"] in text
    page.get_by_text("Judge it yourself").click()
    page.get_by_text("Different controllers", exact=True).click()
    page.get_by_label("Because").fill("a test")
    page.get_by_role("button", name="Judge", exact=True).click()
    see(page.get_by_text("Pending judgement"))
    settle(page)
    page.get_by_role("button", name="Take back judgement").click()
    expect(page.get_by_text("Pending judgement")).to_have_count(0, timeout=WAIT)
