"""What do TagPack and ActorPack files say? YAML becomes rows, read so that a hostile file can do no harm.

The format is that of graphsense-lib 2.16 to 2.18: header keys at top level are inherited by every tag.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml

from intel.errors import BadInput
from intel.model import DataIssue
from intel.sources.files import FILE_COLUMN, ROW_COLUMN

CONTEXT_KEY = "intel"  # in the JSON of `context`: what an export of ours says beside the fields of the format
MAX_BYTES = 200_000_000  # larger packs are refused, as the format's own tools do
_DEEPEST = 50  # mappings and lists in one another; a pack has four

_TEXT_COLUMNS = (
    "chain_text", "address_text", "entity", "label", "category_text", "source_ref", "url_text", "licence",
    "source_date_text", "confidence_text", "valid_from_text", "valid_to_text", "source",
)  # fmt: skip
_CONTEXT_COLUMNS = {
    "chain": "chain_text", "entity": "entity", "label": "label", "category": "category_text",
    "source_ref": "source_ref", "url": "url_text", "licence": "licence", "valid_from": "valid_from_text",
    "valid_to": "valid_to_text",
}  # fmt: skip
_TAG_SCHEMA = pa.schema(
    [(FILE_COLUMN, pa.string()), (ROW_COLUMN, pa.int64()), *((name, pa.string()) for name in _TEXT_COLUMNS)]
)
_ACTOR_COLUMNS = ("slug", "name", "categories", "website", "jurisdictions", "aliases", "parent", "source", "licence")
_ACTOR_SCHEMA = pa.schema([(name, pa.string()) for name in _ACTOR_COLUMNS])


@dataclass(frozen=True, slots=True)
class TagPackRows:
    """Tags as label rows in text form (the columns the label cleaner stages), and actors as lake rows."""

    tags: pa.Table
    actors: pa.Table
    issues: tuple[DataIssue, ...]
    bad_rows: int


@dataclass(slots=True)
class _Pack:
    path: Path
    source: str
    tags: list[dict[str, Any]] = field(default_factory=list)
    actors: list[dict[str, Any]] = field(default_factory=list)
    issues: list[DataIssue] = field(default_factory=list)


class _PackLoader(yaml.CSafeLoader):
    """The safe loader, with repeated keys noted, merge keys refused (they can blow up), and includes confined."""

    path: Path
    duplicates: list[tuple[int, str]]
    is_included: bool

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Refuse `<<`; note a repeated key and keep its first value."""
        seen: set[str] = set()
        kept = []
        for key, value in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                raise BadInput(f"{self.path} uses a YAML merge key '<<'", "write the fields out")
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                self.duplicates.append((key.start_mark.line + 1, key.value))
                continue
            seen.add(key.value if isinstance(key, yaml.ScalarNode) else "")
            kept.append((key, value))
        node.value = kept


def _include(loader: _PackLoader, node: yaml.Node) -> Any:
    folder = loader.path.parent.resolve()
    target = (folder / str(node.value)).resolve()
    if not target.is_relative_to(folder):
        raise BadInput(f"{loader.path} includes {node.value!r}, outside its folder", "put the header beside the pack")
    if loader.is_included:
        raise BadInput(f"{loader.path} includes {node.value!r}, and is included itself", "write the header in one file")
    return _load_yaml(target, loader.duplicates, is_included=True)


_PackLoader.add_constructor("!include", _include)


def is_yaml(path: Path) -> bool:
    """True for a name that ends like YAML."""
    return path.suffix.lower() in (".yaml", ".yml")


def list_yaml(folder: Path) -> list[Path]:
    """Return the packs in a folder, sorted; `config.yaml` and included headers are not packs."""
    files = sorted(p for p in folder.rglob("*") if p.is_file() and is_yaml(p))
    return [p for p in files if p.name not in ("config.yaml", "header.yaml")]


def read_tagpacks(paths: Sequence[Path], *, source: str | None = None) -> TagPackRows:
    """Read TagPack and ActorPack files; `source` replaces the pack's creator. Raises BadInput for no valid YAML."""
    packs = [_read_pack(path, source) for path in paths]
    issues = tuple(issue for pack in packs for issue in pack.issues)
    return TagPackRows(
        pa.Table.from_pylist([row for pack in packs for row in pack.tags], schema=_TAG_SCHEMA),
        pa.Table.from_pylist([row for pack in packs for row in pack.actors], schema=_ACTOR_SCHEMA),
        issues,
        sum(issue.rows for issue in issues if issue.code != "duplicate_key"),
    )


def _check_depth(path: Path, text: str) -> None:
    """Raise BadInput for text nested so deep that building it would end the process: the C library recurses."""
    depth = 0
    parser = yaml.CSafeLoader(text)
    try:
        while parser.check_event():
            event = parser.get_event()
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            if depth > _DEEPEST:
                raise BadInput(
                    f"{path} is nested deeper than {_DEEPEST} levels",
                    "a pack is a list of flat mappings",
                )
    finally:
        parser.dispose()


