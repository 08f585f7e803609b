"""What do several rules read? Ledger and labels, cleaned once; the same text makes views on Spark."""

from __future__ import annotations

from dataclasses import dataclass

from intel.heuristics.deposit_inputs import DEPOSIT_CANDIDATES, DEPOSIT_FEES, DEPOSIT_MOVES, DEPOSIT_SPANS
from intel.heuristics.edge_inputs import EDGE_DEGREES, EDGE_HOMES, EDGE_PAIRS
from intel.heuristics.event_inputs import BRIDGE_MESSAGES, COMPROMISED_KEYS, EVENT_PARTIES, SAFE_SIGNERS, SAFES
from intel.heuristics.exchange_inputs import EXCHANGE_PAYERS, EXCHANGE_WALLETS, EXPANDED_WALLETS, LABELLED_WALLETS
from intel.heuristics.wallet_inputs import FIRST_FUNDINGS, PLAIN_WALLETS, WALLET_FLOWS, WALLET_FUNDINGS
from intel.store import Connection, Engine


@dataclass(frozen=True, slots=True)
class RuleInput:
    """A named query; `stored` ones are computed once per build, the others are views."""

    name: str
    sql: str
    stored: bool


# A transfer with any flag but mass_airdrop is spam, dust or no dealing between two parties; what leaves an account that
# was given to malicious code is no act of its owner.
_CLEAN_TRANSFERS = """
select t.*
from facts.transfers t
where t.kind <> 'fee'
    and t.sender_id is not null
    and t.receiver_id is not null
    and (t.value_raw is null or t.value_raw > 0)
    and not exists (
        select 1 from beliefs.transfer_flags f where f.transfer_id = t.transfer_id and f.flag <> 'mass_airdrop'
    )
    and not exists (
        select 1 from compromised_keys k where k.address_id = t.sender_id and t.block_time >= k.since
    )
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

# Deposit addresses by label and by the evidence gathered so far; claims for two organisations cancel each other.
_KNOWN_DEPOSITS = """
with claims as (
    select e.left_id as address_id, e.right_entity as entity_id, e.weight_bits as bits, e.visibility
    from beliefs.evidence e
    where e.relation = 'deposit_of'
    union all
    select a.address_id, a.entity_id, 14.0, a.visibility
    from beliefs.anchors a
    where a.category = 'exchange_deposit' or a.role in ('deposit', 'deposit_wallet', 'exchange_deposit')
)
select
    c.address_id, min(c.entity_id) as entity_id, min(coalesce(e.name, c.entity_id)) as name, max(c.bits) as bits,
    max(c.visibility) as visibility
from claims c
left join beliefs.entities e on e.entity_id = c.entity_id
left join beliefs.entities p on p.entity_id = e.parent
left join beliefs.entities g on g.entity_id = p.parent
-- Where the public layer says something, a private claim neither cancels nor strengthens it.
where c.visibility = 'public' or c.address_id not in (select address_id from claims where visibility = 'public')
group by c.address_id
having min(coalesce(g.entity_id, p.entity_id, c.entity_id)) = max(coalesce(g.entity_id, p.entity_id, c.entity_id))
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
    RuleInput("clean_transfers", _CLEAN_TRANSFERS, stored=False),
    RuleInput("labelled_wallets", LABELLED_WALLETS, stored=True),
    RuleInput("exchange_payers", EXCHANGE_PAYERS, stored=True),
    RuleInput("expanded_wallets", EXPANDED_WALLETS, stored=True),
    RuleInput("exchange_wallets", EXCHANGE_WALLETS, stored=True),
    RuleInput("whole_chains", _WHOLE_CHAINS, stored=True),
    RuleInput("deposit_candidates", DEPOSIT_CANDIDATES, stored=True),
    RuleInput("deposit_fees", DEPOSIT_FEES, stored=True),
    RuleInput("deposit_moves", DEPOSIT_MOVES, stored=True),
    RuleInput("deposit_spans", DEPOSIT_SPANS, stored=False),
    RuleInput("known_deposits", _KNOWN_DEPOSITS, stored=False),
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


def create_inputs(con: Engine) -> None:
    """Create the inputs as temporary tables and views of this connection, in the order in which they build up."""
    for item in INPUTS:
        kind = "table" if item.stored else "view"
        con.execute(f"create or replace temp {kind} {item.name} as {item.sql}")


def drop_inputs(con: Connection) -> None:
    """Drop whatever inputs this connection has."""
    for item in reversed(INPUTS):
        con.execute(f"drop {'table' if item.stored else 'view'} if exists {item.name}")
