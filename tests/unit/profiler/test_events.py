"""What does each kind of transaction become, and who is the counterparty in it?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from intel.model import Subject
from intel.profiler.counterparties import rank_counterparties, tabulate_counterparties
from intel.profiler.disposals import list_lots, tabulate_disposals
from intel.profiler.events import gather_events
from intel.profiler.pnl import compute_pnl
from intel.profiler.subjects import resolve_subject
from intel.store.reader import Reader
from tests.small_world import address
from tests.snapshots import Asset, Moved, World, write_snapshot

ME, MY_COLD, FRIEND, SELLER = address("1"), address("2"), address("5"), address("6")
ROUTER, LENDER, BRIDGE, WETH_CONTRACT, DROPPER = (address(digit) for digit in "78349")
NULL = address("0")
ETH = Asset(None, "ETH", 18, is_verified=True, price_symbol="ETH")
WETH = Asset(WETH_CONTRACT, "WETH", 18, is_verified=True, price_symbol="WETH")
USDC = Asset(address("a"), "USDC", 6, is_verified=True, price_symbol="USDC")
L2_USDC = Asset(address("b"), "USDC", 6, chain="base", is_verified=True, price_symbol="USDC")
SHARE = Asset("0x" + "cd" * 20, "LP", 18)
RECEIPT = Asset("0x" + "ce" * 20, "aUSDC", 6)
GIFT = Asset("0x" + "cf" * 20, "GIFT", 18, is_verified=True)
APE = Asset("0x" + "ae" * 20, "APE", None, token_id="7")
E18, E6 = 10**18, 10**6


def leg(
    tx: int, sender: str | None, receiver: str | None, asset: Asset, value: int, usd: float | None, **more: Any
) -> Moved:
    """A leg of transaction `tx`, which happens on the tx-th of January."""
    when = f"2024-01-{tx:02d}T00:00:00"
    kind = more.pop("kind", "erc20" if asset.token else "native")
    return Moved(when, sender, receiver, asset.token, value, usd, tx=tx, chain=asset.chain, kind=kind, **more)


LEGS = [
    leg(1, FRIEND, ME, USDC, 1000 * E6, 1000.0),
    leg(1, ME, None, ETH, E18 // 100, 10.0, kind="fee"),
    leg(2, ME, ROUTER, USDC, 500 * E6, 500.0), leg(2, ROUTER, ME, ETH, E18 // 2, 495.0),
    leg(3, ME, WETH_CONTRACT, ETH, E18 // 4, 250.0, kind="wrap"),
    leg(3, WETH_CONTRACT, ME, WETH, E18 // 4, 250.0, kind="wrap"),
    leg(4, ME, BRIDGE, USDC, 100 * E6, 100.0),
    leg(5, BRIDGE, ME, L2_USDC, 99_500_000, 99.5),
    leg(6, ME, ROUTER, USDC, 50 * E6, 50.0), leg(6, ME, ROUTER, WETH, E18 // 20, 50.0),
    leg(6, NULL, ME, SHARE, E18, None),
    leg(7, ME, LENDER, USDC, 80 * E6, 80.0), leg(7, LENDER, ME, RECEIPT, 80 * E6, None),
    leg(8, LENDER, ME, USDC, 30 * E6, 30.0),
    leg(9, DROPPER, ME, GIFT, 5 * E18, 25.0),
    leg(10, None, ME, ETH, E18, 1100.0, kind="reward"),
    leg(11, ME, MY_COLD, USDC, 10 * E6, 10.0),
    leg(12, ME, SELLER, ETH, E18 // 10, 110.0), leg(12, SELLER, ME, APE, 1, None, kind="erc721", token_id="7"),
    leg(13, ME, FRIEND, ETH, E18 // 5, 240.0),
]  # fmt: skip


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    store = tmp_path_factory.mktemp("events") / "store"
    write_snapshot(store, build_world())
    with Reader(store, memory="1GB") as opened:
        yield opened


def build_world() -> World:
    owners = {ROUTER: ("router", "dex"), LENDER: ("lender", "lending_defi"), WETH_CONTRACT: ("weth", "token")}
    bridges = [{"address": BRIDGE, "chain": chain, "entity_id": "bridge"} for chain in ("ethereum", "base")]
    names = {**dict(owners.values()), "bridge": "bridge", "me": "individual"}
    return World(
        LEGS,
        [ETH, WETH, USDC, L2_USDC, SHARE, RECEIPT, GIFT, APE],
        [(asset, "2024-01-01", usd) for asset, usd in ((ETH, 1000.0), (WETH, 1000.0), (USDC, 1.0), (L2_USDC, 1.0))],
        entities=[{"entity_id": one, "name": one.title(), "category": what} for one, what in names.items()],
        attributions=[
            *({"address": one, "entity_id": name} for one, (name, _) in owners.items()), *bridges,
            *({"address": one, "chain": chain, "entity_id": "me"}
              for one, chain in ((ME, "ethereum"), (ME, "base"), (MY_COLD, "ethereum"))),
        ],
        asset_flags=[(GIFT, "mass_airdrop")],
    )  # fmt: skip


@pytest.fixture
def me(reader: Reader) -> Subject:
    return resolve_subject(reader, "me")


def classes(reader: Reader, me: Subject) -> dict[int, list[tuple[str, float]]]:
    """By day: class and USD (in above 0) of each leg."""
    gather_events(reader, me)
    found: dict[int, list[tuple[str, float]]] = {}
    for day, name, net, usd in reader.query(
        "select day(block_time), class, net, coalesce(micro_usd, 0) / 1e6 from event_legs order by event_id, net"
    ):
        found.setdefault(day, []).append((name, usd if net > 0 else -usd))
    return found


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (1, [("fee", -10.0), ("payment", 1000.0)]),
        (2, [("swap", -500.0), ("swap", 495.0)]),
        (3, [("wrap", 0.0)]),
        (4, [("bridge", -100.0)]),
        (5, [("bridge", 99.5)]),
        (6, [("liquidity", -50.0), ("liquidity", -50.0), ("liquidity", 0.0)]),
        (7, [("lending", -80.0), ("lending", 0.0)]),
        (8, [("loan", 30.0)]),
        (9, [("airdrop", 25.0)]),
        (10, [("reward", 1100.0)]),
        (12, [("swap", -110.0), ("swap", 0.0)]),
        (13, [("payment", -240.0)]),
    ],
)
def test_each_class(reader: Reader, me: Subject, day: int, expected: list[tuple[str, float]]) -> None:
    assert sorted(classes(reader, me)[day]) == sorted(expected)


def test_moves_between_own_addresses_are_no_event(reader: Reader, me: Subject) -> None:
    assert 11 not in classes(reader, me)


def test_a_router_is_no_counterparty_but_stays_visible(reader: Reader, me: Subject) -> None:
    ranked = [item.name or item.address for item in rank_counterparties(reader, me)]
    assert ranked[0] == FRIEND
    assert not {"Router", "Weth", NULL} & set(ranked)
    assert {"Router", "Weth"} <= {item.name for item in rank_counterparties(reader, me, venues=True)}
    rows = {row["name"]: row for row in tabulate_counterparties(reader, me).to_pylist() if row["is_venue"]}
    assert (rows["Router"]["out_micro_usd"], rows["Router"]["in_micro_usd"]) == (600_000_000, 495_000_000)


def test_a_lender_that_pays_out_is_a_counterparty_and_so_is_a_person_one_trades_with(
    reader: Reader, me: Subject
) -> None:
    ranked = {item.name or item.address: item for item in rank_counterparties(reader, me)}
    assert ranked["Lender"].in_usd == 30.0
    assert ranked[SELLER].out_usd == 110.0


def test_who_swaps_with_a_pool_is_its_counterparty(reader: Reader) -> None:
    pool = resolve_subject(reader, "router")
    assert ME in {item.address or "" for item in rank_counterparties(reader, pool, by="address")}


# ------------------------------------------------------------------------------------------------ what it comes to


def test_income_fees_and_what_a_bridge_keeps(reader: Reader, me: Subject) -> None:
    found = compute_pnl(reader, me)
    assert found["income_usd"] == 25.0 + 1100.0
    # Nothing was there on the first day to pay the fee from, so only the bridge's half dollar has a known cost.
    assert found["fees_usd"] == 0.5
    assert found["unknown_basis_usd"] == 10.0
    assert found["received_usd"] == 1000.0 + 30.0
    assert found["sent_usd"] == 240.0


def test_disposals_and_their_lots(reader: Reader, me: Subject) -> None:
    rows = tabulate_disposals(reader, me, method="fifo").to_pylist()
    assert [row["time"] for row in rows] == sorted((row["time"] for row in rows), reverse=True)
    assert not [row for row in rows if row["class"] in {"wrap", "lending", "liquidity"}]
    sold = next(row for row in rows if row["time"].day == 13)
    # Of the half ether bought for 500, a fifth of its ether went out before: 0.05 to the pool and 0.1 for the picture.
    assert (sold["symbol"], sold["amount"], sold["value_usd"]) == ("ETH", "0.2", 240.0)
    assert (sold["basis_usd"], sold["gain_usd"]) == (200.0, 40.0)
    lots = list_lots(reader, me, sold["disposal"], method="fifo")
    assert [(lot["time"].day, lot["class"], lot["amount"], lot["cost_usd"]) for lot in lots] == [
        (2, "swap", "0.2", 200.0)
    ]
    newest = list_lots(reader, me, sold["disposal"], method="lifo")
    assert [(lot["time"].day, lot["unit_cost_usd"]) for lot in newest] == [(10, 1100.0)]


def test_the_gains_of_the_list_are_what_was_realised(reader: Reader, me: Subject) -> None:
    for method in ("average", "fifo", "lifo", "hifo"):
        rows = tabulate_disposals(reader, me, method=method).to_pylist()
        realized = compute_pnl(reader, me, method=method)["realized_usd"]
        assert sum(row["gain_usd"] or 0 for row in rows) == pytest.approx(realized, abs=1e-5)


def test_a_page_of_disposals_is_the_head_of_all(reader: Reader, me: Subject) -> None:
    rows = tabulate_disposals(reader, me).to_pylist()
    assert tabulate_disposals(reader, me, limit=2).to_pylist() == rows[:2]
