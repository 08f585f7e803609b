"""How is it told that something is unknown, ambiguous, malformed or broken?"""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from intel.errors import AmbiguousSubject, IntelError, UnknownSubject
from intel.profiler.coverage import describe_chain, list_chains_seen
from intel.store.reader import Reader
from pages._links import STORE, link_search
from pages._words import plain, say_day, say_words


def offer_choice(error: AmbiguousSubject, link: Callable[[str, str], object]) -> None:
    """Offer what a name may mean."""
    st.subheader("Which one is meant?")
    st.markdown(plain(_begin(error.message)) + ".")
    for entity_id, name in error.candidates:
        link(entity_id, f"{name} ({entity_id})")


def tell_failure(error: IntelError, show: Callable[..., object], icon: str) -> None:
    """Say what is wrong and what to do."""
    st.title("Not understood" if show is st.warning else "This cannot be shown")
    show(plain(_begin(error.message)), icon=icon)
    if error.hint:
        st.markdown("**What to do**")
        st.text(error.hint)  # as it is: it may be a command to copy
    link_search("Back to search")


def _begin(message: str) -> str:
    return message[:1].upper() + message[1:] if not message.startswith("0x") else message


def tell_unknown(error: UnknownSubject, reader: Reader | None) -> None:
    """Say that nobody goes by this, and what was seen."""
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
