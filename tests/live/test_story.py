"""Is the lake that a real node fills exact to the last unit, and does the engine find the exchange in it?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from web3 import Web3

from intel.config import Settings
from intel.following import ingest_rpc
from intel.pipeline import add_labels, build
from intel.store.reader import Reader
from tests.commands import label, run
from tests.ledger_files import lake_rows, write_csv
from tests.live.contracts import load_contract
from tests.live.nodes import MINER, Node, start_anvil, start_geth
from tests.live.stage import Stage
from tests.live.story import NOBODY, Story, play
from tests.parts import require_part

EXCHANGE = "Acorn Exchange"
MOVES = "tx_hash, kind, position, sub_position, sender, receiver, token, token_id, value_raw, value_text, initiator"


@dataclass(frozen=True)
class Told:
    """A node on which the story has happened, and a store made of what it says."""

    node: Node
    story: Story
    store: Path

    def read(self, query: str) -> list[tuple[Any, ...]]:
        with Reader(self.store) as reader:
            return reader.query(query)

    def sums(self, token: str | None) -> dict[tuple[str, str | None], int]:
        """Return {(address, token id): received less sent} of one asset, as the facts have it."""
        rows = self.read(
            "select a.address, s.token, s.token_id, in_raw - out_raw from facts.address_assets "
            "join facts.addresses a using (address_id) join facts.assets s using (asset_id)"
        )
        return {(a, i): int(left) for a, t, i, left in rows if t == token}

    def contract(self, name: str, kind: str = "WETH9") -> Any:
        address = Web3.to_checksum_address(self.story.addresses[name])
        return self.node.connect().eth.contract(address=address, abi=load_contract(kind).abi)


def settings_of(store: Path) -> Settings:
    return Settings(store=store, memory="1GB", threads=1)


def tell(node: Node, folder: Path) -> Told:
    story = play(node)
    store = folder / "store"
    ingest_rpc(settings_of(store), node.url, blocks=(0, story.last_block))
    return Told(node, story, store)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """The story on anvil, built with one label: that of the hot wallet."""
    require_part("contracts")
    folder = tmp_path_factory.mktemp("anvil")
    with start_anvil(folder) as node:
        told = tell(node, folder)
        labels = [label(told.story.addresses["hot"], EXCHANGE, f"{EXCHANGE}: Hot Wallet")]
        add_labels(settings_of(told.store), [write_csv(folder / "labels.csv", labels)], source="book")
        build(settings_of(told.store))
        yield told


def test_coins_of_every_address_are_what_the_node_says(told: Told) -> None:
    eth, last = told.node.connect().eth, told.story.last_block
    sums = {address: left for (address, _), left in told.sums(None).items()}
    wrong = {}
    for address in sorted({*sums, *told.story.addresses.values()}):
        there = Web3.to_checksum_address(address)
        gained = eth.get_balance(there, last) - eth.get_balance(there, 0)
        if gained != sums.get(address, 0):
            wrong[address] = (gained, sums.get(address, 0))
    assert wrong == {}
    assert sums[MINER] > 0


@pytest.mark.parametrize("name", ["USDX", "WETH", "PAIR", "TOLL", "OLD", "BARE", "PRX"])
def test_tokens_of_every_address_are_what_the_contract_says(told: Told, name: str) -> None:
    assert name in told.story.coins
    sums = told.sums(told.story.addresses[name])
    ask = told.contract(name).functions.balanceOf
    held = {(address, None): ask(Web3.to_checksum_address(address)).call() for address in told.story.addresses.values()}
    held |= {(address, None): ask(Web3.to_checksum_address(address)).call() for address, _ in sums}
    gave = sums.pop((NOBODY, None), 0) if name != "WETH" else 0  # new tokens come from nobody: below zero there
    assert gave <= 0
    held.pop((NOBODY, None), None)
    assert {key: left for key, left in sums.items() if left} == {key: left for key, left in held.items() if left}
    assert any(held.values())


def test_balances_that_grow_by_themselves_are_not_told_by_logs(told: Told) -> None:
    """The one exception, stated: no log says that a rebasing token gave everybody half as much again."""
    sums = told.sums(told.story.addresses[told.story.rebasing])
    ask = told.contract(told.story.rebasing).functions.balanceOf
    for name in ("issuer", "alice", "bob"):
        address = told.story.addresses[name]
        assert ask(Web3.to_checksum_address(address)).call() != sums[(address, None)]


def test_collectibles_are_where_the_contract_says(told: Told) -> None:
    sums = told.sums(told.story.addresses["Art"])
    owner = told.contract("Art", "Art").functions.ownerOf
    owned = {(owner(number).call().lower(), str(number)) for number in (1, 2)}  # the third is burnt
    assert {key for key, left in sums.items() if left == 1 and key[0] != NOBODY} == owned
    items = told.contract("Items", "Items").functions.balanceOf
    held = told.sums(told.story.addresses["Items"])
    assert {number for _, number in held} == {"1", "2", "3", str(10**30)}
    for (address, number), left in held.items():
        if address != NOBODY:
            assert items(Web3.to_checksum_address(address), int(number or 0)).call() == left


def test_failed_transactions_move_only_their_fee(told: Told) -> None:
    failed = lake_rows(told.store, "select tx_hash from lake_transactions where not success")
    assert len(failed) == 3
    for (tx_hash,) in failed:
        moved = lake_rows(told.store, f"select distinct kind from lake_transfers where tx_hash = '{tx_hash}'")
        assert moved == [("fee",)]


def test_what_failed_inside_a_success_is_not_told(told: Told) -> None:
    clumsy, heir = told.story.addresses["Clumsy"], told.story.addresses["heir"]
    rows = lake_rows(told.store, f"select receiver, value_raw from lake_transfers where sender = '{clumsy}'")
    assert sorted(int(value) for receiver, value in rows if receiver == heir) == [5]  # by borrowed code; not the tries


def test_blocks_and_transactions_are_those_of_the_node(told: Told) -> None:
    eth = told.node.connect().eth
    blocks = lake_rows(told.store, "select block_number, block_hash, parent_hash from lake_blocks order by 1")
    assert [number for number, _, _ in blocks] == list(range(told.story.last_block + 1))
    assert all(parent == before for (_, before, _), (_, _, parent) in pairwise(blocks))
    assert blocks[-1][1] == Web3.to_hex(eth.get_block(told.story.last_block)["hash"])
    signed = (
        "select tx_hash, sender, receiver, value_raw, nonce, type, success, created, fee_raw from lake_transactions"
    )
    rows = {row[0]: row[1:] for row in lake_rows(told.store, signed)}
    assert len(rows) == told.story.last_block
    for number in range(1, told.story.last_block + 1):
        [one] = eth.get_block(number, full_transactions=True)["transactions"]
        receipt = eth.get_transaction_receipt(one["hash"])
        made = receipt["contractAddress"]
        assert rows[Web3.to_hex(one["hash"])] == (
            one["from"].lower(), one["to"].lower() if one.get("to") else None, one["value"], one["nonce"], one["type"],
            receipt["status"] == 1, made.lower() if made else None, receipt["gasUsed"] * receipt["effectiveGasPrice"],
        )  # fmt: skip


def test_what_no_transfer_can_be_read_from_is_counted(told: Told) -> None:
    """A log that is called Transfer and carries no amount is an issue, not a guess."""
    wordless = told.story.addresses["Wordless"]
    assert lake_rows(told.store, f"from lake_transfers where token = '{wordless}'") == []
    assert lake_rows(told.store, "select sum(rows) from lake_issues where code = 'bad_log'") == [(1,)]


def test_tokens_name_themselves(told: Told) -> None:
    rows = lake_rows(told.store, "select token, symbol, name, decimals from lake_tokens")
    known = {token: row for token, *row in rows}
    names = told.story.addresses
    assert known[names["USDX"]] == ["USDX", "US Dollar X", 6]
    assert known[names["OLD"]] == ["OLD", "Old Coin", 18]
    assert known[names["TOLL"]] == ["TOLL", "Toll", 9]
    assert known[names["PRX"]] == ["PRX", "Proxied Coin", 18]
    assert known[names["WETH"]] == ["WETH", "Wrapped Ether", 18]
    assert known[names["Art"]][:2] == ["SQ", "Squares"]
    assert known[names["BARE"]] == [None, None, 8]


def test_contracts_are_known_with_who_made_them(told: Told) -> None:
    names = told.story.addresses
    code = {
        name: told.node.connect().eth.get_code(Web3.to_checksum_address(address)) for name, address in names.items()
    }
    said = dict(told.read("select address, is_contract from facts.addresses"))
    for name in ("USDX", "WETH", "safe", "forwarder_carol", "forwarder_frank", "UniswapV2Router02", "PAIR"):
        assert code[name]
        assert said[names[name]] is True, name
    for name in ("alice", "hot", "deposit_bob", "frank_smart"):
        assert said[names[name]] is not True, name


def test_the_engine_finds_the_exchange_by_one_label(told: Told) -> None:
    names = told.story.addresses
    found = dict(told.read(
        "select a.address, e.name from beliefs.attributions t join facts.addresses a using (address_id) "
        "join beliefs.entities e on e.entity_id = t.entity_id"
    ))  # fmt: skip
    assert found[names["hot"]] == EXCHANGE
    assert {name for name in told.story.deposits if found.get(names[name]) == EXCHANGE} == set(told.story.deposits)
    assert {n for n in told.story.forwarders if found.get(names[n]) == EXCHANGE} == set(told.story.forwarders)
    for stranger in ("alice", "bob", "carol", "issuer", "UniswapV2Router02", "PAIR", "safe", "lucky_1", "heir"):
        assert found.get(names[stranger]) != EXCHANGE, stranger


@pytest.mark.slow
def test_another_node_tells_the_same(told: Told, tmp_path: Path) -> None:
    """The same transactions on geth, which shares no code with anvil and traces in its own way, give the same rows."""
    with start_geth(tmp_path) as node:
        node.ask("dev_setFeeRecipient", MINER)
        other = tell(node, tmp_path)
        moves = f"select {MOVES} from lake_transfers where kind not in ('fee', 'reward') order by all"
        assert lake_rows(other.store, moves) == lake_rows(told.store, moves)
        paid = "select tx_hash from lake_transfers where kind = 'fee' order by all"
        assert lake_rows(other.store, paid) == lake_rows(told.store, paid)
        build(settings_of(other.store))
        eth = node.connect().eth
        for (address, _), left in other.sums(None).items():
            there = Web3.to_checksum_address(address)
            assert eth.get_balance(there) - eth.get_balance(there, 0) == left, address


def test_blobs_are_paid_for_beside_the_gas(tmp_path: Path) -> None:
    """On anvil alone: geth takes blobs in another envelope at the fork that both nodes play."""
    require_part("contracts")
    with start_anvil(tmp_path) as node:
        stage = Stage(node)
        stage.pay("faucet", "alice", 10**18)
        stage.pay("alice", "bob", 5, blobs=[bytes(131_072)], maxFeePerBlobGas=10**9, type=3)
        ingest_rpc(settings_of(tmp_path / "store"), node.url)
        paid = f"select sum(value_raw) from lake_transfers where sender = '{stage.find('alice')}' and kind = 'fee'"
        assert lake_rows(tmp_path / "store", paid) == [(10**18 - 5 - stage.read_balance("alice"),)]


def test_verify_tells_every_disagreement_and_no_other(told: Told) -> None:
    """Only what the rebasing token gave without a log, and what the first block gave without a transaction, differ."""
    addresses = told.store.parent / "addresses.txt"
    addresses.write_text("\n".join(sorted(told.story.addresses.values())), encoding="utf-8")
    answer = run("coverage", "--verify", told.node.url, "--addresses", addresses, "--json", store=told.store)
    assert answer.code == 1, answer.err
    yeast = told.story.addresses[told.story.rebasing]
    sums, ask = told.sums(yeast), told.contract(told.story.rebasing).functions.balanceOf
    held = {address: ask(Web3.to_checksum_address(address)).call() for (address, _) in sums if address != NOBODY}
    assert {
        (row["address"], row["token"]): (int(row["node"]), int(row["ours"])) for row in answer.document["disagreements"]
    } == {(address, yeast): (held[address], sums[address, None]) for address in held}
    assert answer.document["compared"] > len(told.story.addresses)
    assert answer.document["untold"] == 0
