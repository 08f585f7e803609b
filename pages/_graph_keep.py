"""How is a graph saved under a name, opened again, and taken away as a file?"""

from __future__ import annotations

import json
import re
from datetime import timedelta

import streamlit as st

from intel.config import read_settings
from intel.errors import BadInput
from intel.profiler.graph_files import describe_graph, print_graph, read_view
from intel.profiler.graph_view import Graph, GraphFilter
from intel.store.notes import Notebook, SavedGraph
from intel.store.reader import Reader
from pages._graph_picture import list_elements
from pages._graph_places import Place
from pages._graph_state import Opened, Sketch, start_sketch
from pages._graph_svg import print_svg
from pages._notes import change
from pages._words import plain, say_time

DIRECTIONS = {"In and out": None, "In": "in", "Out": "out"}


def offer_keeping(reader: Reader, graph: Graph, places: dict[str, Place]) -> None:
    """Offer to save the graph under a name, to open one that was saved, and to take it away."""
    by = read_settings().user
    with Notebook(reader.store) as notebook:
        saved = notebook.graphs()
    with st.popover(f"Saved graphs ({len(saved)})", icon=":material/bookmark:", type="tertiary"):
        st.caption("Saved graphs stay in this store, as private as notes.")
        for kept in saved:
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.button(plain(kept.name), key=f"reopen_{kept.graph_id}", icon=":material/hub:", type="tertiary",
                          help=say_time(kept.made_at), on_click=reopen, args=(kept,))  # fmt: skip
                st.button("Remove", key=f"drop_graph_{kept.graph_id}", icon=":material/close:", type="tertiary",
                          on_click=change,
                          args=(reader, lambda book, one=kept.graph_id: book.remove_graph(one)))  # fmt: skip
        st.text_input("Save this one as", key="graph_name", placeholder="a name")
        document = json.dumps({"view": describe_graph(graph)["view"], "places": places})
        st.button(
            "Save", key="save_graph", icon=":material/bookmark_add:", on_click=change,
            args=(reader, lambda book: book.save_graph(st.session_state["graph_name"] or "", document, made_by=by),
                  "graph_name"),
        )  # fmt: skip
    with st.popover("Download", icon=":material/download:", type="tertiary"):
        st.caption(
            "All nodes and edges shown, private claims too. SVG is a drawing; “Save as PNG” is beside the graph."
        )
        name = re.sub(r"[^\w.-]+", "_", f"graph_{graph.view.opened[0]}")[:80]
        st.download_button("SVG", data=lambda: print_svg(list_elements(graph, places)), file_name=f"{name}.svg",
                           mime="image/svg+xml", key="graph_as_SVG", on_click="ignore",
                           icon=":material/download:")  # fmt: skip
        for label, ending, mime in (("GraphML", ".graphml", "application/xml"), ("JSON", ".json", "application/json")):
            st.download_button(label, data=lambda ending=ending: print_graph(graph, ending), file_name=name + ending,
                               mime=mime, key=f"graph_as_{label}", on_click="ignore",
                               icon=":material/download:")  # fmt: skip


def reopen(kept: SavedGraph) -> None:
    """Show a saved graph as it was saved: what is open, the filters, the places."""
    try:
        document = json.loads(kept.document)
        view = read_view(document["view"])
    except (BadInput, KeyError, ValueError):
        st.session_state["note_problem"] = f"{kept.name} cannot be read: it was saved by another version"
        return
    places = {name: (float(x), float(y)) for name, (x, y) in document["places"].items()}
    start_sketch(Opened(view.opened, view.unfolded, view.limits), places)
    set_filters(view.filters)
    st.query_params["subject"] = view.opened[0]


def set_filters(filters: GraphFilter) -> None:
    """Put filters into the fields that ask for them."""
    window = filters.window
    st.session_state.update({
        "graph_token": filters.token or "", "graph_least": filters.min_usd or None, "graph_category": filters.category,
        "graph_direction": next(word for word, side in DIRECTIONS.items() if side == filters.direction),
        "since": window.since and window.since.date(),
        "until": window.until and (window.until - timedelta(microseconds=1)).date(),
    })  # fmt: skip


def offer_history(sketch: Sketch) -> None:
    """Offer to undo and redo what was opened, closed, folded, unfolded or filtered."""

    def move(by: int) -> None:
        sketch.move(by)
        set_filters(sketch.now.filters or GraphFilter())

    st.button("Undo", key="undo", icon=":material/undo:", type="tertiary", disabled=sketch.at == 0,
              on_click=move, args=(-1,))  # fmt: skip
    st.button("Redo", key="redo", icon=":material/redo:", type="tertiary",
              disabled=sketch.at == len(sketch.steps) - 1, on_click=move, args=(1,))  # fmt: skip
