"""Who is behind each address of a file, however long it is?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from intel.errors import BadInput, UsageError
from intel.model import Tier
from intel.profiler.attribute import OUT_COLUMNS, attribute_addresses
from intel.sources.addresses import CHUNK_ROWS, read_addresses
from intel.store.reader import Reader


@dataclass(frozen=True, slots=True)
class BatchOrder:
    """What is asked of each address of a list."""

    columns: tuple[str, ...] = OUT_COLUMNS
    address_column: str | None = None
    tier: Tier = "probable"
    with_private: bool = True
    is_strict: bool = False  # fail at the first input that is no address
    chunk_rows: int = CHUNK_ROWS  # answered at once, and kept together when the run is killed


def parse_columns(text: str | None) -> tuple[str, ...]:
    """Return the wanted columns of the answer, all for None; UsageError for one that does not exist."""
    names = [name.strip() for name in text.split(",")] if text is not None else list(OUT_COLUMNS)
    unknown = [name for name in names if name not in OUT_COLUMNS]
    if unknown or len(set(names)) < len(names):
        what = f"no column is called {unknown[0]!r}" if unknown else f"a column is named twice in {text!r}"
        raise UsageError(what, f"columns: {', '.join(OUT_COLUMNS)}")
    return tuple(names)


def describe_answer(reader: Reader, order: BatchOrder) -> pa.Schema:
    """Return the schema of the answer."""
    return attribute_addresses(reader, []).select(order.columns).schema


def attribute_file(
    reader: Reader, path: Path, order: BatchOrder, *, skip_rows: int = 0
) -> Iterator[tuple[pa.Table, dict[str, int]]]:
    """Yield the answer chunk by chunk, one row per row of the file, in its order, with the rows per status.

    `skip_rows` leaves out so many rows of the file, which must be whole chunks of an earlier run. Memory does not
    grow with the file. A strict order raises BadInput for the first input that is no address, with its row.
    """
    row = 0
    for texts in read_addresses(path, order.address_column, rows=order.chunk_rows):
        row += len(texts)
        if row <= skip_rows:
            continue
        answer = attribute_addresses(reader, texts, tier=order.tier, with_private=order.with_private)
        if order.is_strict:
            _refuse_junk(path, texts, answer, row - len(texts))
        counts = {str(cell["values"]): int(cell["counts"]) for cell in answer["status"].value_counts().to_pylist()}
        yield answer.select(order.columns), counts


def _refuse_junk(path: Path, texts: pa.Array, answer: pa.Table, rows_before: int) -> None:
    place = answer["status"].index("invalid").as_py()
    if place >= 0:
        row = f"row {rows_before + place + 1} of {path} is {texts[place].as_py()!r}"
        raise BadInput(f"{row}: {answer['reason'][place]}", "leave --strict out to have such rows marked `invalid`")
