"""To what kinds of business is the subject exposed, and how much cannot be said?"""

from __future__ import annotations

import altair as alt
import streamlit as st

from intel.model import Subject
from intel.profiler.exposure import RULE, measure_exposure
from intel.profiler.partner_sheets import draw_exposure, sheet_exposure
from intel.profiler.postings import Window
from intel.store.reader import Reader
from pages._links import CATEGORY
from pages._tables import show_whole
from pages._words import plain, say_count, say_share, say_usd, say_words

_SIDES = {"incoming": "Where the money came from", "outgoing": "Where the money went"}


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
