"""Does a token page name the right holders, shares and flows, and refuse to guess which token a symbol means?"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from intel.errors import AmbiguousSubject, UnknownSubject, UsageError
from intel.profiler.postings import parse_window
from intel.profiler.subjects import resolve_subject
from intel.profiler.token_flows import tabulate_token_exchange_flows, tabulate_token_flows
from intel.profiler.tokens import (
    describe_token,
    resolve_token,
    tabulate_holders,
)
from intel.store.reader import Reader
from tests.small_world import address
from tests.snapshots import Asset, Moved, World, write_snapshot

NULL = "0x" + "0" * 40
BURN = "0x" + "0" * 36 + "dead"
ANNA, BERT, HOT, DEPOSIT = address("1"), address("2"), address("3"), address("4")
TOY = Asset(address("a"), "TOY", 1, is_verified=True)
TWIN = Asset(address("b"), "toy", 1)
ART = [Asset(address("c"), "ART", None, token_id=str(n)) for n in (1, 2)]
BIG = Asset(address("d"), "BIG", 0, is_oversize=True)
COIN = Asset(None, "ETH", 18, is_verified=True)


def toys(when: str, sender: str, receiver: str, whole: int, usd: float | None = None) -> Moved:
    return Moved(f"2024-{when}", sender, receiver, TOY.token, whole * 10, usd)


def build_world() -> World:
    ours = {"entity_id": "bank", "role": "exchange_hot"}
    return World(
        transfers=[
            toys("01-01", NULL, ANNA, 50, 50.0),
            toys("01-02", NULL, BERT, 30, 30.0),
            toys("01-03", NULL, HOT, 15, 15.0),
            toys("01-04", NULL, DEPOSIT, 25, 25.0),
            toys("01-05", ANNA, BURN, 20, 20.0),
            toys("02-01", BERT, DEPOSIT, 10, 11.0),
            toys("02-02", DEPOSIT, HOT, 10, 11.0),
            toys("02-03", HOT, ANNA, 5, None),
            toys("02-04", ANNA, BERT, 0, 0.0),
            Moved("2024-02-05", ANNA, BERT, ART[0].token, 1, kind="erc721", token_id="1"),
            Moved("2024-02-05", ANNA, BERT, ART[1].token, 1, kind="erc721", token_id="2"),
            Moved("2024-02-06", ANNA, BERT, BIG.token, None, value_text=str(10**40)),
        ],
        assets=[TOY, TWIN, *ART, BIG, COIN],
        prices=[(TOY, "2024-01-01", 1.0), (TOY, "2024-02-04", 2.0)],
        coverage=[{"dataset": "transfers", "chain": "ethereum", "kind": "erc20", "source": "test", "first_block": 0,
                   "last_block": 9, "first_time": "2024-01-01", "last_time": "2024-02-10"}],
        entities=[{"entity_id": "bank", "name": "Bank", "category": "exchange", "is_custodial": True}],
        attributions=[ours | {"address": HOT}, ours | {"address": DEPOSIT, "role": "exchange_deposit"}],
        transfer_flags=[(8, "zero_value_spoof")],
    )  # fmt: skip


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    store = tmp_path_factory.mktemp("tokens") / "store"
    write_snapshot(store, build_world())
    with Reader(store, memory="1GB") as opened:
        yield opened


def test_a_symbol_of_two_tokens_is_a_choice(reader: Reader) -> None:
    with pytest.raises(AmbiguousSubject, match="2 tokens") as caught:
        resolve_token(reader, "TOY")
    assert [text for text, _ in caught.value.candidates] == [f"ethereum:{TOY.token}", f"ethereum:{TWIN.token}"]
    assert "verified" in caught.value.candidates[0][1]
    assert resolve_token(reader, caught.value.candidates[1][0]).symbol == "toy"


def test_a_token_is_found_by_contract_and_coin_by_name(reader: Reader) -> None:
    assert resolve_token(reader, TOY.token.upper().replace("0X", "0x") if TOY.token else "").symbol == "TOY"
    assert resolve_token(reader, f"eip155:1:{TOY.token}").symbol == "TOY"
    assert resolve_token(reader, "native").token is None
    assert resolve_token(reader, "ethereum:native").text == "ethereum:native"
    assert resolve_token(reader, "art").standard is None  # two ids are one token
    for text in ("nope", "ethereum:nope", "mars:native", "0x12"):
        with pytest.raises(UnknownSubject):
            resolve_token(reader, text)
    with pytest.raises(UsageError, match="empty"):
        resolve_token(reader, " ")


def test_holders_stand_by_address_and_by_entity(reader: Reader) -> None:
    token = resolve_token(reader, str(TOY.token))
    rows = tabulate_holders(reader, token, by="address").to_pylist()
    # Anna 50 - 20 + 5, Bert 30 - 10, Hot 15 + 10 - 5, Deposit 25 + 10 - 10, burnt 20; minted 120; 100 are held.
    assert {row["address"]: (row["amount"], row["share"]) for row in rows} == {
        ANNA: ("35", 0.35),
        DEPOSIT: ("25", 0.25),
        BERT: ("20", 0.2),
        HOT: ("20", 0.2),
        BURN: ("20", None),
        NULL: ("-120", None),
    }
    assert rows[0]["address"] == ANNA
    assert rows[0]["usd"] == 70.0
    assert {row["address"] for row in rows if row["status"] == "system"} == {BURN, NULL}
    by_entity = tabulate_holders(reader, token).to_pylist()
    assert (by_entity[0]["who"], by_entity[0]["amount"], by_entity[0]["addresses"]) == ("Bank", "45", 2)
    assert [row["who"] for row in tabulate_holders(reader, token, limit=1).to_pylist()] == ["Bank"]


def test_concentration_is_measured_over_what_is_held(reader: Reader) -> None:
    told = describe_token(reader, resolve_token(reader, str(TOY.token)))
    assert (told["held"], told["held_usd"], told["holders"], told["negative"]) == ("100", 200.0, 4, 1)
    assert told["concentration"]["address"] == {
        "holders": 4,
        "top_10_share": pytest.approx(1.0),
        "top_100_share": pytest.approx(1.0),
        "herfindahl": pytest.approx(0.35**2 + 0.25**2 + 2 * 0.2**2),
    }
    assert told["concentration"]["entity"]["herfindahl"] == pytest.approx(0.45**2 + 0.35**2 + 0.2**2)


def test_holders_at_a_date_are_those_of_that_date(reader: Reader) -> None:
    rows = tabulate_holders(
        reader, resolve_token(reader, str(TOY.token)), by="address", until=parse_window(until="2024-01")
    )
    assert {row["address"]: row["amount"] for row in rows.to_pylist() if row["share"]} == {
        ANNA: "30",
        BERT: "30",
        DEPOSIT: "25",
        HOT: "15",
    }
    assert rows["usd"].to_pylist()[0] == 30.0  # at January's price


def test_flows_are_between_entities_and_not_within(reader: Reader) -> None:
    token = resolve_token(reader, str(TOY.token))
    flows = tabulate_token_flows(reader, token, parse_window(since="2024-02")).to_pylist()
    assert [(row["sender"], row["receiver"], row["amount"], row["usd"]) for row in flows] == [
        (BERT, "Bank", "10", 11.0),
        ("Bank", ANNA, "5", None),
    ]
    assert tabulate_token_flows(reader, token, limit=1).to_pylist()[0]["sender"] == "Null address: mints and burns"


def test_exchanges_take_in_and_give_out_and_what_is_minted_is_neither(reader: Reader) -> None:
    token = resolve_token(reader, str(TOY.token))
    rows = tabulate_token_exchange_flows(reader, token).to_pylist()
    assert [
        (row["period"].month, row["in_usd"], row["out_usd"], row["in_amount"], row["out_amount"]) for row in rows
    ] == [(2, 11.0, 0.0, 10.0, 5.0)]
    with pytest.raises(UsageError, match="no step"):
        tabulate_token_exchange_flows(reader, token, step="year")  # type: ignore[arg-type]


def test_a_token_without_amounts_has_no_holders(reader: Reader) -> None:
    big = resolve_token(reader, "BIG")
    assert tabulate_holders(reader, big).num_rows == 0
    assert describe_token(reader, big)["concentration"]["address"]["herfindahl"] is None
    assert tabulate_token_flows(reader, big).to_pylist()[0]["amount"] is None
    assert describe_token(reader, resolve_token(reader, "native"))["holders"] == 0


def test_ids_of_one_contract_are_one_token(reader: Reader) -> None:
    rows = tabulate_holders(reader, resolve_token(reader, "ART"), by="address").to_pylist()
    assert [(row["address"], row["amount"], row["share"]) for row in rows] == [(BERT, "2", 1.0), (ANNA, "-2", None)]


def test_the_holders_add_up_to_what_the_subjects_hold(reader: Reader) -> None:
    from intel.profiler.holdings import list_holdings

    held = {item.token: item.amount for item in list_holdings(reader, resolve_subject(reader, "bank"))}
    assert format(held[TOY.token] or 0, "f") == "45"
