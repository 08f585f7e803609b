"""What do all pages share: the build they hold, how errors are told, and the way to another subject?"""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st
from streamlit.runtime.pages_manager import PagesManager

from intel.config import read_settings
from intel.errors import AmbiguousSubject, BadInput, IntelError, NoSnapshot, UnknownSubject, UsageError
from intel.profiler.coverage import describe_chain, list_chains_seen
from intel.store.reader import Reader
from intel.store.snapshot import current_build
from pages._words import plain, say_day, say_words

SEARCH, PROFILE, EXPLAIN, STORE = ("pages/search.py", "pages/profile.py", "pages/explain.py", "pages/store.py")

# Only ours: the tables' own download would write the rows on screen instead of all, and formulas as they are.
_STYLE = """<style>
[data-testid="stElementToolbarButton"]:has(button[aria-label="Download as CSV"]) { display: none; }
[data-testid="stMetricLabel"] { opacity: 0.75; }
[data-testid="stMainBlockContainer"] { max-width: 1320px; }
[data-testid="stHeading"] h1 { padding-top: 0; }
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


def show_page(show: Callable[[Reader], None]) -> None:
    """Show a page that holds one build from first to last query; errors become a message with the next step."""
    _let_app_lead()
    st.html(_STYLE)
    reader: Reader | None = None
    try:
        reader = hold_reader()
        _tell_newer(reader)
        show(reader)
    except AmbiguousSubject as error:
        _offer_choice(error)
    except UnknownSubject as error:
        _tell_unknown(error, reader)
    except (BadInput, UsageError) as error:
        _tell_failure(error, st.warning, ":material/edit:")
    except IntelError as error:
        _tell_failure(error, st.error, ":material/error:")
    if reader is not None:
        st.caption(f"Build `{reader.build_id}` · times are UTC · everything on this page comes from this machine.")


def _offer_choice(error: AmbiguousSubject) -> None:
    st.subheader("Which one is meant?")
    st.markdown(plain(_begin(error.message)) + ".")
    for entity_id, name in error.candidates:
        link_subject(entity_id, f"{name} ({entity_id})")


def _tell_failure(error: IntelError, show: Callable[..., object], icon: str) -> None:
    show(plain(_begin(error.message)), icon=icon)
    if error.hint:
        st.markdown("**What to do**")
        st.text(error.hint)  # as it is: it may be a command to copy
    link_search("Back to search")


def _begin(message: str) -> str:
    return message[:1].upper() + message[1:] if not message.startswith("0x") else message


def _tell_unknown(error: UnknownSubject, reader: Reader | None) -> None:
    st.caption("Not in this store")
    st.title("Unknown")
    st.badge("Unknown", icon=":material/help:", color="gray")
    st.markdown(plain(_begin(error.message)) + ".")
    if "unknown is not clean" in error.hint and reader is not None:
        st.markdown(
            "It may have been active outside the blocks below, on another chain, or in ways that transfers do not "
            "show. **Unknown is not clean.**"
        )
        _tell_seen(reader)
    elif error.hint:
        st.text(_begin(error.hint))
    link_search("Search again")


def _tell_seen(reader: Reader) -> None:
    st.subheader("What this store has seen")
    for chain in list_chains_seen(reader):
        seen = describe_chain(reader, chain)
        blocks = [kind for kind in seen["kinds"] if kind["dataset"] == "transfers"]
        kinds = ", ".join(say_words(kind["kind"] or "any kind") for kind in blocks) or "no transfers"
        holes = "without a hole" if not any(kind["holes"] for kind in blocks) else "with holes"
        days = f"{say_day(seen['first_time'])} to {say_day(seen['last_time'])}, {holes}"
        st.markdown(f"**{plain(chain)}** · {plain(days)}  \n{plain(kinds)}")
    st.page_link(STORE, label="Coverage, block by block", icon=":material/inventory_2:")


def link_subject(subject: str, label: str, icon: str | None = None) -> None:
    """Show a link to the profile of a subject."""
    st.page_link(PROFILE, label=plain(label), icon=icon, query_params={"subject": subject})


def link_search(label: str) -> None:
    """Show a link to the search page."""
    st.page_link(SEARCH, label=label, icon=":material/search:")
