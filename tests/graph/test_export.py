"""Does a build arrive in Neo4j whole, once, beside what others keep there, and leave without a trace?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from intel.errors import GraphDatabaseError, UsageError
from intel.export import neo4j_write
from intel.export.neo4j import Graph
from intel.export.neo4j_rows import PARTS, count_rows
from intel.export.neo4j_write import export_build, export_neighbourhood
from intel.store.reader import Reader
from tests.commands import ACORN_HOT, DEPOSIT, SECRET, USDX, USER
from tests.graph.dump import checksum, dump

Rows = Callable[..., list[dict[str, object]]]


def find_ids(reader: Reader, address: str) -> list[int]:
    return [
        row[0] for row in reader.query("select address_id from facts.address_lookup where address = $a", {"a": address})
    ]


def test_nodes_and_sums_are_those_of_the_ledger(graph: Graph, reader: Reader) -> None:
    export_build(reader, graph)
    sent = graph.read(
        """match (b:Build:Intel {current: true})
        match (l:Address {build: b.build, address: $left})-[s:SENT]->(r:Address {address: $right})
        return s.chain as chain, s.token as token, s.symbol as symbol, s.transfers as transfers,
            s.value_usd as usd, toString(s.first) as first, toString(s.last) as last, s.build = b.build as is_of_it""",
        left=USER, right=DEPOSIT,
    )  # fmt: skip
    # 700 and 1.234567 USDX on the 3rd and 5th of May: tests/commands.py.
    assert sent == [
        {"chain": "ethereum", "token": USDX, "symbol": "USDX", "transfers": 2, "usd": 701.234567,
         "first": "2021-05-03T10:00:00Z", "last": "2021-05-05T10:00:00Z", "is_of_it": True}
    ]  # fmt: skip
    owner = graph.read(
        "match (a:Address {address: $address})-[c:CONTROLLED_BY]->(e:Entity) "
        "return e.entity_id as id, c.status as status",
        address=ACORN_HOT,
    )
    assert owner == [{"id": "acorn-exchange", "status": "labelled"}]
    label = graph.read(
        "match (a:Address {address: $address})-[:HAS_LABEL]->(l:Label) return l.label as label, l.source as source",
        address=ACORN_HOT,
    )
    assert label == [{"label": "Acorn Exchange: Hot Wallet", "source": "book"}]
    assert graph.read("match (t:Token {symbol: 'USDX'}) return t.decimals as d, t.token as token") == [
        {"d": 6, "token": USDX}
    ]


def test_what_is_private_stays_unless_asked_for(graph: Graph, reader: Reader) -> None:
    export_build(reader, graph)
    assert not any("acorn-nuts" in line or "suspect 7" in line for line in dump(graph))
    export_build(reader, graph, include_private=True)
    owner = graph.read("match (:Address {address: $a})-[:CONTROLLED_BY]->(e) return e.entity_id as id", a=SECRET)
    assert owner == [{"id": "acorn-nuts"}]
    export_build(reader, graph)  # back to the public layer: the private one is gone
    assert not any("acorn-nuts" in line or "suspect 7" in line for line in dump(graph))


def test_second_run_changes_nothing(graph: Graph, reader: Reader) -> None:
    first = export_build(reader, graph)
    once = checksum(graph)
    assert export_build(reader, graph) == first
    assert checksum(graph) == once
    assert once[0] == sum(first.values()) + 1  # and the Build


def test_others_data_stays(graph: Graph, reader: Reader) -> None:
    graph.write(
        """create (:Address {address: $a, chain: 'ethereum', key: 'x', name: 'theirs'})-[:SENT {build: 'x'}]->
        (:Build {current: true, build: 'theirs', name: 'their build'})""",
        a=USER,
    )
    before = dump(graph)
    export_build(reader, graph)
    export_build(reader, graph, include_private=True)
    assert set(before) < set(dump(graph))
    for build in graph.read("match (b:Build:Intel) return b.build as build"):
        neo4j_write.remove_build(graph, str(build["build"]), successor=None)
    assert dump(graph) == before


def test_what_others_hung_on_our_nodes_moves_to_the_new_build(graph: Graph, reader: Reader) -> None:
    export_build(reader, graph)
    graph.write(
        """match (l:Address {address: $left}) match (r:Address {address: $right})
        create (l)-[:JUDGED {verdict: 'same', because: 'seen'}]->(r) create (:Case {name: '7'})-[:ABOUT]->(r)
        set l:Suspect, l.note = 'mine'""",
        left=USER, right=DEPOSIT,
    )  # fmt: skip
    export_build(reader, graph, include_private=True)
    found = graph.read(
        """match (b:Build:Intel {current: true}) match (l:Suspect {build: b.build})-[j:JUDGED]->(r {build: b.build})
        match (c:Case)-[:ABOUT]->(r) return l.address as l, r.address as r, l.note as note, j.because as because"""
    )
    assert found == [{"l": USER, "r": DEPOSIT, "note": "mine", "because": "seen"}]
    assert graph.read("match (n:Intel) return count(distinct n.build) as n") == [{"n": 1}]
    # Where there is no successor, the node stays as theirs.
    neo4j_write.remove_build(graph, f"{reader.build_id}-private", successor=None)
    left = graph.read("match (n) return labels(n) as labels, coalesce(n.address, n.name) as name")
    assert {(tuple(sorted(row["labels"])), row["name"]) for row in left} == {
        (("Address", "Suspect"), USER), (("Address",), DEPOSIT), (("Case",), "7"),
    }  # fmt: skip


def test_damage_is_repaired(graph: Graph, reader: Reader) -> None:
    export_build(reader, graph)
    whole = checksum(graph)
    graph.write("match (:Address)-[s:SENT]->() with s limit 1 delete s")
    export_build(reader, graph)
    assert checksum(graph) == whole


def test_neighbourhood_has_single_transfers(graph: Graph, reader: Reader) -> None:
    ids = find_ids(reader, DEPOSIT)
    for _ in range(2):
        export_neighbourhood(reader, graph, ids, name=DEPOSIT, hops=1)
    near = "match (l)-[t:TRANSFER]->(r) return l.address as l, r.address as r, t.amount as amount, t.value_raw as raw, "
    near += "toString(t.time) as time, t.tx as tx order by time"
    rows = graph.read(near)
    assert [(row["l"], row["r"], row["amount"], row["raw"]) for row in rows] == [
        (USER, DEPOSIT, "700", "700000000"), (DEPOSIT, ACORN_HOT, "700", "700000000"),
        (USER, DEPOSIT, "1.234567", "1234567"), (DEPOSIT, ACORN_HOT, "1.234567", "1234567"),
    ]  # fmt: skip
    assert all(str(row["tx"]).startswith("0x") for row in rows)
    export_neighbourhood(reader, graph, ids, name=DEPOSIT, hops=2)  # overlaps; USER and the hot wallet are passed
    wider = graph.read(near)
    assert len(wider) > len(rows)
    assert len({row["tx"] for row in wider}) == len(wider)
    # The whole build takes it in: the transfers stay.
    export_build(reader, graph)
    assert graph.read(near) == wider
    assert graph.read("match (b:Build:Intel) return b.whole as whole, size(b.neighbourhoods) as n") == [
        {"whole": True, "n": 2}
    ]


def test_neighbourhood_does_not_displace_another_build(graph: Graph, reader: Reader) -> None:
    export_build(reader, graph)
    before = checksum(graph)
    with pytest.raises(GraphDatabaseError, match="holds build"):
        export_neighbourhood(reader, graph, find_ids(reader, USER), name=USER, hops=1, include_private=True)
    assert checksum(graph) == before


def test_too_much_for_rows_is_refused_before_anything_is_written(
    graph: Graph, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neo4j_write, "MOST_EDGES", 3)
    with pytest.raises(UsageError, match="are more than 3") as caught:
        export_build(reader, graph)
    assert "--csv" in caught.value.hint
    assert dump(graph) == []


def test_every_part_has_rows_in_the_economy(economy: Reader) -> None:
    params = {"build": "b", "private": False}
    assert all(count_rows(economy, part, params) for part in PARTS)


def test_parts_are_in_one_order(economy: Reader, tmp_path: Path) -> None:
    for part in PARTS:
        params = {name: value for name, value in {"build": "b", "private": False}.items() if f"${name}" in part.sql}
        once, again = (list(economy.batches(part.sql, params, rows=size)) for size in (1_000, 100_000))
        flat = [[row for batch in batches for row in batch.to_pylist()] for batches in (once, again)]
        assert flat[0] == flat[1], part.name
