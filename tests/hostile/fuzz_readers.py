"""What does libFuzzer find in our readers? `make soak` asks it for some minutes, where atheris is installed."""

from __future__ import annotations

import sys
import tempfile
from datetime import datetime
from pathlib import Path

import atheris  # type: ignore[import-not-found]

# What walks JSON is compiled by numba, which takes no instrumented code: there libFuzzer sees the outcome alone.
with atheris.instrument_imports(
    include=["yaml", "intel.sources.tagpack", "intel.sources.labels", "intel.sources.parsed"]
):
    from intel.sources.labels import read_labels

from intel.errors import IntelError
from intel.sources.json_columns import BadJson, Plan, walk_texts
from intel.store import open_connection
from tests.hostile.test_fuzzed_answers import SHAPE, SOUND
from tests.hostile.test_fuzzed_files import PACK

NOW = datetime.fromisoformat("2024-01-01")
CON = open_connection(memory="1GB", threads=1)
SCRATCH = Path(tempfile.mkdtemp())


def read_once(content: bytes) -> None:
    """Anything but a refusal of ours ends the run, and libFuzzer writes down what caused it."""
    if content[:1] == b"[":
        try:
            walk_texts(Plan("block", SHAPE, is_list=False), [content])
        except BadJson:
            return
        return
    path = SCRATCH / "pack.yaml"
    path.write_bytes(content)
    try:
        read_labels(CON, [path], recorded_at=NOW)
    except IntelError:
        return


if __name__ == "__main__":
    seeds = SCRATCH / "seeds"
    seeds.mkdir()
    (seeds / "answer").write_bytes(SOUND)
    (seeds / "pack").write_text(PACK, encoding="utf-8")
    atheris.Setup([*sys.argv, str(seeds)], read_once)
    atheris.Fuzz()
