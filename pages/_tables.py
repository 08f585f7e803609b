"""How is a table shown, opened row by row, and downloaded whole?"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import streamlit as st

from intel.export.files import write_batches
from pages._columns import COLUMNS
from pages._frame import PROFILE
from pages._words import mark_status, say_words

SHOWN = 1_000  # rows on screen; a download has all

_SLUGS = ("category", "role", "relation", "kind", "dataset", "code")


def show_table(
    table: pa.Table,
    *,
    key: str,
    columns: tuple[str, ...] | None = None,
    opens: tuple[str, ...] = (),
    height: int | str = "auto",
) -> None:
    """Show the rows; a row that is picked opens the profile of the first of its `opens` columns that is filled."""
    frame = _dress(table)
    picked = st.dataframe(
        frame,
        key=key,
        hide_index=True,
        column_order=columns,
        column_config={name: COLUMNS.get(name, say_words(name).capitalize()) for name in frame.column_names},
        placeholder="–",
        on_select="rerun" if opens else "ignore",
        selection_mode="single-row",
        height=height,
    )
    if opens and picked.selection.rows:
        row = table.slice(picked.selection.rows[0], 1).to_pylist()[0]
        subject = next((row[name] for name in opens if row[name]), None)
        if subject is not None:
            st.switch_page(PROFILE, query_params={"subject": str(subject)})


def _dress(table: pa.Table) -> pa.Table:
    """Return the table with marks for statuses, words for slugs and separators in amounts."""
    for place, name in enumerate(table.column_names):
        texts = None
        if name == "amount":
            texts = [None if value is None else f"{Decimal(value):,f}" for value in table[name].to_pylist()]
        elif name == "status":
            texts = [mark_status(value) for value in table[name].to_pylist()]
        elif name in _SLUGS and pa.types.is_string(table[name].type):
            texts = [None if value is None else say_words(value) for value in table[name].to_pylist()]
        if texts is not None:
            table = table.set_column(place, name, pa.array(texts, pa.string()))
    return table


def offer_download(name: str, make: Callable[[], tuple[pa.Schema, Iterator[pa.RecordBatch]]], *, key: str) -> None:
    """Offer a table whole as CSV, made when it is asked for; no row limit, and no cell that a spreadsheet would run."""

    def write() -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "table.csv"
            write_batches(path, *make())
            return path.read_bytes()

    st.download_button(
        "Download all (CSV)",
        data=write,
        file_name=re.sub(r"[^\w.-]+", "_", name) + ".csv",
        mime="text/csv",
        key=f"download_{key}",
        on_click="ignore",
        icon=":material/download:",
        type="tertiary",
    )


def show_whole(
    title: str,
    make: Callable[[int | None], pa.Table],
    *,
    key: str,
    name: str,
    empty: str,
    columns: tuple[str, ...] | None = None,
    opens: tuple[str, ...] = (),
    note: str | None = None,
) -> None:
    """Show a titled table, up to 1,000 rows of it, with the whole of it to download."""
    table = make(SHOWN + 1)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.subheader(title, width="content")
        if table.num_rows:
            offer_download(name, lambda: _split(make(None)), key=key)
    cut = f"The first {SHOWN:,} rows are shown; the download has all." if table.num_rows > SHOWN else None
    told = [text for text in (note, cut) if text] if table.num_rows else [empty]
    if any(told):
        st.caption(" ".join(told))
    if not table.num_rows:
        return
    show_table(table.slice(0, SHOWN), key=key, columns=columns, opens=opens)


def _split(table: pa.Table) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    return table.schema, iter(table.to_batches())
