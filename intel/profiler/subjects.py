"""Whom does a text name: an address, an address on one chain, or an entity?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from intel.entities.names import normalise_name
from intel.errors import AmbiguousSubject, BadInput, UnknownSubject, UsageError
from intel.model import Address, Subject, Tier
from intel.profiler.postings import ENTITIES, look_for
from intel.sources.chains import address_pattern, find_chain, load_chains, resolve_chain
from intel.store.reader import Reader

_SHOWN_ADDRESSES = 100  # of an entity, in Subject.addresses
_CANDIDATES = 10
_HEX = re.compile(r"[0-9a-fA-F]+")
_ON_CHAIN = re.compile(r"([-\w]+(?::[-\w]+)?):([^:]+)")

# An attribution counts unless a private one stands before it.
_IN_FORCE = """(a.visibility = 'private' or not exists (
    select 1 from beliefs.attributions b
    where b.visibility = 'private' and b.chain = a.chain and b.address = a.address))"""
_CERTAIN = "(a.tier = 'confirmed' or a.status = 'labelled')"


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One line under the search box: `text` is what to search for, `detail` says what it is."""

    kind: Literal["entity", "address"]
    text: str
    name: str
    detail: str


def resolve_subject(reader: Reader, text: str, tier: Tier = "confirmed") -> Subject:
    """Return whom `text` names; an entity's members are those of the tier (`probable` includes `confirmed`).

    A bare hex address means that address on every chain where it occurs; `eip155:1:0x...` and `ethereum:0x...` mean
    one chain. Raises UsageError or BadInput for a malformed address, UnknownSubject, AmbiguousSubject.
    """
    wanted = text.strip()
    if not wanted:
        raise UsageError("the subject is empty", "give an address, an entity id or an entity name")
    chain, address = _split_chain(wanted)
    if chain is not None or _looks_like_hex(address):
        return _resolve_address(reader, chain, address, tier)
    found = _find_occurrences(reader, None, address)
    if found:
        return _address_subject(reader, address, found, tier)
    return _resolve_entity(reader, wanted, tier)


def _split_chain(text: str) -> tuple[str | None, str]:
    """Split `eip155:1:0x...` or `ethereum:0x...`; what is neither comes back whole."""
    parts = _ON_CHAIN.fullmatch(text)
    if parts is None:
        return None, text
    chain = resolve_chain(parts[1])
    if chain is not None:
        return chain, parts[2].strip()
    if text.count(":") == 2 or parts[2].startswith("0x"):
        raise BadInput(f"{text!r} is on an unknown chain {parts[1]!r}", f"known chains: {', '.join(_evm_slugs())} ...")
    return None, text


def _evm_slugs() -> list[str]:
    return [slug for slug, chain in load_chains().items() if chain.family == "evm" and chain.chain_id][:8]


def _looks_like_hex(text: str) -> bool:
    return bool(_HEX.fullmatch(text) and len(text) in {40, 64}) or bool(re.fullmatch(r"0[xX]\w+", text))


def _check_hex(text: str) -> str:
    """Return the lower-case address, or raise with the nearest valid form."""
    digits = text[2:] if text[:2] in {"0x", "0X"} else text
    if len(digits) == 64:
        raise BadInput(f"{text} is a transaction hash, not an address", "`intel trace` starts from transactions")
    if not re.fullmatch(r"[0-9a-fA-F]{40}", digits):
        bad = next((c for c in digits if c not in "0123456789abcdefABCDEF"), None)
        fault = f"{bad!r} is no hex digit" if bad else f"it has {len(digits)} hex digits, an address has 40"
        near = "0x" + re.sub(r"[^0-9a-f]", "", digits.lower())[:40]
        raise BadInput(f"{text} is no address: {fault}", f"the nearest form is {near.ljust(42, '?')}")
    return "0x" + digits.lower()


def _resolve_address(reader: Reader, chain: str | None, text: str, tier: Tier) -> Subject:
    family = find_chain(chain).family if chain else "evm"
    address = _check_hex(text) if family == "evm" else text
    if not re.fullmatch(address_pattern(family), address):
        raise BadInput(f"{text} is no address of {chain}", f"an address there looks like {address_pattern(family)}")
    found = _find_occurrences(reader, chain, address)
    if not found:
        where = f" on {chain}" if chain else ""
        raise UnknownSubject(
            f"{address}{where} occurs in no transfer, event, edge or label of this store",
            "unknown is not clean: `intel coverage` says which blocks were seen",
        )
    return _address_subject(reader, address, found, tier)


