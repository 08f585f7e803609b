"""With whom does the subject deal, who is new, and to what kinds of business is it exposed?"""

from __future__ import annotations

from typing import Literal

import altair as alt
import streamlit as st

from intel.model import Subject
from intel.profiler.exposure import RULE, measure_exposure
from intel.profiler.partner_sheets import draw_exposure, sheet_exposure, sheet_new_counterparties
from intel.profiler.postings import Window
from intel.profiler.sheets import sheet_counterparties
from intel.store.reader import Reader
from pages._links import CATEGORY, link_rows, link_subject
from pages._tables import show_whole
from pages._words import plain, say_count, say_share, say_usd, say_words

_NEW = {"everybody": None, "new in 7 days": 7, "new in 30 days": 30, "new in 90 days": 90}
_SIDES = {"incoming": "Where the money came from", "outgoing": "Where the money went"}


def show_counterparties(reader: Reader, subject: Subject, window: Window) -> None:
    """Show with whom the subject deals, by entity or by address, all of them or those it never met before."""
    with st.container(horizontal=True, gap="medium"):
        choice = st.segmented_control(
            "Counterparties by", ("entity", "address"), default="entity", required=True, key="by", bind="query-params",
            format_func=lambda value: f"Counterparties by {value}", label_visibility="collapsed",
        )  # fmt: skip
        since = st.segmented_control(
            "Which", tuple(_NEW), default="everybody", required=True, key="which", bind="query-params",
            label_visibility="collapsed", format_func=str.capitalize,
        )  # fmt: skip
    by: Literal["entity", "address"] = "address" if choice == "address" else "entity"
    days = _NEW[since or "everybody"]
    row = show_whole(
        "Counterparties",
        lambda limit: (
            sheet_counterparties(reader, subject, window, by=by, limit=limit)
            if days is None
            else sheet_new_counterparties(reader, subject, window, by=by, days=days).slice(0, limit)
        ),
        key=f"counterparties_{by}_{days}",
        name=f"counterparties_{by}_{subject.name}",
        empty="No counterparties were seen in this period." if days is None
        else f"Nobody new in the last {days} days of what was seen.",
        columns=("who", "status", "category", "in_usd", "out_usd", "transfers_in", "transfers_out", "unpriced",
                 "first_time", "last_time", "name" if by == "address" else "addresses"),
        picks="one",
        note="Spam and transfers between its own addresses are left out. Pick a row for the transfers behind it.",
    )  # fmt: skip
    if row is not None:
        party = row["entity_id"] if by == "entity" and row["entity_id"] else row["address"]
        with st.container(horizontal=True, border=True, vertical_alignment="center", key="behind_party"):
            st.markdown(f"**{plain(row['who'])}**")
            if party:
                link_rows(subject, f"The {say_count(row['transfers_in'] + row['transfers_out'])} transfers", party)
                link_subject(party, "Profile", ":material/badge:")


def show_exposure(reader: Reader, subject: Subject, window: Window) -> None:
    """Show both directions by category: direct, indirect and unresolved make the whole."""
    found = measure_exposure(reader, subject, window)
    st.subheader("Exposure by category")
    if not any(side.total_usd for side in found.values()):
        st.caption("No transfer with a price came from, or went to, anybody else in this period.")
        return
    with st.popover("The rule", icon=":material/rule:", type="tertiary"):
        st.markdown(plain(" ".join(RULE.split())))
    for column, (name, side) in zip(st.columns(2, gap="large"), found.items(), strict=True):
        with column:
            st.markdown(f"**{_SIDES[name]}** · {plain(say_usd(side.total_usd))}")
            if not side.total_usd:
                st.caption("Nothing with a price.")
                continue
            _draw(draw_exposure({name: side}).to_pandas(), name)
            show_whole(
                "Parts",
                lambda limit, side=side: sheet_exposure(side).slice(0, limit),
                key=f"exposure_{name}",
                name=f"exposure_{name}_{subject.name}",
                empty="",
                note=f"Unresolved: {say_share(side.unresolved_share)}. Looked behind {say_count(side.followed)} "
                f"counterparties nobody owns, not behind {say_count(side.not_followed)}.",
            )
            for category in sorted({row["category"] for row in side.rows.to_pylist()})[:6]:
                st.page_link(CATEGORY, label=f"All of: {say_words(category)}", query_params={"category": category},
                             icon=":material/category:")  # fmt: skip


def _draw(frame: object, name: str) -> None:
    chart = alt.Chart(frame).mark_bar().encode(
        x=alt.X("sum(share):Q", title=None, axis=alt.Axis(format="%", tickCount=5), scale=alt.Scale(domainMax=1)),
        y=alt.Y("category:N", sort="-x", title=None, axis=alt.Axis(labelLimit=200)),
        color=alt.Color("how:N", title=None, legend=alt.Legend(orient="bottom", symbolType="square"),
                        scale=alt.Scale(domain=["direct", "indirect", "unresolved"],
                                        range=["#2f7ab0", "#7fb3d5", "#9aa4ad"])),
        tooltip=[alt.Tooltip("category:N", title="Category"), alt.Tooltip("how:N", title="How"),
                 alt.Tooltip("sum(usd):Q", title="USD", format="$,.2f"),
                 alt.Tooltip("sum(share):Q", title="Share", format=".1%")],
    )  # fmt: skip
    dressed = chart.properties(height={"step": 26}, usermeta={"embedOptions": {"actions": False}})
    st.altair_chart(dressed, key=f"exposure_chart_{name}", alt=f"Exposure by category, {name}")
