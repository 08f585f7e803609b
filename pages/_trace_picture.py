"""How does a trace look as a picture: from its source, payment by payment, to where the money came to rest?"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pyarrow as pa
import streamlit as st

from intel.profiler.trace_report import Trace
from pages._graph_picture import ARROW, COLOURS, draw_picture, find_width, say_short, shorten
from pages._graph_svg import print_svg
from pages._tables import show_table
from pages._words import plain

MOST = 24  # nodes; what carries less stays in the tables
_WIDE, _HIGH = 240.0, 72.0  # at least from one payment to the next, and between those as far away
_SHAPE = 1.7  # how much wider than high the picture is, so that it fills its frame
_SOURCE = "the source"
_COLUMNS = ("hop", "block_time", "sender", "receiver", "symbol", "amount", "value_usd", "traced_usd", "tx_hash")


def show_picture(trace: Trace) -> None:
    """Show the largest flows of the trace as a graph; a picked edge shows the payments behind it."""
    flows = sum_flows(trace)
    chosen = choose_flows(flows)
    if not chosen:
        return
    elements = place_flows(trace, chosen)
    key = "trace_picked"
    st.subheader("Picture")
    draw_picture(
        "trace_picture",
        {"elements": elements, "epoch": f"{trace.source} {trace.question}", "name": "trace"},
        picked=lambda told: st.session_state.update({key: told["id"]}),
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(
            f"The largest {len(chosen):,} of {len(flows):,} flows told; dollars: the part that is the money followed. "
            "Squares are named, circles are not. Pick an edge for its payments."
        )
        st.download_button("SVG", data=lambda: print_svg(elements), file_name="trace.svg", mime="image/svg+xml",
                           key="trace_as_svg", on_click="ignore", icon=":material/download:")  # fmt: skip
    ends = tuple((st.session_state.get(key) or "").split(ARROW))
    if ends in flows:
        st.caption(plain(f"Payments {ends[0]}{ARROW}{ends[1]}, as followed"))
        show_table(pa.Table.from_pylist(flows[ends], trace.steps.schema), key="picked_flow", columns=_COLUMNS,
                   height="content")  # fmt: skip


def sum_flows(trace: Trace) -> dict[tuple[str, ...], list[dict[str, Any]]]:
    """Return the payments told by (payer, payee): a name where there is one, else the address."""
    rows = trace.steps.to_pylist()
    near = "sender" if trace.question["direction"] == "forward" else "receiver"
    sources = {row[near] for row in rows if row["hop"] == 1}
    flows: dict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        ends = []
        for side in ("sender", "receiver"):
            is_back = row["outcome"] == "returned" and side != near
            name = row[f"{side}_name"] or row[side] or "nobody"
            ends.append(_SOURCE if row[side] in sources or is_back else name)
        flows[tuple(ends)].append(row)
    return flows


def choose_flows(flows: dict[tuple[str, ...], list[dict[str, Any]]]) -> dict[tuple[str, ...], float]:
    """Return the largest flows between different parties that hang together with the source, and their USD."""
    sums = {ends: sum(row["traced_usd"] for row in rows) for ends, rows in flows.items() if ends[0] != ends[1]}
    largest = sorted(sums, key=lambda ends: (-sums[ends], ends))
    shown, chosen = {_SOURCE}, {}
    while len(shown) < MOST:
        found = next((ends for ends in largest if ends not in chosen and shown & set(ends)), None)
        if found is None:
            break
        chosen[found] = sums[found]
        shown |= set(found)
    return chosen


def place_flows(trace: Trace, chosen: dict[tuple[str, ...], float]) -> list[dict[str, Any]]:
    """Return the elements of the picture: the source at one side, each party as many steps off as payments."""
    is_forward = trace.question["direction"] == "forward"
    steps, frontier = {_SOURCE: 0}, [_SOURCE]
    for who in frontier:
        for ends in chosen:
            near, far = ends if is_forward else ends[::-1]
            for one, other in ((near, far), (far, near)):
                if one == who and other not in steps:
                    steps[other] = steps[who] + (1 if one == near else 0)
                    frontier.append(other)
    named = {row[f"{side}_name"] for row in trace.steps.to_pylist() for side in ("sender", "receiver")}
    columns: dict[int, list[str]] = defaultdict(list)
    for who in frontier:
        columns[steps[who]].append(who)
    height = _HIGH * max(len(column) for column in columns.values())
    wide = max(_WIDE, height * _SHAPE / max(1, *columns))
    elements = []
    for step, column in columns.items():
        for place, who in enumerate(column):
            is_named = who in named or (who == _SOURCE and trace.source["kind"] == "entity")
            label = f"{_SOURCE}: {shorten(trace.source['name'])}" if who == _SOURCE else shorten(who)
            standing = "labelled" if is_named else "unknown"
            elements.append({
                "data": {"id": who, "label": label, "kind": "entity" if is_named else "address", "standing": standing,
                         "opened": who == _SOURCE, "size": 34 if is_named else 26, "colour": COLOURS[standing]},
                "position": {"x": (1 if is_forward else -1) * step * wide,
                             "y": (place - (len(column) - 1) / 2) * _HIGH},
            })  # fmt: skip
    return elements + [
        {"data": {"id": ARROW.join(ends), "source": ends[0], "target": ends[1], "label": say_short(usd),
                  "width": find_width(usd)}}
        for ends, usd in chosen.items()
    ]  # fmt: skip