def _find_occurrences(reader: Reader, chain: str | None, address: str) -> list[tuple[str, int | None]]:
    """Return (chain, address_id) wherever the address occurs; id None where only a label knows it."""
    known: dict[str, int | None] = dict.fromkeys(list_told_chains(reader, address))
    known |= reader.query(
        "select chain, address_id from facts.address_lookup where address = $address", {"address": address}
    )
    rows = sorted(known.items())
    real = [(name, row_id) for name, row_id in rows if chain is None or name == chain]
    if chain is not None and not real and find_chain(chain).family == "evm":
        real = [(chain, None) for name, _ in rows if name == "evm"]
    on_chains = [row for row in real if row[0] != "evm"]
    return on_chains or real


def list_told_chains(reader: Reader, address: str) -> list[str]:
    """Return the chains for which labels tell of an address, in the ledger or not."""

    def fill() -> None:
        reader.query(
            """create or replace table told_addresses as
            select address, chain from beliefs.labels
            union select address, chain from beliefs.attributions where address_id is null order by 1, 2"""
        )

    reader.share("told_addresses", fill)
    told = "select chain from told_addresses where address = $address"
    return reader.recall(
        "told chains", address, lambda: [str(row[0]) for row in reader.query(told, {"address": address})]
    )


def _address_subject(reader: Reader, address: str, found: list[tuple[str, int | None]], tier: Tier) -> Subject:
    ids = sorted(row_id for _, row_id in found if row_id is not None)
    owner = _choose_owner(read_attributions(reader, tuple(ids))) if ids else None
    if owner is None and len(ids) < len(found):  # where only a label knows it, there is no id
        whose = "a.address = $address and (a.chain in (select unnest($chains)) or a.chain = 'evm')"
        params: dict[str, object] = {"address": address, "chains": [chain for chain, _ in found]}
        owner = _choose_owner(reader.records(f"select a.* from beliefs.attributions a where {whose}", params))
    return Subject(
        kind="address",
        name=address,
        addresses=tuple(Address(None if chain == "evm" else chain, address) for chain, _ in found),
        address_ids=tuple(ids),
        entity_id=owner,
        tier=tier,
        address_count=len(found),
    )


def read_attributions(reader: Reader, address_ids: tuple[int, ...]) -> list[dict[str, Any]]:
    """Return the rows of beliefs.attributions of one address on its chains, in no order."""
    if not address_ids:
        return []
    found, params = look_for(address_ids, "beliefs.attributions")
    return reader.recall("attributions", address_ids, lambda: reader.records(f"select * from {found}", params))


def _choose_owner(rows: Sequence[dict[str, Any]]) -> str | None:
    """Return the entity of the private attribution before the public ones, the surest first."""

    def rank(row: dict[str, Any]) -> tuple[bool, float, str, str]:
        confidence = 1.0 if row["confidence"] is None else -row["confidence"]
        return row["visibility"] != "private", confidence, row["chain"], row["entity_id"]

    return str(min(rows, key=rank)["entity_id"]) if rows else None


def _resolve_entity(reader: Reader, text: str, tier: Tier) -> Subject:
    exact = reader.query(
        f"select entity_id, coalesce(name, entity_id), kind from ({ENTITIES}) where entity_id in ($text, lower($text))",
        {"text": text},
    )
    if not exact:
        exact = reader.query(
            f"""select distinct e.entity_id, coalesce(e.name, e.entity_id), e.kind
            from beliefs.entity_names n join ({ENTITIES}) e using (entity_id)
            where n.name_key = $key order by 1""",
            {"key": normalise_name(text)},
        )
    if not exact and text.lower().startswith("anon-"):
        return _resolve_former(reader, text.lower(), tier)
    if not exact:
        _raise_for_near_names(reader, text)
    if len(exact) > 1:
        raise AmbiguousSubject(
            f"{text!r} names {len(exact)} entities",
            [(str(entity_id), str(name)) for entity_id, name, _ in exact],
            "use the entity id: " + ", ".join(str(row[0]) for row in exact[:_CANDIDATES]),
        )
    entity_id, name, kind = exact[0]
    return take_entity(reader, str(entity_id), str(name), kind=str(kind), tier=tier)


