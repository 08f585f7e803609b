"""Does a formula survive in any CSV file of ours, a hidden character on any page, or a hostile name as a path?"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path

import networkx as nx
import pyarrow as pa
import pytest

import intel
from intel.errors import UsageError
from intel.export.files import TABLES, write_batches
from intel.profiler.case_print import print_html, print_markdown
from intel.profiler.cases import describe_case
from intel.store.notes import Notebook
from tests import commands
from tests.commands import run, succeed
from tests.hostile.inputs import BIDI, FORMULAS, HOMOGLYPHS, MARKUP, PATHS
from tests.ledger_files import write_csv
from tests.shared import share_store
from tests.tree import list_python_files, name_of

TRICKS = [*FORMULAS, *BIDI, *HOMOGLYPHS, *MARKUP]
ADDRESSES = [f"0x{0xBAD0 + number:040x}" for number in range(len(TRICKS))]
TOKENS = [f"0x{0xC01 + number:040x}" for number in range(len(TRICKS))]
HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
_DIGITS = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")


def make_store(folder: Path) -> None:
    """Every trick as the name of an owner, its label, and the symbol and name of a token; the odd ones in private."""
    store = folder / "store"
    moved = [
        commands.moved(number % 28, commands.USER, address, 10**18, token)
        for number, (address, token) in enumerate(zip(ADDRESSES, TOKENS, strict=True))
    ]
    bad = [{**moved[0], "sender": trick} for trick in FORMULAS]
    succeed("ingest", "files", write_csv(folder / "transfers.csv", [*moved, *bad]), store=store)
    named = [commands.label(address, trick, trick) for address, trick in zip(ADDRESSES, TRICKS, strict=True)]
    (folder / "labels.jsonl").write_text("".join(json.dumps(row) + "\n" for row in named[::2]), "utf-8")
    (folder / "mine.jsonl").write_text("".join(json.dumps(row) + "\n" for row in named[1::2]), "utf-8")
    succeed("labels", "add", folder / "labels.jsonl", "--source", "=book", store=store)
    succeed("labels", "add", folder / "mine.jsonl", "--source", "@me", "--private", store=store)
    tokens = [
        {"chain": "ethereum", "token": token, "symbol": trick, "name": trick, "decimals": 18}
        for token, trick in zip(TOKENS, TRICKS, strict=True)
    ]
    (folder / "tokens.jsonl").write_text("".join(json.dumps(row) + "\n" for row in tokens), "utf-8")
    succeed("tokens", "add", folder / "tokens.jsonl", store=store)
    succeed("build", store=store)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return share_store(tmp_path_factory, "hostile", make_store)


def export_table(name: str) -> Callable[[Path, Path], object]:
    return lambda store, out: succeed("export", "table", name, "--include-private", "--out", out, store=store)


def attribute(store: Path, out: Path) -> None:
    asked = [*ADDRESSES, *FORMULAS]
    path = out.with_name("asked.txt")
    path.write_text("\n".join(text.strip() for text in asked), "utf-8")
    succeed("attribute", path, "--out", out, store=store)


def download(store: Path, out: Path) -> None:
    """What the pages offer goes through this function: tests.contracts sees that nothing else writes CSV."""
    columns = {"a text": TRICKS, "texts": [[trick] for trick in TRICKS]}
    for kind in (pa.string(), pa.large_string(), pa.string_view()):
        columns |= {str(kind): pa.array(TRICKS, kind)}
    columns["a dictionary"] = pa.array(TRICKS).dictionary_encode()
    table = pa.table(columns)
    write_batches(out, table.schema, iter(table.to_batches()))


WRITERS: dict[str, Callable[[Path, Path], object]] = {
    **{f"table {name}": export_table(name) for name in TABLES},
    "transfers": lambda store, out: succeed("transfers", commands.USER, "--out", out, store=store),
    "attribute": attribute,
    "downloads": download,
}


QUIET = {f"table {name}" for name in ("clusters", "roles", "evidence", "issues", "ontology")}  # sentences, JSON of ours


@pytest.mark.parametrize("name", WRITERS)
def test_no_cell_of_a_csv_file_is_a_formula(
    store: Path, tmp_path: Path, tried_inputs: Callable[[str, int], None], name: str
) -> None:
    out = tmp_path / "out.csv"
    WRITERS[name](store, out)
    with out.open(encoding="utf-8", newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row if cell]
    live = [cell for cell in cells if begins_a_formula(cell)]
    assert live == []
    if name not in QUIET:
        assert any(cell.startswith("'") for cell in cells), "nothing hostile came here: the test shows nothing"
    tried_inputs("cells of exports", len(cells))


def begins_a_formula(cell: str) -> bool:
    """What spreadsheets do, told apart from how we defuse: leading blanks go, wide signs count as narrow ones."""
    first = cell.lstrip()[:1]
    return cell[0] in "\t\r\n" or (first in set("=+-@|%＝＋－＠") and not _DIGITS.fullmatch(cell.strip()))


def test_nothing_else_writes_csv() -> None:
    """The importer of Neo4j takes cells as they are; it is no spreadsheet, and its files say so."""
    made = re.compile(r"CSVWriter|csv\.writer|DictWriter|write_csv\(|to_csv|\.csv\.write")
    found = {
        name_of(path) for path in list_python_files("intel", "pages", "app.py") if made.search(path.read_text("utf-8"))
    }
    assert found == {"intel/export/files.py", "intel/export/neo4j_csv.py"}


@pytest.fixture(scope="module")
def pages(store: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What a person reads of all of it: pages of the command line, and a case in both forms."""
    told = {}
    for address in [*ADDRESSES, commands.USER]:
        told[f"profile {address}"] = succeed("profile", address, store=store).out
    told["transfers"] = succeed("transfers", commands.USER, "--limit", 100, store=store).out
    told["explain"] = succeed("explain", ADDRESSES[0], commands.USER, store=store).out
    with Notebook(store) as notebook:
        case = notebook.open_case("".join(BIDI) + "x" * 100)
        for address in ADDRESSES:
            notebook.add_subject(case, f"eip155:1:{address}")
        notebook.add_note("".join(BIDI), case_id=case)
    with intel.open(store) as db:
        blocks = describe_case(db.reader, case)
        told |= {"case.md": print_markdown(blocks), "case.html": print_html(blocks)}
    return told


