"""Does the graph show each dealing once, fold who belongs together, and add up to what the counterparties say?"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import networkx as nx
import pytest

import intel
from intel.errors import UnknownSubject, UsageError
from intel.model import MICRO
from intel.profiler.counterparties import tabulate_counterparties
from intel.profiler.graph import gather_graph, gather_hops
from intel.profiler.graph_files import build_networkx, describe_graph, sum_pairs, write_graph
from intel.profiler.graph_view import Graph, GraphFilter, GraphView
from intel.profiler.postings import parse_window
from intel.profiler.subjects import resolve_subject
from intel.profiler.transfers import TransferFilter, tabulate_transfers
from intel.store.reader import Reader
from tests.small_world import DEPOSIT, FUND_1, HOT, KRAKEN, STRANGER, SUSPECT

FUND = GraphView(("alice-fund",))


def sum_sides(graph: Graph, own: str) -> tuple[int, int]:
    """Return micro-dollars into and out of a node."""
    return (
        sum(edge.micro_usd for edge in graph.edges if edge.target == own),
        sum(edge.micro_usd for edge in graph.edges if edge.source == own),
    )


def sum_table(reader: Reader, name: str) -> tuple[int, int]:
    table = tabulate_counterparties(reader, resolve_subject(reader, name))
    return sum(table["in_micro_usd"].to_pylist()), sum(table["out_micro_usd"].to_pylist())


@pytest.mark.parametrize("limit", [1, 2, 25])
def test_the_edges_add_up_to_the_counterparties(reader: Reader, limit: int) -> None:
    for name in ("alice-fund", "binance", "kraken"):
        graph = gather_graph(reader, GraphView((name,), limit=limit))
        assert sum_sides(graph, name) == sum_table(reader, name)
        table = tabulate_counterparties(reader, resolve_subject(reader, name))
        assert sum(edge.transfers for edge in graph.edges) == sum(table["transfers"].to_pylist())


def test_addresses_of_an_entity_are_one_node_until_it_is_unfolded(reader: Reader) -> None:
    folded = gather_graph(reader, FUND)
    assert folded.nodes["binance"].kind == "entity"
    assert folded.nodes["binance"].members == resolve_subject(reader, "binance").address_count
    assert folded.nodes["binance"] == gather_graph(reader, GraphView(("binance",))).nodes["binance"]
    assert {DEPOSIT, HOT}.isdisjoint(folded.nodes)
    opened = gather_graph(reader, replace(FUND, unfolded=("binance",)))
    assert "binance" not in opened.nodes
    assert {opened.nodes[DEPOSIT].entity, opened.nodes[HOT].entity} == {"binance"}
    assert sum_sides(opened, "alice-fund") == sum_sides(folded, "alice-fund")


def test_an_unfolded_subject_shows_what_its_addresses_paid_each_other(reader: Reader) -> None:
    graph = gather_graph(reader, GraphView(("binance",), unfolded=("binance",)))
    own = resolve_subject(reader, "binance")
    assert graph.nodes["binance"].members == own.address_count - 3  # the hot wallet is on two chains
    sweeps = tabulate_transfers(reader, own, TransferFilter(counterparty=HOT, direction="out")).to_pylist()
    inside = [edge for edge in graph.edges if (edge.source, edge.target) == (DEPOSIT, HOT)]
    assert sum(edge.transfers for edge in inside) == len([row for row in sweeps if row["address"] == DEPOSIT]) > 0
    assert sum(edge.micro_usd for edge in graph.edges if edge not in inside) == sum(sum_table(reader, "binance"))


def test_the_small_ones_are_one_node_that_counts_them(reader: Reader) -> None:
    whole, cut = gather_graph(reader, FUND), gather_graph(reader, replace(FUND, limit=2))
    others = cut.nodes["others:alice-fund"]
    assert others.members == len(whole.nodes) - len(cut.nodes) + 1
    assert others.name == f"{others.members} others"
    more = gather_graph(reader, replace(FUND, limit=2, limits=(("alice-fund", 3),)))
    assert more.nodes["others:alice-fund"].members == others.members - 1


def test_two_opened_nodes_show_their_dealings_once(reader: Reader) -> None:
    one, both = gather_graph(reader, FUND), gather_graph(reader, replace(FUND, opened=("alice-fund", "binance")))
    between = {"alice-fund", "binance"}
    dealings = [edge for edge in one.edges if {edge.source, edge.target} == between]
    assert [edge for edge in both.edges if {edge.source, edge.target} == between] == dealings
    assert sum_sides(both, "binance") == sum_table(reader, "binance")
    assert set(one.nodes) <= set(both.nodes)


def test_what_is_in_the_picture_is_never_among_the_others(reader: Reader) -> None:
    graph = gather_graph(reader, GraphView(("kraken", "alice-fund"), limit=1))
    assert any({edge.source, edge.target} == {"kraken", "alice-fund"} for edge in graph.edges)
    assert sum_sides(graph, "alice-fund") == sum_table(reader, "alice-fund")


def test_filters(reader: Reader) -> None:
    def gather(**filters: object) -> Graph:
        return gather_graph(reader, replace(FUND, filters=GraphFilter(**filters)))  # type: ignore[arg-type]

    assert {edge.symbol for edge in gather(token="USDC").edges} == {"USDC"}
    assert {edge.target for edge in gather(direction="in").edges} == {"alice-fund"}
    assert {edge.source for edge in gather(direction="out").edges} == {"alice-fund"}
    assert {node.category for node in gather(category="exchange").nodes.values()} == {"exchange", "fund_otc"}
    pairs: dict[str, int] = defaultdict(int)
    for edge in gather(min_usd=950.0).edges:
        pairs[(({edge.source, edge.target}) - {"alice-fund"}).pop()] += edge.micro_usd
    assert pairs
    assert min(pairs.values()) >= 950 * MICRO
    window = parse_window("2024-02", "2024-02")
    assert {edge.first_time.month for edge in gather(window=window).edges} == {2}


def test_private_claims_stay_out_of_the_public_layer(reader: Reader) -> None:
    assert gather_graph(reader, FUND).nodes["case-7"].standing == "private"
    public = gather_graph(reader, replace(FUND, shows_private=False))
    assert "case-7" not in json.dumps(describe_graph(public))
    assert "Case 7" not in json.dumps(describe_graph(public))
    assert public.nodes[SUSPECT].standing == "unknown"
    with pytest.raises(UnknownSubject, match="no public claim"):
        gather_graph(reader, GraphView(("case-7",), shows_private=False))


def test_hops_pass_no_custodian(reader: Reader) -> None:
    near, far = gather_hops(reader, STRANGER, GraphView(()), 1), gather_hops(reader, STRANGER, GraphView(()), 2)
    assert {"alice-fund", "binance"} <= set(near.nodes)
    assert "kraken" not in near.nodes
    assert "kraken" in far.nodes  # through the fund
    assert "binance" not in far.view.opened


def test_an_address_is_one_node_on_all_its_chains(reader: Reader) -> None:
    graph = gather_graph(reader, GraphView((FUND_1,)))
    assert {edge.chain for edge in graph.edges} == {"ethereum", "bsc"}
    assert graph.nodes[FUND_1].entity == "alice-fund"
    assert [name for name in graph.nodes if STRANGER in name] == [STRANGER]


def test_what_cannot_be_asked_is_told(reader: Reader) -> None:
    with pytest.raises(UsageError, match="4 hops"):
        gather_hops(reader, KRAKEN, GraphView(()), 4)
    with pytest.raises(UsageError, match="no direction"):
        gather_graph(reader, replace(FUND, filters=GraphFilter(direction="up")))  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="1 or more"):
        gather_graph(reader, replace(FUND, limit=0))


def test_files_hold_the_whole_graph(reader: Reader, tmp_path: Path) -> None:
    graph = gather_graph(reader, FUND)
    write_graph(tmp_path / "g.graphml", graph)
    read = nx.read_graphml(tmp_path / "g.graphml", force_multigraph=True)
    made = build_networkx(graph)
    assert set(read.nodes) == set(made.nodes) == set(graph.nodes)
    assert read.nodes["binance"]["category"] == "exchange"
    assert sorted(usd for *_, usd in read.edges(data="usd")) == sorted(edge.micro_usd / MICRO for edge in graph.edges)
    write_graph(tmp_path / "g.json", graph)
    told = json.loads((tmp_path / "g.json").read_text())
    assert len(told["edges"]) == len(graph.edges)
    with pytest.raises(UsageError, match="gexf"):
        write_graph(tmp_path / "g.gexf", graph)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["g.graphml", "g.json"]


def test_a_pair_is_the_sum_of_its_tokens(reader: Reader) -> None:
    graph = gather_graph(reader, FUND)
    pairs = sum_pairs(graph.edges)
    assert len({(row["source"], row["target"]) for row in pairs}) == len(pairs) < len(graph.edges)
    assert sum(row["micro_usd"] for row in pairs) == sum(edge.micro_usd for edge in graph.edges)


def test_python_gets_networkx(store: Path) -> None:
    with intel.open(store) as database:
        graph = database.graph("binance", hops=1)
        assert isinstance(graph, nx.MultiDiGraph)
        assert graph.graph["subject"] == "binance"
        assert "alice-fund" in graph
        with pytest.raises(UsageError, match="takes no colour"):
            database.graph("binance", colour="red")
