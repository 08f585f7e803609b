"""What do several rules read? Ledger and labels, cleaned once; the same text makes views on Spark."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from intel.heuristics.deposit_inputs import (
    DEPOSIT_CANDIDATES,
    DEPOSIT_FEES,
    DEPOSIT_MOVES,
    DEPOSIT_SPANS,
    KNOWN_DEPOSITS,
)
from intel.heuristics.edge_inputs import EDGE_DEGREES, EDGE_HOMES, EDGE_PAIRS
from intel.heuristics.event_inputs import BRIDGE_MESSAGES, COMPROMISED_KEYS, EVENT_PARTIES, SAFE_SIGNERS, SAFES
from intel.heuristics.exchange_inputs import EXCHANGE_PAYERS, EXCHANGE_WALLETS, EXPANDED_WALLETS, LABELLED_WALLETS
from intel.heuristics.wallet_inputs import FIRST_FUNDINGS, PLAIN_WALLETS, WALLET_FLOWS, WALLET_FUNDINGS
from intel.store import Engine


@dataclass(frozen=True, slots=True)
class RuleInput:
    """A named query; `stored` ones are computed once per build, the others are views."""

    name: str
    sql: str
    stored: bool


# A transfer with any flag but mass_airdrop is spam, dust or no dealing between two parties; what leaves an account that
# was given to malicious code is no act of its owner.
_DIRTY_TRANSFERS = """
select f.transfer_id from beliefs.transfer_flags f where f.flag <> 'mass_airdrop'
union
select t.transfer_id
from facts.transfers t
join compromised_keys k on k.address_id = t.sender_id
where t.block_time >= k.since
"""

# The dirty ones are few and stand in a table of ids: two dozen queries read all the others. An outer join that asks for
# nothing found is what both engines take for "without these"; `not exists` costs DuckDB five times as much here.
_CLEAN_TRANSFERS = """
select t.*
from facts.transfers t
left join dirty_transfers d on d.transfer_id = t.transfer_id
where d.transfer_id is null
    and t.kind <> 'fee'
    and t.sender_id is not null
    and t.receiver_id is not null
    and (t.value_raw is null or t.value_raw > 0)
"""

# "Only" and "never" hold where one source covers native and token transfers from the first block to the newest.
_WHOLE_CHAINS = """
with newest as (
    select chain, max(last_block) as last_block from facts.coverage where dataset = 'transfers' group by chain
)
select c.chain
from facts.coverage c
join newest n on n.chain = c.chain
where c.dataset = 'transfers' and c.kind in ('native', 'erc20') and c.first_block <= 1 and c.last_block >= n.last_block
group by c.chain
having count(distinct c.kind) = 2
"""

# Pairs that the rules so far hold for one controller's: what a rule about behaviour may look at.
_PROPOSED_PAIRS = """
select
    least(e.left_id, e.right_id) as left_id, greatest(e.left_id, e.right_id) as right_id,
    max(e.visibility) as visibility
from beliefs.evidence e
where e.relation = 'same_controller' and e.family <> 'BEHAV' and e.right_id is not null
group by least(e.left_id, e.right_id), greatest(e.left_id, e.right_id)
"""

INPUTS = (
    RuleInput("compromised_keys", COMPROMISED_KEYS, stored=True),
    RuleInput("dirty_transfers", _DIRTY_TRANSFERS, stored=True),
    RuleInput("clean_transfers", _CLEAN_TRANSFERS, stored=False),
    RuleInput("labelled_wallets", LABELLED_WALLETS, stored=True),
    RuleInput("exchange_payers", EXCHANGE_PAYERS, stored=True),
    RuleInput("expanded_wallets", EXPANDED_WALLETS, stored=True),
    RuleInput("exchange_wallets", EXCHANGE_WALLETS, stored=True),
    RuleInput("whole_chains", _WHOLE_CHAINS, stored=True),
    RuleInput("deposit_candidates", DEPOSIT_CANDIDATES, stored=True),
    RuleInput("deposit_moves", DEPOSIT_MOVES, stored=True),
    RuleInput("deposit_fees", DEPOSIT_FEES, stored=True),
    RuleInput("deposit_spans", DEPOSIT_SPANS, stored=False),
    RuleInput("known_deposits", KNOWN_DEPOSITS, stored=False),
    RuleInput("proposed_pairs", _PROPOSED_PAIRS, stored=False),
    RuleInput("plain_wallets", PLAIN_WALLETS, stored=True),
    RuleInput("first_fundings", FIRST_FUNDINGS, stored=True),
    RuleInput("wallet_fundings", WALLET_FUNDINGS, stored=False),
    RuleInput("wallet_flows", WALLET_FLOWS, stored=True),
    RuleInput("event_parties", EVENT_PARTIES, stored=True),
    RuleInput("bridge_messages", BRIDGE_MESSAGES, stored=True),
    RuleInput("safes", SAFES, stored=True),
    RuleInput("safe_signers", SAFE_SIGNERS, stored=True),
    RuleInput("edge_homes", EDGE_HOMES, stored=True),
    RuleInput("edge_pairs", EDGE_PAIRS, stored=True),
    RuleInput("edge_degrees", EDGE_DEGREES, stored=True),
)


def prepare_inputs(con: Engine, queries: Sequence[str], made: set[str]) -> None:
    """Create the inputs that the first query reads, and drop those that no query does: all, where none is left.

    The stored ones are the largest tables of a build, and stand from their first reader to their last. None of them
    reads beliefs.evidence, so it is the same whenever it is made. `made`: the names of those that stand, kept here.
    """
    wanted = _find_inputs(" ".join(queries), made)
    for item in reversed(INPUTS):
        if item.name in made - wanted:
            con.execute(f"drop {'table' if item.stored else 'view'} {item.name}")
            made.remove(item.name)
    read = _find_inputs(" ".join(queries[:1]), made)
    for item in INPUTS:
        if item.name in read - made:
            con.execute(f"create or replace temp {'table' if item.stored else 'view'} {item.name} as {item.sql}")
            made.add(item.name)


def _find_inputs(query: str, made: set[str]) -> set[str]:
    """Return the inputs that a query reads, and those behind them: none behind a stored one that stands."""
    words = set(re.findall(r"\w+", query))
    found = {item.name for item in INPUTS if item.name in words}
    behind = [item.sql for item in INPUTS if item.name in found and not (item.stored and item.name in made)]
    return found.union(*(_find_inputs(sql, made) for sql in behind))


def create_inputs(con: Engine) -> None:
    """Create all inputs as temporary tables and views of this connection, in the order in which they build up."""
    prepare_inputs(con, [" ".join(item.name for item in INPUTS)], set())
