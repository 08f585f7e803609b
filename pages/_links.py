"""Where do links lead: to a profile, a token, the transfers behind a number?"""

from __future__ import annotations

import streamlit as st

from intel.model import Subject
from pages._words import plain

SEARCH, PROFILE, EXPLAIN, STORE = ("pages/search.py", "pages/profile.py", "pages/explain.py", "pages/store.py")
TOKEN, CATEGORY, COMPARE, CASES = ("pages/token.py", "pages/category.py", "pages/compare.py", "pages/cases.py")


def link_subject(subject: str, label: str, icon: str | None = None) -> None:
    """Show a link to the profile of a subject."""
    st.page_link(PROFILE, label=plain(label), icon=icon, query_params={"subject": subject})


def link_why(subject: Subject, **filters: str) -> None:
    """Show a small link to what stands behind a number."""
    st.page_link(PROFILE, label="Why?", query_params={"subject": name_subject(subject)} | filters)


def link_rows(subject: Subject, label: str, party: str | None = None, **filters: str) -> None:
    """Show a link to the transfers behind a number."""
    query = {"subject": name_subject(subject), "tab": "Transfers"} | filters | ({"party": party} if party else {})
    st.page_link(PROFILE, label=plain(label), icon=":material/list:", query_params=query)


def name_subject(subject: Subject) -> str:
    """Return the text that finds the subject again, in a link or a note."""
    return subject.entity_id or subject.name if subject.kind == "entity" else subject.name


def link_search(label: str) -> None:
    """Show a link to the search page."""
    st.page_link(SEARCH, label=label, icon=":material/search:")


def link_token(token: str, label: str) -> None:
    """Show a link to the page of a token."""
    st.page_link(TOKEN, label=plain(label), icon=":material/toll:", query_params={"token": token})
