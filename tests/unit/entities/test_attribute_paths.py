"""Do labels reach as far as the evidence goes, with the path told, and do wrong labels do no harm on the way?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from intel.entities import reach
from intel.entities.attribute import attribute_addresses
from intel.entities.cluster import build_clusters
from intel.store import Connection
from tests.scenarios.worlds import Scenario, load_store

PEOPLE = Scenario(
    "people",
    "two exchanges, and wallets that have dealings with them and with each other",
    labels=(
        "hot binance exchange hot_wallet 70", "till kraken exchange hot_wallet 70", "a alice other - 70",
        "b alice other - 70", "c bob other - 50", "vault safe-firm organisation - 70",
    ),
    transfers="""
        1 10:00  w# > hot  100 USDT x9
        1 11:00  a > d  100 USDT
        1 11:00  b > e  100 USDT
        1 11:00  c > vault  100 USDT
    """,
)  # fmt: skip

Claim = Callable[..., None]


@pytest.fixture
def con() -> Iterator[Connection]:
    con, book = load_store([PEOPLE])
    con.execute("create temp table ids (name varchar, address_id bigint)")
    for name in ("a", "b", "c", "d", "e", "hot", "till", "vault", *(f"w{n}" for n in range(1, 10))):
        con.execute("insert into ids values (?, ?)", [name, book.address_ids[PEOPLE.chain, PEOPLE.address(name)]])
    yield con
    con.close()


def say(con: Connection, left: str, right: str, relation: str, bits: float, **more: Any) -> None:
    """Add a row of evidence; `right` is an address of the world, or else an entity."""
    row = {"rule": "rule", "family": "FLOW", "visibility": "public", "since": None, "until": None} | more
    con.execute(
        """
        insert into beliefs.evidence by name
        select l.address_id as left_id, r.address_id as right_id,
            case when r.address_id is null then $right end as right_entity, $relation as relation, $rule as heuristic,
            $family as family, $left || $right || $rule as event, $bits::double as weight_bits,
            $visibility as visibility, $left || ' and ' || $right as reason, $since::timestamp as valid_from,
            $until::timestamp as valid_to
        from ids l left join ids r on r.name = $right
        where l.name = $left
        """,
        {"left": left, "right": right, "relation": relation, "bits": bits, **row},
    )


def name_owners(con: Connection) -> None:
    build_clusters(con)
    attribute_addresses(con)


def owner(con: Connection, name: str, columns: str = "entity_id, tier") -> list[tuple[Any, ...]]:
    return con.execute(
        f"select {columns} from beliefs.attributions join ids using (address_id) where name = ? "
        "order by visibility desc",
        [name],
    ).fetchall()


def test_a_label_travels_along_what_an_owner_controls_and_the_path_is_told(con: Connection) -> None:
    say(con, "w1", "binance", "controls", 9, rule="first")
    say(con, "w2", "w1", "controls", 9, rule="second")
    say(con, "w3", "w2", "controls", 9, rule="third")
    say(con, "w4", "w3", "controls", 9, rule="fourth")
    name_owners(con)
    share = 2**9 / (2**9 + 1)
    assert owner(con, "w1", "confidence, role, basis") == [(round(0.7 * share, 4), "exchange", ["first"])]
    ((confidence, basis, reason),) = owner(con, "w3", "confidence, basis, reason")
    assert confidence == pytest.approx(0.7 * share**3 * 0.9**2, abs=1e-4)
    assert basis == ["third", "second", "first"]
    stations = ["w3 and w2", PEOPLE.address("w2"), "w2 and w1", PEOPLE.address("w1"), "w1 and binance"]
    assert [reason.index(text) for text in stations] == sorted(reason.index(text) for text in stations)
    assert owner(con, "w4") == []  # a fourth step is too far


def test_no_path_goes_through_a_deposit_address_a_hub_or_another_label(con: Connection) -> None:
    say(con, "w1", "binance", "deposit_of", 9)
    say(con, "w2", "w1", "controls", 9)
    say(con, "w3", "binance", "controls", 9)
    say(con, "w4", "w3", "controls", 9)
    con.execute("insert into beliefs.services select address_id, 'hub', true, 'busy' from ids where name = 'w3'")
    say(con, "vault", "binance", "controls", 9)
    say(con, "w5", "vault", "controls", 9)
    name_owners(con)
    assert [owner(con, name) for name in ("w1", "w3")] == [[("binance", "confirmed")]] * 2
    assert [owner(con, name) for name in ("w2", "w4")] == [[], []]
    assert owner(con, "vault", "entity_id, status") == [("safe-firm", "labelled")]
    assert owner(con, "w5", "entity_id") == [("safe-firm",)]


def test_families_of_evidence_add_up_and_one_family_does_not(con: Connection) -> None:
    say(con, "w1", "binance", "controls", 3)
    say(con, "w1", "hot", "controls", 3)
    say(con, "w2", "binance", "controls", 3)
    say(con, "w2", "hot", "controls", 3, family="AUTH", rule="other")
    name_owners(con)
    once = 8 / 9
    assert owner(con, "w1", "confidence") == [(round(0.7 * once, 4),)]
    assert owner(con, "w2", "confidence") == [(round(0.7 * (1 - (1 - once) ** 2), 4),)]


def test_what_holds_for_a_time_says_so(con: Connection) -> None:
    say(con, "w1", "binance", "controls", 9, since="2023-01-05", until="2023-03-01")
    say(con, "w2", "w1", "controls", 9, since="2023-02-01")
    name_owners(con)
    times = "valid_from::date::varchar, valid_to::date::varchar"
    assert owner(con, "w1", times) == [("2023-01-05", "2023-03-01")]
    assert owner(con, "w2", times) == [("2023-02-01", "2023-03-01")]


def test_a_group_goes_by_its_labelled_member_and_a_group_without_stays_unnamed(con: Connection) -> None:
    say(con, "a", "d", "same_controller", 13)
    say(con, "w1", "w2", "same_controller", 13)
    name_owners(con)
    assert owner(con, "d") == [("alice", "confirmed")]
    assert owner(con, "d", "confidence <= 0.7") == [(True,)]
    assert owner(con, "w1", "starts_with(entity_id, 'anon-')") == [(True,)]


def test_one_wrong_label_does_not_split_a_good_group(con: Connection) -> None:
    for left, right in (("a", "b"), ("b", "d"), ("c", "d"), ("d", "e")):
        say(con, left, right, "same_controller", 15)
    name_owners(con)
    groups = con.execute(
        "select c.cluster_id, list(i.name order by i.name) from beliefs.clusters c join ids i using (address_id) "
        "where i.name in ('a', 'b', 'c', 'd', 'e') group by 1"
    ).fetchall()
    assert groups == [("alice", ["a", "b", "c", "d", "e"])]
    assert owner(con, "c", "entity_id, status") == [("bob", "labelled")]  # what a label says of its address is shown
    assert owner(con, "e", "entity_id, rival_entity_id") == [("alice", "bob")]


def test_labels_that_claim_one_exchange_for_another_move_nothing(con: Connection) -> None:
    """A file repeats every wallet of kraken as binance's, as trusted as the labels that are there."""
    for number in (1, 2, 3):
        say(con, f"w{number}", "binance", "deposit_of", 9)
    say(con, "w4", "kraken", "deposit_of", 9)
    con.execute(
        "update beliefs.anchors set rival_entity_id = 'binance', rival_level = level where entity_id = 'kraken'"
    )
    name_owners(con)
    assert [owner(con, f"w{number}", "entity_id") for number in (1, 2, 3)] == [[("binance",)]] * 3
    assert owner(con, "till", "entity_id, rival_entity_id, tier") == [("kraken", "binance", "probable")]
    assert owner(con, "w4") == []  # nobody's, while the labels contradict each other
    united = con.execute(
        "select count(distinct cluster_id) from beliefs.clusters join ids using (address_id) "
        "where name in ('hot', 'till')"
    ).fetchall()
    assert united == [(1,)]  # binance's; kraken's one wallet is no group
    assert (
        con.execute("select 1 from beliefs.clusters join ids using (address_id) where name = 'till'").fetchall() == []
    )


