"""Do the tricks of YAML, of compressed files and of names end in a refusal, in bounded time and memory?"""

from __future__ import annotations

import bz2
import gzip
import json
import os
import resource
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest

from intel.errors import BadInput, IntelError
from intel.sources.labels import read_labels
from intel.sources.parsed import Parsed
from intel.store import Connection, open_connection
from tests.hostile.inputs import check_refusal

NOW = datetime.fromisoformat("2024-01-01")
A = "0x00000000219ab540356cbb839cbe05303d7705fa"
TAG = f"tags:\n  - address: '{A}'\n    network: ETH\n    category: exchange\n    label: x\n"


@pytest.fixture
def con(tmp_path: Path) -> Iterator[Connection]:
    con = open_connection(memory="300MB", threads=1, spill=tmp_path / "spill")
    yield con
    con.close()


@contextmanager
def bounded(seconds: float = 20.0, megabytes: int = 500) -> Iterator[None]:
    """What is done inside takes no longer (of the processor) and no more memory than so."""
    used, peak = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert time.process_time() - used < seconds
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak < megabytes * 1024


def take(con: Connection, path: Path) -> Parsed:
    with bounded():
        return read_labels(con, [path], recorded_at=NOW)


BOMB = "\n".join(
    ["a0: &l0 [x, x, x, x, x, x, x, x, x]"] + [f"a{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 30)]
)
DEEP = "[" * 50_000
REFUSED = {
    "python object": "creator: !!python/object/apply:os.system ['touch PWNED']\n" + TAG,
    "python name": "creator: !!python/name:os.system\n" + TAG,
    "python module": "x: !!python/module:os\n" + TAG,
    "python new": "x: !!python/object/new:type {args: [a, !!python/tuple [], {}]}\n" + TAG,
    "unknown tag": "x: !evil 1\n" + TAG,
    "merge bomb": f"{BOMB}\n<<: *l29\n{TAG}",
    "deep list": f"x: {DEEP}\n{TAG}",
    "deep closed list": f"x: {'[' * 20_000}{']' * 20_000}\n{TAG}",
    "deep mapping": f"x: {'{a: ' * 20_000}\n{TAG}",
    "deep tags": f"tags:\n  - address: {'[' * 5000}{']' * 5000}\n    - x",
    "itself": "&a tags: *a",
    "itself as a key": "? &k [*k]\n: x\n" + TAG,
    "a list as a key": "? [a, b]\n: x\n" + TAG,
    "include of a file outside": "header: !include ../../../etc/passwd\n" + TAG,
    "include of an absolute file": "header: !include /etc/passwd\n" + TAG,
    "include of itself": "header: !include pack.yaml\n" + TAG,
    "include of a device": "header: !include dev\n" + TAG,
    "null bytes": "creator: a\0b\n" + TAG,
    "two documents": TAG + "---\n" + TAG,
    "huge number": f"creator: 1\nx: {'9' * 10_000}\n{TAG}",
    "sexagesimal": f"x: {':'.join(['59'] * 20_000)}\n{TAG}",
    "no list": "tags: &a {x: *a}",
    "date": "x: 2001-99-99\n" + TAG,
    "binary": "x: !!binary 'not base 64 %%%'\n" + TAG,
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_hostile_pack_is_refused_or_harmless(
    con: Connection, tmp_path: Path, tried_inputs: Callable[[str, int], None], name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "pack.yaml"
    path.write_text(REFUSED[name], encoding="utf-8")
    (tmp_path / "dev").symlink_to("/dev/zero")
    try:
        parsed = take(con, path)
    except IntelError as error:
        check_refusal(error, "pack.yaml")
        told = str(error)
    else:
        [label] = parsed.tables["labels"].to_pylist()
        assert label["address"] == A
        told = str(label)
    assert "root:" not in told
    assert not (tmp_path / "PWNED").exists()
    tried_inputs("YAML tricks", 1)


@pytest.mark.parametrize("key", ["label", "address", "actor", "category", "source", "lastmod", "confidence", "network"])
def test_a_bomb_of_aliases_in_any_field_does_not_grow(
    con: Connection, tmp_path: Path, tried_inputs: Callable[[str, int], None], key: str
) -> None:
    path = tmp_path / "pack.yaml"
    fields = {"address": f"'{A}'", "network": "ETH", "category": "exchange", "label": "x"} | {key: "*l29"}
    lines = "\n    ".join(f"{name}: {value}" for name, value in fields.items())
    path.write_text(f"{BOMB}\ntags:\n  - {lines}\n", encoding="utf-8")
    parsed = take(con, path)
    assert all(len(str(row)) < 2000 for row in parsed.tables["labels"].to_pylist())
    tried_inputs("YAML tricks", 1)


def test_packed_files_that_grow_are_read_in_bounded_memory(
    con: Connection, tmp_path: Path, tried_inputs: Callable[[str, int], None]
) -> None:
    """A hundred megabytes of one letter, zeros or commas, packed a thousandfold: as a line, as lines, as columns."""
    head = b"chain,address,label\n"
    for name, content in {
        "one line": b"x" * 1_000_000, "zeros": b"\0" * 1_000_000, "commas": b"," * 1_000_000,
        "quote": b'"' + b"x" * 999_999, "lines": b"ethereum,0x1,x\n" * 60_000,
    }.items():  # fmt: skip
        path = tmp_path / "bomb.csv.gz"
        with gzip.open(path, "wb", compresslevel=1) as file:
            file.write(head)
            for _ in range(100):
                file.write(content)
        try:
            parsed = take(con, path)
        except IntelError as error:
            check_refusal(error, path)
        else:
            assert parsed.bad_rows > 0, name
        tried_inputs("packed bombs", 1)


def test_archives_of_other_kinds_are_refused(
    con: Connection, tmp_path: Path, tried_inputs: Callable[[str, int], None]
) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("../../evil.csv", b"0" * 10_000_000)
    (tmp_path / "b.csv.bz2").write_bytes(bz2.compress(b"0" * 1_000_000))
    (tmp_path / "c.csv.gz").write_bytes((tmp_path / "a.zip").read_bytes())
    (tmp_path / "d.parquet").write_bytes((tmp_path / "a.zip").read_bytes())
    (tmp_path / "e.csv").write_bytes(gzip.compress(b"chain,address,label\n"))
    for path in sorted(tmp_path.glob("[a-e].*")):
        with pytest.raises(BadInput) as caught:
            take(con, path)
        check_refusal(caught.value, path)
        tried_inputs("packed bombs", 1)
    assert sorted(path.name for path in tmp_path.iterdir())[:5] == [
        "a.zip",
        "b.csv.bz2",
        "c.csv.gz",
        "d.parquet",
        "e.csv",
    ]


def test_paths_that_are_no_files_are_refused(
    con: Connection, tmp_path: Path, tried_inputs: Callable[[str, int], None]
) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "loop.csv").symlink_to("loop.csv")
    (tmp_path / "zero.csv").symlink_to("/dev/zero")
    (tmp_path / "zero.yaml").symlink_to("/dev/zero")
    (tmp_path / "dir.csv").mkdir()
    for name in (
        "pipe.csv",
        "loop.csv",
        "zero.csv",
        "zero.yaml",
        "dir.csv",
        "a\0b.csv",
        "x" * 300 + ".csv",
        "[.csv",
        "",
    ):
        with pytest.raises(IntelError) as caught:
            take(con, tmp_path / name)
        check_refusal(caught.value)
        tried_inputs("names", 1)


def test_deep_json_is_refused_or_counted(
    con: Connection, tmp_path: Path, tried_inputs: Callable[[str, int], None]
) -> None:
    good = json.dumps({"chain": "ethereum", "address": A, "label": "x", "category": "exchange"})
    for line in (
        "[" * 100_000, '{"a":' * 100_000, '{"address": ' + "[" * 50_000 + "]" * 50_000 + "}",
        '{"label": "' + "x" * 10**7,
        '{"chain": 1e999999}', '{"address": ' + "9" * 10**6 + "}", '{"a": "\\ud800"}', "\0" * 1000, "null", "[]", "0",
    ):  # fmt: skip
        path = tmp_path / "deep.jsonl"
        path.write_text(f"{good}\n{line}\n", encoding="utf-8")
        try:
            parsed = take(con, path)
        except IntelError as error:
            check_refusal(error, path)
        else:
            assert parsed.tables["labels"].num_rows <= 1
            assert parsed.tables["labels"].num_rows + parsed.bad_rows >= 1
        tried_inputs("deep or huge JSON", 1)
