"""Which transfers did the subject make, by direction, counterparty, token and size?"""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import streamlit as st

from intel.errors import IntelError
from intel.model import Subject
from intel.profiler.postings import Window
from intel.profiler.transfers import Direction, PageKey, TransferFilter, read_page, stream_transfers
from intel.store.reader import Reader
from pages._tables import offer_download, show_table
from pages._words import plain

PAGE_ROWS = 100
COLUMNS = ("block_time", "direction", "counterparty_name", "symbol", "amount", "value_usd", "counterparty", "kind",
           "flags", "tx_hash", "address", "token", "block_number", "chain")  # fmt: skip
DIRECTIONS: dict[str, Direction | None] = {"In and out": None, "In": "in", "Out": "out"}


@st.fragment
def show_transfers(reader: Reader, subject: Subject, window: Window) -> None:
    """Show the transfers in pages of 100, with filters; the download takes the same filters and has no limit."""
    wanted, newest_first = _ask_filter(window)
    keys = _page_keys((reader.build_id, subject.name, subject.tier, wanted, newest_first))
    try:
        page = read_page(reader, subject, wanted, limit=PAGE_ROWS, after=keys[-1], newest_first=newest_first)
    except IntelError as error:
        st.warning(plain(f"{error.message}. {error.hint}"), icon=":material/filter_alt_off:")
        return
    first = PAGE_ROWS * (len(keys) - 1)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        if page.rows.num_rows:
            st.caption(
                f"Rows {first + 1:,} to {first + page.rows.num_rows:,}, {'newest' if newest_first else 'oldest'} first"
            )
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


def _ask_filter(window: Window) -> tuple[TransferFilter, bool]:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        direction = st.segmented_control(
            "Direction", list(DIRECTIONS), default="In and out", required=True, key="direction", bind="query-params"
        )
        party = st.text_input(
            "Counterparty", key="party", bind="query-params", placeholder="name, id or address", width=260
        )
        token = st.text_input(
            "Token", key="token", bind="query-params", placeholder="symbol, contract or native", width=200
        )
        least = st.number_input(
            "At least USD", min_value=0.0, value=None, key="least", bind="query-params", placeholder="any", width=140
        )
        hides_spam = st.toggle("Hide spam", key="hides_spam", bind="query-params")
        hides_internal = st.toggle(
            "Hide own", key="hides_internal", bind="query-params", help="Moves between its addresses"
        )
        newest_first = st.toggle("Newest first", value=True, key="newest_first", bind="query-params")
    wanted = TransferFilter(
        counterparty=(party or "").strip() or None,
        token=(token or "").strip() or None,
        direction=DIRECTIONS[direction or "In and out"],
        min_usd=least or None,
        window=window,
        hides_spam=hides_spam,
        hides_internal=hides_internal,
    )
    return wanted, newest_first


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
