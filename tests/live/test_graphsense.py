"""Do ledgers of which GraphSense published its results give the same balances and relations here?"""

from __future__ import annotations

import base64
import json
from collections import Counter, defaultdict
from decimal import Decimal
from pathlib import Path

import pytest

from tests.ledger_files import lake_rows
from tests.live.replay import FIXTURES, Recordings, Row, add_roots, needs_mirror, read_expected, read_tokens, take

pytestmark = needs_mirror


def read_graphsense(folder: Path) -> Recordings:
    """Turn GraphSense's tables back into the answers of a node."""
    transactions: defaultdict[int, list[Row]] = defaultdict(list)
    logs: defaultdict[str, list[Row]] = defaultdict(list)
    if (folder / "logs.json").exists():
        for line in (folder / "logs.json").read_text(encoding="utf-8").splitlines():
            one = json.loads(line)
            logs[one["txHash"]].append({
                "address": one["address"], "topics": one["topics"], "data": one["data"] or "0x",
                "logIndex": hex(one["logIndex"]), "transactionHash": one["txHash"], "blockHash": one["blockHash"],
                "blockNumber": hex(one["blockId"]), "transactionIndex": hex(one["transactionIndex"]),
            })  # fmt: skip
    for row in read_expected(folder / "transactions.csv"):
        transactions[int(row["blockId"])].append(row)
    traces = group_traces(folder)
    recordings = Recordings()
    for block in read_expected(folder / "blocks.csv"):
        number = int(block["blockId"])
        rows = sorted(transactions[number], key=lambda row: int(row["transactionIndex"]))
        failed = {one["transactionHash"] for one in traces[number] if "error" in one and not one["traceAddress"]}
        roots = [
            {
                "hash": row["txHash"], "from": row["fromAddress"], "to": row["toAddress"], "type": "call",
                "value": int(Decimal(row["value"])),
                "used": int(row["receiptGasUsed"]), "price": int(Decimal(row["gasPrice"])), "gas": int(row["gas"]),
                "worked": row["txHash"] not in failed, "logs": logs[row["txHash"]],
            }
            for row in rows
        ]  # fmt: skip
        if roots:
            add_roots(recordings, number, roots)
        else:
            recordings.add_block(number, [])
            recordings.add("eth_getBlockReceipts", number, [])
        recordings.add("trace_block", number, traces[number])
    return recordings


def group_traces(folder: Path) -> defaultdict[int, list[Row]]:
    """Return the answers of trace_block by block; where in its transaction a call stands is in its id."""
    traces: defaultdict[int, list[Row]] = defaultdict(list)
    for row in read_expected(folder / "traces.csv"):
        kind, *place = row["traceId"].split("_")
        value, number = hex(int(Decimal(row["value"]))), int(row["blockId"])
        one: Row = {"type": kind, "blockNumber": number, "subtraces": 0, "result": {"gasUsed": "0x0"}}
        if kind == "reward":
            one |= {"action": {"author": row["toAddress"], "rewardType": "block", "value": value}, "traceAddress": []}
            one |= {"transactionHash": None}
        else:
            action = {"from": row["fromAddress"], "to": row["toAddress"], "value": value, "callType": row["callType"]}
            one |= {"action": action, "transactionHash": row["txHash"]}
            one |= {"traceAddress": [int(step) for step in place[1:] if step]}
            one |= {"error": "Reverted"} if row["status"] == "0" else {}
        traces[number].append(one)
    return traces


def read_graphsense_reference(folder: Path, name: str) -> list[Row]:
    return read_expected(folder / "reference" / f"{name}.json")


def decode(text: str) -> str:
    return f"0x{base64.b64decode(text).hex()}"


