"""How does a build become files for Neo4j's own importer, where it is too large to be sent row by row?"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pv

from intel.errors import BadInput
from intel.export.neo4j_rows import PARTS, Part, choose_params, describe_part
from intel.export.neo4j_write import SCHEMA, name_layer
from intel.store.reader import Reader

_TYPES = ((pa.types.is_boolean, "boolean"), (pa.types.is_integer, "long"), (pa.types.is_floating, "double"),
          (pa.types.is_timestamp, "datetime"), (pa.types.is_list, "string[]"))  # fmt: skip


def write_csv_files(reader: Reader, folder: Path, *, include_private: bool = False) -> str:
    """Write one CSV file per part and `schema.cypher` into a folder, and return what to run to import them.

    Cells are written as they are (nothing is put before a formula): they are for the importer, not for a spreadsheet.
    Raises BadInput for a folder that holds something else or cannot be written.
    """
    params = {"build": name_layer(reader, include_private=include_private), "private": include_private}
    names = [f"{part.name}.csv" for part in PARTS]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        ours = {*names, *(f"{name}.part" for name in names), "build.csv", "schema.cypher"}  # a killed export's too
        strangers = sorted({path.name for path in folder.iterdir()} - ours)
        if strangers:
            raise BadInput(f"{folder} holds other files: {', '.join(strangers[:3])}", "name an empty or a new folder")
        for part in PARTS:
            _write_part(reader, part, params, folder / f"{part.name}.csv")
        _write_build(reader, params, folder / "build.csv")
        (folder / "schema.cypher").write_text("".join(f"{line};\n" for line in SCHEMA), encoding="utf-8")
    except OSError as error:
        raise BadInput(
            f"cannot write to {folder}: {error.strerror or error}", "is the disk full, or the folder closed?"
        ) from error
    return _describe_import(folder)


def _describe_import(folder: Path) -> str:
    sources = [f"--nodes={shlex.quote(str((folder / 'build.csv').absolute()))}"]
    for part in PARTS:
        kind = "nodes" if part.kind == "node" else "relationships"
        sources.append(f"--{kind}={shlex.quote(str((folder / f'{part.name}.csv').absolute()))}")
    lines = ["neo4j-admin database import full intel --multiline-fields=true", *sources]
    return "\n".join(
        [
            " \\\n    ".join(lines),
            "# Into a database that is not there yet. Then, once it runs: cypher-shell -d intel -f "
            + shlex.quote(str((folder / "schema.cypher").absolute())),
            "# Community servers run one database: name it in neo4j.conf, initial.dbms.default_database=intel",
        ]
    )


def _write_part(reader: Reader, part: Part, params: Mapping[str, object], path: Path) -> None:
    schema = describe_part(reader, part, params)
    ends = 1 if part.kind == "node" else 2
    header = ["key:ID"] if part.kind == "node" else [":START_ID", ":END_ID"]
    header += [f"{field.name}:{_name_type(field.type)}" for field in list(schema)[ends:]]
    constants = {"build": str(params["build"]), ":LABEL" if part.kind == "node" else ":TYPE": _name_kind(part)}
    header += constants
    texts = pa.schema([(name, pa.string()) for name in header])
    scratch = path.with_name(path.name + ".part")
    try:
        with scratch.open("wb") as sink, pv.CSVWriter(sink, texts) as writer:
            for batch in reader.batches(part.sql, choose_params(part, params)):
                columns = [_to_text(column) for column in batch.columns]
                columns += [pa.array([text] * batch.num_rows, pa.string()) for text in constants.values()]
                writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=texts))
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)


def _name_kind(part: Part) -> str:
    return f"Intel;{part.label}" if part.kind == "node" else part.label


def _name_type(kind: pa.DataType) -> str:
    return next((name for fits, name in _TYPES if fits(kind)), "string")


def _to_text(column: pa.Array) -> pa.Array:
    if pa.types.is_timestamp(column.type):
        return pc.strftime(pc.cast(column, pa.timestamp("s")), format="%Y-%m-%dT%H:%M:%SZ")
    if pa.types.is_list(column.type):
        return pc.binary_join(column, ";")
    return pc.cast(column, pa.string())


def _write_build(reader: Reader, params: Mapping[str, object], path: Path) -> None:
    cells = {
        "key:ID": f"build:{params['build']}", "build": str(params["build"]), "build_id": reader.build_id,
        "layer": "private" if params["private"] else "public", "current:boolean": "true", "whole:boolean": "true",
        "finished_at:datetime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), ":LABEL": "Intel;Build",
    }  # fmt: skip
    pv.write_csv(pa.table({name: [text] for name, text in cells.items()}), path)
