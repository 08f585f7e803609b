"""Do evidence, labels, services and judgements in the store lead to the right clusters, with their history?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random

import pytest

from intel.entities.cluster import build_clusters, mint_id
from intel.entities.combine import DOUBTFUL_BITS
from intel.heuristics import Heuristic
from intel.model import FAMILIES
from intel.store import Connection, open_connection
from intel.store.ddl import create_tables

NAMES = "abcdefgh"
PLAIN = Heuristic("plain", 1, "FLOW", ("same_controller",), (), {}, "", consent="both signed")
RULES = [
    PLAIN,
    replace(PLAIN, name="fact", is_atomic=True),
    replace(PLAIN, name="trunk", is_tree=True),
    replace(PLAIN, name="guess", consent="not known"),
]


@pytest.fixture
def con() -> Iterator[Connection]:
    con = open_connection(memory="500MB", threads=1)
    for layer in ("facts", "beliefs"):
        con.execute(f"attach ':memory:' as {layer}")
        create_tables(con, layer)
    for number, name in enumerate(NAMES, start=1):
        con.execute("insert into facts.addresses values (?, 'ethereum', ?, false)", [number, f"0x{name}"])
    yield con
    con.close()


def add(con: Connection, ends: str, bits: float, rule: str = "plain", **more: object) -> None:
    left, right = (NAMES.index(name) + 1 for name in ends)
    row = {
        "left_id": left, "right_id": right, "relation": "same_controller", "family": "FLOW", "event": f"deal {ends}",
        "weight_bits": bits, "heuristic": rule, "visibility": "public", "reason": "because", **more,
    }  # fmt: skip
    con.execute(
        f"insert into beliefs.evidence ({', '.join(row)}) values ({', '.join('?' * len(row))})", list(row.values())
    )


def label(con: Connection, name: str, entity: str, level: int, source: str = "", **more: object) -> None:
    con.execute(
        "insert into beliefs.entities (entity_id, name, kind, parent) select $1, $1, 'owner', $2 "
        "where not exists (select 1 from beliefs.entities where entity_id = $1)",
        [entity, more.pop("parent", None)],
    )
    row = {
        "address_id": NAMES.index(name) + 1, "entity_id": entity, "level": level, "confidence": level / 100,
        "label_source": source or name, "visibility": "public", **more,
    }  # fmt: skip
    con.execute(
        f"insert into beliefs.anchors ({', '.join(row)}) values ({', '.join('?' * len(row))})", list(row.values())
    )


def judge(con: Connection, ends: str, verdict: str, number: int = 1) -> None:
    left, right = (NAMES.index(name) + 1 for name in ends)
    con.execute(
        "insert into beliefs.judgements (judgement_id, left_id, right_id, verdict) values (?, ?, ?, ?)",
        [number, left, right, verdict],
    )


def cluster(con: Connection, layer: str = "public") -> dict[str, str]:
    """Build, and return members by cluster: a probable one in capitals."""
    build_clusters(con, RULES)
    rows = con.execute(
        "select cluster_id, a.address, tier from beliefs.clusters join facts.addresses a using (address_id) "
        "where visibility = $1 order by 2",
        [layer],
    ).fetchall()
    groups: dict[str, str] = {}
    for cluster_id, address, tier in rows:
        name = address.removeprefix("0x")
        groups[cluster_id] = groups.get(cluster_id, "") + (name if tier == "confirmed" else name.upper())
    return groups


def read_disputes(con: Connection) -> list[tuple[object, ...]]:
    return con.execute(
        "select visibility, cause, left_id, right_id, left_entity, right_entity from beliefs.disputes order by 1, 2, 3"
    ).fetchall()


def test_an_anonymous_id_depends_on_the_address_alone() -> None:
    assert mint_id("ethereum:0xaa") == mint_id("ethereum:0xaa") != mint_id("polygon:0xaa")
    assert mint_id("ethereum:0xaa").startswith("anon-")


def test_a_pair_is_probable_from_two_bits_and_confirmed_from_odds_of_49(con: Connection) -> None:
    add(con, "ab", 3 + 2)
    add(con, "cd", 3 + 1.999)
    add(con, "ef", 3 + 5.615)
    assert sorted(cluster(con).values()) == ["AB", "ef"]
    assert con.execute("select count(*) from beliefs.entities where kind = 'anonymous'").fetchall() == [(2,)]


def test_without_known_consent_nothing_is_confirmed(con: Connection) -> None:
    add(con, "ab", 10, "guess")
    add(con, "cd", 10, "guess")
    add(con, "cd", 9, event="c signed")
    add(con, "ef", 10, "guess", family="AUTH")
    add(con, "ef", 8, event="e signed")
    assert sorted(cluster(con).values()) == ["AB", "EF", "cd"]


@pytest.mark.parametrize(("family", "bits"), [("BEHAV", 1.5), ("PAIR", 3.0)])
def test_a_modifier_adds_up_to_its_cap_and_opens_nothing(con: Connection, family: str, bits: float) -> None:
    add(con, "ab", 90, family=family)
    add(con, "cd", 5 - bits)
    add(con, "cd", 90, family=family)
    add(con, "ef", 5 - bits - 0.01)
    add(con, "ef", 90, family=family)
    assert list(cluster(con).values()) == ["CD"]
    links = con.execute("select left_id, bits from beliefs.links order by 1").fetchall()
    assert links == [(1, -3), (3, 2), (5, pytest.approx(1.99))]


def test_what_speaks_against_counts_fully(con: Connection) -> None:
    add(con, "ab", 8)
    add(con, "ab", -2, event="asleep then", family="NEG")
    add(con, "ab", -1.5, event="elsewhere then", family="NEG")
    assert cluster(con) == {}
    assert con.execute("select bits from beliefs.links").fetchall() == [(8 - 3 - 3.5,)]


def test_a_chain_is_charged_for_pairs_that_its_rule_could_show(con: Connection) -> None:
    for ends, bits in (("ab", 5.2), ("bc", 5.2), ("cd", 5.0)):
        add(con, ends, bits)
    for ends in ("ef", "eg", "eh"):
        add(con, ends, 5.2, "trunk")
    assert sorted(cluster(con).values()) == ["ABC", "EFGH"]  # 2.2; then 2.2 - 0.2 for a-c; then two pairs are missing
    charges = con.execute("select left_size + right_size, charge_bits from beliefs.merges order by step").fetchall()
    assert charges == [(2, 0), (3, 0.2), (2, 0), (3, 0), (4, 0)]


def test_atoms_unite_unweighed_and_first(con: Connection) -> None:
    add(con, "ab", 1, "fact")
    add(con, "bc", 9)
    assert list(cluster(con).values()) == ["abc"]
    kinds = con.execute("select kind, left_id, right_id, left_size, right_size, events, families from beliefs.merges "
                        "order by step").fetchall()  # fmt: skip
    assert kinds == [("atom", 1, 2, 1, 1, 1, ["FLOW"]), ("weighed", 2, 3, 2, 1, 1, ["FLOW"])]


def test_a_service_stays_out_but_a_contract_with_a_signature(con: Connection) -> None:
    for ends in ("ab", "cd", "ef"):
        add(con, ends, 9, family="AUTH")
    add(con, "gh", 9)
    con.execute("insert into beliefs.services values (1, 'hub', true, ''), (3, 'contract', false, ''), "
                "(5, 'contract', true, ''), (7, 'contract', false, '')")  # fmt: skip
    assert list(cluster(con).values()) == ["cd"]


def test_strong_labels_of_two_owners_veto_and_relatives_do_not(con: Connection) -> None:
    for ends in ("ab", "cd", "ef", "gh"):
        add(con, ends, 10)
    label(con, "a", "binance", 70)
    label(con, "b", "kraken", 70)
    label(con, "c", "group", 70)
    label(con, "d", "group-us", 90, parent="group")
    label(con, "e", "upbit", 70, "one list")
    label(con, "f", "bitfinex", 70, "one list")
    label(con, "g", "okx", 90, "one list")
    label(con, "h", "bybit", 90, "one list")
    assert cluster(con) == {"group-us": "cd", mint_id("ethereum:0xe"): "ef"}  # two equal claims name nobody
    assert read_disputes(con) == [
        ("public", "label_conflict", 5, 6, "upbit", "bitfinex"),
        ("public", "label_veto", 1, 2, "binance", "kraken"),
        ("public", "label_veto", 7, 8, "okx", "bybit"),
    ]


def test_one_wrong_label_does_not_split_a_good_cluster(con: Connection) -> None:
    add(con, "ab", 16, "fact", family="CHAIN")
    add(con, "bc", 10)
    label(con, "a", "binance", 70)
    label(con, "b", "wrong", 20)
    label(con, "c", "binance", 50)
    assert cluster(con) == {"binance": "abc"}
    assert {row[1] for row in read_disputes(con)} == {"label_conflict"}


def test_a_hostile_act_keeps_apart_and_says_so(con: Connection) -> None:
    add(con, "ab", 10)
    add(con, "bc", 9)
    add(con, "ca", -1, relation="cannot_link", family="NEG")
    assert list(cluster(con).values()) == ["ab"]
    assert read_disputes(con) == [("public", "hostile", 2, 3, None, None)]


def test_judgements_outrank_labels_in_the_private_layer_alone(con: Connection) -> None:
    add(con, "ab", 10)
    label(con, "a", "binance", 90)
    label(con, "b", "kraken", 90)
    judge(con, "ab", "same")
    judge(con, "de", "same", 2)
    assert cluster(con) == {}
    assert sorted(cluster(con, "private").values()) == ["ab", "de"]
    assert read_disputes(con) == [
        ("private", "overruled", 1, 2, "binance", "kraken"),
        ("public", "label_veto", 1, 2, "binance", "kraken"),
    ]


def test_judged_different_is_kept_apart_and_the_newest_judgement_counts(con: Connection) -> None:
    add(con, "ab", 10)
    add(con, "bc", 9)
    add(con, "de", 9)
    judge(con, "ac", "same", 1)
    judge(con, "ca", "different", 2)
    assert sorted(cluster(con).values()) == ["abc", "de"]
    assert list(cluster(con, "private").values()) == ["ab"]
    assert read_disputes(con) == [("private", "judgement_veto", 2, 3, None, None)]


def test_a_private_row_makes_a_private_cluster(con: Connection) -> None:
    add(con, "ab", 9)
    add(con, "bc", 9, visibility="private")
    add(con, "de", 9)
    assert sorted(cluster(con).values()) == ["ab", "de"]
    assert list(cluster(con, "private").values()) == ["abc"]
    rows = con.execute("select count(*), count(distinct step) from beliefs.merges where visibility = 'private'")
    assert rows.fetchall() == [(2, 2)]


def test_a_crowd_makes_what_it_shares_worthless(con: Connection) -> None:
    con.execute("insert into facts.addresses select 100 + i, 'ethereum', '0xz' || i, false from range(200) t(i)")
    for number in range(120):
        add(con, "ab", 9, event="airdrop", left_id=100, right_id=101 + number)
    add(con, "ab", 9, event="other airdrop")
    add(con, "bc", 9, event="other airdrop")
    cluster(con)
    bits = con.execute("select max(bits) from beliefs.links where left_id = 100").fetchall()
    assert bits == [(-3.0,)]
    assert con.execute("select distinct bits from beliefs.links where left_id < 100").fetchall() == [
        (pytest.approx(5.059 - 3),)  # log2(100 / 3)
    ]


def test_the_weight_of_a_pair_is_the_same_in_links_and_merges(con: Connection) -> None:
    draw = Random(4)
    con.execute("insert into facts.addresses select i, 'ethereum', '0x' || i, false from range(100, 300) t(i)")
    for left in range(100, 300, 2):
        for _ in range(draw.randint(1, 6)):
            add(
                con, "ab", draw.choice([-2, -0.7, 1.5, 3.3, 6.1, 12]), family=draw.choice(FAMILIES[:-1]),
                event=f"{left} {draw.randint(1, 4)}", left_id=left, right_id=left + 1,
            )  # fmt: skip
    build_clusters(con, RULES)
    merged = dict(con.execute("select left_id, bits from beliefs.merges").fetchall())
    # What PAIR rows add makes a link doubtful only in links that other rows do not carry: those are not compared.
    linked = dict(
        con.execute(
            "select left_id, bits from beliefs.links where bits >= 2 and bits <> $1", [DOUBTFUL_BITS]
        ).fetchall()
    )
    assert len(linked) > 30
    compared = {left: (bits, merged[left]) for left, bits in linked.items() if not has_pair_score(con, left)}
    assert len(compared) > 20
    assert all(bits == pytest.approx(whole) for bits, whole in compared.values())


def has_pair_score(con: Connection, left: int) -> bool:
    return bool(con.execute("select 1 from beliefs.evidence where left_id = ? and family = 'PAIR'", [left]).fetchall())