@pytest.fixture(scope="module")
def simple(tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = tmp_path_factory.mktemp("simple") / "store"
    take(store, read_graphsense(FIXTURES / "graphsense_eth/simple_graph"), 46147, 46230)
    return store


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = tmp_path_factory.mktemp("tokens") / "store"
    take(store, read_graphsense(FIXTURES / "graphsense_eth/tokens"), 15000000, 15000004)
    return store


def test_balances_and_relations_of_graphsense(simple: Path) -> None:
    folder = FIXTURES / "graphsense_eth/simple_graph"
    ids: dict[int, str] = {}
    for row in read_graphsense_reference(folder, "addresses"):
        ids[row["addressId"]] = decode(row["address"])
    moves = "from lake_transfers where kind in ('native', 'internal')"
    for side, name in (("receiver", "totalReceived"), ("sender", "totalSpent")):
        sums = dict(lake_rows(simple, f"select {side}, sum(value_raw) {moves} group by all"))
        said = {decode(row["address"]): row[name]["value"] for row in read_graphsense_reference(folder, "addresses")}
        assert {address: int(sums.get(address, 0)) for address in said} == said
    pairs = lake_rows(simple, f"select sender, receiver, count(*), sum(value_raw) {moves} group by all")
    assert {(a, b): (count, int(value)) for a, b, count, value in pairs} == {
        (ids[row["srcAddressId"]], ids[row["dstAddressId"]]): (row["noTransactions"], row["value"]["value"])
        for row in read_graphsense_reference(folder, "address_relations")
        if row["value"]["value"]  # of a transaction without coins the ledger keeps no transfer
    }


def test_rewards_of_graphsense(simple: Path) -> None:
    """What mining pays, uncles included; what the block's transactions pay is told beside it."""
    traces = read_expected(FIXTURES / "graphsense_eth/simple_graph/traces.csv")
    expected = Counter(
        (int(row["blockId"]), row["toAddress"], int(Decimal(row["value"])))
        for row in traces
        if row["traceId"].startswith("reward")
    )
    rewards = "from lake_transfers where kind = 'reward' and sender is null"
    paid = Counter(lake_rows(simple, f"select block_number, receiver, value_raw::bigint {rewards}"))
    assert expected <= paid
    fees = dict(lake_rows(simple, "select block_number, sum(fee_raw)::bigint from lake_transactions group by all"))
    assert {number: value for number, _, value in paid - expected} == fees


def test_token_transfers_of_graphsense(tokens: Path) -> None:
    expected = [
        (
            row["blockId"], row["logIndex"], f"0x{base64.b64decode(row['txHash']).hex()}", decode(row["tokenAddress"]),
            decode(row["from"]), decode(row["to"]), row["value"],
        )
        for row in read_graphsense_reference(FIXTURES / "graphsense_eth/tokens", "USDT_token_transfers")
    ]  # fmt: skip
    found = [row for row in read_tokens(tokens) if row[3] == expected[0][3]]
    assert len(found) > 100
    assert sorted(found) == sorted(expected)


def test_coins_of_graphsense_by_traces(tokens: Path) -> None:
    """Mainnet transactions of which both the transaction and its calls were kept: who paid whom how much."""
    folder = FIXTURES / "graphsense_eth/tokens"
    known = {row["txHash"] for row in read_expected(folder / "transactions.csv")}
    expected: Counter[tuple[str, str, str]] = Counter()
    traced = set()
    for row in read_expected(folder / "traces.csv"):
        if row["txHash"] in known and int(row["blockId"]) >= 15_000_000:
            traced.add(row["txHash"])
            if row["status"] == "1" and row["callType"] in {"call", None}:
                expected[row["txHash"], row["fromAddress"], row["toAddress"]] += int(Decimal(row["value"]))
    moves = "from lake_transfers where kind in ('native', 'internal')"
    pairs = lake_rows(tokens, f"select tx_hash, sender, receiver, sum(value_raw) {moves} group by all")
    found = {(tx_hash, a, b): int(value) for tx_hash, a, b, value in pairs if tx_hash in traced}
    assert found == {place: value for place, value in expected.items() if value}
    assert len(found) > 100
