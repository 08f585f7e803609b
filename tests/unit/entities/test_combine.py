"""Does evidence add up as ARCHITECTURE says: events once, families capped, one prior, private apart?"""

from __future__ import annotations

from collections.abc import Iterator
from math import log2

import pytest

from intel.entities.combine import FAMILY_CAPS, PRIOR_BITS, score_evidence
from intel.model import FAMILIES
from intel.store import Connection, open_connection
from intel.store.ddl import create_tables


@pytest.fixture
def con() -> Iterator[Connection]:
    con = open_connection(memory="500MB", threads=1)
    con.execute("attach ':memory:' as beliefs")
    create_tables(con, "beliefs")
    yield con
    con.close()


def add_row(con: Connection, ends: tuple[int, int], event: str, bits: float, **more: object) -> None:
    row = {
        "left_id": ends[0], "right_id": ends[1], "relation": "same_controller", "family": "FLOW", "event": event,
        "weight_bits": bits, "heuristic": "rule", "visibility": "public", "reason": f"{event} {bits}", **more,
    }  # fmt: skip
    names = ", ".join(row)
    con.execute(f"insert into beliefs.evidence ({names}) values ({', '.join('?' * len(row))})", list(row.values()))


def read_bits(con: Connection) -> dict[tuple[int, int, str], float]:
    score_evidence(con)
    rows = con.execute("select left_id, right_id, visibility, bits, probability from beliefs.links").fetchall()
    for *_, bits, probability in rows:
        assert log2(probability / (1 - probability)) == pytest.approx(bits)
    return {(left, right, layer): bits for left, right, layer, bits, _ in rows}


def test_one_event_counts_once_at_its_best_whichever_end_comes_first(con: Connection) -> None:
    add_row(con, (1, 2), "deposit a", 5)
    add_row(con, (2, 1), "deposit a", 4)
    assert read_bits(con) == {(1, 2, "public"): 5 - 3}


def test_further_events_of_a_family_count_a_quarter_up_to_its_cap(con: Connection) -> None:
    for event in "abc":
        add_row(con, (1, 2), event, 4)
    for event in range(40):
        add_row(con, (1, 3), str(event), 4)
    assert read_bits(con) == {(1, 2, "public"): 4 + 1 + 1 - 3, (1, 3, "public"): 10 - 3}


def test_families_add_up(con: Connection) -> None:
    add_row(con, (1, 2), "a", 4)
    add_row(con, (1, 2), "b", 3, family="FUND")
    assert read_bits(con) == {(1, 2, "public"): 4 + 3 - 3}


def test_a_private_row_changes_the_private_layer_alone(con: Connection) -> None:
    add_row(con, (1, 2), "a", 4)
    add_row(con, (1, 2), "b", 4, visibility="private")
    add_row(con, (5, 6), "c", 4)
    assert read_bits(con) == {(1, 2, "public"): 1, (1, 2, "private"): 2, (5, 6, "public"): 1}


def test_claims_about_an_owner_are_kept_apart_by_owner(con: Connection) -> None:
    for entity, bits in (("binance", 9), ("kraken", 2)):
        add_row(con, (1, 1), entity, bits, right_id=None, right_entity=entity, relation="deposit_of")
    score_evidence(con)
    rows = con.execute("select right_entity, bits, basis, reason from beliefs.links order by bits desc").fetchall()
    assert rows == [("binance", 9.0, ["rule"], "binance 9"), ("kraken", 2.0, ["rule"], "kraken 2")]


def test_every_family_has_a_cap() -> None:
    assert set(FAMILY_CAPS) == set(FAMILIES)
    assert PRIOR_BITS["same_controller"] < 0
