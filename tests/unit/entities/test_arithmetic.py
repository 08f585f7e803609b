"""Does the explanation of a link end where the build's own sum ends, whatever the evidence?"""

from __future__ import annotations

import random
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from intel.entities.arithmetic import limit_crowd, weigh_cut, weigh_link
from intel.entities.combine import FAMILY_CAPS, PRIOR_BITS, score_evidence
from intel.heuristics.base import Heuristic
from intel.store import Connection, open_connection
from intel.store.ddl import create_tables

DOUBTFUL = Heuristic("doubtful", 1, "FLOW", ("same_controller",), (), {}, "", consent="not known")
SURE = Heuristic("sure", 1, "FLOW", ("same_controller",), (), {}, "", consent="both signed")
PAIRS = 60


@pytest.fixture
def con() -> Iterator[Connection]:
    con = open_connection(memory="500MB", threads=1)
    con.execute("attach ':memory:' as beliefs")
    create_tables(con, "beliefs")
    yield con
    con.close()


def invent_rows(seed: int) -> list[dict[str, Any]]:
    """Return evidence of every family, for and against, with events told twice, by rules of known and doubtful consent.

    Each pair has its own events, so that no observation is shared by a crowd.
    """
    dice = random.Random(seed)
    rows = []
    for pair in range(PAIRS):
        for _ in range(dice.randint(1, 9)):
            left, right = dice.sample([2 * pair, 2 * pair + 1], 2)
            rows.append({
                "left_id": left, "right_id": right, "relation": "same_controller",
                "family": dice.choice(sorted(FAMILY_CAPS)), "event": f"{pair}-{dice.randint(0, 4)}",
                "heuristic": dice.choice(["doubtful", "sure"]), "weight_bits": round(dice.uniform(-4, 12), 3),
                "visibility": "public", "reason": "invented",
            })  # fmt: skip
    return rows


@pytest.mark.parametrize("seed", range(5))
def test_the_bars_end_at_the_bits_of_the_link(con: Connection, seed: int) -> None:
    rows = invent_rows(seed)
    for row in rows:
        marks = ", ".join("?" * len(row))
        con.execute(f"insert into beliefs.evidence ({', '.join(row)}) values ({marks})", list(row.values()))
    score_evidence(con, [DOUBTFUL, SURE])
    links = con.execute("select left_id, bits from beliefs.links order by left_id").fetchall()
    told = {}
    for pair in range(PAIRS):
        found = [
            row | {"is_known": row["heuristic"] == "sure" and row["family"] != "PAIR"}
            for row in rows
            if min(row["left_id"], row["right_id"]) == 2 * pair
        ]
        weighed = weigh_link(found, "same_controller")
        assert sum((bar.bits for bar in weighed.bars), Decimal(0)) == weighed.bits
        told[2 * pair] = float(weighed.bits)
    assert told == dict(links)


def row(event: str, bits: float, family: str = "FLOW", **more: Any) -> dict[str, Any]:
    return {"family": family, "event": event, "heuristic": "rule", "weight_bits": bits, **more}


def test_a_cut_pays_for_missing_pairs_and_for_labels() -> None:
    weighed = weigh_cut([row("a", 8.0), row("b", 4.0)], charge_bits=0.6, label_bits=-1.5)
    assert [(bar.kind, bar.bits) for bar in weighed.bars] == [
        ("event", Decimal(8)), ("event", Decimal(1)), ("prior", Decimal(-3)), ("charge", Decimal("-0.6")),
        ("labels", Decimal("-1.5")),
    ]  # fmt: skip
    assert weighed.bits == Decimal("3.9")


def test_a_cap_is_a_bar_of_its_own() -> None:
    weighed = weigh_link([row("a", 9.0), row("b", 8.0)], "deposit_of")
    assert [bar.kind for bar in weighed.bars] == ["event", "event", "cap", "prior"]
    assert float(weighed.bits) == FAMILY_CAPS["FLOW"] + PRIOR_BITS["deposit_of"]


def test_behaviour_and_pair_score_open_nothing() -> None:
    closed = weigh_link([row("a", 1.5, "BEHAV"), row("b", 3.0, "PAIR")], "same_controller")
    assert float(closed.bits) == PRIOR_BITS["same_controller"]
    assert {bar.kind for bar in closed.bars} >= {"closed"}


def test_a_link_of_doubtful_consent_stops_where_it_must() -> None:
    doubtful = weigh_link([row("a", 9.0, is_known=False)], "same_controller")
    known = weigh_link([row("a", 9.0, is_known=True)], "same_controller")
    assert (doubtful.bars[-1].kind, known.bars[-1].kind) == ("consent", "prior")
    assert doubtful.bits < known.bits


def test_what_a_crowd_shares_is_worth_little() -> None:
    assert limit_crowd(5.0, 2) == 5.0
    assert limit_crowd(5.0, 50) == pytest.approx(1.0)
    assert limit_crowd(5.0, 100) == limit_crowd(5.0, 1_000) == 0.0
