"""What must a reader know before relying on this profile?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from intel.model import TRANSFER_KINDS, UNRESOLVED_KINDS, Profile, Subject
from intel.profiler.postings import Window, gather_members, gather_moves, select_rows
from intel.store.reader import Reader


def list_caveats(reader: Reader, subject: Subject, profile: Profile) -> list[str]:
    """Return the caveats in plain sentences, the ones about what was seen first."""
    gather_members(reader, subject)
    window = Window(profile.coverage["since"], profile.coverage["until"])
    return [
        *_say_listings(profile),
        *_say_identity(reader, subject, profile),
        *_say_what_was_seen(profile),
        *_say_membership(subject, profile),
        *profile.extra["events"],
        *_say_edges(reader, profile),
        *_say_odd_transfers(reader, subject, window),
        *_say_unpriced(profile),
        *_say_holdings(profile),
        *_say_left_out(profile),
        *_say_evidence(profile),
        *_say_pnl(profile),
    ]


def _count(number: int, one: str, many: str | None = None) -> str:
    """Return `1 transfer` or `2,000 transfers`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def _say_listings(profile: Profile) -> Iterator[str]:
    for row in profile.extra["listings"]:
        where = "A private list names" if row["visibility"] == "private" else "Published lists name"
        what = str(row["category"]).replace("_", " ")
        since = f", since {row['since']}" if row["since"] else ""
        told = f"{', '.join(row['sources'])}{since}"
        yield f"{where} {_count(row['addresses'], 'address', 'addresses')} of this subject under {what} ({told})."


def _say_identity(reader: Reader, subject: Subject, profile: Profile) -> Iterator[str]:
    before = reader.manifest.settings.get("known_before")
    if before is not None:
        yield f"As known before {before} (UTC): labels recorded and blocks mined later are left out."
    if subject.asked_as is not None:
        is_owner = subject.kind == "entity"
        now = f"is part of {subject.entity_id} now" if is_owner else f"is no owner now; it began with {subject.name}"
        yield f"{subject.asked_as} {now}."
    if profile.entity is not None:
        entity_id = profile.entity["id"]
        measured, assumed = reader.once(
            ("calibrated", entity_id), lambda: reader.query(_CALIBRATED, {"entity_id": entity_id})[0]
        )
        if measured:
            yield "Confidences from evidence were measured on simulated economies, not on this ledger."
        if assumed:
            yield "Confidences of addresses that no label names are not calibrated: their error was not measured."


# No further condition on the rows: the index answers for one column alone.
_CALIBRATED = """select bool_or(status = 'attributed' and coalesce(is_calibrated, false)),
        bool_or(status = 'attributed' and not coalesce(is_calibrated, false))
    from beliefs.attributions where entity_id = $entity_id"""


def _say_what_was_seen(profile: Profile) -> Iterator[str]:
    coverage = profile.coverage
    if profile.activity["first_seen"] is None:
        yield "No transfer of this subject was seen: what is shown comes from labels, events or connections alone."
    for chain in coverage["chains"]:
        kinds = [kind for kind in chain["kinds"] if kind["dataset"] == "transfers"]
        if not kinds:
            yield f"Which blocks of {chain['chain']} were seen is not recorded."
        elif not chain["is_whole"]:
            yield f"Only part of {chain['chain']} was seen: {'; '.join(_say_kind(kind) for kind in kinds)}."
    if coverage["since"] or coverage["until"]:
        since, until = coverage["since"] or "the start", coverage["until"] or "the end"
        yield f"Only the time from {since} to {until} (UTC) is shown."


def _say_kind(kind: Mapping[str, Any]) -> str:
    name = kind["kind"] or "transfers"
    missing = kind["missing_blocks"]
    holes = f", {missing:,} of them missing in {_count(kind['holes'], 'hole')}" if kind["holes"] else ""
    return f"{name} in blocks {kind['first_block']:,} to {kind['last_block']:,}{holes}{_say_dates(kind)}"


