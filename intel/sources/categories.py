"""What does a label's category mean, and how far is each source of labels trusted?"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Literal

from intel.config import data_path
from intel.model import CONFIDENCE_LEVELS


@dataclass(frozen=True, slots=True)
class Category:
    """One category slug: what it says about an address (data/categories.toml explains the fields)."""

    slug: str
    kind: Literal["owner", "list", "trait"]
    custodial: bool = False
    service: bool = False
    mints: bool = False
    entity: str | None = None  # the list an entry of this category belongs to
    maps: tuple[str, ...] = ()
    person: bool = False
    concept: str | None = None
    abuse: str | None = None
    topic: str | None = None

    @property
    def names_organisations(self) -> bool:
        """True where whoever is named by an entry is a service or an organisation."""
        return self.kind == "owner" and not self.person


@dataclass(frozen=True, slots=True)
class LabelSource:
    """Trust in one source: level 0..100 for rows without one, who said it first, and whether its names are tags."""

    name: str
    level: int
    origin: str
    tags: bool


@dataclass(frozen=True, slots=True)
class TrustScale:
    """p(label) and its ceiling by level, and by how much each further independent origin shrinks the doubt."""

    rise: float
    levels: tuple[tuple[int, float, float], ...]  # level, p, ceiling; highest level first


@lru_cache(maxsize=1)
def load_categories() -> Mapping[str, Category]:
    """Return our categories by slug (data/categories.toml)."""
    return MappingProxyType(
        {
            slug: Category(slug, **{**row, "maps": tuple(row.get("maps", ()))})
            for slug, row in _read_toml("categories.toml").items()
        }
    )


@lru_cache(maxsize=1)
def _category_words() -> Mapping[str, str]:
    words = {word: category.slug for category in load_categories().values() for word in category.maps}
    return MappingProxyType(words | {slug: slug for slug in load_categories()})


def resolve_category(text: str | None) -> str | None:
    """Return our slug for a category, TagPack concept or raw word of a source; None where we know none."""
    if text is None:
        return None
    return _category_words().get(re.sub(r"[^a-z0-9]+", "_", text.casefold()).strip("_"))


@lru_cache(maxsize=1)
def _load_trust() -> Mapping[str, Any]:
    return MappingProxyType(_read_toml("label_sources.toml"))


def find_label_source(name: str) -> LabelSource:
    """Return the trust in a source; an unlisted one gets the level of `unlisted` and is its own origin."""
    trust = _load_trust()
    row = trust.get(name, trust["unlisted"])
    return LabelSource(name, CONFIDENCE_LEVELS[row["level"]], row.get("origin", name), row.get("tags", False))


def origin_patterns() -> tuple[tuple[str, str], ...]:
    """Return (lower-case text in source_ref or url, origin) pairs, the first that matches wins."""
    return tuple((row["text"], row["origin"]) for row in _load_trust()["origin_pattern"])


def load_trust_scale() -> TrustScale:
    """Return the ASSUMED probabilities by level (data/label_sources.toml)."""
    rows = _load_trust()["probability"]
    levels = sorted(((r["level"], r["p"], r["ceiling"]) for r in rows["levels"]), reverse=True)
    return TrustScale(rows["rise"], tuple(levels))


def _read_toml(name: str) -> dict[str, Any]:
    with data_path(name).open("rb") as file:
        return tomllib.load(file)
