"""What do all pages share: the build they hold, and how errors are told?"""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st
from streamlit.runtime.pages_manager import PagesManager

from intel.config import read_settings
from intel.errors import AmbiguousSubject, BadInput, IntelError, NoSnapshot, UnknownSubject, UsageError
from intel.store.reader import Reader
from intel.store.snapshot import current_build
from pages._clock import read_zone
from pages._links import link_subject
from pages._trouble import offer_choice, tell_failure, tell_unknown

# Only ours: the tables' own download would write the rows on screen instead of all, and formulas as they are.
_STYLE = """<style>
[data-testid="stElementToolbarButton"]:has(button[aria-label="Download as CSV"]) { display: none; }
[data-testid="stMetricLabel"] { opacity: 0.75; }
[data-testid="stMainBlockContainer"] { max-width: 1320px; }
[data-testid="stCode"] pre { padding: 0.45rem 2.6rem 0.45rem 0.7rem; }
[data-testid="stHeading"] h1 { padding-top: 0; }
[data-testid="stMain"] [data-testid="stPageLink-NavLink"] { background: transparent; }
[data-testid="stMain"] [data-testid="stPageLink-NavLink"] p { font-weight: 400; }
[data-testid="stMain"] [data-testid="stPageLink-NavLink"]:hover p { text-decoration: underline; }
[data-testid="stCaptionContainer"] { opacity: 0.9; }
[data-testid="stCaptionContainer"] p { color: light-dark(#55616d, #aab6c1); }
.stHorizontalBlock { row-gap: 0.5rem; }
.st-key-figures button { padding: 0; min-height: 0; }
.st-key-figures button p { font-size: 0.8rem; opacity: 0.75; text-decoration: underline; }
.st-key-clock { margin-bottom: -2.6rem; z-index: 2; }
</style>"""


@st.cache_resource(max_entries=3, show_spinner=False)
def _open_build(store: str, build_id: str) -> Reader:
    return Reader(store, build_id)


def hold_reader() -> Reader:
    """Return the reader of the build that this session holds; it changes only when the user asks for the newer one."""
    store = str(read_settings().store.absolute())
    if "build_id" not in st.session_state:
        st.session_state["build_id"] = Reader(store).build_id
    try:
        return _open_build(store, st.session_state["build_id"])
    except NoSnapshot:  # collected meanwhile
        st.session_state["build_id"] = Reader(store).build_id
        return _open_build(store, st.session_state["build_id"])


def _take_newest() -> None:
    st.session_state.pop("build_id", None)


def _tell_newer(reader: Reader) -> None:
    newest = current_build(reader.store)
    if newest != reader.build_id:
        with st.container(horizontal=True, vertical_alignment="center", key="newer_build"):
            st.caption(f"This page shows build `{reader.build_id}`. A newer build, `{newest}`, is available.")
            st.button("Show the newer build", on_click=_take_newest, type="tertiary", icon=":material/update:")


def _let_app_lead() -> None:
    """Start again from app.py where Streamlit took each file of pages/ for a page of its own.

    It does so until app.py has named the pages once: when the first visit of a server follows a deep link.
    """
    if PagesManager.uses_pages_directory:
        PagesManager.uses_pages_directory = False
        st.rerun()


def show_page(show: Callable[[Reader], None], link: Callable[[str, str], object] = link_subject) -> None:
    """Show a page that holds one build from first to last query; errors become a message with the next step.

    `link` shows a link to one of the things that an ambiguous name may mean.
    """
    _let_app_lead()
    st.html(_STYLE)
    reader: Reader | None = None
    try:
        reader = hold_reader()
        _tell_newer(reader)
        show(reader)
    except AmbiguousSubject as error:
        offer_choice(error, link)
    except UnknownSubject as error:
        tell_unknown(error, reader)
    except (BadInput, UsageError) as error:
        tell_failure(error, st.warning, ":material/edit:")
    except IntelError as error:
        tell_failure(error, st.error, ":material/error:")
    if reader is not None:
        st.caption(
            f"Build `{reader.build_id}` · times: {read_zone()} · everything on this page comes from this machine."
        )
