"""Who is the subject, why do we say so, what does it hold and with whom does it deal?"""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from intel.model import Profile, Subject
from intel.profiler.judge import list_judgements_about
from intel.profiler.postings import EXCHANGE_CATEGORIES, Window
from intel.profiler.profile import build_profile
from intel.profiler.subjects import resolve_subject
from intel.store.reader import Reader
from pages._ask import ask_subject
from pages._balance import show_balance
from pages._clock import ask_period
from pages._dealings import show_exchanges, show_holdings
from pages._exposure import show_exposure
from pages._frame import show_page
from pages._gains import show_gains
from pages._header import show_caveats, show_figures, show_header
from pages._judge import show_judgements
from pages._links import GRAPH, link_subject, link_trace, name_subject, read_wanted
from pages._notes import show_notebook
from pages._partners import show_counterparties
from pages._proof import show_coverage, show_evidence, show_labels, show_members
from pages._transfers import show_transfers
from pages._venue import show_deposit_addresses, show_venue

Show = Callable[[Reader, Subject, Profile, Window], None]


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
        return tier, ask_period()


def show_overview(reader: Reader, subject: Subject, profile: Profile, window: Window) -> None:
    """Show holdings, counterparties and exchange usage."""
    show_holdings(reader, subject, profile, window)
    show_counterparties(reader, subject, window)
    show_exchanges(reader, subject, profile, window)
    show_deposit_addresses(reader, subject, window)


def show_proof(reader: Reader, subject: Subject, _profile: Profile, _window: Window) -> None:
    """Show the labels and the evidence."""
    show_labels(reader, subject)
    show_evidence(reader, subject)


def list_tabs(subject: Subject, profile: Profile) -> dict[str, Show]:
    """Return what each tab shows; only a tab that is open is read."""
    tabs: dict[str, Show] = {"Overview": show_overview}
    if profile.entity and subject.kind == "entity" and profile.entity["category"] in EXCHANGE_CATEGORIES:
        tabs["Exchange"] = lambda reader, subject, _, window: show_venue(reader, subject, window)
    tabs["Balance"] = show_balance
    tabs["PnL"] = show_gains
    tabs["Exposure"] = lambda reader, subject, _, window: show_exposure(reader, subject, window)
    tabs["Transfers"] = lambda reader, subject, _, window: show_transfers(reader, subject, window)
    tabs["Evidence"] = show_proof
    if subject.kind == "entity":
        tabs["Addresses"] = lambda reader, subject, *_: show_members(reader, subject)
    tabs["Coverage"] = lambda _reader, _subject, profile, _window: show_coverage(profile)
    return tabs


def show_subject(reader: Reader, text: str) -> None:
    """Show the whole profile, the parts that are looked at last only when their tab is open."""
    resolve_subject(reader, text)  # what names nobody is told before anything is drawn
    slot = st.container()
    with st.container(horizontal=True, gap="small", key="bar"):
        tier, window = ask_scope()
        notebook = st.container(horizontal=True, gap="small", vertical_alignment="center")
    subject, profile = load_profile(reader, reader.build_id, text, tier, window)
    with notebook:
        show_notebook(reader, name_subject(subject))
        link_subject(name_subject(subject), "Graph", ":material/share:", GRAPH)
        link_trace(name_subject(subject))
    with slot:
        show_header(reader, subject, profile)
        # Read anew each time: what was judged a moment ago is not in the kept profile.
        show_judgements(reader, list_judgements_about(reader, [subject])[0])
        show_figures(profile)
        show_caveats(profile)
    shown = list_tabs(subject, profile)
    for tab, show in zip(st.tabs(tuple(shown), key="tab", bind="query-params"), shown.values(), strict=True):
        if tab.open:
            with tab:
                show(reader, subject, profile, window)


def show_profile(reader: Reader) -> None:
    """Show the page."""
    wanted = read_wanted("subject")
    if wanted:
        show_subject(reader, wanted)
    else:
        st.title("Whose profile?")
        ask_subject(reader)


show_page(show_profile)