def _resolve_former(reader: Reader, entity_id: str, tier: Tier) -> Subject:
    """Follow the id of an unnamed owner to the one it was merged into, or to the address that it was minted from."""
    followed, found = entity_id, _read_last_event(reader, entity_id)
    while found is not None and found[0] == "merge" and not _is_in_use(reader, followed):
        followed, found = found[1], _read_last_event(reader, found[1])
    if _is_in_use(reader, followed):
        return replace(_resolve_entity(reader, followed, tier), asked_as=entity_id)
    if found is None:
        raise UnknownSubject(f"no owner ever went by {entity_id!r} in this store", "search for one of its addresses")
    return replace(_resolve_address(reader, found[2], found[3], tier), asked_as=entity_id)


def _read_last_event(reader: Reader, entity_id: str) -> tuple[str, str, str, str] | None:
    rows = reader.query(
        "select event, other_entity_id, chain, address from beliefs.identity where entity_id = $id "
        "order by step desc limit 1",
        {"id": entity_id},
    )
    return (rows[0][0], rows[0][1], rows[0][2], rows[0][3]) if rows else None


def _is_in_use(reader: Reader, entity_id: str) -> bool:
    return bool(reader.query("select 1 from beliefs.entities where entity_id = $id limit 1", {"id": entity_id}))


def _raise_for_near_names(reader: Reader, text: str) -> None:
    key = normalise_name(text)
    starting = _names_starting_with(reader, key, _CANDIDATES + 1) if len(key) >= 2 else []
    if len(starting) > 1:
        shown = starting[:_CANDIDATES]
        more = " and more" if len(starting) > _CANDIDATES else ""
        raise AmbiguousSubject(
            f"no entity is called {text!r}; {len(shown)}{more} begin like it",
            [(entity_id, name) for entity_id, name in shown],
            "use the entity id: " + ", ".join(entity_id for entity_id, _ in shown),
        )
    near = starting or _names_like(reader, key)
    hint = "did you mean " + ", ".join(f"{name} ({entity_id})" for entity_id, name in near) + "?"
    raise UnknownSubject(f"nothing in the store goes by {text!r}", hint if near else "search with part of the name")


def _names_starting_with(reader: Reader, key: str, limit: int) -> list[tuple[str, str]]:
    rows = reader.query(
        f"""select e.entity_id, any_value(coalesce(e.name, e.entity_id)) as name, min(n.name_key) as found
        from beliefs.entity_names n join ({ENTITIES}) e using (entity_id)
        where n.name_key >= $key and n.name_key < $key || chr(1114111)
        group by e.entity_id order by length(found), found, e.entity_id limit $limit""",
        {"key": key, "limit": limit},
    )
    return [(str(row[0]), str(row[1])) for row in rows]


def _names_like(reader: Reader, key: str) -> list[tuple[str, str]]:
    rows = reader.query(
        """select entity_id, arg_min(name, (name, name_key)) as name,
            max(jaro_winkler_similarity(name_key, $key)) as near
        from beliefs.entity_names where abs(length(name_key) - length($key)) <= 6
        group by entity_id having near >= 0.85 order by near desc, entity_id limit 5""",
        {"key": key},
    )
    return [(str(row[0]), str(row[1])) for row in rows]


def take_entity(reader: Reader, entity_id: str, name: str, *, kind: str, tier: Tier) -> Subject:
    """Return the entity with its members at the tier: those its labels name where its kind is `list`, else its own."""
    members = _LISTED if kind == "list" else _OWNED
    params: dict[str, object] = {"entity_id": entity_id, "tier": tier}
    table = reader.arrow(
        f"select distinct address_id from ({members}) where is_in and address_id is not null order by 1", params
    )
    shown = reader.query(
        f"""select distinct chain, address from ({members}) where is_in
        order by chain, address limit {_SHOWN_ADDRESSES}""",
        params,
    )
    counted = dict(
        reader.query(
            f"select is_in, count(*) from (select distinct is_in, chain, address from ({members})) group by 1", params
        )
    )
    return Subject(
        kind="entity",
        name=name,
        addresses=tuple(Address(None if chain == "evm" else chain, address) for chain, address in shown),
        address_ids=tuple(table["address_id"].to_numpy().tolist()),
        entity_id=entity_id,
        tier=tier,
        address_count=counted.get(True, 0),
        left_out=counted.get(False, 0),
    )


