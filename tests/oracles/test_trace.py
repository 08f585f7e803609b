"""Does the one pass of a trace say what a slow, exact reckoning says, payment by payment?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intel.etl.flow_columns import write_flow_columns
from intel.profiler.trace import Passage, Question, Source, run_pass
from intel.profiler.trace_kernels import PASSED, RETURNED, WALL
from intel.profiler.trace_town import WALL_KINDS, Places
from intel.store import Connection, open_connection
from intel.store.ddl import create_tables
from intel.store.flows import Flows, open_flows

PEOPLE, SOURCE, TARGET = 5, 0, 4  # numbers of accounts; the source only pays, the target only receives


@dataclass(frozen=True)
class Payment:
    sender: int | None
    receiver: int
    value: int


@st.composite
def histories(draw: st.DrawFn) -> list[Payment]:
    """Draw payments that their senders can afford; money comes into the world at any account but the target."""
    balance: dict[int, int] = defaultdict(int)
    told = []
    for _ in range(draw(st.integers(1, 25))):
        payers = [who for who in range(PEOPLE - 1) if balance[who]]
        if not payers or draw(st.integers(0, 3)) == 0:
            payment = Payment(None, draw(st.integers(0, PEOPLE - 2)), draw(st.integers(1, 50)))
        else:
            sender = draw(st.sampled_from(payers))
            others = [who for who in range(1, PEOPLE) if who != sender]
            payment = Payment(sender, draw(st.sampled_from(others)), draw(st.integers(1, balance[sender])))
            balance[sender] -= payment.value
        balance[payment.receiver] += payment.value
        told.append(payment)
    return told


def reckon(told: list[Payment], rule: str) -> list[Fraction]:
    """Return how much of the source's money each payment carries, at a dollar a coin."""
    lots: dict[int, list[list[Fraction]]] = defaultdict(list)  # per account: parts [amount, of the source]
    carried = []
    for payment in told:
        value, weight = Fraction(payment.value), Fraction(0)
        if payment.sender == SOURCE:
            weight = value
        elif payment.sender is not None and rule == "haircut":
            held = [sum(part[side] for part in lots[payment.sender]) for side in (0, 1)]
            weight = held[1] * value / held[0]
            lots[payment.sender] = [[held[0] - value, held[1] - weight]]
        elif payment.sender is not None:
            left, weight = value, Fraction(0)
            while left:
                part = lots[payment.sender][0]
                taken = min(left, part[0])
                share = part[1] * taken / part[0]
                part[0], part[1], left, weight = part[0] - taken, part[1] - share, left - taken, weight + share
                if not part[0]:
                    lots[payment.sender].pop(0)
        if payment.receiver not in (SOURCE, TARGET):
            lots[payment.receiver].append([value, weight])
        carried.append(weight)
    return carried


@pytest.fixture(scope="module")
def ledger() -> Iterator[Connection]:
    """Open facts and beliefs without a row; accounts have their numbers for ids, and a coin is a dollar."""
    con = open_connection(memory="1GB", threads=1)
    for name in ("facts", "beliefs"):
        con.execute(f"attach ':memory:' as {name}")
        create_tables(con, name)
    con.execute("insert into facts.addresses (address_id, chain, address) select i, 'ethereum', i from range(?) t(i)",
                [PEOPLE])  # fmt: skip
    yield con
    con.close()


def write_flows(con: Connection, folder: Path, told: list[Payment], spam: Sequence[int] = ()) -> Flows:
    """Write the columns of these payments, each in a block of its own."""
    con.execute("delete from facts.transfers")
    con.execute("delete from beliefs.transfer_flags")
    for number, one in enumerate(told):
        con.execute(
            """insert into facts.transfers (transfer_id, block_number, block_time, kind, sender_id, receiver_id,
                asset_id, value_raw, value_micro_usd, tx_tag)
            values ($n, $n, timestamp '2021-05-02' + to_minutes($n), 'native', $sender, $receiver, 0, $value,
                $value * 1000000, $n)""",
            {"n": number, "sender": one.sender, "receiver": one.receiver, "value": one.value},
        )
    for number in spam:
        con.execute("insert into beliefs.transfer_flags values (?, 'batch_spam')", [number])
    write_flow_columns(con, folder, ("batch_spam",))
    return open_flows(folder)


def follow(flows: Flows, walls: dict[int, str], asked: Question, source: int = SOURCE) -> Passage:
    """Follow the money by the walk, by one and then the other, and by the pass; what they find must be the same."""
    wall = np.zeros(PEOPLE, np.int8)
    for who, kind in walls.items():
        wall[who] = WALL_KINDS.index(kind)
    places = Places(wall, np.zeros(PEOPLE, np.bool_), np.zeros(1, np.int32), np.ones(1), 1)
    empty = np.zeros(0, np.int64)
    origin = Source("source", "address", (source,))
    walk, both, passage = (run_pass(flows, places, (empty, empty), origin, asked, dearer=n) for n in (0, 1, 10**9))
    expect_same(walk, passage)
    expect_same(both, passage)
    return walk


def expect_same(one: Passage, other: Passage) -> None:
    """Assert that two found the same, to the last bit."""
    for left, right in zip((*one.told, *one.held), (*other.told, *other.held), strict=True):
        assert np.array_equal(left, right)
    sums = [(found.small, found.fees, found.on_the_way, found.unpriced) for found in (one, other)]
    assert sums[0] == sums[1]


def ask(rule: str, direction: str = "forward") -> Question:
    return Question(rule=rule, direction=direction, max_hops=100, min_usd=0)  # type: ignore[arg-type]


