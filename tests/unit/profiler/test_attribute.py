"""Does batch labelling answer every line, in order, and explain a link?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

import intel
from intel.profiler.attribute import OUT_COLUMNS, attribute_addresses
from intel.profiler.database import Database
from intel.store.reader import Reader
from tests.small_world import (
    DEPOSIT,
    DISPUTED,
    FUND_1,
    FUND_2,
    FUND_3,
    HOT,
    KRAKEN,
    LABELLED_ONLY,
    SPAMMER,
    STRANGER,
    SUSPECT,
    address,
)

EXPECTED = [
    (FUND_1, "labelled", "alice-fund", None),
    (f"eip155:56:{FUND_1}", "labelled", "alice-fund", "bsc"),
    ("junk", "invalid", None, None),
    (FUND_3, "attributed", "alice-fund", "ethereum"),
    ("", "invalid", None, None),
    (None, "invalid", None, None),
    ("0x12", "invalid", None, None),
    ("0x" + "a" * 64, "invalid", None, None),
    (HOT.upper(), "labelled", "binance", None),
    (HOT[2:], "labelled", "binance", None),
    (STRANGER, "labelled", None, None),
    (LABELLED_ONLY, "labelled", "kraken", None),
    (SPAMMER, "unknown", None, "ethereum"),
    (address("e"), "unknown", None, None),
    (f"nochain:1:{FUND_1}", "invalid", None, None),
    (FUND_1, "labelled", "alice-fund", None),
    ("'; drop table wanted; --", "invalid", None, None),
]


@pytest.fixture
def db(store: Path) -> Iterator[Database]:
    with intel.open(store) as opened:
        yield opened


def test_one_row_per_line_in_order(reader: Reader) -> None:
    table = attribute_addresses(reader, [text for text, *_ in EXPECTED])
    assert tuple(table.column_names) == OUT_COLUMNS
    rows = table.to_pylist()
    assert [(r["status"], r["entity_id"], r["chain"]) for r in rows] == [tuple(row[1:]) for row in EXPECTED]
    assert all(row["reason"] for row in rows)
    assert {row["build"] for row in rows} == {"b1"}
    assert rows[8]["address"] == HOT


def test_any_kind_of_column_is_taken(db: Database) -> None:
    texts = [FUND_1, None, HOT]
    wanted = db.attribute(texts)
    for other in (pd.Series(texts), pa.array(texts), pa.chunked_array([texts[:1], texts[1:]])):
        pd.testing.assert_frame_equal(db.attribute(other), wanted)
    assert db.attribute([]).empty


def test_the_tier_leaves_out_what_is_only_probable(db: Database) -> None:
    assert list(db.attribute([FUND_3, FUND_1], tier="confirmed").status) == ["unknown", "labelled"]


def test_private_attributions_are_marked_and_can_be_left_out(db: Database) -> None:
    frame = db.attribute([SUSPECT, HOT])
    assert list(frame.visibility) == ["private", "public"]
    assert frame.entity_id[0] is not None
    public = db.attribute([SUSPECT, HOT], with_private=False)
    assert list(public.entity_id.fillna("")) == ["", "binance"]
    assert "private" not in set(public.visibility)


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("TJRabPrwbZy45sbavfcjinPJC18kjpRTv8", "unknown"),  # Tron
        ("4Nd1mYQ5GZ6tQX5pDqXnq8hDbGJmVUCpHTjSyvHDkYxP", "unknown"),  # Solana
        ("1BoatSLRHtKNngkdXEeobR76b53LETtpyT", "unknown"),
        ("BC1QAR0SRRR7XFKVY5L643LYDNW9RE59GTZZWF5MDQ", "unknown"),
        ("bitcoincash:qpm2qsznhks23z7629mms6s5cwef74vcwvy22gdx6a", "unknown"),
        ("rEb8TK3gBgk5auZkwc6sHnwrGVJH8DuaLh", "unknown"),  # XRP
        ("cosmos1vlthgax23ca9syk7xgaz347xmf4nunefw3cnv8", "unknown"),
        ("EQDtFpEwcFAEcRe5mLVh2N6C0x-_hJEM7W61_JLnSF74p4q2", "unknown"),  # TON
        ("solana:4Nd1mYQ5GZ6tQX5pDqXnq8hDbGJmVUCpHTjSyvHDkYxP", "unknown"),
        ("0X" + "B" * 40, "labelled"),
        ("hello world", "invalid"),
        ("0x" + "g" * 40, "invalid"),
        ("x" * 100_000, "invalid"),
        ("a\x00b", "invalid"),
        ("TJRabPrwbZy45sbavfcjinPJC18kjpRTv0", "invalid"),  # base58 has no zero
    ],
)
def test_forms_of_many_chains_are_known(db: Database, text: str, status: str) -> None:
    row = db.attribute([text]).iloc[0]
    assert (row.status, bool(row.reason)) == (status, True)


@pytest.mark.parametrize(
    ("left", "right", "verdict"),
    [
        (FUND_1, FUND_2, "same entity"),
        (FUND_1, STRANGER, "kept apart"),
        (HOT, KRAKEN, "kept apart"),
        (DISPUTED, KRAKEN, "linked"),
        (DISPUTED, FUND_2, "linked through others"),
        (DEPOSIT, "binance", "same entity"),
        (STRANGER, HOT, "transfers only"),
        (STRANGER, SPAMMER, "no evidence"),
    ],
)
def test_explain_gives_its_verdict_and_its_grounds(db: Database, left: str, right: str, verdict: str) -> None:
    found = db.explain(left, right)
    assert (found["verdict"], db.explain(right, left)["verdict"]) == (verdict, verdict)
    assert found["answer"].endswith(".")


def test_explain_shows_evidence_and_transfers(db: Database) -> None:
    found = db.explain(FUND_1, FUND_2)
    assert [(row["heuristic"], row["weight_bits"], row["tx_hashes"]) for row in found["evidence"]] == [
        ("deposit_user", 6.5, ["0xbb"])
    ]
    assert (found["transfers"]["left_to_right"], found["transfers"]["right_to_left"]) == (1, 1)
    assert len(found["transfers"]["tx_hashes"]) == 2
    assert db.explain(FUND_1, STRANGER)["kept_apart_by"][0]["reason"] == "They trade against each other."
    assert [row["address"] for row in db.explain(DISPUTED, FUND_2)["shared"]] == [KRAKEN]
