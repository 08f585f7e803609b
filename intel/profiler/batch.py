"""Who is behind each address of a file, however long it is?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa

from intel.errors import BadInput, UsageError
from intel.model import Tier
from intel.profiler.attribute import OUT_COLUMNS, attribute_addresses
from intel.sources.addresses import read_addresses
from intel.store.reader import Reader


def parse_columns(text: str | None) -> list[str]:
    """Return the wanted columns of the answer, all for None; UsageError for one that does not exist."""
    names = [name.strip() for name in text.split(",")] if text is not None else list(OUT_COLUMNS)
    unknown = [name for name in names if name not in OUT_COLUMNS]
    if unknown or len(set(names)) < len(names):
        what = f"no column is called {unknown[0]!r}" if unknown else f"a column is named twice in {text!r}"
        raise UsageError(what, f"columns: {', '.join(OUT_COLUMNS)}")
    return names


def describe_answer(reader: Reader, columns: list[str]) -> pa.Schema:
    """Return the schema of the answer with these columns."""
    return attribute_addresses(reader, []).select(columns).schema


def attribute_file(
    reader: Reader,
    path: Path,
    columns: list[str],
    *,
    address_column: str | None = None,
    tier: Tier = "probable",
    strict: bool = False,
    tell: Callable[[Counter[str]], None] = lambda counts: None,
) -> Iterator[pa.RecordBatch]:
    """Yield one row per row of the file, in its order, chunk by chunk; memory does not grow with the file.

    `tell` is called after each chunk with the number of rows per status so far. With `strict` the first input that
    is no address raises BadInput with its row.
    """
    counts: Counter[str] = Counter()
    for texts in read_addresses(path, address_column):
        answer = attribute_addresses(reader, texts, tier=tier)
        statuses = answer["status"].to_pylist()
        if strict and "invalid" in statuses:
            place = statuses.index("invalid")
            row = f"row {counts.total() + place + 1} of {path} is {texts[place].as_py()!r}"
            raise BadInput(f"{row}: {answer['reason'][place]}", "leave --strict out to have such rows marked `invalid`")
        counts.update(statuses)
        yield from answer.select(columns).to_batches()
        tell(counts)
