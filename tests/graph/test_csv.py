"""Does Neo4j's own importer take the files we write, and are they the same build?"""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from intel.errors import BadInput
from intel.export.neo4j_csv import write_csv_files
from intel.export.neo4j_rows import PARTS, count_rows
from intel.store.reader import Reader
from tests.commands import SECRET, succeed
from tests.parts import find_java, require_part


def test_importer_takes_every_row(economy: Reader, tmp_path: Path) -> None:
    parts, java = require_part("neo4j"), find_java()
    assert java is not None
    told = write_csv_files(economy, tmp_path / "csv")
    words = shlex.split(told.split("\n#")[0].replace("\\\n", " "))
    assert words[:4] == ["neo4j-admin", "database", "import", "full"]
    (tmp_path / "conf").mkdir()
    # What the shell script neo4j-admin runs: the same class with the same words.
    done = subprocess.run(
        [java, "-Xmx512m", "-cp", f"{parts}/lib/*", "org.neo4j.cli.AdminTool", *words[1:]],
        env={"NEO4J_HOME": str(tmp_path), "NEO4J_CONF": str(tmp_path / "conf")},
        capture_output=True, text=True, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    counts = {part: count_rows(economy, part, {"build": economy.build_id, "private": False}) for part in PARTS}
    nodes = sum(rows for part, rows in counts.items() if part.kind == "node") + 1
    edges = sum(rows for part, rows in counts.items() if part.kind == "relationship")
    imported = re.search(r"Imported:\s+(\d+) nodes\s+(\d+) relationships", done.stdout)
    assert imported is not None, done.stdout[-2000:]
    assert (int(imported[1]), int(imported[2])) == (nodes, edges)


def test_public_layer_alone_and_equal_twice(store: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        answer = succeed("export", "neo4j", "--csv", tmp_path / name, store=store)
        assert "neo4j-admin database import full" in answer.out
    files = sorted(path.name for path in (tmp_path / "one").glob("*.csv") if path.name != "build.csv")
    assert len(files) == len(PARTS)
    for name in files:
        text = (tmp_path / "one" / name).read_text(encoding="utf-8")
        assert text == (tmp_path / "two" / name).read_text(encoding="utf-8")
        assert "acorn-nuts" not in text
    succeed("export", "neo4j", "--csv", tmp_path / "mine", "--include-private", store=store)
    assert f':{SECRET}"' in (tmp_path / "mine" / "controlled_by.csv").read_text(encoding="utf-8")


def test_folder_with_other_files_is_left_alone(reader: Reader, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(BadInput, match=r"thesis\.txt"):
        write_csv_files(reader, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
