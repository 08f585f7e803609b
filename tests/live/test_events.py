"""Do logs of Safes, smart accounts, names, bridges, validators and mixers become the events that the rules read?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from eth_utils.crypto import keccak

from intel.following import ingest_rpc
from intel.heuristics import ALL
from intel.pipeline import build
from intel.sources.chains import find_chain, load_entry_points
from intel.sources.rpc_names import hash_name, reverse_node
from intel.store.reader import Reader
from tests.ledger_files import lake_rows
from tests.live.busy import settings_of
from tests.live.nodes import account_of, start_anvil
from tests.live.stage import Stage
from tests.live.story import ETHER, NOBODY
from tests.parts import require_part

KNOWN = find_chain("ethereum").contracts
POINT = load_entry_points()[1]
NAME = "alice.eth"


class Played:
    """What happened on the node, and the store that was filled from it."""

    def __init__(self, stage: Stage, store: Path) -> None:
        self.stage, self.store = stage, store
        self.names = stage.addresses

    def events(self, event: str) -> list[tuple[str, str, dict[str, Any]]]:
        """Return address, actor and details of the events of one kind, in order."""
        rows = lake_rows(
            self.store,
            f"select address, actor, details from lake_events where event = '{event}' "
            "order by block_number, address, actor, details",
        )
        return [(address, actor, json.loads(details)) for address, actor, details in rows]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    require_part("contracts")
    folder = tmp_path_factory.mktemp("anvil")
    with start_anvil(folder) as node:
        stage = Stage(node)
        for name in ("alice", "bob", "carol", "mallory"):
            stage.pay("faucet", name, 50 * ETHER)
        execute_safe(stage)
        bundle(stage)
        speak(stage)
        ingest_rpc(settings_of(folder / "store"), node.url)
        yield Played(stage, folder / "store")


def execute_safe(stage: Stage) -> None:
    """Two of three owners sign off chain and a stranger sends it; then a false Safe claims the same signatures."""
    stage.deploy("carol", "Safe", name="SafeCode")
    stage.deploy("carol", "SafeProxyFactory")
    owners = stage.checksum("alice", "bob", "carol")
    setup = stage.encode("SafeCode", "setup", owners, 2, NOBODY, b"", NOBODY, NOBODY, 0, NOBODY)
    code = stage.checksum("SafeCode")[0]
    made = stage.call("carol", "SafeProxyFactory", "createProxyWithNonce", code, bytes.fromhex(setup[2:]), 7)
    [created] = [log for log in made["logs"] if log["address"].lower() == stage.addresses["SafeProxyFactory"]]
    stage.introduce("safe", "Safe", f"0x{created['topics'][1].hex()[-40:]}")
    stage.pay("alice", "safe", 4 * ETHER)
    for nonce in range(2):
        paid = (*stage.checksum("dave"), ETHER, b"", 0, 0, 0, 0, NOBODY, NOBODY)
        told = bytes(stage.ask("safe", "getTransactionHash", *paid, nonce))
        signers = sorted((account_of("alice"), account_of("bob")), key=lambda one: int(one.address, 16))
        signed = b"".join(bytes(one.unsafe_sign_hash(told).signature) for one in signers)
        if nonce:  # the same by eth_sign, which wraps the hash once more
            wrapped = keccak(b"\x19Ethereum Signed Message:\n32" + told)
            parts = [bytes(one.unsafe_sign_hash(wrapped).signature) for one in signers]
            signed = b"".join(part[:64] + bytes([part[64] + 4]) for part in parts)
        stage.call("mallory", "safe", "execTransaction", *paid, signed)
    stage.deploy("mallory", "FalseSafe", told)
    stage.introduce("FalseSafe", "Safe", stage.addresses["FalseSafe"])
    stage.call("mallory", "FalseSafe", "execTransaction", *paid, signed)


def bundle(stage: Stage) -> None:
    """One bundle carries the operations of two accounts, one made for alice and one for bob."""
    place(stage, POINT, "Bundling", "point")
    stage.pay("mallory", "point", ETHER)
    for owner in ("alice", "bob"):
        point, key = stage.checksum("point", owner)
        stage.deploy("mallory", "Account", point, key, name=f"account_{owner}", value=ETHER)
    heir = stage.checksum("heir")[0]
    calls = [bytes.fromhex(stage.encode("account_alice", "pay", heir, 11 + n)[2:]) for n in range(2)]
    accounts = stage.checksum("account_alice", "account_bob")
    stage.call("mallory", "point", "handle", accounts, calls, *stage.checksum("mallory"))


def place(stage: Stage, address: str, contract: str, name: str) -> None:
    """Let a contract of ours stand where a well-known one stands."""
    stage.deploy("faucet", contract, name=f"{name}_code")
    code = stage.web3.eth.get_code(stage.checksum(f"{name}_code")[0])
    stage.node.ask("anvil_setCode", address, f"0x{bytes(code).hex()}")
    stage.introduce(name, contract, address)


def word(value: int | str) -> str:
    """Return a number, an address or a hash as the 64 digits of one word."""
    return f"{value:064x}" if isinstance(value, int) else value.removeprefix("0x").rjust(64, "0")


def text_words(text: bytes) -> str:
    padded = text.hex().ljust(-(-len(text) // 32) * 64, "0")
    return word(32) + word(len(text)) + padded


def speak(stage: Stage) -> None:
    spoken = {role: listed[0] for role, listed in KNOWN.items()}
    for role, address in spoken.items():
        place(stage, address, "Speaker", role)
    place(stage, f"0x{0xFA15E:040x}", "Speaker", "stranger")

    def say(who: str, role: str, event: str, indexed: list[int | str], data: str) -> None:
        topics = [keccak(text=event), *(bytes.fromhex(word(one)) for one in indexed)]
        for speaker in (role, "stranger"):  # the stranger's words must count for nothing
            stage.call(who, speaker, "say", topics, bytes.fromhex(data))

    alice, bob = stage.addresses["alice"], stage.addresses["bob"]
    eth, label = hash_name("eth"), f"0x{keccak(text='alice').hex()}"
    say("alice", "name_registry", "NewOwner(bytes32,bytes32,address)", [eth, label], word(alice))
    say("alice", "name_resolver", "AddrChanged(bytes32,address)", [hash_name(NAME)], word(bob))
    say("bob", "name_resolver", "NameChanged(bytes32,string)", [reverse_node(bob)], text_words(NAME.encode()))
    say("mallory", "name_resolver", "NameChanged(bytes32,string)", [reverse_node(bob)], text_words(b"mallory.eth"))
    say("alice", "name_registry", "Transfer(bytes32,address)", [hash_name(NAME)], word(bob))
    body = f"{0:08x}{word(0)}{word(bob)}{word(10**6)}{word(alice)}"
    message = f"{0:08x}{0:08x}{3:08x}{42:016x}{word(0)}{word(0)}{word(0)}{body}"
    say("alice", "cctp", "MessageSent(bytes)", [], text_words(bytes.fromhex(message)))
    received = word(3) + word(0) + word(96) + text_words(bytes.fromhex(body))[64:]
    say("mallory", "cctp", "MessageReceived(address,uint32,uint64,bytes32,bytes)", [alice, 43], received)
    tokens = [word(number) for number in (1, 2, 1000, 990)]
    event = "V3FundsDeposited(address,address,uint256,uint256,uint256,uint32,uint32,uint32,uint32,address,address,address,bytes)"  # noqa: E501
    say("alice", "across", event, [10, 77, alice], "".join([*tokens, *(word(0),) * 3, word(bob), word(0), word(0)]))
    event = (
        "FilledRelay(bytes32,bytes32,uint256,uint256,uint256,uint256,uint256,uint32,uint32,bytes32,bytes32,bytes32,"
        "bytes32,bytes32,(bytes32,bytes32,uint256,uint8))"
    )
    data = "".join([*tokens, word(1), *(word(0),) * 3, word(alice), word(bob), *(word(0),) * 5])
    say("mallory", "across", event, [10, 78, stage.addresses["mallory"]], data)
    keys = [word(n) for n in (160, 256, 320, 384, 512)] + [
        word(48),
        word(5),
        word(6),
        word(32),
        f"{1:02x}" + word(bob)[2:],
    ]
    say("alice", "validator_deposits", "DepositEvent(bytes,bytes,bytes,bytes,bytes)", [], "".join(keys))
    say("alice", "mixer", "Deposit(bytes32,uint32,uint256)", [5], word(0) + word(1))
    say("mallory", "mixer", "Withdrawal(address,bytes32,address,uint256)", [7], word(bob) + word(8) + word(0))


def test_who_signed_for_a_safe_is_told_and_a_false_safe_proves_nothing(played: Played) -> None:
    names = played.names
    told = played.events("safe_executed")
    signed = [(address, actor, details["signer"], details["signatures"]) for address, actor, details in told if actor]
    two = sorted((names["alice"], names["bob"]))
    assert signed == [(names["safe"], one, one, 2) for one in two] * 2
    assert [address for address, actor, _ in told if not actor] == [names["FalseSafe"]]


def test_a_smart_account_acts_in_what_a_bundle_carries_for_it(played: Played) -> None:
    names = played.names
    paid = lake_rows(
        played.store,
        "select sender, receiver, value_raw, initiator from lake_transfers where kind = 'internal' "
        "and value_raw in (7, 11, 12) order by value_raw",
    )
    heir = names["heir"]
    assert paid == [
        (names["point"], names["mallory"], 7, names["mallory"]),
        (names["account_alice"], heir, 11, names["account_alice"]),
        (names["account_bob"], heir, 12, names["account_bob"]),
    ]
    made = [(address, details) for address, _, details in played.events("account_created")]
    assert made == [(names[f"account_{owner}"], {"owner": names[owner]}) for owner in ("alice", "bob")]


def test_names_count_where_their_holders_say_so(played: Played) -> None:
    names, node = played.names, hash_name(NAME)
    registry, resolver = KNOWN["name_registry"][0], KNOWN["name_resolver"][0]
    alice, bob = names["alice"], names["bob"]
    assert played.events("name_registered") == [(registry, alice, {"node": node, "owner": alice})]
    assert played.events("name_record_set") == [(resolver, alice, {"node": node, "target": bob})]
    assert played.events("reverse_record_set") == [(bob, bob, {"node": node, "title": NAME})]
    assert played.events("name_transferred") == [(registry, alice, {"node": node, "owner": bob})]


def test_bridges_validators_and_mixers_are_told_by_their_own_contracts_alone(played: Played) -> None:
    names = played.names
    alice, bob, mallory = names["alice"], names["bob"], names["mallory"]
    [cctp, across] = [KNOWN[role][0] for role in ("cctp", "across")]
    assert played.events("bridge_sent") == [
        (cctp, alice, {"message_id": "cctp:0:42", "recipient": bob}),
        (across, alice, {"message_id": "across:1:77", "recipient": bob}),
    ]
    assert played.events("bridge_received") == [
        (cctp, mallory, {"message_id": "cctp:3:43", "recipient": bob}),
        (across, mallory, {"message_id": "across:10:78", "recipient": bob}),
    ]
    assert played.events("validator_deposit") == [(KNOWN["validator_deposits"][0], alice, {"recipient": bob})]
    assert played.events("mixer_deposit") == [(KNOWN["mixer"][0], alice, {})]
    assert played.events("mixer_withdrawal") == [(KNOWN["mixer"][0], mallory, {"recipient": bob})]
    assert lake_rows(played.store, f"from lake_events where address = '{names['stranger']}'") == []


def test_the_rules_find_what_they_ask_for(played: Played) -> None:
    build(settings_of(played.store))
    with Reader(played.store) as reader:
        found = {row[0] for row in reader.query("select distinct heuristic from beliefs.evidence")}
    assert {"safe_member", "account_owner"} <= found <= {rule.name for rule in ALL}
