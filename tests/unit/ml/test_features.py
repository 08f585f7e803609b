"""Are the features counted right, from nothing after the cut-off, whatever the names, the dates and the order?"""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from intel.etl.accounts import build_accounts
from intel.ml import features
from intel.ml.edge_features import build_edge_features, flag_groups
from intel.ml.features import FEATURES, build_features, read_features
from intel.store import Connection, open_connection
from intel.store.ddl import create_tables

START = datetime(2024, 1, 1)  # noqa: DTZ001 -- the ledger's times carry no zone; all are UTC
COIN, TOKEN = 0, 1
Move = tuple[float, int, int, int, int]  # hours after START, sender, receiver, asset, dollars

# 1 is paid by three and forwards each payment to 9 within the hour.
FORWARDED: list[Move] = [
    (0, 2, 1, TOKEN, 100), (0.5, 1, 9, TOKEN, 100), (30, 3, 1, TOKEN, 40), (30.5, 1, 9, TOKEN, 40),
    (100, 4, 1, TOKEN, 7), (100.25, 1, 9, TOKEN, 7),
]  # fmt: skip
OTHERS: list[Move] = [(1, 9, 5, COIN, 1000), (50, 5, 6, COIN, 10), (51, 5, 7, COIN, 10), (52, 5, 8, COIN, 10)]


def open_ledger(moves: Sequence[Move], start: datetime = START, spread: int = 1) -> Connection:
    """Facts with these transfers; address n has the id n times `spread`."""
    con = open_connection(memory="1GB", threads=1)
    con.execute("attach ':memory:' as facts")
    create_tables(con, "facts")
    ordered = sorted(moves)
    con.register(
        "moves",
        pa.table({
            "transfer_id": range(len(ordered)), "block_time": [start + timedelta(hours=m[0]) for m in ordered],
            "sender_id": [m[1] * spread for m in ordered], "receiver_id": [m[2] * spread for m in ordered],
            "asset_id": [m[3] for m in ordered], "usd": [m[4] for m in ordered],
        }),
    )  # fmt: skip
    con.execute(
        "insert into facts.assets (asset_id, chain, token, decimals) values (0, 'x', null, 2), (1, 'x', 't', 2)"
    )
    con.execute(
        "insert into facts.addresses (address_id, chain, address) "
        "select distinct i, 'x', 'a' || i from (select unnest([sender_id, receiver_id]) as i from moves)"
    )
    con.execute("insert into facts.addresses select max(address_id) + 1, 'x', 'last', null from facts.addresses")
    ids = [row[0] for row in con.execute("select max(address_id) from facts.addresses").fetchall()]
    con.execute("insert into facts.addresses select i, 'x', 'fill' || i, null from range($n) r(i) "
                "where i not in (select address_id from facts.addresses)", {"n": ids[0]})  # fmt: skip
    con.execute(
        """insert into facts.transfers by name
        select transfer_id, 'x' as chain, transfer_id as block_number, block_time, 'h' || transfer_id as tx_hash,
            0 as position, 0 as sub_position, case asset_id when 0 then 'native' else 'erc20' end as kind, sender_id,
            receiver_id, sender_id as initiator_id, asset_id, cast(usd * 100 as decimal(38, 0)) as value_raw,
            usd * 1000000 as value_micro_usd, transfer_id as tx_tag from moves"""
    )
    build_accounts(con)
    return con


def read_all(con: Connection, cut_off: datetime | None = None) -> dict[int, dict[str, float]]:
    build_features(con, cut_off)
    ids, rows = read_features(con, 0, 10**6)
    names = [feature.name for feature in FEATURES]
    return {one: dict(zip(names, row, strict=True)) for one, row in zip(ids.tolist(), rows.tolist(), strict=True)}


def differ(left: dict[str, float], right: dict[str, float]) -> list[str]:
    return [n for n in left if not np.array_equal(left[n], right[n], equal_nan=True)]


def test_a_forwarder_looks_like_one() -> None:
    one = read_all(open_ledger(FORWARDED + OTHERS))[1]
    assert (one["senders"], one["receivers"], one["received"], one["sent"]) == (3, 1, 3, 3)
    assert (one["forward_share"], one["rest_hour_share"], one["passed_on_share"]) == (1, 1, 1)
    assert one["top_receiver_share"] == 1
    assert one["top_sender_share"] == pytest.approx(1 / 3)
    assert one["life_hours"] == 100.25
    assert one["days"] == 3
    assert one["sender_entropy"] == pytest.approx(np.log2(3), abs=1e-3)
    assert one["typical_in_usd"] == pytest.approx((100 * 40 * 7) ** (1 / 3), rel=0.01)
    assert one["in_usd"] == 147


