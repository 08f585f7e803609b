"""Which rules of this build were measured on known truth, which are assumed, and how much did each say?"""

from __future__ import annotations

import pyarrow as pa

from intel.store.reader import Reader


def tabulate_weights(reader: Reader) -> pa.Table:
    """Return one row per rule that was on: standing (measured, assumed, not weighed), bits, precision, n, rows, ...

    `precision` is the share of n checked links that were right, with its 95 % interval; `rows` counts its evidence.
    """
    return reader.arrow(
        """select w.heuristic, case when w.weight_bits is null then 'not weighed' when w.is_assumed then 'assumed'
                else 'measured' end as weight, w.weight_bits, w.precision, w.precision_low, w.precision_high, w.n,
            w.measured_on, w.measured_at::date as measured_day, coalesce(e.rows, 0) as rows, w.family, w.consent,
            w.version
        from beliefs.weights w left join (
            select heuristic, version, count(*) as rows from beliefs.evidence group by 1, 2) e
            using (heuristic, version)
        order by w.is_assumed, rows desc, w.heuristic"""
    )


def count_weights(reader: Reader) -> dict[str, int]:
    """Return how many rules, and how many evidence rows, have a measured or an assumed weight."""
    rows = tabulate_weights(reader).select(["weight", "rows"]).to_pylist()
    found = {f"{what}_{name}": 0 for name in ("measured", "assumed", "not weighed") for what in ("rules", "rows")}
    for row in rows:
        found[f"rules_{row['weight']}"] += 1
        found[f"rows_{row['weight']}"] += row["rows"]
    return found


def count_answers(reader: Reader) -> pa.Table:
    """Return how many addresses this build answers for, by status, tier and visibility, of all that it knows."""
    return reader.arrow(
        """select case when visibility = 'private' then 'private' else status end as status, tier,
            count(distinct (chain, address)) as addresses,
            count(distinct (chain, address)) / (select greatest(count(*), 1) from facts.addresses)::double as share
        from beliefs.attributions group by 1, 2 order by addresses desc, 1, 2"""
    )
