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
    gather_flows(reader, subject, window)
    row = reader.query(
        """select min(first_time), max(last_time),
            coalesce(sum(transfers_in) filter (not is_internal), 0)::bigint,
            coalesce(sum(transfers_out) filter (not is_internal), 0)::bigint,
            coalesce(sum(transfers_out) filter (is_internal), 0)::bigint,
            count(distinct counterparty_id) filter (
                not is_internal and not is_spam and not is_venue and not is_fee)
        from flows"""
    )[0]
    signed = reader.query(
        "select sum(signed)::bigint from facts.address_stats where address_id in (select address_id from members)"
    )[0][0]
    names = ("first_seen", "last_seen", "transfers_in", "transfers_out", "transfers_internal", "counterparties")
    return {**dict(zip(names, row, strict=True)), "signed": signed}


def count_moves(reader: Reader, subject: Subject, window: Window = ALWAYS) -> dict[str, int]:
    """Return how many transfers there are, and how many of them are internal, spam or unpriced; each counts once.

    `capped` is above zero where a sum of USD is larger than the 9.2 trillion that it is shown as.
    """
    gather_flows(reader, subject, window)
    row = reader.query(
        f"""with once as (
            select is_internal, is_spam,
                case when is_internal then transfers_out else transfers_in + transfers_out end as transfers,
                case when is_internal then unpriced // 2 else unpriced end as unpriced,
                case when not is_spam then in_micro_usd end as came,
                case when not is_spam then out_micro_usd end as went
            from flows)
        select coalesce(sum(transfers), 0)::bigint, coalesce(sum(transfers) filter (is_internal), 0)::bigint,
            coalesce(sum(transfers) filter (is_spam and not is_internal), 0)::bigint,
            coalesce(sum(unpriced), 0)::bigint,
            greatest(count(*) filter (came = {LARGEST_SUM} or went = {LARGEST_SUM}),
                coalesce(greatest(sum(came), sum(went)) > {LARGEST_SUM}, false)::bigint)
        from once"""
    )[0]
    names = ("transfers", "internal", "spam", "unpriced", "capped")
    return dict(zip(names, row, strict=True))
