"""Do judgements that people made in Neo4j come into the workspace, once, as pending?"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from intel.export.neo4j import Graph
from intel.export.neo4j_write import export_build
from intel.store.reader import Reader
from tests.commands import ACORN_HOT, DEPOSIT, HOSTILE, USER, run, succeed
from tests.graph.server import Server


@pytest.fixture
def own_store(store: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(store, tmp_path / "own"))


def judge(graph: Graph, left: str, right: str, **properties: object) -> None:
    graph.write(
        "match (l:Address {address: $l}) match (r:Address {address: $r}) "
        "create (l)-[j:JUDGED]->(r) set j = $properties",
        l=left, r=right, properties=properties,
    )  # fmt: skip


def test_pulled_once_and_pending(
    graph: Graph, server: Server, reader: Reader, own_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEO4J_USER", server.user)
    monkeypatch.setenv("NEO4J_PASSWORD", server.password)
    monkeypatch.setenv("INTEL_USER", "ada")
    export_build(reader, graph)
    judge(graph, USER, DEPOSIT, verdict="same", because="seen in case 7")
    judge(graph, USER, HOSTILE, verdict="different", because="two people", made_by="bob")
    judge(graph, ACORN_HOT, USER, verdict="perhaps", because="who knows")
    judge(graph, ACORN_HOT, DEPOSIT, verdict="same")

    pulled = succeed("judge", "--from-neo4j", server.uri, "--json", store=own_store).document
    told = {(one["left"], one["right"], one["verdict"], one["because"], one["made_by"]) for one in pulled["judgements"]}
    assert told == {
        (f"ethereum:{USER}", f"ethereum:{DEPOSIT}", "same", "seen in case 7", "ada"),
        (f"ethereum:{USER}", f"ethereum:{HOSTILE}", "different", "two people", "bob"),
    }
    assert {one["state"] for one in pulled["judgements"]} == {"pending"}
    assert sorted(one["problem"] for one in pulled["refused"]) == [
        "'perhaps' is no verdict", "a judgement needs its reason",
    ]  # fmt: skip

    again = succeed("judge", "--from-neo4j", server.uri, "--json", store=own_store).document
    assert again["judgements"] == []
    shown = succeed("judge", "--list", "--json", store=own_store).document["judgements"]
    assert len(shown) == 2
    # What was taken back here is not made anew by what still stands there.
    succeed("judge", "--revoke", shown[0]["judgement_id"], store=own_store)
    assert succeed("judge", "--from-neo4j", server.uri, "--json", store=own_store).document["judgements"] == []


def test_the_whole_way_by_command(
    graph: Graph, server: Server, own_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEO4J_USER", server.user)
    monkeypatch.setenv("NEO4J_PASSWORD", server.password)
    answer = succeed("export", "neo4j", server.uri, "--progress", "json", store=own_store)
    assert '"done"' in answer.err
    assert server.password not in answer.err + answer.out
    succeed("export", "neo4j", server.uri, "--subject", USER, "--hops", "1", store=own_store)
    assert graph.read("match ()-[t:TRANSFER]->() return count(t) > 0 as is_there") == [{"is_there": True}]
    assert run("export", "neo4j", server.uri, "--subject", "0x" + "9" * 40, store=own_store).code == 1
    assert run("export", "neo4j", store=own_store).code == 2