_OWNED = f"""select a.chain, a.address, a.address_id, {_CERTAIN} or $tier = 'probable' as is_in
    from beliefs.attributions a where a.entity_id = $entity_id and {_IN_FORCE}"""


# A list (sanctioned, ...) owns nothing: its members are the addresses that its labels name.
_LISTED = """select coalesce(k.chain, l.chain) as chain, l.address, k.address_id, $tier is not null as is_in
    from beliefs.labels l
    left join facts.address_lookup k
        on k.address = l.address and (k.chain = l.chain or (l.chain = 'evm' and starts_with(l.address, '0x')))
    where l.entity_id = $entity_id"""


def suggest(reader: Reader, text: str, limit: int = 10) -> list[Suggestion]:
    """Return entities whose name begins with `text`, best first, then addresses that begin with it."""
    wanted = text.strip()
    key = normalise_name(wanted)
    if len(key) < 2:
        return []
    found: list[Suggestion] = []
    if not wanted.lower().startswith("0x"):
        ids = _names_starting_with(reader, key, limit) or _names_like(reader, key)[:limit]
        found = _describe_entities(reader, ids)
    if len(wanted) >= 4 and len(found) < limit:
        found += _suggest_addresses(reader, wanted, limit - len(found))
    return found


def _describe_entities(reader: Reader, ids: list[tuple[str, str]]) -> list[Suggestion]:
    rows = reader.query(
        f"""select e.entity_id, e.category, count(distinct (a.chain, a.address))
        from ({ENTITIES}) e left join beliefs.attributions a on a.entity_id = e.entity_id and {_CERTAIN}
        where e.entity_id in (select unnest($ids)) group by 1, 2""",
        {"ids": [entity_id for entity_id, _ in ids]},
    )
    detail = {str(row[0]): f"{row[1] or 'entity'}, {row[2]:,} addresses" for row in rows}
    return [Suggestion("entity", entity_id, name, detail.get(entity_id, "entity")) for entity_id, name in ids]


def _suggest_addresses(reader: Reader, text: str, limit: int) -> list[Suggestion]:
    prefix = text.lower() if text[:2] in {"0x", "0X"} else text
    rows = reader.query(
        """with found as (
            (select address from facts.address_lookup
                where address >= $prefix and address < $prefix || chr(126) order by 1 limit $limit)
            union (select address from beliefs.labels
                where address >= $prefix and address < $prefix || chr(126) order by 1 limit $limit))
        select f.address, min(a.entity_id) from found f left join beliefs.attributions a on a.address = f.address
        group by 1 order by 1 limit $limit""",
        {"prefix": prefix, "limit": limit},
    )
    return [Suggestion("address", str(row[0]), str(row[0]), str(row[1] or "address")) for row in rows]


def take_public(reader: Reader, subject: Subject) -> Subject:
    """Return the subject as public claims know it, its name and addresses; UnknownSubject where they give none."""
    if subject.kind != "entity":
        return subject
    rows = reader.query(
        """select distinct address_id from beliefs.attributions
        where entity_id = $entity and visibility = 'public' and address_id is not null
            and (tier = 'confirmed' or status = 'labelled' or $tier = 'probable') order by 1""",
        {"entity": subject.entity_id, "tier": subject.tier},
    )
    if not rows:
        raise UnknownSubject(f"no public claim names {subject.name!r}", "--include-private takes what is private")
    named = reader.query(
        "select name from beliefs.entities where entity_id = $entity and visibility = 'public' order by name limit 1",
        {"entity": subject.entity_id},
    )
    ids = tuple(int(row[0]) for row in rows)
    name = str(named[0][0]) if named and named[0][0] else subject.entity_id or subject.name
    return replace(subject, name=name, address_ids=ids, address_count=len(ids))
