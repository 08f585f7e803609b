"""When was the subject active, and how much?"""

from __future__ import annotations

from typing import Any

from intel.model import Subject
from intel.profiler.postings import ALWAYS, LARGEST_SUM, Window, gather_flows
from intel.store.reader import Reader


def summarise_activity(reader: Reader, subject: Subject, window: Window = ALWAYS) -> dict[str, Any]:
    """Return first_seen, last_seen, transfers_in, transfers_out, transfers_internal, counterparties, signed.

    Transfers between two members count as internal, once, and neither in nor out. Spam counts: it did happen.
    `signed` (transactions known to be signed, over all of time) is null where no source tells.
    """
    found = _sum_flows(reader, subject, window)
    signed = reader.query(
        "select sum(signed)::bigint from facts.address_stats where address_id in (select address_id from members)"
    )[0][0]
    names = ("first_seen", "last_seen", "transfers_in", "transfers_out", "transfers_internal", "counterparties")
    return {**{name: found[name] for name in names}, "signed": signed}


def count_moves(reader: Reader, subject: Subject, window: Window = ALWAYS) -> dict[str, int]:
    """Return how many transfers there are, and how many of them are internal, spam or unpriced; each counts once.

    `capped` is above zero where a sum of USD is larger than the 9.2 trillion that it is shown as.
    """
    found = _sum_flows(reader, subject, window)
    return {name: found[name] for name in ("transfers", "internal", "spam", "unpriced", "capped")}


def _sum_flows(reader: Reader, subject: Subject, window: Window) -> dict[str, Any]:
    """Add the flows up once, for both questions."""
    gather_flows(reader, subject, window)

    def add_up() -> dict[str, Any]:
        return reader.records(
            f"""select min(first_time) as first_seen, max(last_time) as last_seen,
                coalesce(sum(transfers_in) filter (not is_internal), 0)::bigint as transfers_in,
                coalesce(sum(transfers_out) filter (not is_internal), 0)::bigint as transfers_out,
                coalesce(sum(transfers_out) filter (is_internal), 0)::bigint as transfers_internal,
                count(distinct counterparty_id) filter (
                    not is_internal and not is_spam and not is_venue and not is_fee) as counterparties,
                coalesce(sum(once), 0)::bigint as transfers,
                coalesce(sum(once) filter (is_internal), 0)::bigint as internal,
                coalesce(sum(once) filter (is_spam and not is_internal), 0)::bigint as spam,
                coalesce(sum(case when is_internal then unpriced // 2 else unpriced end), 0)::bigint as unpriced,
                greatest(
                    count(*) filter (not is_spam and (in_micro_usd = {LARGEST_SUM} or out_micro_usd = {LARGEST_SUM})),
                    coalesce(greatest(sum(in_micro_usd) filter (not is_spam),
                        sum(out_micro_usd) filter (not is_spam)) > {LARGEST_SUM}, false)::bigint) as capped
            from (select *, case when is_internal then 0 else transfers_in end + transfers_out as once from flows)"""
        )[0]

    return reader.recall("flow sums", (subject.address_ids, subject.tier, window), add_up)
