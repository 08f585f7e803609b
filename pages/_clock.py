"""By whose clock are times shown, and days counted?"""

from __future__ import annotations

from datetime import UTC, date, datetime

import streamlit as st

from intel.profiler.clock import list_zones, open_window
from intel.profiler.postings import Window

FIRST_DAY = date(2009, 1, 3)  # no ledger is older


def ask_zone() -> None:
    """Ask for the time zone; it stands in the address of the page and holds for all pages."""
    wanted = st.session_state.pop("zone_wanted", None)
    if wanted is not None:
        st.session_state["zone"] = wanted
    with (
        st.container(horizontal=True, horizontal_alignment="right", key="clock"),
        st.popover(read_zone(), icon=":material/schedule:", type="tertiary", help="Time zone of this page"),
    ):
        st.selectbox("Time zone", list_zones(), key="zone", bind="query-params", persist_state="session")
        st.caption(
            "Times are shown in this zone. Prices are of UTC days, so charts and tables by day, week or month count "
            "UTC days and say so."
        )


def read_zone() -> str:
    """Return the zone in which times are shown."""
    named = st.session_state.get("zone") or st.query_params.get("zone")
    return named if named in list_zones() else "UTC"


def ask_period() -> Window:
    """Ask which days count; they stand in the address of the page."""
    today = datetime.now(UTC).date()
    limits = {"value": None, "min_value": FIRST_DAY, "max_value": today, "format": "YYYY-MM-DD"}
    since = st.date_input("From", key="since", bind="query-params", **limits)
    until = st.date_input("Until and including", key="until", bind="query-params", **limits)
    st.caption(f"Empty: all that was seen. Days begin by the clock of {read_zone()}.")
    return open_window(since, until, read_zone())
