"""What did people judge, and what does it change in this build? Everything here is private."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from intel.entities.attribute import UNLISTED
from intel.entities.cluster import mint_id
from intel.model import Judgement, JudgementEnd
from intel.sources.categories import load_trust_scale
from intel.store import Connection

_OCCURS = """
select chain, address_id from facts.addresses
where address = $address and ($chain is null or chain = $chain) order by chain, address_id
"""

# What holds for whoever may see the private layer: a private row stands before a public one.
_IN_FORCE = """
select a.address_id, a.chain, a.address, a.entity_id, a.status, e.kind
from beliefs.attributions a
left join (select entity_id, min(kind) as kind from beliefs.entities group by entity_id) e
    on e.entity_id = a.entity_id
where a.address_id in (select unnest($ids::bigint[]))
qualify row_number() over (partition by a.address_id order by a.visibility = 'private' desc, a.entity_id) = 1
"""


@dataclass(frozen=True, slots=True)
class _Owned:
    """Who owns an address in the private layer; `entity_id` None: nobody known."""

    chain: str
    address: str
    entity_id: str | None = None
    status: str | None = None
    kind: str | None = None

    @property
    def is_labelled(self) -> bool:
        return self.status == "labelled" and self.kind == "owner"


def resolve_judgements(con: Connection, judgements: Sequence[Judgement], revision: int) -> None:
    """Fill beliefs.judgements with what held at a state of the workspace: a row per pair of ledger addresses.

    An address stands left, an entity right. An address without a chain means every chain where it occurs: apart on
    all of them, the same on those that both ends share (or on all, where they share none). An address that the
    ledger does not know leaves its id empty, and the row changes nothing.
    """
    con.execute("delete from beliefs.judgements")
    for judgement in judgements:
        if not judgement.holds_at(revision):
            continue
        left, right = judgement.left, judgement.right
        if left.entity_id is not None:
            left, right = right, left
        pairs = _pair_ends(_find_ids(con, left), _find_ids(con, right), is_same=judgement.verdict == "same")
        for left_id, right_id in pairs:
            con.execute(
                "insert into beliefs.judgements values ($1, $2, $3, null, $4, $5, $6, $7, $8, null)",
                [judgement.judgement_id, left_id, right_id, right.entity_id, judgement.verdict, judgement.because,
                 judgement.made_by or None, judgement.made_at],
            )  # fmt: skip


def _find_ids(con: Connection, end: JudgementEnd) -> dict[str, int]:
    """Return the ledger ids of an end by chain."""
    if end.address is None:
        return {}
    rows = con.execute(_OCCURS, {"address": end.address, "chain": end.chain}).fetchall()
    return {str(chain): int(address_id) for chain, address_id in rows}


def _pair_ends(left: dict[str, int], right: dict[str, int], *, is_same: bool) -> list[tuple[int | None, int | None]]:
    shared = sorted(set(left) & set(right))
    if is_same and shared:
        return [(left[chain], right[chain]) for chain in shared]
    ones: list[int | None] = [*left.values()] or [None]
    others: list[int | None] = [*right.values()] or [None]
    return [(one, other) for one in ones for other in others]


def apply_judgements(con: Connection) -> None:
    """Bring the private attributions in line with beliefs.judgements and say there what each judgement changed.

    `same` gives the address to the entity, or to the named owner of the other end; `different` takes it from the
    entity, or from the owner that both ends have in common: then its owner is unnamed. The later judgement wins.
    Reads beliefs.attributions and clusters as the build left them; writes rows of visibility private alone.
    """
    rows = con.execute(
        "select judgement_id, left_id, right_id, right_entity, verdict, because from beliefs.judgements "
        "order by verdict = 'different', judgement_id, left_id, right_id"
    ).fetchall()
    for judgement_id, left_id, right_id, entity_id, verdict, because in rows:
        if left_id is None or (right_id is None and entity_id is None):
            effect = "changes nothing: an end occurs in no transfer, event or edge of this build"
        elif verdict == "unsure":
            effect = "noted; it changes nothing"
        elif entity_id is not None:
            effect = _apply_to_entity(con, left_id, entity_id, verdict, because)
        else:
            effect = _apply_to_pair(con, (left_id, right_id), verdict, because)
        con.execute(
            "update beliefs.judgements set effect = $effect where judgement_id = $judgement_id "
            "and left_id is not distinct from $left_id and right_id is not distinct from $right_id",
            {"effect": effect, "judgement_id": judgement_id, "left_id": left_id, "right_id": right_id},
        )


def _apply_to_entity(con: Connection, address_id: int, entity_id: str, verdict: str, because: str) -> str:
    owned = _read_owners(con, [address_id])[address_id]
    if verdict == "same":
        if owned.entity_id == entity_id:
            return f"holds already: it belongs to {entity_id}"
        _insert_private(con, address_id, owned, entity_id, f"Judged to belong to {entity_id}: {because}")
        return f"attributed to {entity_id}" + (f" instead of {owned.entity_id}" if owned.entity_id else "")
    if owned.entity_id != entity_id:
        return f"holds already: it does not belong to {entity_id}"
    return _take_away(con, address_id, owned, because)


def _apply_to_pair(con: Connection, pair: tuple[int, int], verdict: str, because: str) -> str:
    owners = _read_owners(con, pair)
    one, other = owners[pair[0]], owners[pair[1]]
    is_one = one.entity_id is not None and one.entity_id == other.entity_id
    if verdict == "same":
        if is_one:
            return f"both belong to {one.entity_id}"
        for address_id, mine, theirs in ((pair[0], one, other), (pair[1], other, one)):
            if theirs.is_labelled and theirs.entity_id and not mine.is_labelled:
                reason = f"Judged to have the owner of {theirs.address}: {because}"
                _insert_private(con, address_id, mine, theirs.entity_id, reason)
                return f"{mine.address} attributed to {theirs.entity_id}"
        return "not joined: " + ("two published labels name two owners" if one.is_labelled else "see the disputes")
    if not is_one:
        return "kept apart"
    if one.is_labelled and other.is_labelled:
        return f"changes nothing: published labels name {one.entity_id} for both"
    # The one that is named keeps the name; among two that are not, the lower address, which the id is minted from.
    leaves_first = other.is_labelled or (
        not one.is_labelled and (one.chain, one.address) > (other.chain, other.address)
    )
    leaver, owned = (pair[0], one) if leaves_first else (pair[1], other)
    return _take_away(con, leaver, owned, because)


def _take_away(con: Connection, address_id: int, owned: _Owned, because: str) -> str:
    unnamed = mint_id(f"{owned.chain}:{owned.address}")
    con.execute(
        "insert into beliefs.entities by name select $entity_id as entity_id, $name as name, 'anonymous' as kind, "
        "false as is_custodial, 'private' as visibility "
        "where not exists (select 1 from beliefs.entities where entity_id = $entity_id)",
        {"entity_id": unnamed, "name": f"Unnamed owner of {owned.address}"},
    )
    _insert_private(con, address_id, owned, unnamed, f"Judged not to belong to {owned.entity_id}: {because}")
    return f"{owned.address} taken from {owned.entity_id}"


def _read_owners(con: Connection, ids: Sequence[int]) -> dict[int, _Owned]:
    rows = con.execute(_IN_FORCE, {"ids": list(ids)}).fetchall()
    found = {row[0]: _Owned(row[1], row[2], entity_id=row[3], status=row[4], kind=row[5]) for row in rows}
    places = con.execute(
        "select address_id, chain, address from facts.addresses where address_id in (select unnest($ids::bigint[]))",
        {"ids": list(ids)},
    ).fetchall()
    return {int(address_id): _Owned(chain, address) for address_id, chain, address in places} | found


def _insert_private(con: Connection, address_id: int, owned: _Owned, entity_id: str, reason: str) -> None:
    confidence = load_trust_scale().levels[0][1]  # as a claim of the highest level: assumed, like every label's
    con.execute(
        "delete from beliefs.attributions where address_id = $address_id and visibility = 'private'",
        {"address_id": address_id},
    )
    con.execute(
        """
        insert into beliefs.attributions by name
        select $chain as chain, $address as address, $address_id as address_id, $entity_id as entity_id,
            $confidence as confidence, 'confirmed' as tier, 'attributed' as status, ['judgement'] as basis,
            $reason as reason, $unlisted as rival_entity_id, round(1 - $confidence, 4) as rival_confidence,
            'private' as visibility
        """,
        {"chain": owned.chain, "address": owned.address, "address_id": address_id, "entity_id": entity_id,
         "confidence": confidence, "reason": reason, "unlisted": UNLISTED},
    )  # fmt: skip
