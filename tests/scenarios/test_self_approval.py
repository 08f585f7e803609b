"""Does the rule that is off by default find what it should once it is on, and no more?"""

from __future__ import annotations

from intel.heuristics import EvidenceSettings, flag_hygiene, gather_evidence, type_services
from tests.scenarios.worlds import load_store, read_scenarios


def test_self_approval_links_one_pair_of_its_worlds() -> None:
    scenarios = [scenario for scenario in read_scenarios() if scenario.name.startswith("self_approval: ")]
    con, _ = load_store(scenarios)
    flag_hygiene(con)
    type_services(con)
    gather_evidence(con, EvidenceSettings(enabled=frozenset({"self_approval"})))
    found = con.execute(
        "select l.address, r.address, e.weight_bits from beliefs.evidence e "
        "join facts.addresses l on l.address_id = e.left_id join facts.addresses r on r.address_id = e.right_id "
        "where e.heuristic = 'self_approval'"
    ).fetchall()
    con.close()
    positive = next(scenario for scenario in scenarios if scenario.name.endswith(": positive"))
    assert found == [(positive.address("alice"), positive.address("second"), 4.0)]
