"""Does the graph work in a real browser: pick, expand, undo, drag, save, open again, take away?"""

# ruff: noqa: F811  (fixtures of the other browser tests)
from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from playwright.sync_api import Page

from intel.profiler.database import Database
from intel.profiler.graph import gather_graph
from intel.profiler.graph_view import GraphView
from tests.app.test_browser import (  # noqa: F401
    address,
    open_page,
    page,
    see,
    settle,
    visited,
)

pytestmark = [pytest.mark.browser, pytest.mark.flaky(reruns=2)]


def open_graph(page: Page, address: str, subject: str) -> None:
    open_page(page, f"{address}/graph?subject={subject}")
    page.wait_for_function("globalThis.intelGraph?.nodes().length > 1")
    page.wait_for_timeout(600)  # it moves into sight


def list_nodes(page: Page) -> dict[str, list[float]]:
    """Return the nodes in the picture and where they stand."""
    places: dict[str, list[float]] = page.evaluate(
        "Object.fromEntries(intelGraph.nodes().map((n) => [n.id(), [n.position('x'), n.position('y')]]))"
    )
    return places


def locate(page: Page, script: str) -> tuple[float, float]:
    """Return where on the screen something of the picture is, once it stands still; `script` gives its place there."""
    before, place = None, _read_place(page, script)
    for _ in range(50):
        if before == place:
            break
        page.wait_for_timeout(150)
        before, place = place, _read_place(page, script)
    assert before == place, "the picture never comes to rest"
    return place


def _read_place(page: Page, script: str) -> tuple[float, float]:
    x, y = page.evaluate(
        f"""(() => {{ const box = intelGraph.container().getBoundingClientRect(); const at = {script};
        return [box.left + at.x, box.top + at.y]; }})()"""
    )
    return x, y


def locate_node(page: Page, node: str) -> tuple[float, float]:
    return locate(page, f"intelGraph.getElementById({node!r}).renderedPosition()")


def choose_entity(database: Database, subject: str) -> str:
    graph = gather_graph(database.reader, GraphView((subject,)))
    return next(node.id for node in graph.nodes.values() if node.kind == "entity" and node.id != subject)


def test_expanding_moves_nothing_and_can_be_undone(page: Page, address: str, database: Database, exchange: str) -> None:
    other = choose_entity(database, exchange)
    open_graph(page, address, exchange)
    before = list_nodes(page)
    assert set(before) == set(gather_graph(database.reader, GraphView((exchange,))).nodes)
    page.mouse.click(*locate_node(page, other))
    see(page.get_by_role("button", name="Expand"))
    page.get_by_role("button", name="Expand").first.click()
    wanted = set(gather_graph(database.reader, GraphView((exchange, other))).nodes)
    page.wait_for_function(f"intelGraph.nodes().length === {len(wanted)}")
    after = list_nodes(page)
    assert set(after) == wanted
    assert {name: after[name] for name in before} == before
    page.get_by_role("button", name="Undo").click()
    page.wait_for_function(f"intelGraph.nodes().length === {len(before)}")
    assert list_nodes(page) == before
    page.get_by_role("button", name="Redo").click()
    page.wait_for_function(f"intelGraph.nodes().length === {len(wanted)}")
    assert list_nodes(page) == after


# The middle of an edge between two that stand alone, where no node lies upon it.
FREE_EDGE = """intelGraph.edges().filter((edge) => {
    const at = edge.renderedMidpoint();
    return edge.connectedNodes("[kind = 'others']").empty() && intelGraph.nodes().every((node) => {
        const box = node.renderedBoundingBox();
        return at.x < box.x1 || at.x > box.x2 || at.y < box.y1 || at.y > box.y2;
    });
})[0].renderedMidpoint()"""


def test_an_edge_leads_to_the_transfers_behind_it(page: Page, address: str, exchange: str) -> None:
    open_graph(page, address, exchange)
    page.mouse.click(*locate(page, FREE_EDGE))
    settle(page)
    see(page.get_by_role("link", name="In the profile"))
    see(page.locator("[data-testid=stDataFrame]"))


def test_a_saved_graph_opens_as_it_was(page: Page, address: str, database: Database, exchange: str) -> None:
    other = choose_entity(database, exchange)
    open_graph(page, address, exchange)
    count = len(list_nodes(page))
    x, y = locate_node(page, other)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 30, y + 25, steps=4)
    page.mouse.up()
    page.wait_for_timeout(900)  # the place is told once the hand rests
    settle(page)
    page.mouse.dblclick(*locate_node(page, other))
    page.wait_for_function(f"intelGraph.nodes().length > {count}")
    settle(page)
    kept = list_nodes(page)
    page.get_by_role("button", name="Saved graphs").click()
    page.get_by_label("Save this one as").fill("my <b>graph</b>")
    page.get_by_label("Save this one as").press("Enter")
    page.get_by_role("button", name="Save", exact=True).click()
    settle(page)
    open_graph(page, address, exchange)
    assert len(list_nodes(page)) == count
    page.get_by_role("button", name="Saved graphs").click()
    page.get_by_role("button", name="my <b>graph</b>").first.click()
    page.wait_for_function(f"intelGraph.nodes().length === {len(kept)}")
    settle(page)
    told = list_nodes(page)
    assert set(told) == set(kept)
    for name, place in kept.items():
        assert told[name] == pytest.approx(place, abs=1), name


def test_the_graph_leaves_as_picture_and_file(
    page: Page, address: str, database: Database, exchange: str, tmp_path: Path
) -> None:
    open_graph(page, address, exchange)
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Save as PNG").click()
    waiting.value.save_as(tmp_path / "graph.png")
    assert (tmp_path / "graph.png").read_bytes()[:4] == b"\x89PNG"
    page.get_by_role("button", name="Download", exact=True).click()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="GraphML").click()
    waiting.value.save_as(tmp_path / "graph.graphml")
    root = ET.parse(tmp_path / "graph.graphml").getroot()
    graph = gather_graph(database.reader, GraphView((exchange,)))
    found = [node.get("id") for node in root.iter("{http://graphml.graphdrawing.org/xmlns}node")]
    assert found == list(graph.nodes)


def test_a_trace_is_a_picture_whose_edges_lead_to_payments(page: Page, address: str, exchange: str) -> None:
    open_page(page, f"{address}/trace?source={exchange}&hops=2")
    page.wait_for_function("globalThis.intelGraph?.nodes().length > 1")
    see(page.get_by_role("button", name="Save as PNG"))
    page.locator(".canvas").scroll_into_view_if_needed()
    page.mouse.click(*locate(page, FREE_EDGE))
    settle(page)
    see(page.get_by_text("as followed"))


@pytest.mark.parametrize(
    "path", ["/graph", "/graph?subject=0x12", "/graph?subject=zz9", "/trace", "/trace?source=zz9", "/trace?source=0x12"]
)
def test_no_page_shows_a_traceback(page: Page, address: str, path: str) -> None:
    assert open_page(page, address + path)


def test_no_request_left_this_machine(visited: list[str], address: str) -> None:
    assert visited
    outside = [url for url in visited if not url.startswith((address, "data:", "blob:"))]
    assert not outside
