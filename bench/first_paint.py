"""How soon does a warm app show the first figures of a profile in a real browser, and how soon the whole page?

    python bench/first_paint.py STORE [SUBJECT ...]

Serves the app on this machine and opens each profile in chromium: first once, cold, then several times in sessions of
their own. "First" is from the navigation to the first figure of the header, "whole" to the last line of the page.
Without subjects: an ordinary address and the largest exchange.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import intel
from intel.profiler.largest import list_largest
from tests.app.browsing import LAST_LINE, launch_browser, serve_app

_ORDINARY = """select a.address from facts.addresses a join facts.address_stats s using (address_id)
    where s.transfers_in between 10 and 30 and s.transfers_out between 10 and 30
        and not exists (select 1 from beliefs.services v where v.address_id = a.address_id)
    order by a.address limit 1"""


def choose_subjects(store: Path) -> list[str]:
    """Return an ordinary address, of 20 to 60 transfers, and the exchange with most addresses."""
    with intel.open(store) as database:
        ordinary = [str(row[0]) for row in database.reader.query(_ORDINARY)]
        return ordinary + [entity_id for entity_id, _, _ in list_largest(database.reader, "exchange", limit=1)]


def time_page(browser: Browser, url: str) -> tuple[float, float]:
    """Return the seconds from the navigation to the first figure, and to the last line."""
    page = browser.contexts[0].new_page()
    page.set_default_timeout(120_000)
    started = time.perf_counter()
    page.goto(url, wait_until="commit")
    page.locator("[data-testid=stMetricValue]").first.wait_for()
    first = time.perf_counter() - started
    page.get_by_text(LAST_LINE).first.wait_for()
    whole = time.perf_counter() - started
    page.close()
    return first, whole


def read_seconds(process: int) -> float:
    """Return the seconds of processor that a process has used; they count even where others keep the machine busy."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Print a line per subject: cold, then the best and the median of the warm ones."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("store", type=Path)
    asked.add_argument("subjects", nargs="*")
    asked.add_argument("--repeats", type=int, default=5)
    told = asked.parse_args()
    subjects = told.subjects or choose_subjects(told.store)
    with serve_app(told.store) as served, sync_playwright() as play:
        browser = launch_browser(play)
        browser.new_context()
        for subject in subjects:
            url = f"{served.address}/profile?subject={subject}"
            cold = time_page(browser, url)
            used = read_seconds(served.process)
            warm = [time_page(browser, url) for _ in range(told.repeats)]
            used = (read_seconds(served.process) - used) / told.repeats
            sys.stdout.write(f"{subject}: the server's processor {used:.2f} s per warm page\n")
            for name, place in (("first", 0), ("whole", 1)):
                times = [one[place] for one in warm]
                sys.stdout.write(
                    f"{subject} {name}: cold {cold[place]:.2f} s, warm best {min(times):.2f} s, "
                    f"median {statistics.median(times):.2f} s of {len(times)}\n"
                )
        browser.close()


if __name__ == "__main__":
    main()