def _say_dates(kind: Mapping[str, Any]) -> str:
    if kind["first_time"] is None or kind["last_time"] is None:
        return ""
    first, last = kind["first_time"].date(), kind["last_time"].date()
    return f" ({first})" if first == last else f" ({first} to {last})"


def _say_membership(subject: Subject, profile: Profile) -> Iterator[str]:
    if subject.left_out:
        what = "probable address is" if subject.left_out == 1 else "probable addresses are"
        yield f"{subject.left_out:,} {what} left out; the tier named probable takes them in."
    chains = sorted({item.chain for item in subject.addresses if item.chain})
    if subject.kind == "address" and len(chains) > 1:
        yield f"The same hex is used on {', '.join(chains)}; it is one owner for a key, but need not be for a contract."
    if profile.entity is None:
        yield "Nobody is known to own this address; unknown is not clean."
    elif profile.entity["kind"] == "list":
        yield "This is a list, not an owner: its members have nothing else in common."
    private = any(row["visibility"] == "private" for row in profile.labels)
    if private or (profile.entity and profile.entity["visibility"] == "private"):
        yield "Private labels of this store take part; they are not published claims."
    if any(row["conflict"] for row in profile.labels):
        yield "Sources name unrelated owners for an address of this subject; the claims stand side by side."


def say_events(reader: Reader, subject: Subject) -> Iterator[str]:
    """Say what is known of the subject besides transfers."""
    gather_members(reader, subject)
    ends = (select_rows(subject, "facts.events", end) for end in ("actor_id", "address_id"))
    if not reader.has_rows("facts.events") or not any(
        reader.query(f"select 1 from {known} limit 1", params) for known, params in ends
    ):
        return
    rows = reader.query(
        """select event, count(*) filter (is_actor), count(*) filter (not is_actor),
            bool_or(coalesce(block_time_is_estimated, false))
        from (
            select e.event, e.block_time_is_estimated, true as is_actor from facts.events e
                where e.actor_id in (select address_id from members)
            union all select e.event, e.block_time_is_estimated, false from facts.events e
                where e.address_id in (select address_id from members)
                    and coalesce(e.actor_id not in (select address_id from members), true))
        group by 1 order by 1"""
    )
    for event, by_it, at_it, estimated in rows:
        counts = [text for text, n in ((f"{by_it:,} by it", by_it), (f"{at_it:,} at it", at_it)) if n]
        times = "; some times are estimated" if estimated else ""
        name = str(event).replace("_", " ")
        yield f"Known as events, not as transfers, so in no sum: {name} ({', '.join(counts)}{times})."


def _say_edges(reader: Reader, profile: Profile) -> Iterator[str]:
    if not reader.has_rows("facts.edges"):
        return
    row = reader.query(
        """select coalesce(sum(transfers), 0)::bigint, count(distinct (sender_id, receiver_id))
        from (
            select sender_id, receiver_id, transfers from facts.edges
                where sender_id in (select address_id from members)
            union all select sender_id, receiver_id, transfers from facts.edges
                where receiver_id in (select address_id from members)
                    and sender_id not in (select address_id from members))"""
    )[0]
    if row[1]:
        known = f"{_count(row[1], 'connection')} ({_count(row[0], 'transfer')})"
        only = " Nothing else of it was seen." if profile.activity["first_seen"] is None else ""
        yield f"Known without token or amount, so in no sum: {known} with other addresses.{only}"


