"""Do the pages of the graph and of the trace say what the Python functions say, and each state as it is?"""

from __future__ import annotations

import hashlib
import json
import shutil
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from intel.profiler.database import Database
from intel.profiler.graph import gather_graph
from intel.profiler.graph_files import describe_graph, read_view
from intel.profiler.graph_view import GraphView
from intel.store.notes import Notebook
from pages._graph_picture import list_elements, say_short
from pages._graph_places import place_nodes
from pages._graph_svg import print_svg
from pages._trace_picture import MOST, choose_flows, place_flows, sum_flows
from tests.app.conftest import MARKUP
from tests.app.test_pages import NOBODY, open_page, read_text
from tests.tree import ROOT


def test_the_graph_counts_what_it_shows(
    store: Path, database: Database, exchange: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = gather_graph(database.reader, GraphView((exchange,)))
    app = open_page(store, monkeypatch, "graph", subject=exchange)
    assert f"{len(graph.nodes):,} nodes, {len(graph.edges):,} flows" in read_text(app)
    app.text_input(key="graph_token").set_value("no such token").run()
    assert not app.exception
    assert "no token of this store goes by" in app.warning[0].value.replace("\\", "")
    assert f"{len(graph.nodes):,} nodes" in read_text(app)


def test_the_graph_tells_who_is_unknown_or_malformed(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Unknown is not clean" in read_text(open_page(store, monkeypatch, "graph", subject=NOBODY))
    assert "is no address" in read_text(open_page(store, monkeypatch, "graph", subject="0x12"))
    assert "Whose graph?" in read_text(open_page(store, monkeypatch, "graph"))


def test_a_label_cannot_leave_its_place(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = open_page(store, monkeypatch, "graph", subject=MARKUP)
    assert app.title[0].value.replace("\\", "").replace("\u2060", "") == MARKUP


def test_undo_goes_back_over_filters(store: Path, exchange: str, monkeypatch: pytest.MonkeyPatch) -> None:
    app = open_page(store, monkeypatch, "graph", subject=exchange)
    before = next(found.value for found in app.caption if " nodes, " in found.value)
    app.number_input(key="graph_least").set_value(10_000_000_000.0).run()
    assert "1 nodes, 0 flows" in read_text(app)
    app.button(key="undo").click().run()
    assert not app.exception
    assert app.number_input(key="graph_least").value is None
    assert before in read_text(app)
    app.button(key="redo").click().run()
    assert "1 nodes, 0 flows" in read_text(app)


def test_the_drawing_holds_every_node_and_edge(database: Database, exchange: str) -> None:
    graph = gather_graph(database.reader, GraphView((exchange,)))
    elements = list_elements(graph, place_nodes(graph, {}))
    elements[0]["data"]["label"] = "<b>&\x00 name"
    root = ET.fromstring(print_svg(elements))
    space = "{http://www.w3.org/2000/svg}"
    kinds = [one["data"].get("kind") for one in elements]
    assert len(root.findall(f"{space}circle")) == kinds.count("address") + kinds.count("others")
    assert len(root.findall(f"{space}rect")) == kinds.count("entity") + 1
    assert len(root.findall(f"{space}path")) == kinds.count(None)
    texts = [text.text for text in root.findall(f"{space}text")]
    assert "<b>&\ufffd name" in texts
    words = {word for text in texts for word in str(text).split()}
    assert {word for one in elements[1:] for word in one["data"]["label"].split()} <= words


def test_the_picture_of_a_trace_begins_at_its_source(database: Database, exchange: str) -> None:
    for direction in ("forward", "backward"):
        trace = database.trace(exchange, max_hops=3, direction=direction)
        chosen = choose_flows(sum_flows(trace))
        elements = place_flows(trace, chosen)
        ids = {one["data"]["id"] for one in elements if "position" in one}
        edges = [one["data"] for one in elements if "position" not in one]
        assert 2 < len(ids) <= MOST + 1
        assert {edge[side] for edge in edges for side in ("source", "target")} == ids
        places = [tuple(one["position"].values()) for one in elements if "position" in one]
        assert len(set(places)) == len(places)
        steps = {one["data"]["id"]: one["position"]["x"] for one in elements if "position" in one}
        assert steps["the source"] == 0
        assert all(x >= 0 if direction == "forward" else x <= 0 for x in steps.values())


def test_nodes_stand_apart_and_old_ones_stay(database: Database, exchange: str) -> None:
    one = gather_graph(database.reader, GraphView((exchange,)))
    places = place_nodes(one, {})
    assert len(set(places.values())) == len(one.nodes)
    other = next(node.id for node in one.nodes.values() if node.kind == "entity" and node.id != exchange)
    two = gather_graph(database.reader, GraphView((exchange, other)))
    later = place_nodes(two, places)
    assert {name: later[name] for name in places if name in two.nodes} == {
        name: place for name, place in places.items() if name in two.nodes
    }
    assert len(set(later.values())) == len(two.nodes)
    pairs = {(edge.source, edge.target) for edge in two.edges}
    assert len(list_elements(two, later)) == len(two.nodes) + len(pairs)


def test_a_saved_graph_is_read_back(store: Path, database: Database, exchange: str, tmp_path: Path) -> None:
    own = Path(shutil.copytree(store, tmp_path / "own"))
    view = GraphView((exchange,), unfolded=(exchange,), limits=((exchange, 50),))
    graph = gather_graph(database.reader, view)
    with Notebook(own) as book:
        number = book.save_graph(" mine ", json.dumps({"view": describe_graph(graph)["view"]}))
        kept = book.find_graph(number)
        assert (kept.name, read_view(json.loads(kept.document)["view"])) == ("mine", view)
        book.remove_graph(number)
        assert number not in [graph.graph_id for graph in book.graphs()]


@pytest.mark.parametrize(
    ("usd", "text"),
    [(0.5, "$0.50"), (0.001, "<$0.01"), (1_234.0, "$1.23K"), (999_600.0, "$1M"), (2.5e9, "$2.5B"), (3e12, "$3,000B")],
)
def test_dollars_are_short(usd: float, text: str) -> None:
    assert say_short(usd) == text


def test_the_trace_says_what_python_says(
    store: Path, database: Database, exchange: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = database.trace(exchange, max_hops=2)
    app = open_page(store, monkeypatch, "trace", source=exchange, hops="2")
    assert f"Followed ${told.total_usd:,.2f}" in read_text(app)
    table = next(table.value for table in app.dataframe if "direct_usd" in table.value.columns)
    assert table["usd"].sum() == pytest.approx(told.total_usd)
    assert table["share"].sum() == pytest.approx(1)
    assert any("traced_usd" in found.value.columns for found in app.dataframe)


def test_routes_and_empty_states_of_the_trace(store: Path, exchange: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Give an address" in read_text(open_page(store, monkeypatch, "trace"))
    assert "Unknown is not clean" in read_text(open_page(store, monkeypatch, "trace", source=NOBODY))
    empty = open_page(store, monkeypatch, "trace", source=exchange, until="2010-01-01")
    assert "Nothing to follow" in empty.info[0].value
    routes = read_text(open_page(store, monkeypatch, "trace", source=exchange, target=NOBODY))
    assert "Unknown is not clean" in routes


def test_the_library_is_the_one_that_is_written_down() -> None:
    content = (ROOT / "pages" / "_cytoscape" / "cytoscape.min.js").read_bytes()
    assert hashlib.sha256(content).hexdigest() in (ROOT / "docs/decisions/0001-dependencies.md").read_text("utf-8")
