"""Which transfers did the subject make, by direction, counterparty, token, size and more, in which order?"""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import streamlit as st

from intel.errors import IntelError
from intel.model import TRANSFER_KINDS, Subject
from intel.profiler.categories import list_categories
from intel.profiler.coverage import list_chains_seen
from intel.profiler.postings import Window
from intel.profiler.transfers import Direction, PageKey, Sort, TransferFilter, read_page, stream_transfers
from intel.store.reader import Reader
from pages._tables import offer_download, show_table
from pages._words import plain, say_category, say_words

PAGE_ROWS = 100
COLUMNS = ("block_time", "direction", "counterparty_name", "symbol", "amount", "value_usd", "counterparty", "kind",
           "flags", "tx_hash", "address", "token", "block_number", "chain")  # fmt: skip
DIRECTIONS: dict[str, Direction | None] = {"In and out": None, "In": "in", "Out": "out"}
# What one may sort by, as the address of the page has it, and what stands first: descending, ascending.
SORTS: dict[str, tuple[Sort, str, str]] = {
    "time": ("time", "newest", "oldest"),
    "USD": ("value", "largest", "smallest"),
    "amount": ("amount", "largest", "smallest"),
    "counterparty": ("counterparty", "last letter", "first letter"),
    "token": ("token", "last letter", "first letter"),
    "kind": ("kind", "last kind", "first kind"),
    "direction": ("direction", "incoming", "outgoing"),
}


@st.fragment
def show_transfers(reader: Reader, subject: Subject, window: Window) -> None:
    """Show the transfers in pages of 100, with filters; the download takes the same filters and has no limit."""
    wanted = _ask_filter(reader, window)
    title, descending = _ask_order()
    sort, high, low = SORTS[title]
    keys = _page_keys((reader.build_id, subject.name, subject.tier, wanted, sort, descending))
    try:
        page = read_page(
            reader, subject, wanted, limit=PAGE_ROWS, after=keys[-1], sort=sort, descending=descending
        )  # fmt: skip
    except IntelError as error:
        st.warning(plain(f"{error.message}. {error.hint}"), icon=":material/filter_alt_off:")
        return
    first = PAGE_ROWS * (len(keys) - 1)
    order = f"{high if descending else low} first" + ("" if sort == "time" else f", by {title}")
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        if page.rows.num_rows:
            st.caption(f"Rows {first + 1:,} to {first + page.rows.num_rows:,}, {order}", width="content")
        with st.container(horizontal=True, width="content"):
            st.button(
                "Previous",
                disabled=len(keys) == 1,
                icon=":material/chevron_left:",
                key="previous_page",
                on_click=keys.pop,
            )
            st.button(
                "Next",
                disabled=page.next_key is None,
                icon=":material/chevron_right:",
                key="next_page",
                on_click=keys.append,
                args=(page.next_key,),
            )
            offer_download(f"transfers_{subject.name}", lambda: _stream(reader, subject, wanted), key="transfers")
    if page.rows.num_rows:
        show_table(page.rows, key="transfers", columns=COLUMNS, height=600)
    else:
        st.caption("No transfer matches these filters in this period.")


def _ask_filter(reader: Reader, window: Window) -> TransferFilter:
    bound = {"bind": "query-params"}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        direction = st.segmented_control(
            "Direction", list(DIRECTIONS), default="In and out", required=True, key="direction", **bound
        )
        party = st.text_input("Counterparty", key="party", placeholder="name, id or address", width=230, **bound)
        token = st.text_input("Token", key="token", placeholder="symbol, contract or native", width=200, **bound)
        least = st.number_input(
            "At least USD", min_value=0.0, value=None, key="least", placeholder="any", width=140, **bound
        )
        with st.popover("More filters", icon=":material/filter_alt:"):
            most = st.number_input("At most USD", min_value=0.0, value=None, key="most", placeholder="any", **bound)
            kind = _ask_one("Kind", "kind", TRANSFER_KINDS)
            category = _ask_one("Category of the counterparty", "of", list_categories(reader)["category"].to_pylist())
            chain = _ask_one("Chain", "chain", list_chains_seen(reader))
            tx_hash = st.text_input("Transaction", key="tx", placeholder="0x…", **bound)
            hides_spam = st.toggle("Hide spam", key="hides_spam", **bound)
            hides_internal = st.toggle("Hide moves between its own addresses", key="hides_internal", **bound)
            hides_fees = st.toggle("Hide fees", key="hides_fees", **bound)
    return TransferFilter(
        counterparty=(party or "").strip() or None, token=(token or "").strip() or None,
        direction=DIRECTIONS[direction or "In and out"], min_usd=least or None, max_usd=most, kind=kind,
        category=category, chain=chain, tx_hash=(tx_hash or "").strip() or None, window=window,
        hides_spam=hides_spam, hides_internal=hides_internal, hides_fees=hides_fees,
    )  # fmt: skip


def _ask_one(label: str, key: str, options: list[str] | tuple[str, ...]) -> str | None:
    say = say_category if key == "of" else say_words
    return st.selectbox(
        label, options, index=None, key=key, placeholder="any", format_func=say, bind="query-params"
    )  # fmt: skip


def _ask_order() -> tuple[str, bool]:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        title = st.selectbox("Sort all rows by", list(SORTS), key="sort", width=200, bind="query-params")
        return title, st.toggle("Newest or largest first", value=True, key="newest_first", bind="query-params")


def _page_keys(scope: tuple[object, ...]) -> list[PageKey | None]:
    """Return the keys of the pages walked so far; a new scope starts at the first page."""
    if st.session_state.get("transfer_scope") != scope:
        st.session_state["transfer_scope"] = scope
        st.session_state["transfer_keys"] = [None]
    keys: list[PageKey | None] = st.session_state["transfer_keys"]
    return keys


def _stream(reader: Reader, subject: Subject, wanted: TransferFilter) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    schema = read_page(reader, subject, wanted, limit=0).rows.schema
    return schema, stream_transfers(reader, subject, wanted, amounts="text")
