"""Are owners given with the right surety and rival, and withheld where it does not suffice?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from intel.entities.attribute import attribute_addresses
from intel.entities.combine import score_evidence
from intel.store import Connection
from tests.scenarios.worlds import Scenario, load_store

WORLD = Scenario(
    "attribution",
    "an exchange, its rival, and three addresses that pay the exchange",
    labels=("hot binance exchange hot_wallet 70", "till kraken exchange - 70", "weak upbit exchange - 20"),
    transfers="1 10:00  dep# > hot  100 USDT x3",
)


@pytest.fixture
def con() -> Iterator[Connection]:
    con, book = load_store([WORLD])
    con.execute("create temp table ids (name varchar, address_id bigint)")
    for name in ("dep1", "dep2", "dep3"):
        con.execute("insert into ids values (?, ?)", [name, book.address_ids[WORLD.chain, WORLD.address(name)]])
    yield con
    con.close()


def claim(con: Connection, name: str, entity: str, bits: float, visibility: str = "public") -> None:
    con.execute(
        "insert into beliefs.evidence by name select address_id as left_id, $entity as right_entity, 'deposit_of' as "
        "relation, 'rule' as heuristic, 'FLOW' as family, $entity as event, $bits::double as weight_bits, $visibility "
        "as visibility, 'because' as reason from ids where name = $name",
        {"name": name, "entity": entity, "bits": bits, "visibility": visibility},
    )


def name_owners(con: Connection) -> None:
    score_evidence(con)
    attribute_addresses(con)


def attribute(con: Connection, name: str) -> list[tuple[Any, ...]]:
    name_owners(con)
    return con.execute(
        "select entity_id, tier, confidence, rival_entity_id, visibility from beliefs.attributions where address = ? "
        "order by visibility desc",
        [WORLD.address(name)],
    ).fetchall()


def test_confidence_is_the_labels_times_the_evidence(con: Connection) -> None:
    claim(con, "dep1", "binance", 9)
    assert attribute(con, "dep1") == [
        ("binance", "confirmed", round(0.70 * 2**9 / (1 + 2**9), 4), "unlisted", "public"),
    ]


def test_two_bits_are_probable_and_less_is_unknown(con: Connection) -> None:
    claim(con, "dep1", "binance", 2)
    claim(con, "dep2", "binance", 1.9)
    assert [row[1] for row in attribute(con, "dep1")] == ["probable"]
    assert con.execute("select 1 from beliefs.attributions where address = ?", [WORLD.address("dep2")]).fetchall() == []


def test_an_owner_that_is_not_three_bits_ahead_of_another_is_withheld(con: Connection) -> None:
    claim(con, "dep1", "binance", 9)
    claim(con, "dep1", "kraken", 6)
    claim(con, "dep2", "binance", 9)
    claim(con, "dep2", "kraken", -4)
    assert attribute(con, "dep1") == []
    assert [row[0] for row in con.execute(
        "select entity_id from beliefs.attributions where address = ?", [WORLD.address("dep2")]
    ).fetchall()] == ["binance"]  # fmt: skip


def test_a_weak_label_confirms_nothing(con: Connection) -> None:
    claim(con, "dep1", "upbit", 9)
    assert [row[:2] for row in attribute(con, "dep1")] == [("upbit", "probable")]
    assert con.execute(
        "select tier from beliefs.attributions where address = ?", [WORLD.address("weak")]
    ).fetchall() == [("probable",)]


def test_private_evidence_makes_a_private_row_beside_the_public_one(con: Connection) -> None:
    claim(con, "dep1", "binance", 2)
    claim(con, "dep1", "binance", 9, visibility="private")
    claim(con, "dep2", "binance", 9, visibility="private")
    assert [row[1::3] for row in attribute(con, "dep1")] == [("probable", "public"), ("confirmed", "private")]
    assert con.execute(
        "select visibility from beliefs.attributions where address = ?", [WORLD.address("dep2")]
    ).fetchall() == [("private",)]


def test_a_private_claim_must_beat_the_public_ones(con: Connection) -> None:
    claim(con, "dep1", "binance", 9)
    claim(con, "dep1", "kraken", 8, visibility="private")
    assert [(row[0], row[4]) for row in attribute(con, "dep1")] == [("binance", "public")]


def test_a_strong_rival_label_keeps_an_address_from_being_confirmed(con: Connection) -> None:
    con.execute("update beliefs.anchors set rival_entity_id = 'kraken', rival_level = 60 where entity_id = 'binance'")
    claim(con, "dep1", "binance", 9)
    assert [row[:4] for row in attribute(con, "hot")] == [("binance", "probable", 0.7, "kraken")]


def test_labelled_addresses_outside_the_ledger_are_named_too(con: Connection) -> None:
    for entity, level, origin in (("binance", 50, "a"), ("binance", 50, "b"), ("kraken", 50, "a")):
        con.execute(
            "insert into beliefs.labels by name select 'evm' as chain, '0x77' as address, ? as entity_id, "
            "'Tag' as label, 'exchange' as category, ? as level, ? as origin, 'src' as source, 'public' as visibility",
            [entity, level, origin],
        )
    name_owners(con)
    rows = con.execute(
        "select chain, address_id, entity_id, tier, status, role, rival_entity_id from beliefs.attributions "
        "where address = '0x77'"
    ).fetchall()
    assert rows == [("evm", None, "binance", "probable", "labelled", "exchange", "kraken")]


def test_named_owners_of_two_addresses_are_clusters_by_their_slug(con: Connection) -> None:
    claim(con, "dep1", "binance", 9)
    name_owners(con)
    assert con.execute("select cluster_id, count(*) from beliefs.clusters group by 1").fetchall() == [("binance", 2)]
