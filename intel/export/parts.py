"""How does a long table outlive a killed run? It is kept in finished parts until it is whole."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from intel.errors import BadInput, UsageError
from intel.export.files import check_ending, open_writer
from intel.store.lake import lock_file

_PLAN = "plan.json"
_FACTS = b"facts"


class TableParts:
    """The finished parts of a table in the making, in a folder beside the file that it will be.

    A part is a file that takes its name when it is whole. `plan` is the JSON of what the table is made from.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.plan = self._read_plan()

    def start(self, plan: Mapping[str, object], *, resume: bool) -> None:
        """Keep the finished parts of the same plan where `resume` says so, else begin anew.

        Raises UsageError where the parts are those of another plan.
        """
        if resume and self.plan is not None:
            other = sorted(name for name in plan if self.plan.get(name) != plan[name])
            if other:
                name = other[0]
                what = f"{name} was {self.plan.get(name)!r} and is {plan[name]!r} now"
                raise UsageError(f"the unfinished run cannot be resumed: {what}", "leave --resume out to begin anew")
            return
        for path in self._folder.iterdir():
            if path.name != "lock":
                path.unlink()
        self._write(_PLAN, json.dumps(dict(plan)).encode())
        self.plan = dict(plan)

    def list_facts(self) -> list[dict[str, int]]:
        """Return the facts kept with each finished part, in order."""
        found = []
        for path in self._list_parts():
            metadata = pq.read_schema(path).metadata or {}
            found.append({str(k): int(v) for k, v in json.loads(metadata[_FACTS]).items()})
        return found

    def append(self, table: pa.Table, facts: Mapping[str, int]) -> None:
        """Add the next part."""
        sink = pa.BufferOutputStream()
        pq.write_table(table.replace_schema_metadata({_FACTS: json.dumps(dict(facts))}), sink, compression="zstd")
        self._write(f"{len(self._list_parts()):06}.parquet", sink.getvalue())

    def publish(self, path: Path, schema: pa.Schema) -> None:
        """Write all parts to the file, and remove them."""
        with open_writer(path, schema) as writer:
            for part in self._list_parts():
                table = pq.read_table(part).replace_schema_metadata(None).cast(schema)
                for batch in table.combine_chunks().to_batches():
                    writer.write(batch)
        self.remove()

    def remove(self) -> None:
        """Remove the parts."""
        shutil.rmtree(self._folder)

    def _list_parts(self) -> list[Path]:
        return sorted(self._folder.glob("[0-9]*.parquet"))

    def _read_plan(self) -> dict[str, object] | None:
        try:
            plan = json.loads((self._folder / _PLAN).read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return None
        return plan if isinstance(plan, dict) else None

    def _write(self, name: str, content: bytes | pa.Buffer) -> None:
        scratch = self._folder / f".{name}"
        scratch.write_bytes(content)
        scratch.replace(self._folder / name)


@contextmanager
def open_parts(path: Path) -> Iterator[TableParts]:
    """Open the parts of the table that `path` will be; two runs never write one file at once.

    Raises UsageError for an unknown ending, BadInput where nothing can be written, StoreError where another run does.
    """
    check_ending(path)
    if path.is_dir():
        raise BadInput(f"cannot write {path}: it is a folder", "name a file in it")
    folder = path.with_name(f".{path.name}.unfinished")
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise BadInput(
            f"cannot write {path}: {error.strerror}", "name a folder that exists and can be written"
        ) from error
    with lock_file(folder / "lock", f"another run is writing {path}"):
        parts = TableParts(folder)
        try:
            yield parts
        finally:
            if folder.is_dir() and not parts.list_facts():
                parts.remove()
