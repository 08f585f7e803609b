"""What do the dealings of a large entity add up to? Its build has summed them, so that a profile reads a few rows.

Beside them no row is kept: whatever asks for more than the largest counterparties, for a part of time, or for other
addresses than those the build summed, is answered from the ledger.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from intel.model import Subject
from intel.profiler.postings import Window
from intel.store.reader import Reader

KEPT_PARTIES = 1_000  # the largest of an entity, and the largest venues; an exchange is kept however small


def is_summed(reader: Reader, subject: Subject, window: Window) -> bool:
    """Say whether the build has summed exactly these addresses over this window."""
    if subject.kind != "entity" or not window.is_open:
        return False
    found = reader.once("summed entities", lambda: _list_summed(reader)).get((subject.entity_id, subject.tier))
    if found is None:
        return False
    return found == reader.recall("ids digest", subject.address_ids, lambda: digest_ids(subject.address_ids))


def _list_summed(reader: Reader) -> dict[tuple[str | None, str], str]:
    rows = reader.query("select distinct entity_id, tier, members from beliefs.entity_sums")
    return {(entity_id, tier): members for entity_id, tier, members in rows}


def digest_ids(ids: tuple[int, ...]) -> str:
    """Return a digest of which addresses these are."""
    return hashlib.sha256(np.array(ids, np.int64).tobytes()).hexdigest()[:32]


def read_sums(reader: Reader, subject: Subject) -> list[dict[str, Any]]:
    """Return the rows that `intel.profiler.activity` adds up."""
    return reader.records(
        """select * exclude (tier, entity_id, members) replace (came::hugeint as came, went::hugeint as went)
        from beliefs.entity_sums where tier = $tier and entity_id = $entity_id""",
        {"tier": subject.tier, "entity_id": subject.entity_id},
    )


def gather_summed_parties(reader: Reader, subject: Subject) -> tuple[str, int]:
    """Fill `parties_kept` with the counterparties that the build kept; return its name and how many there are."""

    def fill() -> int:
        rows = reader.query(
            """create or replace temp table parties_kept as
            select party as entity_id, * exclude (tier, entity_id, party) from beliefs.entity_parties
            where tier = $tier and entity_id = $entity_id""",
            {"tier": subject.tier, "entity_id": subject.entity_id},
        )
        return int(rows[0][0])

    return "parties_kept", reader.recall("parties_kept", (subject.address_ids, subject.tier), fill)
