"""Who pays whom around a subject, as a picture to open step by step?"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, cast

import streamlit as st

from intel.errors import UnknownSubject
from intel.profiler.categories import list_categories
from intel.profiler.graph import gather_graph
from intel.profiler.graph_view import Graph, GraphFilter, GraphView
from intel.profiler.subjects import resolve_subject
from intel.store.reader import Reader
from pages._ask import ask_subject
from pages._clock import ask_period
from pages._frame import show_page
from pages._graph_detail import show_picked
from pages._graph_keep import DIRECTIONS, offer_history, offer_keeping
from pages._graph_picture import draw_graph
from pages._graph_places import place_nodes
from pages._graph_state import find_sketch, make_view, note_filters
from pages._links import GRAPH, link_subject, name_subject, read_wanted
from pages._notes import tell_problem
from pages._words import plain, say_count, say_words

LEGEND = (
    "■ published label · ▲ attributed by evidence · △ probable · ◆ private · ○ unknown, which is not clean. "
    "Squares are entities, with their deposit and hot wallets folded in; circles are addresses. "
    "Arrows point from payer to payee. Double-click a node to expand or collapse it; drag it where you like."
)


@st.cache_resource(max_entries=32, show_spinner="Reading the ledger …")
def load_graph(_reader: Reader, build_id: str, view: GraphView) -> Graph:
    """Return the graph; kept per build, so that picking and dragging answer at once."""
    assert build_id == _reader.build_id
    return gather_graph(_reader, view)


@st.cache_resource(max_entries=3, show_spinner=False)
def load_categories(_reader: Reader, build_id: str) -> list[str]:
    """Return the categories of named entities."""
    assert build_id == _reader.build_id
    return [str(name) for name in list_categories(_reader)["category"].to_pylist()]


def ask_filters(reader: Reader) -> GraphFilter:
    """Ask which dealings are shown."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        direction = st.segmented_control(
            "Direction", list(DIRECTIONS), default="In and out", required=True, key="graph_direction",
            help="Seen from the nodes that are open",
        )  # fmt: skip
        token = st.text_input("Token", key="graph_token", placeholder="symbol, contract or native", width=200)
        least = st.number_input("At least USD", min_value=0.0, value=None, key="graph_least", placeholder="any",
                                width=140)  # fmt: skip
        category = st.selectbox("Category", load_categories(reader, reader.build_id), index=None, key="graph_category",
                                placeholder="any", format_func=say_words, width=200)  # fmt: skip
        with st.popover("Period", icon=":material/calendar_month:", type="tertiary"):
            window = ask_period()
    side = cast("Literal['in', 'out'] | None", DIRECTIONS[direction or "In and out"])
    return GraphFilter((token or "").strip() or None, least or 0.0, category, side, window)


def show_graph(reader: Reader, text: str) -> None:
    """Show the graph of one subject."""
    subject = resolve_subject(reader, text)
    name = name_subject(subject)
    sketch = find_sketch(name)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.title(plain(subject.name), width="content")
        link_subject(name, "Profile", ":material/badge:")
        st.page_link(GRAPH, label="Another subject", icon=":material/search:")
    tell_problem()
    bar = st.container(horizontal=True, gap="small", vertical_alignment="center")
    filters = ask_filters(reader)
    note_filters(sketch, filters)
    try:
        graph = load_graph(reader, reader.build_id, make_view(sketch, filters))
    except UnknownSubject as error:
        if not filters.token:
            raise
        st.warning(plain(f"{error.message}. {error.hint}"), icon=":material/filter_alt_off:")
        graph = load_graph(reader, reader.build_id, make_view(sketch, replace(filters, token=None)))
    places = place_nodes(graph, sketch.places)
    sketch.places.update(places)
    with bar:
        offer_history(sketch)
        offer_keeping(reader, graph, places)
        st.caption(f"{say_count(len(graph.nodes))} nodes, {say_count(len(graph.edges))} flows")
    for caveat in graph.caveats:
        st.info(plain(caveat), icon=":material/info:")
    if len(graph.nodes) == len(graph.view.opened):
        st.caption("No dealings match: nobody else is in the picture.")
    draw_graph(graph, sketch, places)
    st.caption(LEGEND)
    show_picked(reader, graph, sketch)


def show_page_of_graph(reader: Reader) -> None:
    """Show the page."""
    wanted = read_wanted("subject")
    if wanted:
        show_graph(reader, wanted)
        return
    st.title("Whose graph?")
    st.caption("With whom a subject deals, as a picture that opens step by step: ?subject= in a link leads to one.")
    ask_subject(reader, GRAPH)


show_page(show_page_of_graph)
