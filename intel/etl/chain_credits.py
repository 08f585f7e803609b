"""Who gets what a block pays by itself, on chains that do it in another way than Ethereum does?"""

from __future__ import annotations

from intel.sources.chains import ChainFacts
from intel.sources.files import FILE_COLUMN, ROW_COLUMN
from intel.store import Connection


def adjust_credits(con: Connection, facts: ChainFacts, source: str) -> None:
    """Change the credits of a node's blocks (raw_credits) to what the chain's own facts say (data/chains.toml).

    Base fees that are not burnt and what a rollup takes for layer 1 go to vaults. Where tips go to nobody who stands
    in the block, and where withdrawals are not of the native coin, there is no credit.
    """
    if not facts.pays_tips:
        con.execute("delete from raw_credits where kind = 'reward'")
    if facts.withdrawals_in is not None:
        con.execute("delete from raw_credits where kind = 'withdrawal'")
    for vault, paid in ((facts.base_fee_to, "base_fee * gas_used"), (facts.l1_fee_to, "l1_fee")):
        if vault is not None:
            con.execute(
                "insert into raw_credits by name select block_number, block_time, null::bigint as position, "
                "'reward' as kind, $vault as receiver, total::decimal(38, 0)::varchar as value_raw, "
                f"$source as {FILE_COLUMN}, (select coalesce(max({ROW_COLUMN}), 0) from raw_credits) "
                f"+ row_number() over (order by block_number) as {ROW_COLUMN}, $chain as chain from "
                f"(select block_number, block_time, sum({paid}) as total from rpc_transactions "
                "where gas_used is not null group by all) where total > 0",
                {"vault": vault, "source": source, "chain": facts.slug},
            )
