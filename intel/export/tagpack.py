"""How do labels leave as TagPacks that GraphSense's tools accept?

The format is that of graphsense-lib 2.16 to 2.18. What it has no field for stands in the JSON of `context`, where our
own reader finds it again, so that a label that was exported and read back is the same label.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

from intel.errors import BadInput
from intel.export.claims import Origin, describe_changes, name_origin, prepare_claims
from intel.sources.categories import load_categories, resolve_category
from intel.sources.chains import find_chain, resolve_chain
from intel.sources.tagpack import CONTEXT_KEY
from intel.store.reader import Reader

ABOUT = "ABOUT"  # JSON; tells an export of ours from a folder of something else. No ending: it is no file of labels
_PACK_TAGS = 50_000  # per file: GraphSense reads a pack whole, and none above 200 MB

# The tickers by which GraphSense calls networks; another chain goes by its own name.
_NETWORKS = {
    "ethereum": "ETH", "bitcoin": "BTC", "bitcoin_cash": "BCH", "litecoin": "LTC", "zcash": "ZEC", "bsc": "BSC",
    "monero": "XMR", "dash": "DASH", "bitcoin_gold": "BTG", "ethereum_classic": "ETC", "bitcoin_sv": "BSV",
    "ripple": "XRP", "arbitrum": "ARB", "tron": "TRX", "polygon": "MATIC", "algorand": "ALGO", "optimism": "OP",
    "evm": "ETH",
}  # fmt: skip

# What no label means, and the format refuses; and what is written as an escape, because a reader would not see it.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]+")
_UNSEEN = re.compile(r"[\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")


@dataclass(frozen=True, slots=True)
class TagPackExport:
    """What was written: `left_out` counts what was not, by reason."""

    tags: int
    packs: int
    left_out: Mapping[str, int]


def export_tagpacks(store: Path, folder: Path, *, include_private: bool = False) -> TagPackExport:
    """Write all labels of the current build as TagPacks, one or more per source, and a file that says what they are.

    The folder is new, empty, or an earlier export, which is replaced; it appears whole or not at all. Raises BadInput
    for any other folder, NoSnapshot for a store without a build.
    """
    _check_folder(folder)
    with Reader(store) as reader:
        origin = name_origin(reader, include_private=include_private)
        left_out = prepare_claims(reader, include_private=include_private)
        left_out["duplicates"] = _drop_duplicates(reader)
        scratch = folder.with_name(f".{folder.name}.{uuid4().hex[:8]}")
        try:
            scratch.mkdir()
            sources = _write_packs(reader, scratch, origin, describe_changes(left_out))
            about = {"export": "tagpack", **_describe(origin), "left_out": left_out, "sources": sources}
            (scratch / ABOUT).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
            _move(scratch, folder)
        except OSError as error:
            raise BadInput(f"cannot write {folder}: {error.strerror}", "name a folder that can be written") from error
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return TagPackExport(
        sum(source["tags"] for source in sources), sum(len(source["files"]) for source in sources), left_out
    )


def _describe(origin: Origin) -> dict[str, object]:
    return {
        "build": origin.build, "built_at": origin.built_at, "code_version": origin.code_version,
        "layer": "public" if origin.is_public else "public and private",
    }  # fmt: skip


def _check_folder(folder: Path) -> None:
    if folder.exists() and not (
        folder.is_dir() and ((folder / ABOUT).is_file() or next(folder.iterdir(), None) is None)
    ):
        raise BadInput(f"{folder} holds something else", "name a new or empty folder, or an earlier export")
    if not folder.parent.is_dir():
        raise BadInput(f"cannot write {folder}: there is no folder {folder.parent}", "make it first")


def _move(scratch: Path, folder: Path) -> None:
    old = scratch.with_name(f"{scratch.name}.old")
    if folder.exists():
        folder.rename(old)
    scratch.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def _drop_duplicates(reader: Reader) -> int:
    """Keep the strongest of the tags that GraphSense would take for one: same address, network, label and source."""
    reader.query(
        """create or replace temp table export_tags as
        select *, coalesce(url, source_ref, source) as reference from export_claims
        qualify row_number() over (
            partition by source, case when chain = 'evm' then 'ethereum' else chain end, lower(address),
                lower(trim(label)), lower(coalesce(url, source_ref, source))
            order by level desc, chain desc, visibility desc, category, own_label, entity, entity_id, address,
                confidence, licence, source_ref, source_date, valid_from, valid_to) = 1"""
    )
    before, after = reader.query("select (select count(*) from export_claims), (select count(*) from export_tags)")[0]
    return int(before) - int(after)


def _write_packs(reader: Reader, folder: Path, origin: Origin, left_out: str) -> list[dict[str, Any]]:
    sources = reader.records(
        """select source, count(*) as tags, list_sort(list_distinct(list(licence))) as licences
        from export_tags group by source order by source"""
    )
    taken: set[str] = set()
    for row in sources:
        tags = _stream_tags(reader, str(row["source"]))
        stem = _name_file(str(row["source"]), taken)
        row["files"] = []
        while part := list(islice(tags, _PACK_TAGS)):
            name = f"{stem}-{len(row['files']) + 1:03}.yaml"
            licences = ", ".join(row["licences"]) or "not told"
            with (folder / name).open("w", encoding="utf-8") as file:
                _write_header(file, str(row["source"]), f"{origin.describe()} Licences: {licences}. {left_out}")
                for tag in part:
                    _write_tag(file, tag)
            row["files"].append(name)
    return sources


def _name_file(source: str, taken: set[str]) -> str:
    stem = plain = re.sub(r"[^A-Za-z0-9_-]+", "_", source)[:80].strip("_") or "source"
    number = 1
    while stem.lower() in taken:
        number += 1
        stem = f"{plain}_{number}"
    taken.add(stem.lower())
    return stem


def _stream_tags(reader: Reader, source: str) -> Iterator[dict[str, Any]]:
    rows = reader.batches(
        """select * from export_tags where source = $source
        order by chain, address, label, reference, level desc""",
        {"source": source},
    )
    for batch in rows:
        for row in batch.to_pylist():
            yield _shape_tag(row)


def _shape_tag(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a tag; `context` holds what reading the others back would not give."""
    category = load_categories().get(str(row["category"]))
    concept = (category.abuse or category.concept) if category else None
    network = _NETWORKS.get(row["chain"], str(row["chain"]).upper())
    kept = {"entity": row["entity"], "licence": row["licence"]}
    kept |= {name: row[name].isoformat() for name in ("valid_from", "valid_to") if row[name] is not None}
    more: dict[str, str | None] = {name: text for name, text in kept.items() if text is not None}
    more["source_ref"] = row["source_ref"]  # else the pack itself would be taken for where it stood
    if resolve_chain(network) != row["chain"]:
        more["chain"] = row["chain"]
    if resolve_category(concept) != row["category"]:
        more["category"] = row["category"]
    if row["own_label"] != row["label"]:
        more["label"] = row["own_label"]
    if row["url"] is not None and row["url"] != row["reference"]:
        more["url"] = row["url"]
    return {
        "address": row["address"], "network": network, "currency": find_chain(row["chain"]).native_symbol or network,
        "label": row["label"], "source": row["reference"], "confidence": row["confidence"],
        "abuse" if category and category.abuse else "category": concept,
        "lastmod": row["source_date"], "context": json.dumps({CONTEXT_KEY: more}),
    }  # fmt: skip


def _write_header(file: IO[str], source: str, description: str) -> None:
    file.write(f"title: {_quote(f'Labels of {source}')}\ncreator: {_quote(source)}\n")
    file.write(f"description: {_quote(description)}\ntags:\n")


def _write_tag(file: IO[str], tag: Mapping[str, Any]) -> None:
    start = "- "
    for name, value in tag.items():
        if value is not None:
            file.write(f"{start}{name}: {value.isoformat() if name == 'lastmod' else _quote(value)}\n")
            start = "  "


def _quote(text: str) -> str:
    """Return the text as a double-quoted YAML scalar, on one line; JSON's escapes are YAML's too."""
    quoted = json.dumps(_CONTROL.sub(" ", text).strip() or "-", ensure_ascii=False)
    return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", quoted)