def test_a_private_label_changes_nothing_in_public(con: Connection) -> None:
    say(con, "w1", "binance", "controls", 9)
    say(con, "w2", "w1", "controls", 9)
    name_owners(con)
    public = con.execute("from beliefs.attributions where visibility = 'public' order by address_id").fetchall()
    for table in ("attributions", "clusters", "roles"):
        con.execute(f"delete from beliefs.{table}")
    con.execute(
        "insert into beliefs.anchors by name select address_id, 'alice' as entity_id, 'other' as category, "
        "70 as level, 0.9 as confidence, 1 as origins, 'mine' as label, 'notes' as label_source, "
        "'private' as visibility from ids where name = 'w1'"
    )
    name_owners(con)
    assert con.execute("from beliefs.attributions where visibility = 'public' order by address_id").fetchall() == public
    assert owner(con, "w1", "entity_id, visibility") == [("binance", "public"), ("alice", "private")]
    assert owner(con, "w2", "entity_id, visibility") == [("binance", "public"), ("alice", "private")]


def test_a_measured_role_shows_the_measured_share_and_is_judged_by_it(
    con: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    knots = {"exchange_deposit": [[0.0, 0.1], [0.5, 0.9], [0.7, 0.98]]}
    monkeypatch.setattr(reach, "load_calibration", lambda: knots)
    say(con, "w1", "binance", "deposit_of", 9)
    say(con, "w2", "binance", "deposit_of", 4)
    say(con, "w3", "binance", "controls", 9)
    name_owners(con)
    seen = "confidence, tier, is_calibrated"
    assert owner(con, "w1", seen) == [(pytest.approx(0.9 + 0.08 * (0.7 * 512 / 513 - 0.5) / 0.2, abs=1e-4),
                                       "confirmed", True)]  # fmt: skip
    assert owner(con, "w2", seen) == [(pytest.approx(0.9 + 0.08 * (0.7 * 16 / 17 - 0.5) / 0.2, abs=1e-4),
                                       "confirmed", True)]  # fmt: skip
    assert owner(con, "w3", "is_calibrated") == [(False,)]
