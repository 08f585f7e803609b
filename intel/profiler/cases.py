"""What does a case say: its subjects, what is known of each and why, how they are linked, and the notes on them?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import combinations, islice
from typing import Any

from intel.errors import IntelError
from intel.model import Profile
from intel.profiler.explain import explain_link
from intel.profiler.pnl import hash_members
from intel.profiler.postings import gather_members
from intel.profiler.profile import build_profile
from intel.profiler.sheets import add_up
from intel.profiler.subjects import resolve_subject
from intel.store.notes import Case, Note, Notebook
from intel.store.reader import Reader

_PAIRS = 10  # explanations in one report
_ROWS = 15  # of each table


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of level 1 to 3."""

    level: int
    text: str


@dataclass(frozen=True, slots=True)
class Lines:
    """Plain lines; with `is_code` in the letters of hashes and addresses."""

    lines: tuple[str, ...]
    is_code: bool = False


@dataclass(frozen=True, slots=True)
class Sheet:
    """A small table of texts."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


Block = Heading | Lines | Sheet


def describe_case(reader: Reader, case_id: int, *, made_at: datetime | None = None) -> list[Block]:
    """Return the report of a case; `made_at` (UTC) dates it, now if None. Raises UsageError for a case there is not.

    A subject that this build does not know is said to be unknown; the report goes on.
    """
    with Notebook(reader.store) as notebook:
        case = notebook.find_case(case_id)
        notes = notebook.notes()
    blocks = _describe_front(reader, case, made_at or datetime.now(UTC).replace(tzinfo=None))
    blocks += _list_notes([note for note in notes if note.case_id == case_id], "Notes on the case")
    for number, text in enumerate(case.subjects, 1):
        blocks += _describe_subject(reader, number, text, [note for note in notes if note.subject == text])
    if len(case.subjects) > 1:
        blocks.append(Heading(2, "Links between the subjects"))
    for left, right in islice(combinations(case.subjects, 2), _PAIRS):
        blocks += _describe_link(reader, left, right)
    if len(case.subjects) * (len(case.subjects) - 1) // 2 > _PAIRS:
        blocks.append(Lines((f"Only the first {_PAIRS} pairs are told.",)))
    return blocks


def _describe_front(reader: Reader, case: Case, made_at: datetime) -> list[Block]:
    told = reader.manifest
    opened = f"Opened {case.made_at:%Y-%m-%d %H:%M} UTC" + (f" by {case.made_by}." if case.made_by else ".")
    scope = (
        "All times are UTC, all values USD. Statements are those of the build named here; private labels and "
        "judgements of this store are part of it. Unknown is not clean."
    )
    return [
        Heading(1, f"Case {case.case_id}: {case.title}"),
        Lines((f"Written {made_at:%Y-%m-%d %H:%M} UTC. {opened}", scope)),
        Sheet(("made from", "value"), (
            ("build", told.build_id), ("made (UTC)", told.created_at), ("code version", told.code_version),
            ("lake commit", told.lake_commit), ("workspace revision", told.workspace_revision),
            *((f"SHA-256 of {name}", str(facts.get("sha256", ""))) for name, facts in sorted(told.files.items())),
        )),
    ]  # fmt: skip


def _list_notes(notes: Sequence[Note], title: str) -> list[Block]:
    if not notes:
        return []
    told = [f"{note.made_at:%Y-%m-%d %H:%M} UTC{f', {note.made_by}' if note.made_by else ''}: {note.text}"
            for note in notes]  # fmt: skip
    return [Heading(3, title), Lines(tuple(told))]


def _describe_subject(reader: Reader, number: int, text: str, notes: Sequence[Note]) -> list[Block]:
    try:
        subject = resolve_subject(reader, text)
        profile = build_profile(reader, subject, evidence=_ROWS)
    except IntelError as error:
        return [Heading(2, f"{number}. {text}"), Lines((f"{error.message}.",)), *_list_notes(notes, "Notes")]
    gather_members(reader, subject)
    name = profile.entity["name"] if profile.entity else "unknown owner"
    title = f"{subject.name} ({subject.entity_id})" if subject.kind == "entity" else f"{subject.name}: {name}"
    members = f"{len(subject.address_ids):,} in the ledger at tier {subject.tier}"
    facts = Lines((f"Addresses: {members}; membership {hash_members(reader, subject)}.",))
    return [
        Heading(2, f"{number}. {title}"),
        Lines(tuple(_tell_who(profile))),
        facts,
        *_list_notes(notes, "Notes"),
        *_list_figures(profile),
        *_list_parties(profile),
        *_list_evidence(profile.evidence),
        *_list_caveats(profile),
    ]


def _list_caveats(profile: Profile) -> list[Block]:
    return [Heading(3, "Before relying on this"), Lines(profile.caveats)] if profile.caveats else []


def _tell_who(profile: Profile) -> list[str]:
    entity = profile.entity
    if entity is None:
        return ["Nothing in this store says whose this is. Unknown is not clean."]
    lines = [f"Entity: {entity['name']} ({entity['id']}), category {entity['category'] or 'not known'}."]
    if entity["visibility"] == "private":
        lines.append("PRIVATE: said by users of this store; not a published claim.")
    if entity["reason"]:
        confidence = "" if entity["confidence"] is None else f", confidence {entity['confidence']:.4f}"
        lines.append(f"Why ({entity['status']}, {entity['tier']}{confidence}): {entity['reason']}")
    if entity["rival"]:
        lines.append(f"Best rival: {entity['rival']}, {entity['rival_confidence']}.")
    return lines + [
        f"PRIVATE judgement {judgement['judgement_id']} ({judgement['state']}): {judgement['left']} and "
        f"{judgement['right']} are {judgement['verdict']}, because {judgement['because']}."
        for judgement in profile.extra["judgements"]
    ]


def _usd(value: float | None) -> str:
    return "no price" if value is None else f"{value:,.2f}"


def _list_figures(profile: Profile) -> list[Block]:
    activity, pnl = profile.activity, profile.pnl
    rows = [
        (f"{profile.holdings_title} (USD, priced tokens)", _usd(add_up(profile.holdings))),
        ("transfers in / out", f"{activity['transfers_in']:,} / {activity['transfers_out']:,}"),
        ("counterparties", f"{activity['counterparties']:,}"),
        ("first / last seen (UTC)", f"{activity['first_seen']} / {activity['last_seen']}"),
    ]
    if pnl is not None:
        rows += [
            (f"PnL in total, realised, unrealised ({pnl['method']})",
             f"{_usd(pnl['total_usd'])}, {_usd(pnl['realized_usd'])}, {_usd(pnl['unrealized_usd'])}"),
            ("disposed of without a known basis", _usd(pnl["unknown_basis_usd"])),
        ]  # fmt: skip
    return [Heading(3, "Figures"), Sheet(("figure", "value"), tuple(rows))]


def _list_parties(profile: Profile) -> list[Block]:
    parties = [
        (item.name or item.address or item.entity_id or "", item.status, item.category or "", _usd(item.in_usd),
         _usd(item.out_usd), f"{item.transfers:,}")
        for item in profile.counterparties[:_ROWS]
    ]  # fmt: skip
    used = [
        (item.name, f"{item.deposits:,}", _usd(item.deposited_usd), f"{item.withdrawals:,}", _usd(item.withdrawn_usd))
        for item in profile.exchange_usage[:_ROWS]
    ]
    blocks: list[Block] = []
    if parties:
        columns = ("who", "status", "category", "received USD", "sent USD", "transfers")
        blocks += [Heading(3, "Largest counterparties"), Sheet(columns, tuple(parties))]
    if used:
        columns_used = ("exchange", "deposits", "deposited USD", "withdrawals", "withdrawn USD")
        blocks += [Heading(3, "Exchanges used"), Sheet(columns_used, tuple(used))]
    return blocks


def _list_evidence(rows: Sequence[Mapping[str, Any]]) -> list[Block]:
    if not rows:
        return []
    blocks: list[Block] = [Heading(3, "Evidence, the weightiest first")]
    for row in rows[:_ROWS]:
        bits = "not weighed" if row["weight_bits"] is None else f"{row['weight_bits']:.2f} bits"
        weight = "assumed weight" if row["weight_is_assumed"] else "measured weight"
        private = "PRIVATE. " if row["visibility"] == "private" else ""
        blocks.append(
            Lines((f"{private}{row['reason']} ({bits}, {weight}; rule {row['heuristic']} v{row['version']})",))
        )
        if row["tx_hashes"]:
            blocks.append(Lines(tuple(row["tx_hashes"]), is_code=True))
    return blocks


def _describe_link(reader: Reader, left: str, right: str) -> list[Block]:
    heading = Heading(3, f"{left} and {right}")
    try:
        found = explain_link(reader, *(resolve_subject(reader, text, "probable") for text in (left, right)))
    except IntelError as error:
        return [heading, Lines((f"{error.message}.",))]
    blocks: list[Block] = [heading, Lines((f"{found['verdict'].capitalize()}: {found['answer']}",))]
    steps = [step for step in found["path"] or () if step["reason"]]
    blocks += [Lines(tuple(f"{number}. {step['reason']}" for number, step in enumerate(steps, 1)))] if steps else []
    against = [str(row["text"]) for row in found["against"]]
    blocks += [Lines(tuple(f"Against it: {text}" for text in against))] if against else []
    hashes = sorted({tx for step in steps for tx in step["tx_hashes"]} | set(found["transfers"]["tx_hashes"]))
    return blocks + ([Lines(tuple(hashes), is_code=True)] if hashes else [])
