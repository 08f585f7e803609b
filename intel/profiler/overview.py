"""What does this store hold, what went wrong on the way in, and where could one start looking?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from intel.model import ISSUE_CODES
from intel.store import open_connection
from intel.store.lake import Lake
from intel.store.reader import Reader


@dataclass(frozen=True, slots=True)
class Example:
    """A subject worth opening first, and why."""

    subject: str
    why: str


def count_contents(reader: Reader) -> dict[str, int]:
    """Return how many transfers, addresses, tokens, labels, named entities, addresses with a known owner there are."""
    return reader.once("contents", lambda: _count_contents(reader))


def _count_contents(reader: Reader) -> dict[str, int]:
    row = reader.query(
        """select (select count(*) from facts.transfers), (select count(*) from facts.addresses),
            (select count(*) from facts.assets), (select count(*) from beliefs.labels),
            (select count(distinct entity_id) from beliefs.entities where kind <> 'anonymous'),
            (select count(distinct (chain, address)) from beliefs.attributions),
            (select count(*) from beliefs.evidence)"""
    )[0]
    names = ("transfers", "addresses", "tokens", "labels", "entities", "attributed", "evidence")
    return dict(zip(names, (int(value) for value in row), strict=True))


def list_examples(reader: Reader) -> list[Example]:
    """Return one busy address per state of knowledge that this store has: the same ones each time."""
    return reader.once("examples", lambda: _list_examples(reader))


_BUSY = "coalesce(s.transfers_in, 0) + coalesce(s.transfers_out, 0) desc, a.address"
_EXAMPLES = (
    ("The busiest address that a published label names",
     f"""select a.address from beliefs.attributions a join facts.address_stats s using (address_id)
     where a.status = 'labelled' and a.visibility = 'public' order by {_BUSY} limit 1"""),
    ("The busiest address attributed by evidence alone",
     f"""select a.address from beliefs.attributions a join facts.address_stats s using (address_id)
     where a.status = 'attributed' order by {_BUSY} limit 1"""),
    ("A busy address that nobody is known to own",
     f"""select a.address from facts.addresses a join facts.address_stats s using (address_id)
     where not exists (select 1 from beliefs.attributions b where b.address_id = a.address_id)
        and not exists (select 1 from beliefs.services v where v.address_id = a.address_id)
     order by {_BUSY} limit 1"""),
    ("An address named by a private label of this store",
     f"""select a.address from beliefs.attributions a left join facts.address_stats s using (address_id)
     where a.visibility = 'private' order by {_BUSY} limit 1"""),
)  # fmt: skip


def _list_examples(reader: Reader) -> list[Example]:
    found = ((why, reader.query(sql)) for why, sql in _EXAMPLES)
    return [Example(str(rows[0][0]), why) for why, rows in found if rows]


def list_tokens(reader: Reader, limit: int = 20) -> list[tuple[str, str]]:
    """Return (`chain:contract`, what it is) of the verified tokens that most addresses moved."""

    def read() -> list[tuple[str, str]]:
        rows = reader.query(
            """select a.chain, a.token, min(coalesce(a.name, a.symbol, 'unnamed')), min(a.symbol), count(*) as moved
            from facts.address_assets p join facts.assets a using (asset_id) where a.is_verified or a.token is null
            group by 1, 2 order by moved desc, 1, 2 nulls first limit $limit""",
            {"limit": limit},
        )
        return [
            (f"{chain}:{token or 'native'}", f"{name} ({symbol or 'no symbol'}) on {chain}")
            for chain, token, name, symbol, _ in rows
        ]

    return reader.once(("tokens", limit), read)


def tabulate_issues(store: Path) -> pa.Table:
    """Return what was wrong in the files taken in: code, meaning, kept, rows, dataset, file, row, value, hint.

    Empty where nothing was wrong. Reads the lake as of its newest run.
    """
    lake = Lake(store)
    head = lake.head()
    con = open_connection(threads=1)
    try:
        lake.attach_table(con, "issues", head.tables.get("issues") if head else None)
        table: pa.Table = con.sql(
            """select code, kept, rows, dataset, source, file, row_number, column_name, value, hint
            from lake_issues order by rows desc, code, dataset, source, file, row_number, column_name, value"""
        ).to_arrow_table()
    finally:
        con.close()
    meanings = [ISSUE_CODES[code][0] if code in ISSUE_CODES else None for code in table["code"].to_pylist()]
    return table.add_column(1, "meaning", pa.array(meanings, pa.string()))
