"""How is a table shown, opened row by row, and downloaded whole?"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import streamlit as st

from intel.export.files import write_batches
from intel.profiler.clock import localise_table
from intel.visible import show_hidden
from pages._clock import read_zone
from pages._columns import describe_column
from pages._links import open_profile
from pages._words import mark_status, say_category, say_words

SHOWN = 1_000  # rows on screen; a download has all

_SLUGS = (
    "heuristic",
    "standing",
    "class",
    "role",
    "relation",
    "kind",
    "dataset",
    "code",
    "level_of_confidence",
    "claim",
    "visibility",
)


def show_table(
    table: pa.Table,
    *,
    key: str,
    columns: tuple[str, ...] | None = None,
    picks: Literal["none", "one", "always"] = "none",
    height: int | str = "auto",
) -> dict[str, Any] | None:
    """Show the rows and return the one that is picked; with `always` the first is picked to begin with."""
    frame = _dress(localise_table(table, read_zone()))
    chosen = st.dataframe(
        frame,
        key=key,
        hide_index=True,
        column_order=columns,
        column_config={name: describe_column(name) for name in frame.column_names},
        placeholder="–",
        on_select="ignore" if picks == "none" else "rerun",
        selection_mode="single-row-required" if picks == "always" else "single-row",
        height=height,
    )
    if picks == "none" or not chosen.selection.rows:
        return None
    row: dict[str, Any] = table.slice(chosen.selection.rows[0], 1).to_pylist()[0]
    return row


def _dress(table: pa.Table) -> pa.Table:
    """Return the table with marks for statuses, words for slugs and separators in amounts."""
    for place, name in enumerate(table.column_names):
        texts = None
        is_amount = name == "amount" or name.startswith("amount_") or name.endswith("_amount")
        if is_amount and pa.types.is_string(table[name].type):
            texts = [None if value is None else f"{Decimal(value):,f}" for value in table[name].to_pylist()]
        elif name == "status":
            texts = [mark_status(value) for value in table[name].to_pylist()]
        elif pa.types.is_boolean(table[name].type):
            texts = ["yes" if value else None for value in table[name].to_pylist()]
        elif pa.types.is_string(table[name].type):
            say = show_hidden if name not in _SLUGS else say_words
            say = say_category if name.endswith("category") else str.lower if name == "family" else say
            texts = [None if value is None else say(value) for value in table[name].to_pylist()]
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
    rows: Callable[[dict[str, Any]], dict[str, object]] | None = None,
    picks: Literal["none", "one", "always"] = "none",
    note: str = "",
) -> dict[str, Any] | None:
    """Show a titled table, up to 1,000 rows of it, with the whole of it to download; return the picked row.

    With `opens`, a picked row opens the profile of the first of these columns that is filled; with `rows`, which gives
    filters and may give the `subject`, the transfers behind the row.
    """
    table = make(SHOWN + 1)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.subheader(title, width="content")
        if table.num_rows:
            offer_download(name, lambda: _split(make(None)), key=key)
    cut = f"The first {SHOWN:,} rows are shown; the download has all." if table.num_rows > SHOWN else ""
    pick = "Pick a row for the transfers behind it." if rows else "Pick a row to open its profile." if opens else ""
    told = " ".join(text for text in (note, pick, cut) if text) if table.num_rows else empty
    if told:
        st.caption(told)
    if not table.num_rows:
        return None
    row = show_table(table.slice(0, SHOWN), key=key, columns=columns, picks="one" if opens or rows else picks)
    if row is not None and (opens or rows):
        filters = {"tab": "Transfers", **rows(row)} if rows else {}
        subject = filters.pop("subject", None) or next((row[column] for column in opens if row[column]), None)
        if subject is not None:
            open_profile(str(subject), **filters)
    return row


def _split(table: pa.Table) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    return table.schema, iter(table.to_batches())
