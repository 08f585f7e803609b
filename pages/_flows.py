"""How are flows to and from exchanges drawn over time, and which days stand behind a bar?"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import altair as alt
import pyarrow as pa
import streamlit as st

from intel.profiler.partner_sheets import draw_sides

_TICKS = {"day": "%d %b %Y", "week": "%d %b %Y", "month": "%b %Y"}
_UNITS = {"day": "yearmonthdate", "week": "yearmonthdate", "month": "yearmonth"}


def draw_flows(over_time: pa.Table, key: str, step: str) -> None:
    """Draw bars per period: in above the line, out below, and the net as a line."""
    frame = draw_sides(over_time).to_pandas()
    day = alt.Tooltip("period:T", title="From", format="%Y-%m-%d")
    across = alt.X(f"{_UNITS[step]}(period):T", title=None, axis=alt.Axis(format=_TICKS[step], labelOverlap=True))
    up = alt.Axis(format="$,.2~s", tickCount=5)
    bars = alt.Chart(frame).mark_bar().encode(
        x=across, y=alt.Y("sum(usd):Q", title=None, axis=up),
        color=alt.Color("direction:N", title=None, legend=alt.Legend(orient="bottom", symbolType="square"),
                        scale=alt.Scale(domain=["in", "out"], range=["#3f8f7c", "#c0603f"])),
        tooltip=[day, alt.Tooltip("direction:N", title="Direction"),
                 alt.Tooltip("sum(usd):Q", title="USD", format="$,.2f")],
    )  # fmt: skip
    middle = alt.X(f"{_UNITS[step]}(period):T", title=None, bandPosition=0.5)
    net = (
        alt.Chart(frame)
        .mark_line(point={"color": "#8894a0"}, color="#8894a0", strokeWidth=1.5)
        .encode(x=middle, y="sum(usd):Q", tooltip=[day, alt.Tooltip("sum(usd):Q", title="Net USD", format="$,.2f")])
    )
    chart = (bars + net).properties(height=260, usermeta={"embedOptions": {"actions": False}})
    st.altair_chart(chart.interactive(bind_y=False), key=key, alt="USD that went in and came out, per period")
    st.caption("In above the line, out below; the grey line is what remained. Scroll to zoom. Periods are UTC.")


def find_period(row: Mapping[str, Any], step: str) -> dict[str, object]:
    """Return the filters of the days that a row's period has, within those that the page is about."""
    first: date = row["period"]
    after = {
        "day": first + timedelta(days=1),
        "week": first + timedelta(days=7),
        "month": (first.replace(day=1) + timedelta(days=32)).replace(day=1),
    }[step]
    chosen = (st.session_state.get("since"), st.session_state.get("until"))
    return {
        "since": max(first, chosen[0] or first),
        "until": min(after - timedelta(days=1), chosen[1] or after),
        "hides_internal": True,
        "hides_spam": True,
        "hides_fees": True,
    }
