"""How is a file of addresses answered into another file, so that a killed run can go on where it was?"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from intel.errors import BadInput, UsageError
from intel.export.files import check_ending
from intel.export.parts import TableParts, open_parts
from intel.parts import code_version
from intel.profiler.batch import BatchOrder, attribute_file, describe_answer
from intel.sources.addresses import measure_addresses
from intel.store.reader import Reader

Tell = Callable[..., None]


def label_file(
    store: Path,
    path: Path,
    out: Path,
    order: BatchOrder,
    *,
    build_id: str | None = None,
    resume: bool = False,
    tell: Tell = lambda done, total, **facts: None,
) -> tuple[str, dict[str, int]]:
    """Write one row per address of a list, in its order, and return the build and the rows per status.

    The finished part of a killed run stays beside `out`; with `resume` it is kept, and the answer comes from the same
    build and equals that of an undisturbed run. `tell` is called with done, total and the facts `rate` (per second),
    `left` (seconds), `rows` and `statuses`. `build_id` None is the current build.

    Raises what `read_addresses` and `open_parts` do, and UsageError for a resume with another list, order or code.
    """
    check_ending(out)
    facts = measure_addresses(path)
    if out.exists() and out.samefile(path):
        raise UsageError(f"{out} is the list itself", "name another file for the answer")
    with open_parts(out) as parts:
        begun = parts.plan.get("build") if resume and parts.plan else None
        with Reader(store, build_id or (str(begun) if begun else None)) as reader:
            parts.start(_write_plan(facts.digest, order, reader.build_id), resume=resume)
            counts = _fill_parts(parts, reader, path, order, _Pace(facts.rows, tell))
            parts.publish(out, describe_answer(reader, order))
            return reader.build_id, dict(sorted(counts.items()))


def _write_plan(digest: str, order: BatchOrder, build_id: str) -> dict[str, object]:
    asked = {**asdict(order), "columns": list(order.columns)}
    return {"list": digest, "build": build_id, **asked, "code": code_version()}


def _fill_parts(parts: TableParts, reader: Reader, path: Path, order: BatchOrder, pace: _Pace) -> Counter[str]:
    counts: Counter[str] = Counter()
    for statuses in parts.list_facts():
        counts.update(statuses)
    pace.begin(counts)
    try:
        for table, statuses in attribute_file(reader, path, order, skip_rows=counts.total()):
            parts.append(table, statuses)
            counts.update(statuses)
            pace.move(counts)
    except BadInput:
        parts.remove()  # the list itself is at fault: there is nothing to go on with
        raise
    pace.end(counts)
    return counts


class _Pace:
    """How quickly it goes, and how long it will take."""

    def __init__(self, total: int, tell: Tell) -> None:
        self._total, self._tell = total, tell
        self._begun, self._before, self._told = time.perf_counter(), 0, -1

    def begin(self, counts: Counter[str]) -> None:
        """Take the rows of an earlier run out of the rate."""
        self._before = counts.total()

    def move(self, counts: Counter[str]) -> None:
        """Tell how far it is."""
        self._told, total = counts.total(), max(self._total, counts.total())
        rate = (self._told - self._before) / max(time.perf_counter() - self._begun, 1e-6)
        left = (total - self._told) / rate if rate else None
        self._tell(self._told, total, rate=rate, left=left, rows=self._told, statuses=dict(sorted(counts.items())))

    def end(self, counts: Counter[str]) -> None:
        """Tell the end, where lines and rows were not the same."""
        self._total = counts.total()
        if self._told != self._total:
            self.move(counts)
