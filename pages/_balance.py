"""How did what the subject holds change: from day to day, and between two dates?"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import altair as alt
import pyarrow as pa
import streamlit as st

from intel.errors import IntelError
from intel.model import Profile, Subject
from intel.profiler.compare import compare_dates
from intel.profiler.history import tabulate_day, tabulate_history, tabulate_token_history
from intel.profiler.pnl_sheets import draw_changes
from intel.profiler.postings import Window
from intel.store.reader import Reader
from pages._clock import FIRST_DAY
from pages._tables import show_table, show_whole
from pages._words import plain, say_count, say_usd

_HEIGHT = 260
_PARTS = {"change_usd": "Change", "quantity_effect_usd": "By what came and went", "price_effect_usd": "By prices",
          "newly_priced_usd": "Priced only since"}  # fmt: skip
_DOLLARS = alt.Axis(format="$,.2~s", tickCount=5)


def show_balance(reader: Reader, subject: Subject, profile: Profile, window: Window) -> None:
    """Show the history day by day, what moved it, and what lies between two dates."""
    history = tabulate_history(reader, subject, window)
    if not history.num_rows:
        st.caption("Nothing with a known amount moved in this period.")
        return
    title = "What came less what went" if "flow" in profile.holdings_title else profile.holdings_title.capitalize()
    st.subheader(f"{title}, day by day")
    shown = st.segmented_control(
        "Shown", ("USD", "by token", "what moved it"), default="USD", required=True, key="shown", bind="query-params",
        label_visibility="collapsed",
    )  # fmt: skip
    if shown == "by token":
        _draw_tokens(tabulate_token_history(reader, subject, window))
    elif shown == "what moved it":
        _draw_changes(history)
    else:
        _draw_total(history)
    st.caption("Drag to move, scroll to zoom, double-click to go back. Days are UTC, as prices are.")
    show_whole(
        "Day by day",
        lambda limit: history.take(list(range(history.num_rows - 1, -1, -1))).slice(0, limit),
        key="days",
        name=f"balance_history_{subject.name}",
        empty="",
        columns=("day", "usd", "change_usd", "moved_usd", "revalued_usd", "transfers", "stale_usd", "unpriced",
                 "negative", "largest_usd", "largest_direction", "largest_tx"),
        note="Change = what came and went + what prices did. Stale: valued at a price older than a day. What moved a "
        "day is told below.",
    )  # fmt: skip
    _show_day(reader, subject, history)
    _show_comparison(reader, subject, history)


def _draw(chart: alt.Chart | alt.LayerChart, key: str, told: str) -> None:
    dressed = chart.properties(height=_HEIGHT, usermeta={"embedOptions": {"actions": False}})
    st.altair_chart(dressed.interactive(bind_y=False), key=key, alt=told)


def _draw_total(history: pa.Table) -> None:
    frame = history.select(["day", "usd", "change_usd", "transfers"]).to_pandas()
    chart = alt.Chart(frame).mark_area(line={"strokeWidth": 1.5}, opacity=0.25, interpolate="step-after").encode(
        x=alt.X("day:T", title=None), y=alt.Y("usd:Q", title=None, axis=_DOLLARS),
        tooltip=[alt.Tooltip("day:T", title="Day (UTC)", format="%Y-%m-%d"),
                 alt.Tooltip("usd:Q", title="USD", format="$,.2f"),
                 alt.Tooltip("change_usd:Q", title="Change", format="$,.2f"),
                 alt.Tooltip("transfers:Q", title="Transfers", format=",")],
    )  # fmt: skip
    _draw(chart, "history_chart", "Value in USD at the end of each day")


def _draw_tokens(tokens: pa.Table) -> None:
    if not tokens.num_rows:
        st.caption("No token with a price was held.")
        return
    frame = tokens.select(["day", "symbol", "token", "usd", "amount"]).to_pandas()
    chart = alt.Chart(frame).mark_line(interpolate="step-after", strokeWidth=1.5).encode(
        x=alt.X("day:T", title=None), y=alt.Y("usd:Q", title=None, axis=_DOLLARS), detail="token:N",
        color=alt.Color("symbol:N", title=None, legend=alt.Legend(orient="bottom")),
        tooltip=[alt.Tooltip("day:T", title="Day (UTC)", format="%Y-%m-%d"), alt.Tooltip("symbol:N", title="Token"),
                 alt.Tooltip("amount:N", title="Amount"), alt.Tooltip("usd:Q", title="USD", format="$,.2f")],
    )  # fmt: skip
    _draw(chart, "token_chart", "Value in USD of the largest tokens at the end of each day")


def _draw_changes(history: pa.Table) -> None:
    chart = alt.Chart(draw_changes(history).to_pandas()).mark_bar().encode(
        x=alt.X("day:T", title=None), y=alt.Y("usd:Q", title=None, axis=_DOLLARS),
        color=alt.Color("cause:N", title=None, legend=alt.Legend(orient="bottom", symbolType="square")),
        tooltip=[alt.Tooltip("day:T", title="Day (UTC)", format="%Y-%m-%d"), alt.Tooltip("cause:N", title="Cause"),
                 alt.Tooltip("usd:Q", title="USD", format="$,.2f")],
    )  # fmt: skip
    _draw(chart, "change_chart", "Change of each day in USD, by what caused it")


def _ask_day(label: str, key: str, default: date) -> date:
    found: date | None = st.date_input(
        label, value=default, min_value=FIRST_DAY, max_value=datetime.now(UTC).date(), key=key, bind="query-params",
        format="YYYY-MM-DD", width=170,
    )  # fmt: skip
    return found or default


def _show_day(reader: Reader, subject: Subject, history: pa.Table) -> None:
    first, last = history["day"][0].as_py(), history["day"][-1].as_py()
    st.subheader("What moved one day")
    day = _ask_day("Day (UTC)", "day", last)
    rows = tabulate_day(reader, subject, day)
    if not rows.num_rows:
        outside = not first <= day <= last
        st.caption(f"{day} lies outside of what was seen: {first} to {last}." if outside
                   else f"Nothing came or went on {day}; what changed, prices did.")  # fmt: skip
        return
    show_table(rows, key="day_rows", columns=("block_time", "direction", "counterparty_name", "symbol", "amount",
                                              "value_usd", "counterparty", "kind", "flags", "tx_hash"))  # fmt: skip
    st.caption(f"The {say_count(rows.num_rows)} largest of the day, in UTC.")


def _show_comparison(reader: Reader, subject: Subject, history: pa.Table) -> None:
    first, last = history["day"][0].as_py(), history["day"][-1].as_py()
    st.subheader("One date against another")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        before = _ask_day("At the end of (UTC)", "date_a", max(first, last - timedelta(days=30)))
        after = _ask_day("against the end of (UTC)", "date_b", last)
    try:
        found = compare_dates(reader, subject, before, after)
    except IntelError as error:
        st.caption(plain(f"{error.message}: {error.hint}."))
        return
    with st.container(horizontal=True, gap="large"):
        st.metric(f"{before}", plain(say_usd(found.totals["usd_a"])), width="content")
        st.metric(f"{after}", plain(say_usd(found.totals["usd_b"])), width="content")
        for name, title in _PARTS.items():
            st.metric(title, plain(say_usd(found.totals[name])), width="content")
    apart = ", ".join(f"{say_count(found.totals[name])} {name}" for name in ("unpriced", "oversize", "spam"))
    show_whole(
        "Token by token",
        lambda limit: found.rows.slice(0, limit),
        key="comparison",
        name=f"holdings_{before}_{after}_{subject.name}",
        empty="Nothing was held on either date.",
        note=f"Apart, and in no sum: {apart}.",
    )
