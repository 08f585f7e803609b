"""Do ten readers see one build each, without error and in bounded memory, while builds are published?"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

from intel.config import Settings
from intel.pipeline import add_labels, build
from intel.store.snapshot import current_build
from tests.app.browsing import LAST_LINE, WAIT, launch_browser, serve_app
from tests.app.conftest import write_labels

pytestmark = [pytest.mark.browser, pytest.mark.flaky(reruns=2)]

READERS = 10
MORE_MEMORY = 300  # megabytes that ten readers of three builds may add to a server that has shown one page to each
WATCHED = "0x" + "77" * 20


def read_memory(process: int) -> int:
    """Return the resident megabytes of a process."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text(encoding="ascii"))
    assert found is not None
    return int(found.group(1)) // 1024


def read_build(page: Page, names: dict[str, str]) -> str:
    """Return the build that the page names in its last line, after asserting that the page is of that build alone."""
    page.get_by_text(LAST_LINE).first.wait_for()
    page.locator("[data-test-script-state=notRunning]").first.wait_for()
    text = page.locator("[data-testid=stMain]").inner_text()
    assert "Traceback" not in text
    assert "cannot be shown" not in text
    assert page.locator("[data-testid=stException]").count() == 0
    named = set(re.findall(r"Build\s+([0-9a-f]{16})\s+·", text))
    assert len(named) == 1, named
    shown = named.pop()
    assert page.locator("[data-testid=stMain] h1").first.inner_text().strip() == names[shown]
    return shown


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="this system does not tell the memory of a process")
def test_ten_readers_while_builds_are_published(store: Path, tmp_path: Path) -> None:
    """Each publication renames one entity: a page that mixed two builds would show a name that its build has not."""
    own = Path(shutil.copytree(store, tmp_path / "own"))
    settings = Settings(store=own)
    names = {current_build(own): "Unknown"}
    with serve_app(own) as served, sync_playwright() as play:
        browser = launch_browser(play)
        context = browser.new_context()
        pages = [context.new_page() for _ in range(READERS)]
        for page in pages:
            page.set_default_timeout(2 * WAIT)
            page.goto(f"{served.address}/profile?subject={WATCHED}", wait_until="commit")
        assert {read_build(page, names) for page in pages} == set(names)
        before = read_memory(served.process)
        for number, name in enumerate(("Marten Trust", "Heron Exchange"), 1):
            labels = write_labels(tmp_path / f"{number}.csv", WATCHED, name, name)
            add_labels(settings, [labels], private=number == 2)  # what is private stands before what is public
            for page in pages[::2]:
                page.reload(wait_until="commit")  # a new session, which reads while the build is made
            names[build(settings).build_id] = name
            for page in pages[1::2]:
                page.reload(wait_until="commit")
            seen = [read_build(page, names) for page in pages]
            assert set(seen[1::2]) == {current_build(own)}
        after = read_memory(served.process)
        browser.close()
    assert len(names) == 3
    assert after - before < MORE_MEMORY, (before, after)
