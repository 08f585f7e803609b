"""What crossed the border of each owner of a known category in a period: the rows that sums by owner add up?"""

from __future__ import annotations

from datetime import datetime, time

from intel.entities.entity_days import FIND_OWNERS, SPAM_TRANSFER_FLAGS, SUM_DAYS
from intel.model import SYSTEM_ADDRESSES, Tier
from intel.profiler.postings import Window, prepare_entities, prepare_spam_assets
from intel.store.reader import Reader

_OF_DAYS = """(select * from beliefs.entity_days where tier = $tier
            and ($since::date is null or day >= $since::date) and ($until::date is null or day < $until::date))"""


def gather_borders(reader: Reader, window: Window, tier: Tier) -> tuple[str, dict[str, object]]:
    """Return SQL that selects the rows of beliefs.entity_days of the window, and its parameters (since, until, tier).

    The build summed whole days; a window that begins or ends within one is summed anew from the ledger. Also fills
    `known_entities` and `spam_assets`: spam tokens are among the rows, for the page of such a token.
    """
    prepare_entities(reader)
    prepare_spam_assets(reader)
    ends: dict[str, object] = {"since": window.since, "until": window.until}
    if _is_midnight(window.since) and _is_midnight(window.until):
        return _OF_DAYS, ends | {"tier": tier}

    def fill() -> None:
        reader.query(FIND_OWNERS, {"tier": tier})
        lists = {"flags": list(SPAM_TRANSFER_FLAGS), "system": list(SYSTEM_ADDRESSES)}
        reader.query(f"create or replace temp table border_days as {SUM_DAYS}", ends | lists)

    reader.prepare("border_days", (window, tier), fill)
    return "border_days", {}


def _is_midnight(moment: datetime | None) -> bool:
    return moment is None or moment.time() == time()
