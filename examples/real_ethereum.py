"""What does the whole job look like on real data? Ingest public sets, build, and print three profiles.

    INTEL_DATA_MIRROR=/path/to/mirror .venv/bin/python examples/real_ethereum.py [STORE]

Needs a local mirror of the public sets that `intel datasets list` names; nothing is downloaded. Takes about a minute.
"""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

from intel import pipeline
from intel.config import read_settings

SUBJECTS = ("0x28C6c06298d514Db089934071355E5743bf21d60", "poloniex", "tornado-cash")


def fill_store(store: Path, mirror: Path) -> None:
    """Take every ledger file, label, token and price of the mirror into the store and build it."""
    settings = replace(read_settings(), store=store)
    steps = [
        ("transfers", lambda: pipeline.ingest_files(settings, [mirror / "transfers"])),
        ("transactions", lambda: pipeline.ingest_files(settings, [mirror / "transactions"])),
        ("edges", lambda: pipeline.ingest_files(settings, [mirror / "edges"])),
        ("mixer events", lambda: pipeline.ingest_files(settings, [mirror / "events" / "tornado.parquet"])),
        # This file does not say on which of the bridge's chains the address was first seen.
        (
            "first uses",
            lambda: pipeline.ingest_files(settings, [mirror / "events" / "hop_first_use.parquet"], chain="evm"),
        ),
        ("block times", lambda: pipeline.ingest_files(settings, [mirror / "blocks"])),
        ("labels", lambda: pipeline.add_labels(settings, [mirror / "labels"])),
        ("tokens", lambda: pipeline.add_tokens(settings, [mirror / "tokens"])),
        (
            "prices",
            lambda: pipeline.add_prices(
                settings, [mirror / "prices" / "daily_usd.parquet"], assets=[mirror / "prices" / "assets.parquet"]
            ),
        ),
    ]
    for name, step in steps:
        started = time.perf_counter()
        report = step()
        rows = ", ".join(f"{count:,} {table}" for table, count in report.rows.items())
        seconds = time.perf_counter() - started
        say(f"{name}: {rows}; {report.bad_rows:,} bad rows ({report.bad_share:.2%}), {seconds:.1f} s")
    started = time.perf_counter()
    manifest = pipeline.build(settings)
    say(f"build {manifest.build_id}: {time.perf_counter() - started:.1f} s")


def say(text: str) -> None:
    """Talk on stderr: stdout is for the profiles."""
    sys.stderr.write(text + "\n")


def main() -> int:
    """Run the job; exit code 1 where there is no mirror."""
    mirror = read_settings().data_mirror
    if mirror is None or not mirror.is_dir():
        say("no data mirror\n  hint: set INTEL_DATA_MIRROR to a folder with the sets that `intel datasets list` names")
        return 1
    store = Path(sys.argv[1] if len(sys.argv) > 1 else "store-real")
    if not (store / "current").exists():
        fill_store(store, mirror)
    for subject in SUBJECTS:
        subprocess.run([sys.executable, "-m", "intel", "profile", subject, "--store", str(store)], check=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
