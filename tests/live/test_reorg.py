"""Does the lake follow the chain when blocks that it has read are no longer part of it?"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from intel.errors import IntelError
from intel.following import follow_rpc
from intel.store import open_connection
from intel.store.lake import Commit, Lake
from tests.live.busy import QUICK, Miner, read_visible, settings_of, start_busy, take
from tests.parts import require_part

BLOCKS = 24


@pytest.fixture
def miner(tmp_path: Path) -> Iterator[Miner]:
    require_part("contracts")
    with start_busy(tmp_path / "anvil", BLOCKS) as miner:
        yield miner


def read_afresh(miner: Miner, folder: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Return what a lake shows that never saw the blocks which are gone."""
    store = folder / "afresh"
    take(store, miner.node.url)
    return read_visible(store)


def reorganise(miner: Miner, depth: int, *, grow: int) -> None:
    """Let other blocks take the place of the newest ones, and `grow` more come after them."""
    miner.node.ask("anvil_reorg", depth, [])
    miner.count_nonce()
    miner.mine(grow, salt=1_000)


@pytest.mark.parametrize(("depth", "grow"), [(1, 0), (3, 4), (20, 2)])
def test_blocks_that_left_the_chain_are_replaced(miner: Miner, tmp_path: Path, depth: int, grow: int) -> None:
    store = tmp_path / "store"
    take(store, miner.node.url)
    before = read_visible(store, "blocks")["blocks"]
    reorganise(miner, depth, grow=grow)
    report = take(store, miner.node.url)
    after = read_visible(store)
    assert after == read_afresh(miner, tmp_path)
    kept = [row for row, other in zip(before, after["blocks"], strict=False) if row == other]
    assert len(kept) == BLOCKS + 1 - depth  # exactly the orphans are others now
    assert report.replaced > 0


def test_a_chain_that_became_shorter_loses_its_end(miner: Miner, tmp_path: Path) -> None:
    store = tmp_path / "store"
    take(store, miner.node.url)
    miner.node.ask("anvil_rollback", 5)
    miner.count_nonce()
    miner.mine(1, salt=500)
    take(store, miner.node.url)
    assert read_visible(store) == read_afresh(miner, tmp_path)


def test_what_is_final_is_not_looked_at_again_and_a_deeper_change_is_refused_or_followed(
    tmp_path: Path,
) -> None:
    """The node calls all but the last two blocks final and then changes five: never a mix of both chains."""
    require_part("contracts")
    with start_busy(tmp_path / "anvil", BLOCKS, "--slots-in-an-epoch", "1") as miner:
        store = tmp_path / "store"
        take(store, miner.node.url)
        assert int(miner.node.ask("eth_getBlockByNumber", "finalized", False)["number"], 16) == BLOCKS - 2
        before = read_visible(store)
        reorganise(miner, 5, grow=3)
        with suppress(IntelError):  # it may refuse; what it may not do is mix
            take(store, miner.node.url)
        after = read_visible(store)
        assert after == before or after == read_afresh(miner, tmp_path)


def test_no_reader_sees_a_mix_of_two_chains(miner: Miner, tmp_path: Path) -> None:
    """While the chain is followed, every state that was ever visible is one unbroken chain in all datasets."""
    store = tmp_path / "store"
    last = BLOCKS + 8
    options = replace(QUICK, chunk=12)
    failures: list[BaseException] = []

    def follow() -> None:
        try:
            follow_rpc(settings_of(store), miner.node.url, (0, None), options, until=last, poll=0.05)
        except BaseException as error:  # noqa: BLE001 (shown by the test below)
            failures.append(error)

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    for depth in (1, 3):
        wait_for_block(store, miner.web3.eth.block_number)
        reorganise(miner, depth, grow=3)
    miner.mine(last - miner.web3.eth.block_number, salt=77)
    thread.join(timeout=60)
    assert not failures
    assert not thread.is_alive()
    assert read_visible(store) == read_afresh(miner, tmp_path)
    commits = Lake(store).commits()
    for commit in commits:
        check_state(store, commit)
    assert sum(find_replaced(store, old, new) for old, new in pairwise(commits)) >= 2


def wait_for_block(store: Path, number: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if Lake(store).head() and len(read_visible(store, "blocks")["blocks"]) > number:
            return
        time.sleep(0.05)
    pytest.fail(f"block {number} never came into the lake")


def read_state(store: Path, commit: Commit, query: str) -> list[tuple[Any, ...]]:
    con = open_connection(threads=1)
    Lake(store).attach(con, commit)
    rows = con.execute(query).fetchall()
    con.close()
    return rows


def check_state(store: Path, commit: Commit) -> None:
    broken = (
        "select b.block_number from lake_blocks b join lake_blocks p on p.block_number = b.block_number - 1 "
        "where b.parent_hash <> p.block_hash"
    )
    assert read_state(store, commit, broken) == []
    double = "select block_number from lake_blocks group by all having count(*) > 1"
    assert read_state(store, commit, double) == []
    alone = (
        "select tx_hash from lake_transfers where tx_hash is not null and kind <> 'reward' "
        "and tx_hash not in (select tx_hash from lake_transactions)"
    )
    assert read_state(store, commit, alone) == []
    homeless = "select tx_hash from lake_transactions where block_number not in (select block_number from lake_blocks)"
    assert read_state(store, commit, homeless) == []


def find_replaced(store: Path, old: Commit, new: Commit) -> bool:
    """Say whether a block of the old state is another one in the new state."""
    blocks = "select block_number, block_hash from lake_blocks"
    after = dict(read_state(store, new, blocks))
    return any(after.get(number) != found for number, found in read_state(store, old, blocks))