def test_no_page_holds_a_character_that_hides(pages: dict[str, str], tried_inputs: Callable[[str, int], None]) -> None:
    for name, text in pages.items():
        assert not HIDDEN.search(text.replace("\n", " ")), name
    whole = "".join(pages.values())
    assert "\ufffdgnp.exe" in whole, "what hid is marked"
    for name in HOMOGLYPHS:
        assert name in whole.replace("\\", ""), "letters stay as they are"
    for name in HOMOGLYPHS[:2]:
        assert f"{name} [mixed alphabets]" in whole.replace("\\", ""), "and a word of two alphabets is marked"
    tried_inputs("hidden characters", len(BIDI) * len(pages))


def test_markup_in_a_name_is_no_markup_in_a_case(pages: dict[str, str]) -> None:
    assert "<script" not in pages["case.html"]
    assert "<img" not in pages["case.html"]
    assert "&lt;script&gt;" in pages["case.html"]
    assert re.search(r"(?<!\\)(<script|<img|\[x\]\()", pages["case.md"]) is None


def test_a_graph_of_hostile_names_is_read_back(
    store: Path, tmp_path: Path, tried_inputs: Callable[[str, int], None]
) -> None:
    succeed("export", "graph", commands.USER, "--out", tmp_path / "g.graphml", store=store)
    names = {str(data.get("name")) for _, data in nx.read_graphml(tmp_path / "g.graphml").nodes(data=True)}
    assert MARKUP[0] in names
    tried_inputs("names", len(names))


def test_a_name_that_imitates_another_is_reported_and_exported_as_it_is(
    store: Path, tmp_path: Path, tried_inputs: Callable[[str, int], None]
) -> None:
    succeed("export", "table", "ontology", "--out", tmp_path / "o.jsonl", store=store)
    told = [json.loads(line) for line in (tmp_path / "o.jsonl").read_text("utf-8").splitlines()]
    found = {row["text"]: (row["candidates"], row["addresses"]) for row in told if row["kind"] == "imitation"}
    assert found == {"Bin\u0430nce": ("binance", 1), "B\u0131nance": ("binance", 1)}, "the public ones"
    succeed("export", "table", "labels", "--include-private", "--out", tmp_path / "l.jsonl", store=store)
    labels = {json.loads(line)["label"] for line in (tmp_path / "l.jsonl").read_text("utf-8").splitlines()}
    assert set(HOMOGLYPHS) <= labels
    tried_inputs("names", len(HOMOGLYPHS))


NAMES = [*PATHS, "x" * 300, "..", ".", "-", "COM1.txt", "a\nb", "\u202egnp", " "]


COMMANDS = (
    ["profile"], ["transfers"], ["snapshots", "pin"], ["snapshots", "unpin"], ["datasets", "pull"],
    ["export", "table", "--out", "x.csv"],
)  # fmt: skip


SEARCHED = COMMANDS[:2]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_name_is_never_a_path(
    store: Path, tmp_path: Path, tried_inputs: Callable[[str, int], None], monkeypatch: pytest.MonkeyPatch,
    words: list[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    before = sorted(store.parent.rglob("*"))
    for name in NAMES:
        answer = run(*words, *([] if words[0] == "datasets" else ["--store", store]), "--", name)
        assert "Traceback" not in answer.err, name
        if words in SEARCHED:  # marks do not count in a search: `a/../../b` may find an owner
            assert answer.code in {0, 1, 2}, (name, answer.err)
            continue
        assert answer.code in {1, 2}, (name, answer.out)
        assert "hint: " in answer.err, (name, answer.err)
    assert sorted(store.parent.rglob("*")) == before
    assert list(tmp_path.iterdir()) == []
    tried_inputs("names", len(NAMES))


def test_names_of_graphs_and_cases_are_text(tmp_path: Path, tried_inputs: Callable[[str, int], None]) -> None:
    with Notebook(tmp_path) as notebook:
        for name in [one for one in NAMES if one.strip()]:
            graph, case = notebook.save_graph(name, "{}"), notebook.open_case(name)
            assert (notebook.find_graph(graph).name, notebook.find_case(case).title) == (name.strip(), name.strip())
        for write in (notebook.open_case, lambda name: notebook.save_graph(name, "{}")):
            with pytest.raises(UsageError, match="characters") as caught:
                write("x" * 10_000)
            assert caught.value.hint
    assert [path.name for path in tmp_path.iterdir()] == ["workspace.sqlite"]
    tried_inputs("names", 2 * len(NAMES))
