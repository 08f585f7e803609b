"""Who is the subject, why do we say so, what does it hold and with whom does it deal?"""

from __future__ import annotations

from datetime import UTC, date, datetime

import streamlit as st

from intel.model import Profile, Subject
from intel.profiler.judge import list_judgements_about
from intel.profiler.postings import Window, parse_window
from intel.profiler.profile import build_profile
from intel.profiler.subjects import resolve_subject
from intel.store.reader import Reader
from pages._ask import ask_subject
from pages._dealings import show_counterparties, show_exchanges, show_holdings
from pages._frame import show_page
from pages._header import show_caveats, show_figures, show_header
from pages._judge import show_judgements
from pages._proof import show_coverage, show_evidence, show_labels, show_members
from pages._transfers import show_transfers

FIRST_DAY = date(2009, 1, 3)  # no ledger is older
TABS = ("Overview", "Transfers", "Evidence", "Addresses", "Coverage")


@st.cache_resource(max_entries=64, show_spinner="Reading the ledger …")
def load_profile(_reader: Reader, build_id: str, text: str, tier: str, window: Window) -> tuple[Subject, Profile]:
    """Return the subject and its profile; kept per build, so that filters and tabs answer at once."""
    assert build_id == _reader.build_id
    subject = resolve_subject(_reader, text, "probable" if tier == "probable" else "confirmed")
    return subject, build_profile(_reader, subject, window)


def ask_scope() -> tuple[str, Window]:
    """Ask which members and which period count; both stand in the address of the page."""
    with st.popover("Period and members", icon=":material/tune:", type="tertiary"):
        tier = st.radio(
            "Members of the entity",
            ("confirmed", "probable"),
            key="tier",
            bind="query-params",
            captions=("only what is certain enough to merge", "likely members too"),
        )
        today = datetime.now(UTC).date()
        limits = {"value": None, "min_value": FIRST_DAY, "max_value": today, "format": "YYYY-MM-DD"}
        since = st.date_input("From (UTC)", key="since", bind="query-params", **limits)
        until = st.date_input("Until and including (UTC)", key="until", bind="query-params", **limits)
        st.caption("Empty: all that was seen.")
    return tier, parse_window(since, until)


def show_overview(reader: Reader, subject: Subject, profile: Profile, window: Window) -> None:
    """Show holdings, counterparties and exchange usage."""
    show_holdings(reader, subject, profile, window)
    show_counterparties(reader, subject, window)
    show_exchanges(reader, subject, profile, window)


def show_subject(reader: Reader, text: str) -> None:
    """Show the whole profile, the parts that are looked at last only when their tab is open."""
    resolve_subject(reader, text)  # what names nobody is told before anything is drawn
    slot = st.container()
    bar = st.container()
    with bar:
        tier, window = ask_scope()
    subject, profile = load_profile(reader, reader.build_id, text, tier, window)
    with slot:
        show_header(reader, subject, profile)
        # Read anew each time: what was judged a moment ago is not in the kept profile.
        show_judgements(reader, list_judgements_about(reader, [subject])[0])
        show_figures(profile)
        show_caveats(profile)
    names = [name for name in TABS if name != "Addresses" or subject.kind == "entity"]
    tabs = dict(zip(names, st.tabs(names, key="tab", bind="query-params"), strict=True))
    if tabs["Overview"].open:
        with tabs["Overview"]:
            show_overview(reader, subject, profile, window)
    if tabs["Transfers"].open:
        with tabs["Transfers"]:
            show_transfers(reader, subject, window)
    if tabs["Evidence"].open:
        with tabs["Evidence"]:
            show_labels(reader, subject)
            show_evidence(reader, subject)
    if "Addresses" in tabs and tabs["Addresses"].open:
        with tabs["Addresses"]:
            show_members(reader, subject)
    if tabs["Coverage"].open:
        with tabs["Coverage"]:
            show_coverage(profile)


def show_profile(reader: Reader) -> None:
    """Show the page."""
    wanted = st.query_params.get("subject", "").strip()
    if wanted:
        show_subject(reader, wanted)
    else:
        st.title("Whose profile?")
        ask_subject(reader)


show_page(show_profile)
