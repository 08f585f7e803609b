"""What evidence do the rules find, and which of them could not look?"""

from __future__ import annotations

import time
from collections.abc import Sequence

from intel.errors import EngineLost, IntelError
from intel.heuristics.base import RESULT_COLUMNS, EvidenceSettings, Heuristic, RuleReport, Value
from intel.heuristics.inputs import prepare_inputs
from intel.heuristics.requirements import REQUIREMENTS
from intel.heuristics.weights import Weight, load_weights, record_weights
from intel.store import DatabaseError, Engine, is_machine_error

_INSERT = """
insert into beliefs.evidence by name
select *, $heuristic as heuristic, $version as version, $family as family, $weight_is_assumed as weight_is_assumed
from ({sql}) found
"""


def run_rules(con: Engine, rules: Sequence[Heuristic], settings: EvidenceSettings) -> list[RuleReport]:
    """Run `rules` in order and insert what each finds into beliefs.evidence.

    A rule that fails leaves no rows, is reported with its error, and does not stop the others; a lack of memory or
    disk is no fault of the rule, and raised.
    """
    record_weights(con, rules, settings)
    running = [rule for rule in rules if settings.runs(rule)]
    queries = [" ".join([rule.sql, *(REQUIREMENTS[name][0] for name in rule.requires)]) for rule in running]
    made: set[str] = set()
    reports = []
    for place, rule in enumerate(running):
        prepare_inputs(con, queries[place:], made)
        reports.append(run_rule(con, rule, settings))
    prepare_inputs(con, [], made)
    return reports


def run_rule(con: Engine, rule: Heuristic, settings: EvidenceSettings) -> RuleReport:
    """Run one rule; its inputs must have been created on this connection."""
    started = time.monotonic()
    try:
        missing = find_missing(con, rule)
        if missing:
            return RuleReport(rule.name, 0, time.monotonic() - started, f"no input: {missing}")
        rows = _insert_evidence(con, rule, settings)
    except EngineLost:
        raise
    except (IntelError, DatabaseError) as error:
        if isinstance(error, DatabaseError) and is_machine_error(error):
            raise  # a build without this rule would have the name of the whole one
        return RuleReport(rule.name, 0, time.monotonic() - started, str(error), failed=True)
    return RuleReport(rule.name, rows, time.monotonic() - started)


def find_missing(con: Engine, rule: Heuristic) -> str:
    """Return what the rule requires and this store does not have, in words; "" when it can run."""
    gaps = []
    for requirement in rule.requires:
        query, words = REQUIREMENTS[requirement]
        found = con.execute(query).fetchone()
        if found is None or not found[0]:
            gaps.append(words)
    return "; ".join(gaps)


def _insert_evidence(con: Engine, rule: Heuristic, settings: EvidenceSettings) -> int:
    columns = ", ".join(RESULT_COLUMNS)
    query = f"select {columns} from ({rule.sql}) result"
    weight = load_weights().get(rule.name)
    counted = con.execute(
        _INSERT.format(sql=query),
        {
            **bind_params(rule, weight, settings),
            "heuristic": rule.name,
            "version": rule.version,
            "family": rule.family,
            "weight_is_assumed": weight is None,
        },
    ).fetchone()
    return int(counted[0]) if counted else 0


def bind_params(rule: Heuristic, weight: Weight | None, settings: EvidenceSettings) -> dict[str, Value]:
    """Return the values for a rule's $parameters: its own, the measured weight, then what the settings say."""
    measured = {"weight_bits": weight.bits} if weight is not None and "weight_bits" in rule.params else {}
    return {**rule.params, **measured, **settings.params.get(rule.name, {})}
