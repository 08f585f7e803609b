"""Does every fact stand once, with the right ids, assets, time and worth, whichever sources told it?"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from tests.lakes import (
    MYSTERY,
    NFT,
    TOKEN,
    Row,
    build_facts,
    build_sums,
    moment,
    moved,
    open_facts,
    select,
    token_moved,
)
from tests.ledger_files import address, tx

KINDS = "select kind, source from facts.transfers order by tx_hash, position, sub_position, kind, source"


def told(*rows: Row, query: str = KINDS, **more: list[Row]) -> list[tuple[Any, ...]]:
    with open_facts({"transfers": list(rows), **more}) as con:
        return select(con, query)


def test_ids_are_dealt_in_order_of_first_sight() -> None:
    rows = [
        moved(1, 9, 2, block_time=moment("2021-01-02")),
        moved(2, 5, 9, initiator=address(7), block_time=moment("2021-01-03")),
        moved(3, 9, 1, chain="arbitrum", block_time=moment("2021-01-01")),
        token_moved(4, 9, 5, block_time=moment("2021-01-04")),
    ]
    with open_facts(
        {"transfers": rows, "edges": [{"chain": "ethereum", "sender": address(3), "receiver": address(4)}]}
    ) as con:
        found = select(con, "select chain, address, address_id from facts.addresses")
        looked_up = select(con, "select chain, address, address_id from facts.address_lookup order by 3")
    # What has no time comes first, then one day after the other; within a day by address.
    days = [("ethereum", (3, 4)), ("arbitrum", (1, 9)), ("ethereum", (2, 9)), ("ethereum", (5, 7))]
    ends = [(chain, address(n)) for chain, numbers in days for n in numbers]
    assert found == looked_up == [(*end, n) for n, end in enumerate([*ends, ("ethereum", TOKEN)])]


def test_contracts_are_known_by_their_acts() -> None:
    rows = [moved(1, 1, 2, initiator=address(1)), moved(2, 2, 3, kind="internal", position=1), token_moved(3, 4, 3)]
    create = {"chain": "ethereum", "tx_hash": tx(9), "block_number": 1, "sender": address(1), "created": address(5)}
    with open_facts({"transfers": rows, "transactions": [create]}) as con:
        found = dict(select(con, "select address, is_contract from facts.addresses"))
    contracts = {address(2): True, address(5): True, TOKEN: True}
    assert found == {**contracts, address(1): False, address(3): None, address(4): None}


def test_assets_say_what_lists_and_verified_maps_know() -> None:
    rows = [token_moved(1, 1, 2), token_moved(2, 1, 2, token=MYSTERY), moved(3, 1, 2)]
    rows += [token_moved(4, 1, 2, token=NFT, kind="erc721", token_id=i) for i in ("7", "8")]
    token = {"chain": "ethereum", "token": TOKEN, "symbol": "TKX", "name": "Token X", "standard": "erc20"}
    tokens = [
        {**token, "decimals": None, "lists": 9, "source": "a"},
        {**token, "decimals": 6, "lists": 1, "source": "b"},
    ]
    tokens.append({"chain": "ethereum", "token": MYSTERY, "symbol": "TKN", "decimals": 18, "lists": 4, "source": "a"})
    verified = [{"chain": "ethereum", "token": TOKEN, "symbol": "TKN", "decimals": 6, "lists": 9, "source": "map"}]
    with open_facts({"transfers": rows, "tokens": tokens, "assets": verified}) as con:
        found = select(
            con, "select token, token_id, symbol, decimals, standard, price_symbol, is_verified from facts.assets"
        )
    assert found == [
        (None, None, "ETH", 18, "native", "ETH", True),
        (TOKEN, None, "TKN", 6, "erc20", "TKN", True),
        (NFT, "7", None, 0, "erc721", None, False),
        (NFT, "8", None, 0, "erc721", None, False),
        (MYSTERY, None, "TKN", 18, "erc20", None, False),  # a symbol in four lists proves nothing
    ]


def test_five_lists_verify_a_contract_but_do_not_price_it() -> None:
    tokens = [{"chain": "ethereum", "token": TOKEN, "symbol": "TKN", "decimals": 6, "lists": 5, "source": "a"}]
    query = "select is_verified, price_symbol from facts.assets"
    assert told(token_moved(1, 1, 2), tokens=tokens, query=query) == [(True, None)]


def ambiguous(number: int, sender: int, receiver: int, value: int, token: str) -> Row:
    return token_moved(number, sender, receiver, value, kind="erc20_or_erc721", token=token)


def test_an_ambiguous_log_of_a_known_collection_is_one_nft() -> None:
    rows = [
        ambiguous(1, 1, 2, 7, NFT),
        ambiguous(2, 2, 3, 2**255, NFT),
        token_moved(3, 3, 1, kind="erc721", token=NFT, token_id="7"),
    ]
    assert build_sums({"transfers": rows}) == {
        (address(1), NFT, "7"): (1, 1), (address(2), NFT, "7"): (1, 0), (address(3), NFT, "7"): (0, 1),
        (address(2), NFT, str(2**255)): (0, 1), (address(3), NFT, str(2**255)): (1, 0),
    }  # fmt: skip


@pytest.mark.parametrize("standard", ["erc721", "erc20"])
def test_token_facts_resolve_an_ambiguous_log(standard: str) -> None:
    tokens = [{"chain": "ethereum", "token": TOKEN, "standard": standard, "decimals": None, "source": "a"}]
    rows = [ambiguous(1, 1, 2, 7, TOKEN)]
    expected = {"erc721": ("erc721", "7", 1), "erc20": ("erc20", None, 7)}[standard]
    query = "select kind, token_id, value_raw from facts.transfers join facts.assets using (asset_id)"
    assert told(*rows, tokens=tokens, query=query) == [expected]


def test_a_contract_of_two_standards_counts_each_transfer_once() -> None:
    """A listed collection that also logs fungible batches of the same id: no row is doubled by its asset."""
    tokens = [{"chain": "ethereum", "token": NFT, "standard": "erc721", "source": "a"}]
    rows = [token_moved(1, 1, 2, 5, kind="erc1155", token=NFT, token_id="7"), ambiguous(2, 2, 3, 7, NFT)]
    assert len(told(*rows, tokens=tokens)) == 2


UNRESOLVED = ("erc20_or_erc721", "erc20_calldata", "erc20_or_erc721_calldata")


@pytest.mark.parametrize("kind", UNRESOLVED)
def test_what_stays_unresolved_is_listed_and_in_no_sum(kind: str) -> None:
    rows = [token_moved(1, 1, 2, 7, kind=kind, token=MYSTERY), token_moved(2, 1, 2, 2**200, kind=kind, token=MYSTERY)]
    query = "select kind, value_raw, value_text, value_micro_usd from facts.transfers"
    assert told(*rows, query=query) == [(kind, None, "7", None), (kind, None, str(2**200), None)]
    assert set(build_sums({"transfers": rows}).values()) == {(0, 0)}
    assert told(*rows, query="select is_oversize from facts.assets") == [(False,)]


def test_the_better_telling_wins_across_sources() -> None:
    same = {"position": 3}
    assert told(
        token_moved(1, 1, 2, kind="erc20_or_erc721", source="a", **same), token_moved(1, 1, 2, source="b", **same)
    ) == [("erc20", "b")]
    assert told(token_moved(1, 1, 2, source="b", **same), token_moved(1, 1, 2, source="a", **same)) == [("erc20", "a")]
    different = token_moved(1, 1, 2, source="b", position=4)
    assert len(told(token_moved(1, 1, 2, source="a", **same), different)) == 2


@pytest.mark.parametrize("kind", ["erc20_calldata", "erc20_or_erc721_calldata"])
@pytest.mark.parametrize("source", ["test", "other"])
def test_calldata_gives_way_to_a_log_of_its_token(kind: str, source: str) -> None:
    log, call = token_moved(1, 1, 2, position=3), token_moved(1, 1, 2, kind=kind, source=source)
    assert told(log, call) == [("erc20", "test")]
    assert len(told(log, call | {"token": MYSTERY})) == 2
    assert len(told(log, call | {"tx_hash": tx(2)})) == 2
    assert told(call) == [(kind, source)]


def test_traces_told_twice_count_once_and_stand_beside_logs() -> None:
    rows = [moved(1, 1, 2, kind="internal", position=p, source=s) for p in (1, 2) for s in ("a", "b")]
    assert told(*rows, token_moved(1, 1, 2, position=1, source="b")) == [
        ("erc20", "b"),
        ("internal", "a"),
        ("internal", "a"),
    ]


def test_the_native_value_of_a_transaction_counts_once_whatever_its_position() -> None:
    rows = [moved(1, 1, 2, source="b"), moved(1, 1, 2, source="a", position=5, position_is_known=False)]
    assert told(*rows) == [("native", "a")]
    assert build_sums({"transfers": rows})[address(2), None, None] == (1, 0)


def test_a_source_that_tells_two_native_transfers_keeps_both() -> None:
    rows = [moved(1, 1, 2, source="a", position=p) for p in (0, 1)]
    assert len(told(*rows)) == 2
    # Another source in the block says nothing about how many there are in that transaction ...
    assert len(told(*rows, moved(2, 1, 2, source="b", block_number=1001))) == 3
    # ... and one that tells of it too does not change what the first told.
    assert told(*rows, moved(1, 1, 2, source="b")) == [("native", "a"), ("native", "a")]


def test_rewards_are_told_apart_by_block() -> None:
    rows = [moved(n, None, 2, kind="reward", tx_hash=None, source=s) for n in (1, 2) for s in ("a", "b")]
    assert told(*rows) == [("reward", "a"), ("reward", "a")]


def test_rows_without_positions_are_never_compared_across_sources() -> None:
    rows = [token_moved(1, 1, 2, source=s, position_is_known=False) for s in ("a", "b")]
    assert len(told(*rows)) == 2


def test_missing_times_come_from_blocks() -> None:
    rows = [moved(n, 1, 2, block_time=None) for n in (1, 2)] + [moved(3, 1, 2)]
    blocks = [{"chain": c, "block_number": 1001, "block_time": moment(t), "source": s}
              for c, t, s in (("ethereum", "2021-05-01T01:00:00", "a"), ("ethereum", "2021-05-01T01:00:01", "b"),
                              ("polygon", "2020-01-01", "a"))]  # fmt: skip
    query = "select block_number, block_time, block_time_is_estimated from facts.transfers order by transfer_id"
    assert told(*rows, blocks=blocks, query=query) == [
        (1001, moment("2021-05-01T01:00:00"), False), (1003, moment("2021-05-02T12:00:00"), False), (1002, None, False),
    ]  # fmt: skip


def price(day: int, usd: float, symbol: str = "ETH", **more: Any) -> Row:
    return {"date": date(2021, 5, day), "symbol": symbol, "usd": usd, "source": "p", "is_doubtful": False, **more}


WORTH = "select value_micro_usd, price_age_days from facts.transfers"


@pytest.mark.parametrize(
    ("prices", "worth"),
    [
        ([price(2, 3000.0), price(1, 1.0)], (4_500_000_000, 0)),
        ([price(1, 2000.0)], (3_000_000_000, 1)),
        ([price(3, 2000.0)], (None, None)),
        ([price(2, 2000.0, "BTC")], (None, None)),
        ([], (None, None)),
        ([price(2, 10.0, is_doubtful=True, source="a"), price(2, 20.0, source="b")], (30_000_000, 0)),
        ([price(2, 10.0, is_doubtful=True, source="a"), price(1, 20.0)], (15_000_000, 0)),
        ([price(2, 20.0, source="b"), price(2, 10.0, source="a")], (15_000_000, 0)),
    ],
    ids=["same day", "day before", "later", "other coin", "none", "doubtful", "doubtful alone", "by source"],
)  # fmt: skip
def test_usd_by_the_price_of_the_day(prices: list[Row], worth: tuple[int | None, int | None]) -> None:
    assert told(moved(1, 1, 2, 15 * 10**17), prices=prices, query=WORTH) == [worth]


def test_a_price_is_no_older_than_one_day() -> None:
    assert told(moved(1, 1, 2, block_time=moment("2021-05-03T00:00:00")), prices=[price(1, 2.0)], query=WORTH) == [
        (None, None)
    ]


def test_a_token_is_priced_by_its_verified_contract_alone() -> None:
    verified = [{"chain": "ethereum", "token": TOKEN, "symbol": "tkn", "decimals": 6, "lists": 9, "source": "map"}]
    fake = {"chain": "ethereum", "token": MYSTERY, "symbol": "TKN", "decimals": 6, "lists": 9, "source": "a"}
    rows = [token_moved(1, 1, 2, 2_500_000), token_moved(2, 1, 2, 2_500_000, token=MYSTERY)]
    found = told(*rows, assets=verified, tokens=[fake], prices=[price(2, 2.0, "TKN")], query=WORTH)
    assert found == [(5_000_000, 0), (None, None)]


def test_worth_beyond_any_number_is_unpriced_and_sums_do_not_overflow() -> None:
    rows = [moved(n, 1, 2, 8 * 10**12 * 10**18) for n in (1, 2)] + [moved(3, 1, 2, 10**36)]
    with open_facts({"transfers": rows, "prices": [price(2, 1.0)]}) as con:
        assert select(con, WORTH + " order by transfer_id") == [(8 * 10**18, 0), (8 * 10**18, 0), (None, 0)]
        sums = select(con, "select in_raw, in_micro_usd, out_micro_usd from facts.address_assets order by address_id")
    received = 16 * 10**30 + 10**36
    assert sums == [(Decimal(0), 0, None), (Decimal(received), None, 0)]


HUGE = 10**37


@pytest.mark.parametrize(
    ("values", "is_oversize"),
    [([HUGE], True), ([2**256 - 1, 5], True), ([HUGE - 1], False), ([10**36] * 10, True), ([HUGE - 1, 1], True),
     ([10**36] * 9 + [10**36 - 1], False), ([HUGE - 2, 1], False), ([HUGE - 1] * 30, True)],
)  # fmt: skip
def test_oversize_by_value_and_by_exact_sum(values: list[int], is_oversize: bool) -> None:
    rows = [token_moved(n, 1, 2, value) for n, value in enumerate(values)] + [token_moved(99, 1, 2, 7, token=MYSTERY)]
    with open_facts({"transfers": rows}) as con:
        assert select(con, "select is_oversize from facts.assets order by token") == [(is_oversize,), (False,)]
        found = select(con, f"select value_raw, value_text from facts.transfers join facts.assets using (asset_id) "
                       f"where token = '{TOKEN}' order by transfer_id")  # fmt: skip
    if is_oversize:
        assert found == [(None, str(value)) for value in values]
    else:
        assert found == [(Decimal(value), None) for value in values]
    total = 0 if is_oversize else sum(values)
    sums = build_sums({"transfers": rows})
    assert (sums[address(1), TOKEN, None], sums[address(2), TOKEN, None]) == ((0, total), (total, 0))
    assert sums[address(1), MYSTERY, None] == (0, 7)


def test_an_oversize_token_has_no_worth() -> None:
    verified = [{"chain": "ethereum", "token": TOKEN, "symbol": "TKN", "decimals": 6, "lists": 9, "source": "map"}]
    rows = [token_moved(1, 1, 2, 10**6), token_moved(2, 1, 2, HUGE)]
    assert told(*rows, assets=verified, prices=[price(2, 1.0, "TKN")], query=WORTH.replace(", price_age_days", "")) == [
        (None,), (None,),
    ]  # fmt: skip


def test_fees_and_rewards_have_one_end() -> None:
    rows = [moved(1, 1, None, 5, kind="fee"), moved(2, None, 1, 9, kind="reward", tx_hash=None)]
    facts = build_facts({"transfers": rows})
    assert [row[:6] for row in facts["postings"]] == [
        (0, moment("2021-05-02T12:00:00"), 0, -1, None, 0), (0, moment("2021-05-02T12:00:00"), 1, 1, None, 0),
    ]  # fmt: skip
    assert build_sums({"transfers": rows}) == {(address(1), None, None): (9, 5)}
    (stats,) = facts["address_stats"]
    assert stats[1:6] == (1, 1, 0, 0, 0)


def test_each_transfer_is_posted_at_both_ends() -> None:
    rows = [moved(1, 1, 2, 5), moved(2, 2, 1, 3), moved(3, 1, 1, 4)]
    postings = build_facts({"transfers": rows})["postings"]
    assert [(a, n, d, c, int(v)) for a, _, n, d, c, _, v, *_ in postings] == [
        (0, 0, -1, 1, 5), (0, 1, 1, 1, 3), (0, 2, -1, 0, 4), (0, 2, 1, 0, 4), (1, 0, 1, 0, 5), (1, 1, -1, 0, 3),
    ]  # fmt: skip
    assert build_sums({"transfers": rows}) == {(address(1), None, None): (7, 9), (address(2), None, None): (5, 3)}


def test_activity_counts_transfers_partners_and_signatures() -> None:
    signed = {"initiator": address(1)}
    rows = [
        moved(1, 1, 2, **signed),
        moved(1, 1, 3, kind="internal", position=1, **signed),
        moved(2, 3, 1),
        moved(5, 1, 3, **signed),
    ]
    stats = {row[0]: row[1:9] for row in build_facts({"transfers": rows})["address_stats"]}
    assert stats == {
        0: (1, 3, 1, 2, 2, 2, 1001, 1005),
        1: (1, 0, 1, 0, 1, 0, 1001, 1001),
        2: (2, 1, 1, 1, 1, 0, 1001, 1005),
    }


def test_a_transaction_told_twice_stands_once_as_told_best() -> None:
    same = {"chain": "ethereum", "block_number": 7, "sender": address(1), "receiver": address(2)}
    rows = [same | {"tx_hash": tx(1), "source": "a"}, same | {"tx_hash": tx(1), "source": "b", "success": True}]
    rows += [same | {"tx_hash": tx(2), "source": "b"}, same | {"tx_hash": tx(2), "source": "a"}]
    with open_facts({"transactions": rows}) as con:
        found = select(con, "select tx_hash, source from facts.transactions order by tx_hash")
    assert found == [(tx(1), "b"), (tx(2), "a")]


def test_an_empty_lake_has_empty_facts() -> None:
    assert {name for name, rows in build_facts({}).items() if rows} == set()


def test_an_event_keeps_its_ends_as_ids() -> None:
    event = {"chain": "ethereum", "event": "mixer_deposit", "address": address(8), "actor": address(3), "source": "s"}
    edge = {
        "chain": "ethereum",
        "kind": "unknown",
        "sender": address(3),
        "receiver": address(5),
        "transfers": 2,
        "source": "s",
    }
    with open_facts({"events": [event], "edges": [edge]}) as con:
        assert select(con, "select address_id, actor_id, block_time_is_estimated from facts.events") == [(2, 0, False)]
        assert select(con, "select sender_id, receiver_id, transfers from facts.edges") == [(0, 1, 2)]
