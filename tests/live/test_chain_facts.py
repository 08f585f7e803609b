"""Do the facts of a chain decide what its blocks pay, and is a node on another chain refused?"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from intel.errors import IntelError
from intel.following import RpcOptions, ingest_rpc
from intel.sources.chains import find_chain
from tests.ledger_files import lake_rows
from tests.live.busy import settings_of
from tests.live.nodes import MINER, start_anvil
from tests.parts import require_part

CHAINS = {"optimism": 10, "arbitrum": 42161, "avalanche": 43114}


def wait_for(ask: Callable[[], Any]) -> Any:
    """Return the node's answer as soon as it has one: a transaction is mined a moment after it is taken."""
    for _ in range(200):
        if answer := ask():
            return answer
        time.sleep(0.05)
    raise AssertionError("the node never answered")


@pytest.mark.parametrize("chain", CHAINS)
def test_fees_go_where_the_chain_puts_them(chain: str, tmp_path: Path) -> None:
    require_part("contracts")
    facts, store = find_chain(chain), tmp_path / "store"
    with start_anvil(tmp_path, chain_id=CHAINS[chain]) as node:
        sender = node.ask("eth_accounts")[0]
        node.ask("anvil_setBalance", sender, hex(10**20))
        paid = {"from": sender, "to": MINER, "value": "0x5", "maxPriorityFeePerGas": hex(10**9)}
        sent = node.ask("eth_sendTransaction", paid)
        block = wait_for(lambda: node.ask("eth_getTransactionReceipt", sent))
        mined = wait_for(lambda: node.ask("eth_getBlockByNumber", block["blockNumber"], False))
        base = int(mined["baseFeePerGas"], 16)
        ingest_rpc(settings_of(store), node.url)
    used, price = int(block["gasUsed"], 16), int(block["effectiveGasPrice"], 16)
    rewards = dict(lake_rows(store, "select receiver, value_raw from lake_transfers where kind = 'reward'"))
    expected = {MINER: used * (price - base)} if facts.pays_tips else {}
    assert rewards == expected | ({facts.base_fee_to: used * base} if facts.base_fee_to else {})
    told = lake_rows(store, "select distinct chain from lake_coverage where kind = 'reward'")
    assert told == ([(chain,)] if facts.pays_tips else [])


def test_a_node_on_another_chain_than_asked_for_is_refused(tmp_path: Path) -> None:
    require_part("contracts")
    with start_anvil(tmp_path, chain_id=10) as node, pytest.raises(IntelError, match="is on optimism") as caught:
        ingest_rpc(settings_of(tmp_path / "store"), node.url, options=RpcOptions(chain="base"))
    assert "--chain" in caught.value.hint
    assert not (tmp_path / "store" / "lake").exists()
