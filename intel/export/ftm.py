"""How do labels and owners leave as FollowTheMoney entities, for tools that investigators use beside ours?

The format is that of followthemoney 4: wallets, the organisations that run them, and links between the two. A source's
word makes the organisation the holder; our own conclusion is only a link, with its grounds.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from intel.errors import BadInput
from intel.export.claims import Origin, name_origin, prepare_claims
from intel.sources.categories import load_categories
from intel.sources.chains import find_chain
from intel.store.reader import Reader
from intel.store.whole_files import replace_whole

# Not seen, and not kept by FollowTheMoney: control characters, zero-width ones, and white space in a row.
_UNSEEN = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]+")
_WEB = re.compile(r"https?://[^\s/]+\.[^\s]+")

_WALLETS = """
with owned as (
    select a.chain, a.address, a.entity_id, a.status, a.confidence, a.tier, a.reason,
        array_to_string(a.basis, ', ') as basis
    from beliefs.attributions a semi join export_owners o using (entity_id)
    where a.visibility = 'public' or $private
    qualify row_number() over (partition by a.chain, a.address order by a.visibility, a.confidence desc) = 1),
-- A claim that holds on every EVM chain is told of the chains where the address is known to be somebody's.
placed as (
    select c.* exclude (chain), coalesce(o.chain, c.chain) as chain
    from export_claims c left join owned o on c.chain = 'evm' and o.chain <> 'evm' and o.address = c.address),
claimed as (
    select chain, address, list({'label': label, 'category': category, 'source': source, 'url': url,
        'licence': licence, 'confidence': confidence, 'date': source_date}
        order by level desc, source, label, category, url, source_date, source_ref, licence, confidence) as claims
    from placed group by chain, address)
select * from owned full join claimed using (chain, address) order by chain, address
"""


@dataclass(frozen=True, slots=True)
class FtmExport:
    """What was written: `left_out` counts what was not, by reason."""

    entities: int
    left_out: Mapping[str, int]


def export_entities(store: Path, path: Path, *, include_private: bool = False) -> FtmExport:
    """Write wallets, their named owners and our links between them, one JSON object a line.

    Beside it `NAME.about.json` says which build and code it comes from and what is left out. Raises BadInput where
    nothing can be written, NoSnapshot for a store without a build.
    """
    if path.is_dir():
        raise BadInput(f"cannot write {path}: it is a folder", "name a file in it")
    with Reader(store) as reader:
        origin = name_origin(reader, include_private=include_private)
        left_out = prepare_claims(reader, include_private=include_private)
        left_out["unnamed_owners"] = _count_unnamed(reader, include_private)
        with replace_whole(path) as scratch:
            with scratch.open("w", encoding="utf-8") as file:
                entities = 0
                for entity in _list_entities(reader, origin, include_private):
                    file.write(json.dumps(entity, ensure_ascii=False) + "\n")
                    entities += 1
            about = {"export": "ftm", **asdict(origin), "entities": entities, "left_out": left_out}
            with replace_whole(path.with_name(f"{path.name}.about.json")) as beside:
                beside.write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    return FtmExport(entities, left_out)


def _count_unnamed(reader: Reader, include_private: bool) -> int:
    rows = reader.query(
        """select count(distinct (a.chain, a.address)) from beliefs.attributions a anti join export_owners using
        (entity_id) where a.visibility = 'public' or $private""",
        {"private": include_private},
    )
    return int(rows[0][0])


def _list_entities(reader: Reader, origin: Origin, include_private: bool) -> Iterator[dict[str, Any]]:
    dataset = f"intel-{origin.build}"
    owners = reader.records(
        """select * from export_owners semi join (
            select entity_id from beliefs.attributions where visibility = 'public' or $private) using (entity_id)
        order by entity_id""",
        {"private": include_private},
    )
    for owner in owners:
        yield _shape_owner(owner, origin, dataset)
    for batch in reader.batches(_WALLETS, {"private": include_private}):
        for row in batch.to_pylist():
            yield from _shape_wallet(row, dataset)


def _shape_owner(row: Mapping[str, Any], origin: Origin, dataset: str) -> dict[str, Any]:
    site = str(row["website"] or "")
    site = site if not site or site.startswith(("http://", "https://")) else f"https://{site}"
    site += "/" if site.count("/") == 2 else ""  # the form that FollowTheMoney gives it
    return _entity(
        "Organization", _make_id("entity", row["entity_id"]), dataset,
        name=[row["name"] or row["entity_id"]], keywords=[row["category"]], topics=[_find_topic(row["category"])],
        website=[site] if _WEB.fullmatch(site) else [], notes=[origin.describe()],
    )  # fmt: skip


def _shape_wallet(row: Mapping[str, Any], dataset: str) -> Iterator[dict[str, Any]]:
    claims = row["claims"] or []
    wallet = _make_id("wallet", row["chain"], row["address"])
    owner = _make_id("entity", row["entity_id"]) if row["entity_id"] else None
    chain = find_chain(row["chain"])
    yield _entity(
        "CryptoWallet", wallet, dataset,
        publicKey=[row["address"]], blockchain=[chain.name], currencySymbol=[chain.native_symbol],
        name=[claim["label"] for claim in claims], keywords=[claim["category"] for claim in claims],
        topics=[_find_topic(claim["category"]) for claim in claims], publisher=[claim["source"] for claim in claims],
        sourceUrl=[claim["url"] for claim in claims if _WEB.fullmatch(claim["url"] or "")],
        notes=[_write_note(claim) for claim in claims], holder=[owner] if row["status"] == "labelled" else [],
    )  # fmt: skip
    if owner is not None and row["status"] != "labelled":
        yield _entity(
            "UnknownLink", _make_id("link", wallet, owner), dataset,
            subject=[wallet], object=[owner], role=["attributed by evidence, not named by a source"],
            summary=[f"Confidence {row['confidence']:.1%}, {row['tier']}; rules: {row['basis']}"],
            description=[row["reason"]],
        )  # fmt: skip


def _write_note(claim: Mapping[str, Any]) -> str:
    parts = [f"{claim['source']} says: {claim['label']}", f"category {claim['category']}"]
    parts += [f"confidence {claim['confidence']}", f"licence {claim['licence'] or 'not told'}"]
    parts += [f"as of {claim['date'].isoformat()}"] if claim["date"] else []
    return "; ".join(parts)


def _find_topic(category: str | None) -> str | None:
    known = load_categories().get(category or "")
    return known.topic if known else None


def _make_id(kind: str, *parts: str) -> str:
    """Return an id of the letters that the format allows: the same for the same thing in every export."""
    return f"intel-{kind}-{hashlib.sha256(' '.join(parts).encode()).hexdigest()[:32]}"


def _entity(schema: str, entity_id: str, dataset: str, **properties: list[str | None]) -> dict[str, Any]:
    """Return one entity; empty values and repetitions are left out."""
    clean = {
        name: list(dict.fromkeys(text for value in values if (text := " ".join(_UNSEEN.sub("", value or "").split()))))
        for name, values in properties.items()
    }
    kept = {name: values for name, values in clean.items() if values}
    return {"id": entity_id, "schema": schema, "properties": kept, "datasets": [dataset]}
