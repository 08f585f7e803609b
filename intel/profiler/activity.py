"""When was the subject active, and how much?"""

from __future__ import annotations

from typing import Any

from intel.model import Subject
from intel.profiler.large_sums import is_summed, read_sums
from intel.profiler.postings import ALWAYS, LARGEST_SUM, Window, add_flows, gather_members, select_rows
from intel.store.reader import Reader


def summarise_activity(reader: Reader, subject: Subject, window: Window = ALWAYS) -> dict[str, Any]:
    """Return first_seen, last_seen, transfers_in, transfers_out, transfers_internal, counterparties, signed.

    Transfers between two members count as internal, once, and neither in nor out. Spam counts: it did happen.
    `signed` (transactions known to be signed, over all of time) is null where no source tells.
    """
    found = _sum_flows(reader, subject, window)
    gather_members(reader, subject)
    stats, params = select_rows(subject, "facts.address_stats")
    signed = reader.query(f"select sum(signed)::bigint from {stats}", params)[0][0]
    names = ("first_seen", "last_seen", "transfers_in", "transfers_out", "transfers_internal", "counterparties")
    return {**{name: found[name] for name in names}, "signed": signed}


def count_moves(reader: Reader, subject: Subject, window: Window = ALWAYS) -> dict[str, int]:
    """Return how many transfers there are, and how many of them are internal, spam or unpriced; each counts once.

    `capped` is above zero where a sum of USD is larger than the 9.2 trillion that it is shown as.
    """
    found = _sum_flows(reader, subject, window)
    return {name: found[name] for name in ("transfers", "internal", "spam", "unpriced", "capped")}


# Sums of a few kinds of rows, which Python adds up: as one query of conditional sums it takes three times to plan.
SUM_FLOWS = """select is_internal, is_spam, min(first_time) as first_time, max(last_time) as last_time,
        sum(transfers_in)::bigint as transfers_in, sum(transfers_out)::bigint as transfers_out,
        sum(unpriced)::bigint as unpriced, sum(unpriced // 2)::bigint as unpriced_once,
        sum(in_micro_usd) as came, sum(out_micro_usd) as went,
        max(in_micro_usd) as most_came, max(out_micro_usd) as most_went,
        count(distinct case when not is_venue and not is_fee then counterparty_id end) as counterparties
    from flows group by 1, 2"""


def _read_sums(reader: Reader, subject: Subject, window: Window) -> list[dict[str, Any]]:
    if is_summed(reader, subject, window):
        return read_sums(reader, subject)
    add_flows(reader, subject, window)
    return reader.records(SUM_FLOWS)


def _sum_flows(reader: Reader, subject: Subject, window: Window) -> dict[str, Any]:
    """Add the flows up once, for both questions."""

    def add_up() -> dict[str, Any]:
        rows = _read_sums(reader, subject, window)
        within = [row for row in rows if row["is_internal"]]
        across = [row for row in rows if not row["is_internal"]]
        genuine = [row for row in rows if not row["is_spam"]]
        internal, came_in, went_out = (
            sum(row[name] for row in part)
            for part, name in ((within, "transfers_out"), (across, "transfers_in"), (across, "transfers_out"))
        )
        return {
            "first_seen": min((row["first_time"] for row in rows), default=None),
            "last_seen": max((row["last_time"] for row in rows), default=None),
            "transfers_in": came_in,
            "transfers_out": went_out,
            "transfers_internal": internal,
            "counterparties": sum(row["counterparties"] for row in across if not row["is_spam"]),
            "transfers": came_in + went_out + internal,
            "internal": internal,
            "spam": sum(row["transfers_in"] + row["transfers_out"] for row in across if row["is_spam"]),
            "unpriced": sum(row["unpriced_once"] for row in within) + sum(row["unpriced"] for row in across),
            "capped": int(
                any(LARGEST_SUM in (row["most_came"], row["most_went"]) for row in genuine)
                or any(sum(row[name] for row in genuine) > LARGEST_SUM for name in ("came", "went"))
            ),
        }

    return reader.recall("flow sums", (subject.address_ids, subject.tier, window), add_up)
