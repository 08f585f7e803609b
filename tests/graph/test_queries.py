"""Do the queries we ship find in Neo4j what a walk over the ledger finds, and nothing that runs backwards in time?"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from intel.export.neo4j import Graph
from intel.export.neo4j_write import export_build, export_neighbourhood
from intel.profiler.postings import IS_SPAM_ASSET, SPAM_TRANSFER_FLAGS
from intel.store.reader import Reader
from tests.graph.conftest import empty
from tests.graph.server import Server
from tests.tree import ROOT

QUERIES = dict(
    re.findall(r"// name: (\w+)\n(.*?;)\n", (ROOT / "examples/neo4j.cypher").read_text(encoding="utf-8"), re.DOTALL)
)
NO_DEALING = ("fee", "reward", "withdrawal", "erc20_or_erc721", "erc20_calldata", "erc20_or_erc721_calldata")

Sent = tuple[int, int, str, datetime, datetime]  # from, to, token, first, last


@dataclass
class Town:
    """The dealings of a build, read straight from its ledger."""

    reader: Reader
    addresses: dict[int, str]
    hubs: set[int]
    owners: dict[int, str]
    categories: dict[str, str]
    transfers: list[dict[str, Any]]
    occurrences: Counter[str] = field(default_factory=Counter)
    sent: dict[int, list[Sent]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        self.occurrences.update(self.addresses.values())
        sums: dict[tuple[int, int, str], list[datetime]] = defaultdict(list)
        for one in self.transfers:
            sums[one["sender_id"], one["receiver_id"], one["token"]].append(one["block_time"])
        for (sender, receiver, token), times in sorted(sums.items()):
            self.sent[sender].append((sender, receiver, token, min(times), max(times)))

    def walk(self, start: int, hops: int) -> Iterator[list[Sent]]:
        """Yield every way from an address on along which money can have moved; no relationship twice, as in Cypher."""
        ways: list[list[Sent]] = [[one] for one in self.sent[start]]
        while ways:
            way = ways.pop()
            yield way
            if len(way) < hops:
                earliest = max(one[3] for one in way)
                ways += [[*way, one] for one in self.sent[way[-1][1]] if one not in way and one[4] >= earliest]

    def is_on_one_chain(self, address_id: int) -> bool:
        """Say whether its text means this one alone."""
        return self.occurrences[self.addresses[address_id]] == 1

    def pick(self, wanted: Any) -> int:
        """Return the first address that is no hub, deals with few, and fits."""
        fitting = (
            one for one in sorted(self.sent)
            if one not in self.hubs and len(self.sent[one]) <= 6 and self.is_on_one_chain(one)
            and all(len(self.sent[step[1]]) <= 12 or step[1] in self.hubs for step in self.sent[one]) and wanted(one)
        )  # fmt: skip
        return next(fitting)


def read_town(reader: Reader) -> Town:
    flags = ", ".join(f"'{flag}'" for flag in SPAM_TRANSFER_FLAGS)
    transfers = reader.records(
        f"""select t.*, coalesce(a.token, 'native') as token, a.symbol from facts.transfers t
        join facts.assets a using (asset_id)
        where sender_id is not null and receiver_id is not null and kind not in (select unnest($kinds))
        and transfer_id not in (select transfer_id from beliefs.transfer_flags where flag in ({flags}))
        and asset_id not in (select f.asset_id from beliefs.asset_flags f join facts.assets a using (asset_id)
            where {IS_SPAM_ASSET}) order by transfer_id""",
        {"kinds": list(NO_DEALING)},
    )
    return Town(
        reader,
        dict(reader.query("select address_id, address from facts.addresses")),
        {row[0] for row in reader.query("select address_id from beliefs.services where is_hub")},
        dict(
            reader.query(
                "select address_id, entity_id from beliefs.attributions "
                "where visibility = 'public' and address_id is not null"
            )
        ),
        dict(reader.query("select entity_id, category from beliefs.entities where visibility = 'public'")),
        transfers,
    )


@pytest.fixture(scope="module")
def town(economy: Reader) -> Town:
    return read_town(economy)


@pytest.fixture(scope="module")
def full(server: Server, economy: Reader) -> Iterator[Graph]:
    """The economy in the graph."""
    with server.open() as graph:
        if graph.read("match (n) return count(n) as n")[0]["n"]:
            empty(graph)
        export_build(economy, graph)
        yield graph
        empty(graph)


def ask(graph: Graph, name: str, **params: Any) -> list[dict[str, Any]]:
    return graph.read(QUERIES[name].rstrip(";"), **params)


@pytest.fixture(scope="module")
def exchange(town: Town) -> str:
    sizes = defaultdict(int)
    for entity in town.owners.values():
        sizes[entity] += town.categories.get(entity) == "exchange"
    return max(sorted(sizes), key=lambda one: sizes[one])


def test_ten_queries_each_with_a_time_condition_where_they_go_on() -> None:
    assert len(QUERIES) == 10
    for name, text in QUERIES.items():
        steps = len(re.findall(r":(?:SENT|TRANSFER)\b(?!\*)", text)) + 2 * len(
            re.findall(r":(?:SENT|TRANSFER)\*", text)
        )
        goes_on = steps > 1 and name != "in_common"  # which goes from both sides to one middle
        assert goes_on == bool(re.search(r"\.(first|time) <= \w+(\[i\])?\.(last|time)", text)), name


def test_owner(full: Graph, town: Town) -> None:
    rows = town.reader.records(
        "select * from beliefs.attributions where visibility = 'public' and status = 'labelled' "
        "and address_id is not null order by address_id limit 1"
    )
    found = ask(full, "owner", address=rows[0]["address"])
    here = [row for row in found if row["chain"] == rows[0]["chain"]]
    assert [(row["confidence"], row["status"], row["why"]) for row in here] == [
        (rows[0]["confidence"], "labelled", rows[0]["reason"])
    ]
    assert any(label.startswith(f"{rows[0]['label_source']}: ") for label in here[0]["labels"])


def test_members(full: Graph, town: Town, exchange: str) -> None:
    found = ask(full, "members", entity=exchange)
    rows = town.reader.query(
        "select chain, address from beliefs.attributions where visibility = 'public' and entity_id = $e order by all",
        {"e": exchange},
    )  # with those that only a label knows
    mine = [(str(chain), str(address)) for chain, address in rows]
    assert sorted((row["chain"], row["address"]) for row in found) == mine
    assert len(mine) > 10


def test_counterparties(full: Graph, town: Town, exchange: str) -> None:
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for one in town.transfers:
        sender, receiver = town.owners.get(one["sender_id"]), town.owners.get(one["receiver_id"])
        if sender and receiver and sender != receiver and exchange in {sender, receiver}:
            other = sums[sender if receiver == exchange else receiver]
            other[sender == exchange] += one["value_micro_usd"] or 0
            other[2] += 1
    found = {row["entity"]: row for row in ask(full, "counterparties", entity=exchange)}
    assert len(found) == min(50, len(sums))
    for entity, row in found.items():
        assert [row["in_usd"], row["out_usd"]] == pytest.approx([x / 1e6 for x in sums[entity][:2]], abs=0.01)
        assert row["transfers"] == sums[entity][2]
    assert max(sums, key=lambda one: sums[one][0] + sums[one][1]) in found


def test_path(full: Graph, town: Town) -> None:
    def far_ends(start: int) -> Sequence[int]:
        ends = {way[-1][1] for way in town.walk(start, 3) if len(way) == 3}
        return sorted(one for one in ends - town.hubs if town.is_on_one_chain(one))

    start = town.pick(lambda one: far_ends(one) and not {step[1] for step in town.sent[one]} & town.hubs)
    target = far_ends(start)[0]
    wanted = sorted(
        (len(way), [town.addresses[start], *(town.addresses[step[1]] for step in way)])
        for way in town.walk(start, 3)
        if way[-1][1] == target
    )[:100]
    found = ask(full, "path", source=town.addresses[start], target=town.addresses[target])
    assert sorted((row["hops"], row["way"]) for row in found) == wanted


def test_cash_out(full: Graph, town: Town) -> None:
    def reached(start: int) -> dict[str, set[int]]:
        ends: dict[str, set[int]] = defaultdict(set)
        for way in town.walk(start, 3):
            owner = town.owners.get(way[-1][1], "")
            if town.categories.get(owner) == "exchange" and not {step[1] for step in way[:-1]} & town.hubs:
                ends[owner].add(way[-1][1])
        return ends

    start = town.pick(lambda one: len(reached(one)) > 0)
    found = ask(full, "cash_out", address=town.addresses[start])
    assert {row["exchange"]: row["addresses"] for row in found} == {k: len(v) for k, v in reached(start).items()}


def test_origin(full: Graph, town: Town) -> None:
    before: dict[int, list[Sent]] = defaultdict(list)
    for steps in town.sent.values():
        for step in steps:
            before[step[1]].append(step)

    def origins(end: int) -> set[str]:
        return {
            town.addresses[first[0]]
            for second in before[end] if second[0] not in town.hubs
            for first in before[second[0]] if first[3] <= second[4] and first[0] != end and first is not second
        }  # fmt: skip

    def impossible(end: int) -> bool:
        ways = ((a, b) for b in before[end] if b[0] not in town.hubs for a in before[b[0]] if a[0] != end)
        return any(a[3] > b[4] for a, b in ways)

    end = town.pick(lambda one: len(before[one]) <= 6 and origins(one) and impossible(one))
    found = ask(full, "origin", address=town.addresses[end])
    assert {row["origin"] for row in found} == origins(end)


def test_in_common(full: Graph, town: Town) -> None:
    payers: dict[int, set[int]] = defaultdict(set)
    for sender, steps in town.sent.items():
        for step in steps:
            if step[1] not in town.hubs and step[1] != sender:
                payers[step[1]].add(sender)
    left, right = next(sorted(some)[:2] for _, some in sorted(payers.items()) if len(some) > 1)
    both = {town.addresses[one] for one, some in payers.items() if {left, right} <= some}
    found = ask(full, "in_common", left=town.addresses[left], right=town.addresses[right])
    assert both <= {row["address"] for row in found}
    assert both


def test_depositors(full: Graph, town: Town, exchange: str) -> None:
    deposits = {
        row[0]
        for row in town.reader.query(
            "select address_id from beliefs.attributions where visibility = 'public' and entity_id = $e "
            "and role like '%deposit'",
            {"e": exchange},
        )
    }
    counts: dict[tuple[str, str], int] = defaultdict(int)
    for one in town.transfers:
        if one["receiver_id"] in deposits and town.owners.get(one["sender_id"]) != exchange:
            counts[one["chain"], town.addresses[one["sender_id"]]] += 1
    found = ask(full, "depositors", entity=exchange)
    assert len(found) == min(100, len(counts)) > 3
    assert all(counts[row["chain"], row["address"]] == row["transfers"] for row in found)


def test_evidence(full: Graph, town: Town) -> None:
    address_id = town.reader.query("select max(left_id) from beliefs.evidence where right_id is not null")[0][0]
    rows = town.reader.query(
        "select heuristic, weight_bits from beliefs.evidence "
        "where visibility = 'public' and $id in (left_id, right_id)",
        {"id": address_id},
    )
    chain = town.reader.query("select chain from facts.addresses where address_id = $id", {"id": address_id})[0][0]
    assert chain
    found = ask(full, "evidence", address=town.addresses[address_id])
    assert set(rows) <= {(row["heuristic"], row["bits"]) for row in found}
    assert rows


def test_trail(full: Graph, town: Town) -> None:
    after: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for one in town.transfers:
        after[one["sender_id"]].append(one)

    def trails(start: int) -> list[list[str]]:
        found, ways = [], [[one] for one in after[start]]
        while ways:
            way = ways.pop()
            found.append([one["tx_hash"] for one in way])
            last = way[-1]
            if len(way) < 4 and last["receiver_id"] not in town.hubs:
                ways += [
                    [*way, one] for one in after[last["receiver_id"]]
                    if one not in way and one["token"] == last["token"]
                    and last["block_time"] <= one["block_time"] <= last["block_time"] + timedelta(days=1)
                ]  # fmt: skip
        return sorted(found)

    start = town.pick(lambda one: any(len(way) > 2 for way in trails(one)) and len(trails(one)) < 200)
    export_neighbourhood(town.reader, full, [start], name="start", hops=4)
    found = ask(full, "trail", address=town.addresses[start])
    assert sorted(row["transactions"] for row in found) == trails(start)
