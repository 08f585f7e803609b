"""What have people judged about the subject, and does this build know it yet?"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from intel.errors import AmbiguousSubject, BadInput, StoreError, UnknownSubject, UsageError
from intel.model import SYSTEM_ADDRESSES, Judgement, JudgementEnd, Subject
from intel.profiler.subjects import resolve_subject
from intel.store.reader import Reader
from intel.store.workspace import Workspace

# What a state means, in words.
STATES = {
    "applied": "this build has applied it",
    "pending": "not yet applied: the next build will",
    "revocation pending": "taken back; this build still has it, the next one will not",
    "revoked": "taken back",
}


def find_end(reader: Reader, text: str) -> JudgementEnd:
    """Return which address or named entity a text means in a judgement.

    The unnamed owner of a group goes by its lowest address, because its id may change with what is judged. Raises
    what resolve_subject raises, and UsageError for what nobody owns: a list, an address of the protocol itself.
    """
    subject = resolve_subject(reader, text, "probable")
    if subject.name in SYSTEM_ADDRESSES:
        raise UsageError(
            f"{subject.name} belongs to the ledger, not to a person", "judge an address that somebody owns"
        )
    if subject.kind == "address":
        is_on_chain = ":" in text and len(subject.addresses) == 1
        return JudgementEnd(subject.addresses[0].chain if is_on_chain else None, subject.name)
    rows = reader.query(
        "select min(kind) from beliefs.entities where entity_id = $entity_id", {"entity_id": subject.entity_id}
    )
    kind = rows[0][0]
    if kind == "list":
        raise UsageError(f"{subject.name} is a list: it owns nothing", "judge its addresses one by one")
    if kind == "anonymous" and subject.addresses:
        first = min(subject.addresses, key=lambda one: (one.chain or "", one.text))
        return JudgementEnd(first.chain, first.text)
    return JudgementEnd(entity_id=subject.entity_id)


def record_judgement(
    reader: Reader, ends: tuple[str, str], verdict: str, because: str, *, user: str = ""
) -> dict[str, Any]:
    """Keep a judgement about two subjects in the workspace and return it; an older one about the two is taken back.

    Raises UsageError for two named entities: they are joined or kept apart by the ontology.
    """
    left, right = (find_end(reader, text) for text in ends)
    if left.entity_id is not None and right.entity_id is not None:
        raise UsageError(
            f"{left.entity_id} and {right.entity_id} are two named entities",
            "a judgement is about an address; name an address of one of them",
        )
    with Workspace(reader.store) as workspace:
        return _describe(reader, workspace.add_judgement(left, right, verdict, because, made_by=user))


def revoke_judgement(reader: Reader, judgement_id: int, *, user: str = "") -> dict[str, Any]:
    """Take a judgement back and return it; raises UsageError where there is none."""
    with Workspace(reader.store) as workspace:
        return _describe(reader, workspace.revoke_judgement(judgement_id, revoked_by=user))


def list_judgements(reader: Reader) -> list[dict[str, Any]]:
    """Return all judgements of the store, the newest first, with their state for this build."""
    return [_describe(reader, one) for one in reversed(_read(reader))]


def list_judgements_about(reader: Reader, subjects: Sequence[Subject]) -> tuple[list[dict[str, Any]], str]:
    """Return the judgements that touch every one of the subjects and are in force or about to be, newest first.

    The text is empty, or says why the workspace could not be read: a page about the ledger does not stop for that.
    """
    try:
        known = [one for one in reversed(_read(reader)) if _find_state(reader, one) != "revoked"]
    except StoreError as error:
        return [], f"Judgements are not shown: {error.message}."
    members = [frozenset(subject.address_ids) for subject in subjects] if known else []
    found = []
    for one in known:
        touched = [
            {side for side, end in enumerate((one.left, one.right)) if _touches(reader, end, subject, ids)}
            for subject, ids in zip(subjects, members, strict=True)
        ]
        if all(touched) and (len(subjects) == 1 or len(set.union(*touched)) == 2):
            found.append(_describe(reader, one))
    return found, ""


def _read(reader: Reader) -> list[Judgement]:
    with Workspace(reader.store) as workspace:
        return workspace.judgements()


def _touches(reader: Reader, end: JudgementEnd, subject: Subject, members: frozenset[int]) -> bool:
    if end.entity_id is not None:
        return subject.kind == "entity" and subject.entity_id == end.entity_id
    if subject.kind == "address":
        chains = {one.chain for one in subject.addresses}
        return end.address == subject.name and (end.chain is None or end.chain in chains or None in chains)
    ids = reader.query(
        "select address_id from facts.address_lookup where address = $address and ($chain is null or chain = $chain)",
        {"address": end.address, "chain": end.chain},
    )
    return any(row[0] in members for row in ids)


def _find_state(reader: Reader, judgement: Judgement) -> str:
    revision = reader.manifest.workspace_revision
    is_known = judgement.holds_at(int(revision) if re.fullmatch(r"\d+", revision) else 0)
    if judgement.revoked_at is None:
        return "applied" if is_known else "pending"
    return "revocation pending" if is_known else "revoked"


def _describe(reader: Reader, judgement: Judgement) -> dict[str, Any]:
    effects = reader.query(
        "select distinct effect from beliefs.judgements where judgement_id = $id and effect is not null order by 1",
        {"id": judgement.judgement_id},
    )
    state = _find_state(reader, judgement)
    return {
        "judgement_id": judgement.judgement_id,
        "left": judgement.left.text,
        "right": judgement.right.text,
        "verdict": judgement.verdict,
        "because": judgement.because,
        "made_by": judgement.made_by or None,
        "made_at": judgement.made_at,
        "state": state,
        "state_means": STATES[state],
        "effect": "; ".join(str(row[0]) for row in effects) or None,
        "revoked_by": judgement.revoked_by or None,
        "revoked_at": judgement.revoked_at,
        "visibility": "private",
    }


def take_in_judgements(
    reader: Reader, told: Sequence[Mapping[str, Any]], *, user: str = ""
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Keep judgements that were made elsewhere; return the new ones, and those not taken with `problem`, why not.

    `told` has left, right, verdict, because and made_by. One that is known, even if it was taken back since, is passed
    over: so the same list can be taken in again and again.
    """
    known = {(frozenset((one.left, one.right)), one.verdict, one.because) for one in _read(reader)}
    added, refused = [], []
    for one in told:
        verdict, because = one["verdict"] or "", (one["because"] or "").strip()
        try:
            ends = frozenset(find_end(reader, one[side]) for side in ("left", "right"))
            if (ends, verdict, because) in known:
                continue
            pair = (one["left"], one["right"])
            added.append(record_judgement(reader, pair, verdict, because, user=one["made_by"] or user))
            known.add((ends, verdict, because))
        except (UsageError, BadInput, UnknownSubject, AmbiguousSubject) as error:
            refused.append({**one, "problem": error.message})
    return added, refused
