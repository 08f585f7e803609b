"""Does each tiny world lead to the links, owners and flags that its text asks for, and to none that it forbids?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from intel.entities.attribute import attribute_addresses
from intel.entities.cluster import build_clusters
from intel.heuristics import ALL, EvidenceSettings, Heuristic, flag_hygiene, gather_evidence, type_services
from intel.heuristics.gather import run_rules
from intel.store import Connection
from tests.scenarios.worlds import Book, Scenario, load_store, read_scenarios

SCENARIOS = read_scenarios()
LINKS = """
select e.heuristic, l.chain, l.address, e.relation, coalesce(r.address, e.right_entity), e.weight_bits
from beliefs.evidence e
join facts.addresses l on l.address_id = e.left_id
left join facts.addresses r on r.address_id = e.right_id
"""
GROUPS = """
select c.cluster_id, a.address, c.tier from beliefs.clusters c join facts.addresses a on a.address_id = c.address_id
where starts_with(c.cluster_id, 'anon-')
"""


def run_engine(con: Connection) -> None:
    flag_hygiene(con)
    type_services(con)
    reports = gather_evidence(con)
    assert [report.name for report in reports] == [rule.name for rule in ALL if rule.is_on]
    assert not [report for report in reports if report.failed]
    build_clusters(con)
    attribute_addresses(con)


@pytest.fixture(scope="module")
def world() -> Iterator[tuple[Connection, Book]]:
    """All scenarios in one store, each on its own chain: what leaks from one to the next breaks both."""
    con, book = load_store(SCENARIOS)
    run_engine(con)
    yield con, book
    con.close()


def find_links(scenario: Scenario, con: Connection, wanted: str) -> list[tuple[object, ...]]:
    """Evidence rows that fit `rule: left relation right bits`; rule and bits may be missing, * fits everything."""
    rule, _, link = wanted.rpartition(": ")
    left, relation, right, *bits = link.split()
    entities = {label.split()[1] for label in scenario.labels}
    form = (
        rule or "*", scenario.chain_of(left.partition("@")[2]),
        "*" if left == "*" else scenario.address(left), relation,
        right if right == "*" or right in entities else scenario.address(right), float(bits[0]) if bits else "*",
    )  # fmt: skip
    return [
        row
        for row in con.execute(LINKS).fetchall()
        if all(want in {"*", got} for want, got in zip(form, row, strict=True))
    ]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_world(scenario: Scenario, world: tuple[Connection, Book]) -> None:
    con, book = world
    for wanted in scenario.expect:
        assert find_links(scenario, con, wanted), (wanted, con.execute(LINKS).fetchall())
    for unwanted in scenario.forbid:
        assert not find_links(scenario, con, unwanted), unwanted
    check_groups(scenario, con)
    check_owners(scenario, con)
    check_flags(scenario, con, book)
    check_services(scenario, con)


def test_empty_store_has_no_input() -> None:
    con, _ = load_store([])
    run_engine(con)
    assert all(report.note.startswith("no input: ") for report in gather_evidence(con))
    for table in ("evidence", "clusters", "attributions", "roles", "services", "transfer_flags"):
        assert con.execute(f"select count(*) from beliefs.{table}").fetchone() == (0,)
    con.close()


def test_a_failing_rule_does_not_stop_the_others() -> None:
    con, _ = load_store([scenario for scenario in SCENARIOS if scenario.name == "exclusive_deposit: positive"])
    flag_hygiene(con)
    type_services(con)
    broken = replace(ALL[0], name="broken", params={}, sql="select 1 as no_such_column")
    failed, *others = run_rules(con, [broken, *ALL], EvidenceSettings())
    assert failed.failed
    assert "left_id" in failed.note
    assert not any(report.failed for report in others)
    assert sum(report.rows for report in others) > 0
    con.close()


def check_groups(scenario: Scenario, con: Connection) -> None:
    groups = {address: (group, tier) for group, address, tier in con.execute(GROUPS).fetchall()}
    for text in scenario.together:
        first, second, tier = text.split()
        assert groups[scenario.address(first)] == groups[scenario.address(second)]
        assert groups[scenario.address(first)][1] == tier
    for text in scenario.apart:
        first, second = map(scenario.address, text.split())
        assert first not in groups or second not in groups or groups[first] != groups[second]


def check_owners(scenario: Scenario, con: Connection) -> None:
    for text in scenario.owners:
        nickname, entity, tier, role = text.split()
        rows = con.execute(
            "select entity_id, tier, role from beliefs.attributions where chain = ? and address = ?",
            [scenario.chain, scenario.address(nickname)],
        ).fetchall()
        assert rows == [(entity, tier, role)], text


def check_flags(scenario: Scenario, con: Connection, book: Book) -> None:
    for text in scenario.flags:
        name, wanted = text.split()
        flags = con.execute(
            "select distinct flag from beliefs.transfer_flags where transfer_id = ?", [book.names[scenario.name, name]]
        ).fetchall()
        assert [flag for (flag,) in flags] == ([] if wanted == "-" else [wanted]), text


def check_services(scenario: Scenario, con: Connection) -> None:
    for text in scenario.services:
        nickname, wanted = text.split()
        kinds = con.execute(
            "select s.kind from beliefs.services s join facts.addresses a on a.address_id = s.address_id "
            "where a.chain = ? and a.address = ?",
            [scenario.chain, scenario.address(nickname)],
        ).fetchall()
        assert (wanted,) in kinds if wanted != "-" else not kinds, (text, kinds)


@pytest.mark.parametrize("rule", ALL, ids=lambda rule: rule.name)
def test_every_rule_has_its_five_cases(rule: Heuristic) -> None:
    names = [scenario.name.partition(": ")[2] for scenario in SCENARIOS if scenario.name.startswith(f"{rule.name}: ")]
    for case in ("positive", "near miss", "hub", "partial history", "empty store"):
        assert any(name.startswith(case) for name in names), case
