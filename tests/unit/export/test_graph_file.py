"""Does `intel export graph` write a whole file that others read, and keep what is private?"""

from __future__ import annotations

import json
from pathlib import Path

import networkx as nx
import pytest

from tests.commands import HOSTILE, SECRET, USER, run, succeed


def read_names(path: Path) -> dict[str, str]:
    return {node["id"]: node["name"] for node in json.loads(path.read_text(encoding="utf-8"))["nodes"]}


def test_graphml_is_read_by_another(store: Path, tmp_path: Path) -> None:
    out = tmp_path / "x.graphml"
    told = succeed("export", "graph", USER, "--out", out, store=store)
    graph = nx.read_graphml(out, force_multigraph=True)
    assert f"{len(graph.nodes)} nodes and {graph.number_of_edges()} edges" in told.err
    assert USER in graph
    assert {"transfers", "usd", "first_time", "last_time"} <= set(next(iter(graph.edges(data=True)))[2])


@pytest.mark.parametrize("ending", ["graphml", "json"])
def test_a_hostile_label_leaves_a_file_that_can_be_read(store: Path, tmp_path: Path, ending: str) -> None:
    out = tmp_path / f"x.{ending}"
    succeed("export", "graph", HOSTILE, "--out", out, store=store)
    assert HOSTILE in (nx.read_graphml(out).nodes if ending == "graphml" else read_names(out))


def test_private_names_leave_on_request_alone(store: Path, tmp_path: Path) -> None:
    public, private = tmp_path / "public.json", tmp_path / "private.json"
    succeed("export", "graph", SECRET, "--out", public, store=store)
    succeed("export", "graph", SECRET, "--out", private, "--include-private", store=store)
    assert read_names(public)[SECRET] == SECRET
    assert read_names(private)[SECRET] != SECRET


@pytest.mark.parametrize(
    ("words", "told"),
    [(("--out", "x.gexf"), "x.gexf"), (("--out", "no/such/folder/x.json"), "no/such/folder"),
     (("--out", "x.json", "--hops", "9"), "less than or equal to 3"), (("--out", "x.json", "--token", "zz9"), "zz9")],
)  # fmt: skip
def test_what_cannot_be_written_is_told(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    answer = run("export", "graph", USER, *words, store=store)
    assert answer.code != 0
    assert told in answer.err
    assert list(tmp_path.iterdir()) == []