EXACT = {"rel": 1e-6, "abs": 1e-6}


@pytest.mark.parametrize("rule", ["haircut", "fifo"])
def test_each_payment_carries_what_exact_reckoning_says(
    ledger: Connection, tmp_path_factory: pytest.TempPathFactory, rule: str
) -> None:
    folder = tmp_path_factory.mktemp("flows")

    @given(told=histories())
    @settings(max_examples=40, deadline=None)
    def check(told: list[Payment]) -> None:
        passage = follow(write_flows(ledger, folder, told), {TARGET: "service"}, ask(rule))
        found = np.zeros(len(told))
        found[passage.told.row] = passage.told.weight
        assert found == pytest.approx([float(weight) for weight in reckon(told, rule)], **EXACT)
        sent = sum(one.value for one in told if one.sender == SOURCE)
        ended = passage.told.weight[passage.told.outcome != PASSED].sum() + passage.held[1].sum()
        assert ended == pytest.approx(sent, **EXACT)

    check()


@pytest.mark.parametrize("rule", ["haircut", "fifo"])
def test_forward_and_backward_agree(ledger: Connection, tmp_path_factory: pytest.TempPathFactory, rule: str) -> None:
    """What reaches the target from the source is what the target had from the source."""
    folder = tmp_path_factory.mktemp("flows")

    @given(told=histories())
    @settings(max_examples=40, deadline=None)
    def check(told: list[Payment]) -> None:
        flows = write_flows(ledger, folder, told)
        there = follow(flows, {TARGET: "service"}, ask(rule)).told
        back = follow(flows, {SOURCE: "service"}, ask(rule, "backward"), TARGET).told
        arrived = sum(w for r, w in zip(there.row, there.weight, strict=True) if told[r].receiver == TARGET)
        came = sum(w for r, w in zip(back.row, back.weight, strict=True) if told[r].sender == SOURCE)
        assert came == pytest.approx(arrived, **EXACT)

    check()


def test_no_payment_is_followed_back_in_time(ledger: Connection, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("flows")

    @given(told=histories())
    @settings(max_examples=25, deadline=None)
    def check(told: list[Payment]) -> None:
        flows = write_flows(ledger, folder, told)
        for rule in ("haircut", "fifo", "poison"):
            rows = [int(row) for row in follow(flows, {}, ask(rule)).told.row]
            reached: set[int | None] = {SOURCE}
            assert rows == sorted(rows)
            for row in rows:
                assert told[row].sender in reached
                reached.add(told[row].receiver)

    check()


def test_poison_takes_whole_payments(ledger: Connection, tmp_path: Path) -> None:
    told = [Payment(None, 1, 90), Payment(None, SOURCE, 10), Payment(SOURCE, 1, 10), Payment(1, 2, 60)]
    told.append(Payment(2, 3, 5))
    assert list(follow(write_flows(ledger, tmp_path, told), {}, ask("poison")).told.weight) == [10, 60, 5]


def test_hops_and_small_amounts_cut_off(ledger: Connection, tmp_path: Path) -> None:
    told = [Payment(None, SOURCE, 100), Payment(SOURCE, 1, 100), Payment(1, 2, 99), Payment(2, 3, 98), Payment(1, 3, 1)]
    passage = follow(write_flows(ledger, tmp_path, told), {}, Question(max_hops=2, min_usd=2))
    assert list(passage.told.row) == [1, 2]
    assert passage.small == 1
    assert passage.held[1].sum() == pytest.approx(99)


def test_what_came_too_far_goes_no_further_by_a_shorter_way(ledger: Connection, tmp_path: Path) -> None:
    """Account 2 gets 50 by two payments, pays 50, and then gets 50 straight from the source."""
    told = [Payment(None, SOURCE, 100), Payment(SOURCE, 1, 50), Payment(1, 2, 50), Payment(2, 3, 50)]
    told += [Payment(SOURCE, 2, 50), Payment(2, 3, 25)]
    for rule in ("haircut", "fifo"):
        passage = follow(write_flows(ledger, tmp_path, told), {}, Question(rule=rule, max_hops=2, min_usd=0))  # type: ignore[arg-type]
        assert list(zip(passage.told.row, passage.told.weight, strict=True)) == [(1, 50), (2, 50), (4, 50), (5, 25)]
        assert dict(zip(passage.held[0], passage.held[1], strict=True)) == {2: 75, 3: 25}


def test_money_that_comes_back_is_told(ledger: Connection, tmp_path: Path) -> None:
    told = [Payment(None, SOURCE, 10), Payment(SOURCE, 1, 10), Payment(1, SOURCE, 4), Payment(1, TARGET, 6)]
    passage = follow(write_flows(ledger, tmp_path, told), {TARGET: "mixer"}, Question())
    assert list(passage.told.outcome) == [PASSED, RETURNED, WALL]
    assert list(passage.told.weight) == [10, 4, 6]


def test_spam_is_not_followed_and_dilutes_nothing(ledger: Connection, tmp_path: Path) -> None:
    """A flagged row counts for nobody: neither as money that came in, nor as a payment."""
    told = [Payment(None, SOURCE, 10), Payment(SOURCE, 1, 10), Payment(None, 1, 90), Payment(1, TARGET, 10)]
    flows = write_flows(ledger, tmp_path, told, spam=[2])
    assert list(follow(flows, {TARGET: "service"}, Question()).told.weight) == [10, 10]
    begin, end = flows.statement_ends[1:3]
    assert list(flows.statement_balance[begin:end]) == [10, 10, 0]