def _load_yaml(path: Path, duplicates: list[tuple[int, str]], *, is_included: bool = False) -> Any:
    if not path.is_file():
        raise BadInput(f"no such file: {path}", "check the path")
    if path.stat().st_size > MAX_BYTES:
        raise BadInput(f"{path} is larger than {MAX_BYTES:,} bytes", "split the pack")
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise BadInput(
            f"{path} is not UTF-8 text: {error.reason} at byte {error.start}", "convert it to UTF-8"
        ) from error
    try:
        _check_depth(path, text)
        loader = _PackLoader(text)
    except (yaml.YAMLError, ValueError) as error:
        raise _refuse(path, error) from error
    loader.path, loader.duplicates, loader.is_included = path, duplicates, is_included
    try:
        return loader.get_single_data()
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        raise _refuse(path, error) from error
    finally:
        loader.dispose()


def _refuse(path: Path, error: Exception) -> BadInput:
    reason = " ".join(str(error).split()) or type(error).__name__
    return BadInput(f"{path} is no valid YAML: {reason[:300]}", "check the file with a YAML linter")


def _read_pack(path: Path, source: str | None) -> _Pack:
    duplicates: list[tuple[int, str]] = []
    data = _load_yaml(path, duplicates)
    if not isinstance(data, dict) or not ({"tags", "actors"} & set(data)):
        raise BadInput(f"{path} is no TagPack or ActorPack", "a pack is a mapping with `tags:` or `actors:`")
    included = data.pop("header", None)
    header = {**included, **data} if isinstance(included, dict) else data
    pack = _Pack(path, source or _text(header.get("creator")) or path.stem)
    for line, key in duplicates:
        pack.issues.append(_issue(pack, "duplicate_key", line, key, "one key twice in a mapping: the first is kept"))
    for row_number, tag in _entries(pack, data, "tags"):
        _add_tag(pack, row_number, {**header, **tag})
    for row_number, actor in _entries(pack, data, "actors"):
        _add_actor(pack, row_number, actor)
    return pack


def _entries(pack: _Pack, data: Mapping[str, Any], key: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the entries of `tags` or `actors` with their number; anything but a flat mapping is an issue."""
    entries = data.get(key) or []
    if not isinstance(entries, list):
        raise BadInput(f"{pack.path}: `{key}` is no list", "each entry starts with a dash")
    for number, entry in enumerate(entries, start=1):
        if isinstance(entry, dict):
            yield number, entry
        else:
            pack.issues.append(
                _issue(pack, "malformed_row", number, repr(entry)[:100], f"an entry of `{key}` is a mapping")
            )


def _add_tag(pack: _Pack, number: int, tag: Mapping[str, Any]) -> None:
    address = _text(tag.get("address"))
    if address is None:
        hint = "tags of transactions are not taken" if tag.get("tx_hash") else "a tag needs an address"
        pack.issues.append(
            _issue(pack, "missing_field", number, _text(tag.get("tx_hash")) or "", hint, column="address")
        )
        return
    reference = _text(tag.get("source"))
    concepts = _texts(tag.get("concepts"))
    category = _text(tag.get("abuse")) or _text(tag.get("category")) or (concepts[0] if concepts else None)
    row: dict[str, str | int | None] = {
        FILE_COLUMN: str(pack.path),
        ROW_COLUMN: number,
        "chain_text": _text(tag.get("network")) or _text(tag.get("currency")),
        "address_text": address,
        "entity": _text(tag.get("actor")),
        "label": _text(tag.get("label")),
        "category_text": category,
        "source_ref": " | ".join(part for part in (pack.path.name, reference) if part),
        "url_text": reference if reference and reference.startswith(("http://", "https://")) else None,
        "source_date_text": _text(tag.get("lastmod")),
        # the format's rule: no confidence means the lowest level
        "confidence_text": _text(tag.get("confidence")) or "unknown",
        "source": pack.source,
    }
    pack.tags.append(row | _read_context(tag.get("context")))


def _read_context(context: object) -> dict[str, str | None]:
    """Return the columns that an export of ours wrote into `context`; a foreign context says nothing to us."""
    try:
        kept = json.loads(context).get(CONTEXT_KEY) if isinstance(context, str) and CONTEXT_KEY in context else None
    except (ValueError, AttributeError, RecursionError):
        return {}
    found = kept if isinstance(kept, dict) else {}
    return {column: _text(found[name]) for name, column in _CONTEXT_COLUMNS.items() if name in found}


def _add_actor(pack: _Pack, number: int, actor: Mapping[str, Any]) -> None:
    slug, name = _text(actor.get("id")), _text(actor.get("label"))
    if slug is None and name is None:
        pack.issues.append(_issue(pack, "missing_field", number, "", "an actor needs an id and a label", column="id"))
        return
    context = actor.get("context")
    context = context if isinstance(context, dict) else {}
    aliases = [*_texts(actor.get("aliases")), *_texts(context.get("legal_name")), *_texts(context.get("defilama_ids"))]
    pack.actors.append(
        {
            "slug": slug,
            "name": name or slug,
            "categories": "|".join(_texts(actor.get("categories"))) or None,
            "website": _text(actor.get("uri")),
            "jurisdictions": "|".join(_texts(actor.get("jurisdictions"))) or None,
            "aliases": "|".join(aliases) or None,
            "source": pack.source,
        }
    )


def _text(value: object) -> str | None:
    """Return a scalar as text; containers are never written out, so nested aliases cannot blow up."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, str | int | float):
        return str(value).replace("\0", "").strip() or None
    return None


def _texts(value: object) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [text for text in map(_text, values) if text]


def _issue(pack: _Pack, code: str, number: int, value: str, hint: str, *, column: str | None = None) -> DataIssue:
    return DataIssue(code, "labels", pack.source, str(pack.path), number, column, value, hint)
