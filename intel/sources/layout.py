"""What is a file layout: which columns it is known by, and what each of them becomes?"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Shape = Literal["payments", "logs", "traces", "calls"]
# Columns that a shape reads and a file may lack.
SHAPE_COLUMNS: Mapping[Shape, frozenset[str]] = {
    "payments": frozenset(("block_time", "created", "success")),
    "logs": frozenset(("block_time", "topic1", "topic2", "topic3")),
    "traces": frozenset(("block_time", "created", "call_type", "error", "status")),
    "calls": frozenset(("block_time",)),
}
_WORD = re.compile(r"\b[a-z_][a-z0-9_]*\b")


@dataclass(frozen=True)
class Expression:
    """SQL over a file's columns `needs`; the SQL is ours, the names are the tool's."""

    sql: str
    needs: tuple[str, ...]


Term = str | Expression
Columns = Mapping[str, Term | tuple[Term, ...]]


@dataclass(frozen=True)
class Layout:
    """One known file layout.

    `needs` are the columns that must be there, and one of `any_of` where it is not empty. `columns` maps target
    columns to SQL over the file's columns, or to several of which the first that the file can fill is taken; an entry
    whose columns the file lacks is left out. `dataset` is what the rows become in the lake.
    """

    name: str
    dataset: str
    needs: frozenset[str]
    columns: Columns
    where: str = "true"
    kind: str | None = None  # the KIND a user may ask for with --dataset, where it differs from `dataset`
    details: bool = False  # all other columns are kept as one JSON object
    uses: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # columns an expression needs beyond its key
    any_of: tuple[str, ...] = ()
    shape: Shape | None = None  # how `intel.etl` makes transfers of rows that are something else
    tells: tuple[str, ...] = ()  # kinds of transfer whose absence from a block of the file is a fact too
    also: tuple[Layout, ...] = ()  # what else the same rows are

    def fits(self, names: frozenset[str]) -> bool:
        """Say whether a file with these columns (lower case) can be read in this layout."""
        return self.needs <= names and (not self.any_of or not names.isdisjoint(self.any_of))

    def missing(self, names: frozenset[str]) -> list[str]:
        """Return what a file with these columns lacks, as a person would say it."""
        lacking = sorted(self.needs - names)
        if self.any_of and names.isdisjoint(self.any_of):
            lacking.append(f"one of {' / '.join(self.any_of)}")
        return lacking

    def fill(self, column: str, names: frozenset[str]) -> str | None:
        """Return the SQL that fills a target column from a file with these columns, or None where it cannot."""
        entry = self.columns[column]
        for term in entry if isinstance(entry, tuple) else (entry,):
            if isinstance(term, Expression):
                words, sql = term.needs, term.sql
            else:
                words, sql = self.uses.get(column) or tuple(_WORD.findall(re.sub(r"'[^']*'", "", term))), term
            if all(word in names for word in words):
                return sql
        return None
