"""What does the subject hold, and which exchanges does it use?"""

from __future__ import annotations

import altair as alt
import pyarrow as pa
import streamlit as st

from intel.model import Profile, Subject
from intel.profiler.postings import Window
from intel.profiler.sheets import (
    draw_usage,
    sheet_holdings,
    sheet_usage,
    sheet_usage_over_time,
)
from intel.store.reader import Reader
from pages._flows import find_period
from pages._links import name_subject
from pages._tables import show_whole

HOLDINGS_NOTE = {
    "balance": "History is whole, so these are balances.",
    "net flow over the window": "Received minus sent over what was seen. Not a balance: history is not whole.",
    "held for customers": "A custodian holds these for its customers; they are not its own wealth.",
    "held for customers, net flow over the window": "Received minus sent over what was seen, for customers. Not a "
    "balance: history is not whole.",
}


def show_holdings(reader: Reader, subject: Subject, profile: Profile, window: Window) -> None:
    """Show what is held, or what came and went, under its exact name."""
    show_whole(
        f"Holdings: {profile.holdings_title}",
        lambda limit: sheet_holdings(reader, subject, window, limit=limit),
        key="holdings",
        name=f"holdings_{subject.name}",
        empty="Nothing is held: everything that came in went out again, or nothing came in.",
        columns=("symbol", "amount", "value_usd", "share", "price_date", "chain", "token", "token_id", "flags"),
        rows=lambda row: {"subject": name_subject(subject), "token": row["token"], "chain": row["chain"]},
        note=HOLDINGS_NOTE.get(profile.holdings_title, ""),
    )


def show_exchanges(reader: Reader, subject: Subject, profile: Profile, window: Window) -> None:
    """Show what went to exchanges and came back, in total and month by month."""
    show_whole(
        "Exchange usage",
        lambda _limit: sheet_usage(reader, subject, window),
        key="usage",
        name=f"exchange_usage_{subject.name}",
        empty="No transfer to or from another exchange was seen in this period.",
        columns=("name", "deposits", "deposited_usd", "withdrawals", "withdrawn_usd", "first_time", "last_time"),
        rows=lambda row: {"subject": name_subject(subject), "party": row["exchange"], "hides_spam": True},
        note="To their wallets and deposit addresses, at the tier chosen above.",
    )
    if profile.exchange_usage:
        over_time = sheet_usage_over_time(reader, subject, window)
        st.caption("USD per month (UTC): deposits above the line, withdrawals below. Scroll to zoom.")
        _show_chart(draw_usage(over_time))
        show_whole(
            "Exchange usage by month",
            lambda _limit: over_time,
            key="usage_months",
            name=f"exchange_usage_by_month_{subject.name}",
            empty="",
            columns=("period", "name", "deposits", "deposited_usd", "withdrawals", "withdrawn_usd"),
            rows=lambda row: {"subject": name_subject(subject), **find_period(row, "month"), "party": row["exchange"]},
        )


def _show_chart(bars: pa.Table) -> None:
    chart = (
        alt.Chart(bars.to_pandas())
        .mark_bar()
        .encode(
            x=alt.X("yearmonth(period):T", title=None, axis=alt.Axis(format="%b %Y", labelOverlap=True)),
            y=alt.Y("usd:Q", title=None, axis=alt.Axis(format="$,.2~s", tickCount=5)),
            color=alt.Color("name:N", title=None, legend=alt.Legend(orient="bottom", symbolType="square")),
            tooltip=[
                alt.Tooltip("name:N", title="Exchange"),
                alt.Tooltip("yearmonth(period):T", title="Month", format="%B %Y"),
                alt.Tooltip("direction:N", title="Direction"),
                alt.Tooltip("usd:Q", title="USD", format="$,.2f"),
                alt.Tooltip("transfers:Q", title="Transfers", format=","),
            ],
        )
        .properties(height=260, usermeta={"embedOptions": {"actions": False}})
    )
    st.altair_chart(
        chart.interactive(bind_y=False), key="usage_chart", alt="Deposits to and withdrawals from exchanges by month"
    )
