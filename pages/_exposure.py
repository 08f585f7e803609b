"""To what kinds of business is the subject exposed, and how much cannot be said?"""

from __future__ import annotations

from typing import Any

import altair as alt
import pyarrow as pa
import streamlit as st

from intel.model import Subject
from intel.profiler.exposure import RULE, measure_exposure
from intel.profiler.partner_sheets import draw_exposure, sheet_exposed, sheet_exposure
from intel.profiler.postings import Window
from intel.store.reader import Reader
from pages._links import name_subject
from pages._tables import show_whole
from pages._words import plain, say_category, say_count, say_share, say_usd

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
            _draw(draw_exposure({name: side}), name)
            part = show_whole(
                "Parts",
                lambda limit, side=side: sheet_exposure(side).slice(0, limit),
                key=f"exposure_{name}",
                name=f"exposure_{name}_{subject.name}",
                empty="",
                columns=("category", "how", "usd", "share", "addresses", "note"),
                picks="one",
                note=f"Unresolved: {say_share(side.unresolved_share)}. Looked behind {say_count(side.followed)} "
                f"counterparties that nobody is known to own, not behind {say_count(side.not_followed)}. "
                "Pick a row for who stands behind it.",
            )  # fmt: skip
            if part is not None:
                _show_behind(reader, subject, window, (name, part))


def _show_behind(reader: Reader, subject: Subject, window: Window, which: tuple[str, dict[str, Any]]) -> None:
    """Show the counterparties of the picked part; picking one opens its transfers with the subject."""
    name, part = which
    direct = part["how"] == "direct"
    show_whole(
        f"Behind it: {say_category(part['category'])}" if direct else "Behind it: owners not known",
        lambda limit: sheet_exposed(
            reader, subject, window, name, part["category"] if direct else None
        ).slice(0, limit),
        key=f"exposed_{name}",
        name=f"exposure_{name}_{part['category']}_{subject.name}",
        empty="Nobody.",
        columns=("who", "usd", "status", "address"),
        rows=lambda row: {
            "subject": name_subject(subject) if row["address"] else None, "party": row["address"] or "",
            "direction": "In" if name == "incoming" else "Out", "hides_spam": True, "hides_fees": True,
        },
        note="" if direct else "What stands behind these is taken in proportion, as the rule says.",
    )  # fmt: skip


def _draw(bars: pa.Table, name: str) -> None:
    place = bars.column_names.index("category")
    told = [say_category(category) for category in bars["category"].to_pylist()]
    frame = bars.set_column(place, "category", pa.array(told, pa.string())).to_pandas()
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