def test_who_pays_one_amount_to_many_looks_so() -> None:
    five = read_all(open_ledger(FORWARDED + OTHERS))[5]
    assert (five["receivers"], five["same_out_share"], five["amounts_out_share"]) == (3, 1, pytest.approx(1 / 3))
    assert five["round_out_share"] == 1
    assert five["coins_out_share"] == 1


def test_nothing_after_the_cut_off_is_seen() -> None:
    later: list[Move] = [(200 + n, 9, 1, TOKEN, 10**6) for n in range(5)] + [(210, 1, 2, COIN, 3), (211, 5, 9, COIN, 4)]
    cut = START + timedelta(hours=150)
    before = read_all(open_ledger(FORWARDED + OTHERS))
    cut_short = read_all(open_ledger(FORWARDED + OTHERS + later), cut)
    assert not [name for one in before for name in differ(before[one], cut_short[one])]
    assert differ(before[1], read_all(open_ledger(FORWARDED + OTHERS + later))[1])


def test_whom_nobody_asks_about_changes_no_figure_of_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    con = open_ledger(FORWARDED + OTHERS)
    every = read_all(con)
    monkeypatch.setattr(features, "_BUCKET_MOVES", 4)
    build_features(con, but_for="select unnest([1, 5, 77])")
    ids, rows = read_features(con, 0, 10**6)
    assert ids.tolist() == [one for one in sorted(every) if one not in {1, 5}]
    assert {1, 5} < set(every)
    expected = [list(every[one].values()) for one in ids.tolist()]
    np.testing.assert_array_equal(rows, np.array(expected, dtype=np.float32))


def test_dates_names_and_order_do_not_matter() -> None:
    moves = FORWARDED + OTHERS
    plain = read_all(open_ledger(moves))
    shuffled = random.Random(1).sample(moves, len(moves))
    moved = read_all(open_ledger(shuffled, START + timedelta(weeks=100), spread=3))
    assert not [name for one in plain for name in differ(plain[one], moved[3 * one])]


def test_a_ledger_without_prices_lacks_only_what_needs_them() -> None:
    con = open_ledger(FORWARDED + OTHERS)
    priced = read_all(con)[1]
    con.execute("update facts.transfers set value_micro_usd = null")
    con.execute("update facts.postings set value_micro_usd = null")
    lacking = differ(priced, read_all(con)[1])
    assert "in_usd" in lacking
    assert all("usd" in name or "spread" in name or name == "priced_share" for name in lacking)


def test_edges_alone_tell_degrees_and_neighbours() -> None:
    con = open_ledger(FORWARDED)
    con.execute(
        """insert into facts.edges (sender_id, receiver_id, kind, transfers)
        values (1, 2, 'native', 3), (1, 3, 'erc20', 1), (4, 1, 'erc20', 2), (4, 5, 'erc20', 1)"""
    )
    build_edge_features(con)
    one = con.execute("from edge_features where address_id = 1").df().iloc[0]
    assert (one["receivers"], one["senders"], one["sent"], one["received"]) == (2, 1, 4, 2)
    assert one["payees_leaf"] == 1
    assert one["payers_max_receivers"] == 2


def test_one_address_on_two_chains_is_one_account() -> None:
    con = open_ledger(FORWARDED)
    con.execute("insert into facts.addresses values (100, 'y', 'a1', null), (101, 'y', 'a6', null)")
    con.execute(
        """insert into facts.edges (sender_id, receiver_id, kind, transfers)
        values (1, 2, 'native', 3), (3, 1, 'erc20', 1), (101, 100, 'native', 2), (100, 1, 'native', 9)"""
    )
    build_edge_features(con)
    found = con.execute("from edge_features").df().set_index("address_id")
    assert 100 not in found.index
    one = found.loc[1]
    assert (one["senders"], one["receivers"], one["received"], one["sent"]) == (2, 1, 3, 3)
    assert (one["chains"], one["chains_in"], one["chains_out"], one["kinds_in"]) == (2, 2, 1, 2)
    assert (one["payers_chains"], one["payers_share"]) == (1, 1)


def test_the_plain_rule_counts_without_the_labelled() -> None:
    left, right = np.arange(0, 9), np.arange(1, 10)  # a chain of ten
    assert flag_groups(left, right, np.zeros(10, dtype=bool)).all()
    middle = np.arange(10) == 5
    assert not flag_groups(left, right, middle).any()
    assert flag_groups(left, right, np.arange(10) == 9).sum() == 9
