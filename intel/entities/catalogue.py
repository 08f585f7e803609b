"""Which entity does a name mean, by our own core and the actor files?"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from intel.config import data_path
from intel.entities.names import drop_generic_ending, drop_remark, normalise_name, read_domain, write_slug
from intel.sources.categories import load_categories, resolve_category

# How sure a name is of its entity: the lowest number wins, a tie between entities resolves nothing.
CORE, NAME, IDENTIFIER, ALIAS = 0, 1, 2, 3
_SHORTEST_ALIAS = 3
_SHORTEST_COMPACT = 6  # "ok ex" is not OKEx: short names are never compared without their spaces
_LONGEST_MINTED = 40
_TICKER = re.compile(r"(.+) [A-Z]{2,6}")  # "Poloniex BAT" is the exchange's wallet for one asset


@dataclass(frozen=True, slots=True)
class Known:
    """An entity of the ontology before any label: `kind` is owner or list."""

    slug: str
    name: str
    category: str
    kind: str = "owner"
    parent: str | None = None
    website: str | None = None


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a text means: a known entity, or several candidates, or a name fit to be minted, or none of these."""

    text: str
    key: str
    slug: str | None = None
    strength: int | None = None
    candidates: tuple[str, ...] = ()
    is_mintable: bool = False


@dataclass(slots=True)
class Catalogue:
    """Known entities and every name that finds them."""

    entities: dict[str, Known] = field(default_factory=dict)
    names: dict[str, dict[str, int]] = field(default_factory=dict)  # key -> slug -> strength
    spellings: dict[tuple[str, str], str] = field(default_factory=dict)  # (key, slug) -> as written
    not_owners: frozenset[str] = frozenset()
    not_owner_pattern: re.Pattern[str] = re.compile(r"(?!)")
    _short: dict[str, set[str]] = field(default_factory=dict)  # compact and generic-free forms -> slugs

    def add_name(self, text: str | None, slug: str, strength: int) -> None:
        """Let `text` find the entity; a stronger claim of the same name stays."""
        key = normalise_name(text) if text else ""
        if not text or not key:
            return
        found = self.names.setdefault(key, {})
        if strength < found.get(slug, ALIAS + 1):
            found[slug] = strength
            self.spellings[key, slug] = text
        forms = _loose_forms(key) if strength <= NAME else set()
        for form in forms | ({_compact(text)} - {""} if strength <= IDENTIFIER else set()):
            self._short.setdefault(form, set()).add(slug)

    def find_strongest(self, key: str) -> tuple[list[str], int | None]:
        """Return the entities that claim a normalised name most strongly, sorted, and how strongly."""
        found = self.names.get(key, {})
        best = min(found.values(), default=None)
        return sorted(slug for slug, strength in found.items() if strength == best), best

    def resolve_text(self, text: str) -> Resolution:
        """Say what a source's text for an owner means."""
        key = normalise_name(text)
        slugs, strength = self.find_strongest(key)
        if strength == CORE and len(slugs) == 1:
            return Resolution(text, key, slugs[0], strength)
        if key in self.not_owners or self.not_owner_pattern.search(text):
            return Resolution(text, key)
        if not slugs:
            slugs, strength = self.find_similar(text, key), ALIAS
        if len(slugs) == 1:
            return Resolution(text, key, slugs[0], strength)
        if slugs:
            return Resolution(text, key, candidates=tuple(slugs))
        return Resolution(text, key, is_mintable=_is_service_name(text, key))

    def find_similar(self, text: str, key: str) -> list[str]:
        """Return the entities whose name differs by spaces alone, else by a ticker, else by a generic ending.

        The numbers of a name count before they are dropped: "Telco 214" is "telco214".
        """
        exact = self._short.get(_compact(text), set())
        wallet = _TICKER.fullmatch(text)
        if not exact and wallet and (slugs := self.names.get(normalise_name(wallet[1]), {})):
            exact = {slug for slug, strength in slugs.items() if strength == CORE and self._is_custodial(slug)}
        return sorted(exact or set().union(*(self._short.get(form, set()) for form in _loose_forms(key))))

    def _is_custodial(self, slug: str) -> bool:
        return load_categories()[self.entities[slug].category].custodial

    def find_ancestors(self, slug: str) -> list[str]:
        """Return the entity and its parents, from itself to the organisation at the top."""
        line = [slug]
        while (known := self.entities.get(line[-1])) and known.parent and known.parent not in line:
            line.append(known.parent)
        return line

    def add_parents(self, slugs: set[str]) -> set[str]:
        """Return the entities with all their parents."""
        return {ancestor for slug in slugs for ancestor in self.find_ancestors(slug)}


