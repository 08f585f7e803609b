"""Where do links lead: to a profile, a token, the transfers behind a number?"""

from __future__ import annotations

from typing import NoReturn

import streamlit as st

from intel.model import Subject
from pages._words import plain

SEARCH, PROFILE, EXPLAIN, STORE = ("pages/search.py", "pages/profile.py", "pages/explain.py", "pages/store.py")
TOKEN, CATEGORY, COMPARE, CASES = ("pages/token.py", "pages/category.py", "pages/compare.py", "pages/cases.py")
GRAPH, TRACE = "pages/graph.py", "pages/trace.py"


def link_subject(subject: str, label: str, icon: str | None = None, page: str = PROFILE) -> None:
    """Show a link to the profile of a subject, or to another page about it."""
    st.page_link(page, label=plain(label), icon=icon, query_params={"subject": subject})


# What is chosen about one subject does not hold for the next.
_OWN = {"tab": "Overview", "party": "", "token": "", "direction": "In and out", "least": None, "in_token": "",
        "hides_internal": False, "hides_spam": False, "hides_fees": False, "most": None, "kind": None, "of": None,
        "chain": None, "tx": "", "sort": "time", "newest_first": True, "which": "everybody", "by": "entity",
        "day": None, "date_a": None, "date_b": None}  # fmt: skip


def read_wanted(name: str) -> str:
    """Return what the page is about, by the address of the page.

    When that changes within a session, what was chosen about the former is forgotten, and the address is told again:
    a link from a page to itself changes what the page is about, but not what the browser shows.
    """
    wanted = st.query_params.get(name, "").strip()
    before = st.session_state.get(f"shown_{name}")
    st.session_state[f"shown_{name}"] = wanted
    chosen = st.session_state.pop("rows_wanted", {})
    if chosen or (before is not None and before != wanted):
        for key in set(_OWN) - {name}:
            if _OWN[key] is None:
                st.session_state.pop(key, None)
            else:
                st.session_state[key] = _OWN[key]
        if wanted:
            st.query_params[name] = wanted
    st.session_state.update(chosen)
    return wanted


def open_profile(subject: str, **filters: object) -> NoReturn:
    """Leave this page for the profile of a subject, with a tab and filters of it: the rows behind a number."""
    if "since" in filters or "until" in filters:
        st.session_state["zone_wanted"] = "UTC"  # periods are days of UTC, and so must these be
    st.session_state["rows_wanted"] = filters
    st.switch_page(PROFILE, query_params={"subject": subject})


def _choose(filters: dict[str, object]) -> None:
    st.session_state.update(filters)


def open_rows(label: str, key: str, **filters: object) -> None:
    """Show a button that opens the rows behind a number: a tab of this profile, filtered.

    A link would not do: what the address of the page says of a widget counts only where the widget is new.
    """
    st.button(plain(label), key=key, type="tertiary", on_click=_choose, args=(filters,))


def name_subject(subject: Subject) -> str:
    """Return the text that finds the subject again, in a link or a note."""
    return subject.entity_id or subject.name if subject.kind == "entity" else subject.name


def link_trace(source: str) -> None:
    """Show a link to where the money of a subject went."""
    st.page_link(TRACE, label="Follow the money", icon=":material/timeline:", query_params={"source": source})


def link_search(label: str) -> None:
    """Show a link to the search page."""
    st.page_link(SEARCH, label=label, icon=":material/search:")


def link_token(token: str, label: str) -> None:
    """Show a link to the page of a token."""
    st.page_link(TOKEN, label=plain(label), icon=":material/toll:", query_params={"token": token})
