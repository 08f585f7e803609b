"""Are TagPacks read by the rules of their format, and hostile ones refused?"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from intel.errors import BadInput
from intel.sources.labels import read_labels
from intel.sources.parsed import Parsed
from intel.store import open_connection

A, B = "0x" + "a" * 40, "0x" + "b" * 40

PACK = f"""
title: A made-up pack
creator: Tea Society
network: ETH
source: https://example.org/list
confidence: service_data
lastmod: 2024-02-03
category: exchange
tags:
  - address: "{A}"
    label: Tea Bank hot wallet
    actor: teabank
  - address: "{B}"
    label: Stolen tea
    network: BSC
    confidence: web_crawl
    abuse: service_hack
"""


def read(path: Path, source: str | None = None) -> Parsed:
    return read_labels(open_connection(threads=1), [path], source=source, recorded_at=datetime(2026, 1, 1, tzinfo=UTC))


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_tags_inherit_the_header_and_override_it(tmp_path: Path) -> None:
    first, second = read(write(tmp_path / "p.yaml", PACK)).tables["labels"].to_pylist()
    assert (first["chain"], first["entity"], first["category"], first["confidence"], first["source"]) == (
        "ethereum", "teabank", "exchange", "service_data", "Tea Society",
    )  # fmt: skip
    assert first["url"] == "https://example.org/list"
    assert str(first["source_date"]) == "2024-02-03"
    assert (second["chain"], second["category"], second["confidence"]) == ("bsc", "hack", "web_crawl")


def test_a_header_may_be_included_from_the_same_folder_only(tmp_path: Path) -> None:
    write(tmp_path / "header.yaml", "title: t\ncreator: Tea Society\nnetwork: ETH\nsource: s\nlabel: x\n")
    path = write(tmp_path / "p.yaml", f"header: !include header.yaml\ntags:\n  - address: '{A}'\n")
    assert read(path).tables["labels"]["source"].to_pylist() == ["Tea Society"]
    folder = tmp_path / "inner"
    folder.mkdir()
    outside = write(folder / "p.yaml", f"header: !include ../header.yaml\ntags:\n  - address: '{A}'\n")
    with pytest.raises(BadInput, match="outside its folder"):
        read(outside)


def test_no_confidence_means_the_lowest(tmp_path: Path) -> None:
    path = write(tmp_path / "p.yaml", f"creator: c\nnetwork: ETH\nlabel: x\nsource: s\ntags:\n  - address: '{A}'\n")
    assert read(path).tables["labels"]["confidence"].to_pylist() == ["unknown"]


def test_faults_are_counted(tmp_path: Path) -> None:
    path = write(
        tmp_path / "p.yaml",
        f"creator: c\nnetwork: ETH\nlabel: x\nsource: s\ntags:\n  - address: '{A}'\n    label: one\n    label: two\n"
        "  - tx_hash: '0x01'\n  - just words\n  - address: junk\n",
    )
    parsed = read(path)
    assert {issue.code: issue.rows for issue in parsed.issues} == {
        "duplicate_key": 1, "missing_field": 1, "malformed_row": 1, "bad_address": 1,
    }  # fmt: skip
    assert parsed.tables["labels"]["label"].to_pylist() == ["one"]
    assert parsed.bad_rows == 3


def test_actorpacks_become_actors(tmp_path: Path) -> None:
    path = write(
        tmp_path / "tea.actorpack.yaml",
        "title: t\ncreator: c\nactors:\n  - id: teabank\n    label: Tea Bank\n    uri: teabank.test\n"
        "    categories: [exchange]\n    jurisdictions: [GB]\n    aliases: [tea-b]\n"
        "    context: {legal_name: Tea Bank Ltd}\n",
    )
    actor = read(path).tables["actors"].to_pylist()[0]
    assert (actor["slug"], actor["name"], actor["aliases"]) == ("teabank", "Tea Bank", "tea-b|Tea Bank Ltd")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tags: [1, 2", "no valid YAML"),
        ("just text", "no TagPack"),
        ("creator: c\ntags: 5\n", "is no list"),
        ("creator: !!python/object/apply:os.system [id]\ntags: []\n", "no valid YAML"),
        ("base: &b {network: ETH}\n<<: *b\ntags: []\n", "merge key"),
        ("creator: c\ntags: []\nx: 2001-99-99\n", "no valid YAML"),
    ],
)
def test_what_is_no_pack_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        read(write(tmp_path / "p.yaml", text))


def test_a_bomb_of_aliases_does_not_grow(tmp_path: Path) -> None:
    levels = ["a: &l0 [x, x, x, x, x, x, x, x, x]"]
    levels += [f"b{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 30)]
    text = "\n".join(
        [*levels, "creator: c", "network: ETH", "source: s", "label: *l29", "tags:", f"  - address: '{A}'"]
    )
    label = read(write(tmp_path / "bomb.yaml", text + "\n    category: exchange\n")).tables["labels"].to_pylist()[0]
    assert label["label"] is None  # a label is a scalar; what is none is not written out
