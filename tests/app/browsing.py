"""How do the tests serve the app on this machine, and look at it with a real browser?"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Locator, Page, Playwright

from intel.config import Settings, write_environment
from tests.parts import require_part
from tests.tree import ROOT

WAIT = 30_000  # milliseconds
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
         "--no-first-run", "--disable-sync"]  # fmt: skip
LAST_LINE = "everything on this page comes from this machine"


@dataclass(frozen=True, slots=True)
class Served:
    """Where the app answers, and the id of its process."""

    address: str
    process: int


@contextmanager
def serve_app(store: Path) -> Iterator[Served]:
    """Serve the app on a free port of this machine until the block ends."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", str(ROOT / "app.py"), "--server.port", str(port)]
    environment = write_environment(Settings(store=store), os.environ)
    server = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )  # fmt: skip
    try:
        for _ in range(150):
            with socket.socket() as knock:
                if knock.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.2)
        yield Served(f"http://127.0.0.1:{port}", server.pid)
    finally:
        server.terminate()
        server.wait(timeout=20)


def launch_browser(play: Playwright) -> Browser:
    """Start the chromium of this machine."""
    return play.chromium.launch(executable_path=require_part("browser"), args=FLAGS)


def open_page(page: Page, url: str) -> str:
    """Open the page, wait for its last line and return its text; no page may show a traceback."""
    page.goto(url)
    see(page.get_by_text(LAST_LINE))
    text = page.locator("[data-testid=stMain]").inner_text()
    assert "Traceback" not in text
    assert "Error:" not in text
    return text


def settle(page: Page) -> None:
    """Wait until the page has answered what was last entered."""
    page.wait_for_timeout(500)
    page.locator("[data-test-script-state=notRunning]").wait_for()


def see(shown: Locator) -> None:
    """Wait for the text; while one page gives way to the next, the browser may hold it twice."""
    shown.first.wait_for()
