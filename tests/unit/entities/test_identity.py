"""Do unnamed owners keep their ids over merges and splits, and do old ids lead to the new ones?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest

from intel.entities.identity import settle_identities
from intel.store import Connection, open_connection
from intel.store.ddl import create_tables

ADDRESSES = "abcdef"  # the order in which they were first seen
Event = tuple[str, str, str | None, str]  # what, whose id, the other's id, the address it was minted from


class Ledger:
    """Builds one after the other: each has groups of addresses, and knows what the builds before it said."""

    def __init__(self) -> None:
        self.rows: list[tuple[object, ...]] = []
        self.members: list[tuple[str, str, str]] = []
        self.ids: dict[str, str] = {}  # of the private layer too

    def build(self, groups: Sequence[str], named: Sequence[str] = (), private: Sequence[str] = ()) -> list[Event]:
        """Return the events of a build with these groups; `named` ones are written "slug:members"."""
        con = open_connection(memory="500MB", threads=1)
        con.execute("attach ':memory:' as facts; attach ':memory:' as beliefs")
        create_tables(con, "facts")
        create_tables(con, "beliefs")
        self._fill(con, groups, named, private)
        build_id = f"b{len(self.rows)}"
        settle_identities(con, build_id)
        news = con.execute(
            "select event, entity_id, other_entity_id, address, chain from beliefs.identity where build_id = ? "
            "order by step",
            [build_id],
        ).fetchall()
        minute = len(self.rows)
        self.rows += [
            (build_id, event, one, other, chain, address, f"2024-01-01 00:{minute:02}:00")
            for event, one, other, address, chain in news
        ]
        found = con.execute(
            "select a.address, c.cluster_id, c.visibility from beliefs.clusters c join facts.addresses a "
            "using (address_id) order by all"
        ).fetchall()
        self.ids = {address: one for address, one, visibility in found if visibility == "public"}
        self.private_ids = {address: one for address, one, visibility in found if visibility == "private"}
        self.members = [("eth", address, one) for address, one in self.ids.items() if one.startswith("anon-")]
        self.entities = {row[0] for row in con.execute("select entity_id from beliefs.entities").fetchall()}
        con.close()
        return [row[:4] for row in news]

    def _fill(self, con: Connection, groups: Iterable[str], named: Iterable[str], private: Iterable[str]) -> None:
        for number, address in enumerate(ADDRESSES):
            con.execute(f"insert into facts.addresses values ({number}, 'eth', '{address}', false)")
            con.execute(
                f"insert into facts.address_stats by name select {number} as address_id, {number} as first_block, "
                f"timestamp '2020-01-01' + interval {number} day as first_time"
            )
        public = [(f"anon-{n}", members) for n, members in enumerate(groups)]
        public += [tuple(text.split(":")) for text in named]  # type: ignore[misc]
        layers = [("public", public), ("private", [(f"anon-{n}", members) for n, members in enumerate(private)])]
        for layer, found in layers:
            for cluster_id, members in found:
                for address in members:
                    con.execute(
                        "insert into beliefs.clusters by name select ? as cluster_id, ? as address_id, "
                        "'confirmed' as tier, ? as visibility",
                        [cluster_id, ADDRESSES.index(address), layer],
                    )
        con.execute(
            "create temp table lake_identity (build_id varchar, event varchar, entity_id varchar, "
            "other_entity_id varchar, chain varchar, address varchar, recorded_at timestamp)"
        )
        for row in self.rows:
            con.execute("insert into lake_identity values (?, ?, ?, ?, ?, ?, ?)", list(row))
        con.execute("create temp table former_members (chain varchar, address varchar, entity_id varchar)")
        for member in self.members:
            con.execute("insert into former_members values (?, ?, ?)", list(member))


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


def test_an_id_is_minted_once_and_stays_whatever_joins(ledger: Ledger) -> None:
    assert [event[::3] for event in ledger.build(["cd"])] == [("mint", "c")]
    first = ledger.ids["c"]
    assert ledger.build(["cd"]) == []
    assert ledger.build(["acde"]) == []  # an earlier address joins: the id stays with the one it was minted from
    assert set(ledger.ids.values()) == {first} == ledger.entities


def test_of_two_that_merge_the_earlier_address_keeps_its_id_and_a_split_gives_the_other_back(ledger: Ledger) -> None:
    ledger.build(["ab", "cd"])
    before = dict(ledger.ids)
    assert ledger.build(["abcd"]) == [("merge", before["c"], before["a"], "c")]
    assert set(ledger.ids.values()) == {before["a"]}
    assert ledger.build(["abcd"]) == []
    assert ledger.build(["ab", "cd"]) == [("split", before["c"], before["a"], "c")]
    assert ledger.ids == before


def test_the_side_without_the_first_address_gets_an_id_that_says_whence_it_came(ledger: Ledger) -> None:
    ledger.build(["abcdef"])
    whole = ledger.ids["a"]
    (event,) = ledger.build(["ab", "cdef"])
    assert (event[0], event[2:]) == ("split", (whole, "c"))
    assert ledger.ids["a"] == whole != ledger.ids["c"] == event[1]


def test_an_owner_that_gets_a_name_is_merged_into_it_and_comes_back_without_it(ledger: Ledger) -> None:
    ledger.build(["ab"])
    unnamed = ledger.ids["a"]
    assert ledger.build([], named=["alice:ab"]) == [("merge", unnamed, "alice", "a")]
    assert set(ledger.ids.values()) == {"alice"}
    assert ledger.build(["ab"]) == [("split", unnamed, "alice", "a")]
    assert set(ledger.ids.values()) == {unnamed}


def test_an_owner_that_moves_on_from_one_name_to_another_is_followed(ledger: Ledger) -> None:
    ledger.build(["ab", "cd"])
    one, other = ledger.ids["a"], ledger.ids["c"]
    ledger.build(["abcd"])
    assert ledger.build(["ab"], named=["bob:cd"]) == [("merge", other, "bob", "c")]
    assert ledger.ids["a"] == one


def test_private_groups_take_the_public_ids_and_leave_no_trace(ledger: Ledger) -> None:
    ledger.build(["bc"])
    public = ledger.ids["b"]
    assert ledger.build(["bc"], private=["abc", "ef"]) == []
    assert {ledger.private_ids[address] for address in "abc"} == {public}
    assert ledger.private_ids["e"] == ledger.private_ids["f"] != public
    hidden = ledger.private_ids["e"]
    assert [event[:2] for event in ledger.build(["bc", "ef"])] == [("mint", hidden)]
