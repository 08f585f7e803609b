"""Which facts that the rules read do a block's logs, traces and transactions tell exactly?"""

from __future__ import annotations

EVENTS_SQL = """
select block_number, block_time, tx_hash, 'none' as event, token as address, null::varchar as actor,
    null::varchar as token, null::varchar as value_text, null::varchar as details
from raw_logs where false
"""
