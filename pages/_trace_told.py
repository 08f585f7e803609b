"""How is a trace told in tables, with the way to each end, and as a file?"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import streamlit as st

from intel.profiler.trace_case import write_case
from intel.profiler.trace_report import END_KINDS, Trace
from intel.store.reader import Reader
from pages._links import GRAPH, TRACE, link_subject
from pages._tables import show_table, show_whole
from pages._words import plain, say_usd, say_words

_STEP_COLUMNS = ("hop", "block_time", "sender_name", "sender", "receiver_name", "receiver", "symbol", "amount",
                 "value_usd", "traced_usd", "outcome", "tx_hash", "block_number", "chain")  # fmt: skip
_ROUTE_COLUMNS = tuple(name for name in _STEP_COLUMNS if name not in ("hop", "traced_usd", "outcome"))
_END_SCHEMA = pa.schema({
    "who": pa.string(), "kind": pa.string(), "category": pa.string(), "value_usd": pa.float64(),
    "share": pa.float64(), "hop": pa.int64(), "payments": pa.int64(), "address": pa.string(), "chain": pa.string(),
})  # fmt: skip


def offer_case_files(reader: Reader, trace: Trace, make_public: Callable[[], Trace]) -> None:
    """Offer the whole trace as a file that another can read and run again; private names only where it is asked."""
    name = re.sub(r"[^\w.-]+", "_", f"trace_{trace.source['name']}")[:80]
    with_private = st.toggle(
        "Private names in files", key="trace_private",
        help="Off: the file rests on published claims alone, and is traced anew by them.",
    )  # fmt: skip

    def write(ending: str) -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"trace{ending}"
            write_case(path, trace if with_private else make_public(), reader.manifest)
            return path.read_bytes()

    for label, ending, mime in (
        ("Case file (Markdown)", ".md", "text/markdown"),
        ("JSON", ".json", "application/json"),
    ):
        st.download_button(label, data=lambda ending=ending: write(ending), file_name=name + ending, mime=mime,
                           key=f"trace_as{ending}", on_click="ignore", icon=":material/download:")  # fmt: skip


def show_categories(trace: Trace) -> None:
    """Show direct, indirect and unresolved by category: together they are the whole."""
    schema = pa.schema(
        {"category": pa.string(), **dict.fromkeys(("direct_usd", "indirect_usd", "usd", "share"), pa.float64())}
    )
    rows = [{**row, "category": say_words(row["category"])} for row in trace.categories]
    show_whole(
        "By category",
        lambda limit: pa.Table.from_pylist(rows, schema).slice(0, limit),
        key="trace_categories",
        name=f"trace_categories_{trace.source['name']}",
        empty="Nothing.",
        note="Direct is one payment away, indirect is further; with what is unresolved they are the whole.",
    )


def show_ends(trace: Trace) -> None:
    """Show where the money ended, and for the picked end one way there."""
    rows = [
        {**{name: end.get(name) for name in _END_SCHEMA.names}, "who": end["name"] or end["address"] or "nobody"}
        for end in trace.ends
    ]
    picked = show_whole(
        "Ends",
        lambda limit: pa.Table.from_pylist(rows, _END_SCHEMA).slice(0, limit),
        key="trace_ends",
        name=f"trace_ends_{trace.source['name']}",
        empty="Nothing.",
        picks="one",
        note="Pick a row for what it is and one way there.",
    )
    if picked is None:
        return
    end = next(end for end in trace.ends if (end["address"], end["kind"]) == (picked["address"], picked["kind"]))
    with st.container(border=True, key="picked_end"):
        st.markdown(f"**{plain(picked['who'])}**: {plain(say_usd(end['value_usd']))} {plain(END_KINDS[end['kind']])}.")
        subject = end["entity"] or end["address"]
        if subject:
            with st.container(horizontal=True):
                link_subject(subject, "Profile", ":material/badge:")
                st.page_link(GRAPH, label="Graph", icon=":material/hub:", query_params={"subject": subject})
                st.page_link(TRACE, label="Follow on from here", icon=":material/timeline:",
                             query_params={"source": subject})  # fmt: skip
        _show_way(trace, end.get("path") or [])


def _show_way(trace: Trace, hashes: list[str]) -> None:
    if not hashes:
        st.caption("The way is told for the largest ends.")
        return
    st.caption("One way there, along the largest payments. Other ways may have led there as well.")
    told = [row for row in trace.steps.to_pylist() if row["tx_hash"] in set(hashes)]
    if told:
        show_table(pa.Table.from_pylist(told, trace.steps.schema), key="way", columns=_STEP_COLUMNS, height="content")
    missing = [tx for tx in hashes if tx not in {row["tx_hash"] for row in told}]
    for tx in missing:
        st.code(tx, language=None)


def show_steps(trace: Trace) -> None:
    """Show every payment told, in order of time."""
    show_whole(
        "Payments",
        lambda limit: trace.steps.slice(0, limit),
        key="trace_steps",
        name=f"trace_payments_{trace.source['name']}",
        empty="None.",
        columns=_STEP_COLUMNS,
        note="In the order followed; “traced USD” is the part of the payment that is the money followed.",
    )


def show_routes(found: dict[str, Any]) -> None:
    """Show the routes from one subject to another, each payment with its transaction."""
    st.subheader(plain(found["answer"]) + ".")
    for place, route in enumerate(found["routes"]):
        st.markdown(f"**{plain(route['title'])}** · bottleneck {plain(say_usd(route['bottleneck_usd']))}")
        show_table(pa.Table.from_pylist(route["steps"]), key=f"route_{place}", height="content", columns=_ROUTE_COLUMNS)
    for caveat in found["caveats"]:
        st.caption(plain(caveat))