def _compact(text: str) -> str:
    """Return a text's letters and digits; '' where too few are left to compare without the spaces."""
    compact = "".join(character for character in text.casefold() if character.isalnum())
    return compact if len(compact) >= _SHORTEST_COMPACT else ""


def _loose_forms(key: str) -> set[str]:
    return {form for form in (drop_generic_ending(key), _compact(key)) if len(form) >= _SHORTEST_ALIAS}


def _is_service_name(text: str, key: str) -> bool:
    letters = sum(character.isalpha() for character in key)
    return (
        "," not in drop_remark(text)
        and letters >= 2
        and len(key) <= _LONGEST_MINTED
        and not re.fullmatch(r"[0-9a-f]{16,}", key)
    )


def load_core() -> Catalogue:
    """Return the hand-written core (data/ontology.toml)."""
    with data_path("ontology.toml").open("rb") as file:
        core = tomllib.load(file)
    patterns = "|".join(core["not_owner_patterns"])
    catalogue = Catalogue(
        not_owners=frozenset(map(normalise_name, core["not_owners"])),
        not_owner_pattern=re.compile(patterns, re.IGNORECASE),
    )
    for row in core["entities"]:
        fields = {name: row[name] for name in ("slug", "name", "category", "kind", "parent", "website") if name in row}
        catalogue.entities[row["slug"]] = Known(**fields)
        for text in (row["name"], row["slug"], *row["aliases"]):
            catalogue.add_name(text, row["slug"], CORE)
        catalogue.add_name(read_domain(row.get("website")), row["slug"], ALIAS)
    return catalogue


def add_actors(catalogue: Catalogue, actors: Iterable[Mapping[str, Any]]) -> None:
    """Add the rows of lake.actors: to the core entity of that name, to an earlier actor, or as an entity of its own.

    Rows that bring their own slug come first, so that files without slugs join them by name.
    """
    columns = ("source", "slug", "name", "categories", "website", "aliases", "parent")
    rows = sorted(actors, key=lambda row: (not row["slug"], *(row[column] or "" for column in columns)))
    for row in rows:
        name = row["name"] or row["slug"]
        slug = _find_actor(catalogue, row["slug"], name)
        category, kind = _choose_category(row["categories"])
        known = catalogue.entities.get(slug)
        if known is None:
            parent = write_slug(normalise_name(row["parent"])) if row["parent"] else None
            catalogue.entities[slug] = Known(slug, name, category, kind, parent, row["website"])
        elif known.website is None and row["website"]:
            catalogue.entities[slug] = replace(known, website=row["website"])
        catalogue.add_name(name, slug, NAME)
        catalogue.add_name(row["slug"], slug, IDENTIFIER)
        for alias in (row["aliases"] or "").split("|"):
            if len(alias.strip()) >= _SHORTEST_ALIAS:
                catalogue.add_name(alias, slug, ALIAS)
        catalogue.add_name(read_domain(row["website"]), slug, ALIAS)


def _find_actor(catalogue: Catalogue, identifier: str | None, name: str) -> str:
    for text in (name, identifier):
        slugs, strength = catalogue.find_strongest(normalise_name(text)) if text else ([], None)
        if len(slugs) == 1 and strength == CORE:
            return slugs[0]
    if identifier:
        return write_slug(normalise_name(identifier))
    slugs, strength = catalogue.find_strongest(normalise_name(name))
    if strength is None or strength > IDENTIFIER:
        slugs = catalogue.find_similar(name, normalise_name(name))
    if len(slugs) == 1:
        return slugs[0]
    return write_slug(normalise_name(name))


def _choose_category(text: str | None) -> tuple[str, str]:
    """Return the most telling category of an actor, and its kind; vague ones such as organisation come last."""
    categories = load_categories()
    slugs = [slug for word in (text or "").split("|") if (slug := resolve_category(word))]
    telling = [slug for slug in slugs if slug not in ("organisation", "other", "infrastructure", "token")]
    if {"dex", "lending_defi"} & set(telling):
        telling = [slug for slug in telling if slug != "exchange"]  # actor files call a DEX an exchange as well
    order = {slug: rank for rank, slug in enumerate(categories)}
    best = min(telling or slugs or ["other"], key=lambda slug: order[slug])
    return best, "list" if categories[best].kind == "list" else "owner"
