"""Does a printed case carry its evidence, its build and its hashes, and nothing that acts as markup?"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from datetime import datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest

from intel.profiler.case_print import print_html, print_markdown
from intel.profiler.cases import describe_case
from intel.profiler.database import Database
from intel.profiler.pnl import hash_members
from intel.profiler.postings import gather_members
from intel.profiler.subjects import resolve_subject
from intel.store.notes import Notebook
from intel.store.reader import Reader
from tests.app.conftest import HOSTILE, MARKUP, SECRET

WHEN = datetime.fromisoformat("2026-01-02T03:04")
NASTY = "<img src=x onerror=alert(1)>\n# heading | cell"


@pytest.fixture(scope="module")
def own_store(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(store, tmp_path_factory.mktemp("case") / "own"))


@pytest.fixture(scope="module")
def reader(own_store: Path) -> Iterator[Reader]:
    reader = Reader(own_store)
    yield reader
    reader.close()


@pytest.fixture(scope="module")
def case_id(own_store: Path, examples: dict[str, str], exchange: str) -> int:
    with Notebook(own_store) as notebook:
        number = notebook.open_case("Lost <coins>", made_by="ann")
        for subject in (examples["attributed"], exchange, HOSTILE, SECRET, "0x" + "12" * 20):
            notebook.add_subject(number, subject)
        notebook.add_note(NASTY, case_id=number, made_by="ann")
        notebook.add_note("about the one", subject=examples["attributed"])
    return number


def test_a_case_names_build_code_and_hashes(
    reader: Reader, case_id: int, database: Database, examples: dict[str, str]
) -> None:
    text = print_markdown(describe_case(reader, case_id, made_at=WHEN)).replace("\\", "")
    manifest = reader.manifest
    for fact in (manifest.build_id, manifest.code_version, manifest.lake_commit, "2026-01-02 03:04 UTC"):
        assert fact in text
    subject = resolve_subject(reader, examples["attributed"])
    gather_members(reader, subject)
    assert hash_members(reader, subject) in text
    evidence = database.profile(subject.name).evidence[:15]
    assert evidence
    for row in evidence:
        assert row["reason"] in text
        assert all(tx in text for tx in row["tx_hashes"])
    assert "about the one" in text
    assert "occurs in no transfer" in text
    assert "PRIVATE" in text.split(SECRET, 1)[1]


def test_a_case_is_the_same_each_time(reader: Reader, case_id: int) -> None:
    assert describe_case(reader, case_id, made_at=WHEN) == describe_case(reader, case_id, made_at=WHEN)


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_markup_in_names_and_notes_is_text(reader: Reader, case_id: int) -> None:
    blocks = describe_case(reader, case_id, made_at=WHEN)
    page = Tags()
    page.feed(print_html(blocks))
    assert page.tags <= {"html", "head", "meta", "title", "style", "body", "h1", "h2", "h3", "p", "ul", "li", "pre",
                         "table", "tr", "th", "td"}  # fmt: skip
    assert page.attributes <= {"lang", "charset", "http-equiv", "content"}
    told = "".join(page.text)
    assert MARKUP in told
    assert "<img src=x onerror=alert(1)> # heading | cell" in told
    markdown = print_markdown(blocks)
    assert not re.search(r"(?<!\\)<(img|script)", markdown)
    assert not re.search(r"^# heading", markdown, re.MULTILINE)
    rows = [line for line in markdown.splitlines() if line.startswith("|")]
    assert all(line.endswith("|") for line in rows)