def _say_odd_transfers(reader: Reader, subject: Subject, window: Window) -> Iterator[str]:
    """Say which transfers are of undecided kind, or at an estimated time; most builds hold few such, or none."""
    odd = "t.kind in (select unnest($unresolved)) or t.block_time_is_estimated"
    params: dict[str, object] = {"unresolved": list(UNRESOLVED_KINDS)}
    # Each on a column whose smallest and largest values per block of rows settle it: none are read where none are odd.
    known: dict[str, object] = {"code": min(TRANSFER_KINDS.index(kind) for kind in UNRESOLVED_KINDS)}
    if not reader.once(
        "odd transfers",
        lambda: (
            reader.query("select 1 from facts.postings where kind_code >= $code limit 1", known)
            or reader.query("select 1 from facts.transfers where block_time_is_estimated limit 1")
        ),
    ):
        return
    gather_moves(reader, subject, window)
    row = reader.query(
        f"""select count(*) filter (t.kind in (select unnest($unresolved))), count(*) filter (t.block_time_is_estimated)
        from facts.transfers t where ({odd}) and t.transfer_id in (select transfer_id from moves)""",
        params,
    )[0]
    if row[0]:
        yield f"Of a kind their source could not decide, so in no balance: {_count(row[0], 'transfer')}."
    if row[1]:
        yield f"The times of {_count(row[1], 'transfer')} are estimated."


def _say_unpriced(profile: Profile) -> Iterator[str]:
    unpriced, total = profile.extra["unpriced"], profile.extra["transfers"]
    if unpriced:
        yield f"{unpriced:,} of {_count(total, 'transfer')} without a USD value: sums in USD leave them out."
    if profile.extra["capped"]:
        yield "A sum in USD is beyond 9.2 trillion, which only a wrong price explains; it is shown as 9.2 trillion."


_OF_HOLDINGS = {
    "oversize": "with values that no balance can hold (10^37 or more): listed, never summed",
    "stale_price": "valued at a price older than a day",
    "doubtful_price": "valued at a price on which sources disagree",
    "unknown_decimals": "in base units, for the token's decimals are unknown",
    "negative": "below zero: more went out than was seen coming in",
    "spam": "taken for spam, placed last",
}


def _say_holdings(profile: Profile) -> Iterator[str]:
    for flag, text in _OF_HOLDINGS.items():
        count = sum(flag in item.flags for item in profile.holdings)
        if count:
            yield f"{_count(count, 'holding')} {text}."


def _say_left_out(profile: Profile) -> Iterator[str]:
    left_out = profile.extra
    if left_out["internal"]:
        yield f"Not counted as dealings: {_count(left_out['internal'], 'transfer')} between its own addresses."
    if left_out["spam"]:
        yield f"Left out of counterparties and exchange usage: {_count(left_out['spam'], 'spam transfer')}."


def _say_evidence(profile: Profile) -> Iterator[str]:
    assumed = sum(row["weight_is_assumed"] for row in profile.evidence)
    if assumed:
        shown = _count(len(profile.evidence), "evidence row")
        yield f"Weights that are assumed, not measured: {assumed:,} of {shown} shown."


def _say_pnl(profile: Profile) -> Iterator[str]:
    if profile.extra["is_custodial"]:
        yield "No PnL for custodians: what they hold belongs to customers."
    if profile.extra["is_too_large"]:
        yield "No PnL: too many transfers to match lots for one page; ask for one of its addresses."
    pnl = profile.pnl
    if pnl is None:
        if profile.entity and profile.entity["kind"] == "list" and profile.subject["kind"] == "entity":
            yield "No PnL: a list owns nothing."
        return
    if pnl["unpriced_usd"]:
        yield f"Left without a price: {pnl['unpriced_usd']:,.2f} USD at average cost; so it counts in PnL."
    if pnl["unknown_basis_usd"]:
        yield f"Sold or sent for USD {pnl['unknown_basis_usd']:,.2f} without a known cost: in no gain and no loss."
    if pnl["priced_share"] is not None and pnl["priced_share"] < 1:
        unpriced = 1 - pnl["priced_share"]
        yield f"PnL: {unpriced:.1%} of what moved has no price; it counts at what it cost on average."
    if pnl["too_large"]:
        yield f"PnL leaves out {_count(pnl['too_large'], 'movement')} too large for any lot."
