"""What stands behind the node or edge that is picked?"""

from __future__ import annotations

import streamlit as st

from intel.errors import IntelError
from intel.profiler.graph_view import Graph, Node
from intel.profiler.subjects import resolve_subject
from intel.profiler.transfers import TransferFilter, read_page, stream_transfers
from intel.store.reader import Reader
from pages._graph_picture import ARROW
from pages._graph_state import Sketch, toggle_fold, toggle_node
from pages._links import GRAPH, PROFILE, TRACE, link_subject
from pages._tables import offer_download, show_table
from pages._words import STATUS, STATUS_HELP, plain, say_count, say_words

_SHOWN = 200


def show_picked(reader: Reader, graph: Graph, sketch: Sketch) -> None:
    """Show the picked node with what can be done with it, or the transfers behind the picked edge."""
    picked = sketch.picked
    if picked and picked in graph.nodes:
        _show_node(graph.nodes[picked], graph, sketch)
    elif picked and ARROW in picked and set(picked.split(ARROW)) <= set(graph.nodes):
        source, target = (graph.nodes[name] for name in picked.split(ARROW))
        _show_edge(reader, graph, source, target)
    else:
        st.caption("Pick a node for what is known of it, an edge for the transfers behind it.")


def _show_node(node: Node, graph: Graph, sketch: Sketch) -> None:
    with st.container(border=True, key="picked_node"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{plain(node.name)}**")
            if node.kind != "others":
                word, icon, color, _ = STATUS.get(node.standing, STATUS["unknown"])
                st.badge(word, icon=icon, color=color, help=STATUS_HELP.get(node.standing))  # type: ignore[arg-type]
                told = [say_words(node.category)] if node.category else []
                told += [f"{say_count(node.members)} addresses"] if node.members > 1 else []
                st.caption(plain(", ".join(told)))
        if node.kind == "address" and node.name != node.id:
            st.code(node.id, language=None, width="content")
        with st.container(horizontal=True, vertical_alignment="center"):
            _offer_steps(node, graph, sketch)
            if node.kind != "others":
                link_subject(node.id, "Profile", ":material/badge:")
                st.page_link(GRAPH, label="Begin here", icon=":material/hub:", query_params={"subject": node.id})
                st.page_link(TRACE, label="Trace", icon=":material/route:", query_params={"source": node.id})


def _offer_steps(node: Node, graph: Graph, sketch: Sketch) -> None:
    is_open = node.id in graph.view.opened
    if node.kind == "others":
        st.button("Show more of them", key="open_node", icon=":material/add_circle:", on_click=toggle_node,
                  args=(sketch, node.id))  # fmt: skip
    elif not is_open or node.id != graph.view.opened[0]:
        st.button("Collapse" if is_open else "Expand", key="open_node", on_click=toggle_node, args=(sketch, node.id),
                  icon=":material/do_not_disturb_on:" if is_open else ":material/add_circle:")  # fmt: skip
    entity = node.entity if node.kind != "others" else None
    if entity and (node.kind == "entity" or entity in graph.view.unfolded):
        is_unfolded = entity in graph.view.unfolded
        st.button("Fold its addresses" if is_unfolded else "Unfold its addresses", key="fold_node",
                  icon=":material/unfold_less:" if is_unfolded else ":material/unfold_more:", on_click=toggle_fold,
                  args=(sketch, entity))  # fmt: skip


def _show_edge(reader: Reader, graph: Graph, source: Node, target: Node) -> None:
    """Show the transfers from one to the other; towards the others, those of the opened node that brought them."""
    st.subheader(f"{plain(source.name)} → {plain(target.name)}")
    others = next((node for node in (source, target) if node.kind == "others"), None)
    if others is not None:
        st.caption("These are the dealings with many. Show more of them, and each has its own edge.")
        return
    edges = [edge for edge in graph.edges if (edge.source, edge.target) == (source.id, target.id)]
    own, side = (source.id, "out") if source.id in graph.view.opened else (target.id, "in")
    party, filters = (target if side == "out" else source), graph.view.filters
    wanted = TransferFilter(
        counterparty=party.id, token=filters.token, direction="out" if side == "out" else "in", window=filters.window,
        hides_spam=True,
    )  # fmt: skip
    try:
        subject = resolve_subject(reader, own, graph.view.tier)
        page = read_page(reader, subject, wanted, limit=_SHOWN, newest_first=True)
    except IntelError as error:
        st.warning(plain(f"{error.message}. {error.hint}"))
        return
    count = sum(edge.transfers for edge in edges)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        told = "1 transfer" if count == 1 else f"{say_count(count)} transfers"
        if own in graph.view.unfolded:
            told += "; shown are those of all its addresses, unfolded ones too"
        st.caption(f"{told}. The newest {_SHOWN} are shown, the download has all." if count > _SHOWN else f"{told}.")
        with st.container(horizontal=True, width="content"):
            query = {"subject": own, "tab": "Transfers", "party": party.id, "direction": side.capitalize()}
            st.page_link(PROFILE, label="In the profile", icon=":material/badge:", query_params=query)
            offer_download(
                f"transfers_{source.id}_{target.id}",
                lambda: (page.rows.schema, stream_transfers(reader, subject, wanted, amounts="text")), key="edge",
            )  # fmt: skip
    show_table(page.rows, key="edge_rows", columns=("block_time", "symbol", "amount", "value_usd", "address",
                                                    "counterparty", "kind", "tx_hash", "chain"))  # fmt: skip
