"""What does docs/evaluation.md say: the protocol, the aims of the project and what was measured?"""

from __future__ import annotations

from typing import Any

from evidence_pages import FINDINGS, HEAD, WORLDS, Results, choose_worlds, pool_outcome, write_table
from evidence_weights import name_seeds

PROTOCOL = """## Protocol

- **Worlds with a known truth**: the simulated economy (`docs/world.md`), each seed another economy with other owners,
  so that no owner is on both sides of a split. Seeds 101 to 105 are kept for tuning weights, seeds 1 to 10 for
  reporting; which of them were run is said above. The rules themselves were written with a look at seeds 1
  and 2. The build never reads the truth.
- **Split by time**: the same worlds with the first half of each chain's blocks withheld (history begins in the middle),
  and with the second half withheld (as it was known then), by rules and weights that were fitted on whole histories.
- **Without traces**: some blocks lack their internal transfers, and coverage says so.
- **Pairwise** precision and recall count pairs of addresses, exactly, from the contingency of clusters and owners;
  **B-cubed** averages each address's own, so that giants do not decide. Addresses that never occur count as missed:
  the **ceiling** is the recall that would be left if all others were placed rightly.
- **Coverage at precision p** is the largest share of all addresses that can be answered, surest first, with p of the
  answers right. Hide and recover: 30 % of the owners are wholly unknown, of each other owner half of the addresses are
  labelled; the labels spread along the links of the build; median of 20 splits.
- **Intervals**: bootstrap over owners (1,000 draws) where one set is scored, the span over the seeds where worlds are,
  Clopper-Pearson for shares of errors. No error seen is told with its 95 % upper bound.
- **Calibration**: expected calibration error over 15 bins of equal weight and Brier skill over the base rate; each
  owner weighs one, whatever he owns.
- **The reference** for people's wallets is the best of several degree caps on components of direct transfers, chosen
  with a look at the truth, which is generous to it. For the reviewed groups it is the components of direct transfers
  among the addresses of the truth.
"""


def write_evaluation(results: Results, real: dict[str, Any], fitted: dict[str, Any]) -> str:
    """Return docs/evaluation.md."""
    pooled = {world: pool_outcome(found) for world in WORLDS if (found := choose_worlds(results, *world))}
    days = sorted({one["measured_at"] for one in results})
    sizes = ", ".join(f"{size:,}" for size in sorted({one["transfers"] for one in results}))
    seeds = name_seeds([one["seed"] for one in results])
    told = (
        f"Measured {days[0]}"
        + (f" to {days[-1]}" if len(days) > 1 else "")
        + f"; worlds of {sizes} transfers, seeds {seeds}.\n"
    )
    parts = [
        "# How right is it?\n", HEAD, told, PROTOCOL, "## What must be reached\n", _write_aims(pooled, real), "",
        "## Simulated economies\n", _write_worlds(pooled), "", _write_united(pooled), _write_calibration(pooled),
        _write_real(real),
        _write_weights(fitted), FINDINGS.read_text(encoding="utf-8") if FINDINGS.is_file() else "",
    ]  # fmt: skip
    return "\n".join(part for part in parts if part is not None).rstrip() + "\n"


def _mark(is_met: bool | None) -> str:
    return {True: "yes", False: "**no**", None: "not measured"}[is_met]


def _write_aims(pooled: dict[tuple[str, str], dict[str, Any]], real: dict[str, Any]) -> str:
    rows = [*_aim_at_hop(real.get("hop")), *_aim_at_worlds(pooled), _aim_at_hidden(real.get("hidden"))]
    rows += _aim_at_calibration(pooled)
    return write_table(("set", "figure", "aim", "measured", "reached"), rows)


def _aim_at_hop(hop: dict[str, Any] | None) -> list[tuple[str, ...]]:
    name = "reviewed groups of the Hop airdrop, edges only"
    if hop is None:
        return [(name, "pairwise and B-cubed F1", ">= 1.6 times the reference", "", _mark(None))]
    rows = []
    for part, words in (("pairwise", "pairwise F1"), ("bcubed", "B-cubed F1")):
        ours, base = hop[part], hop["reference"][part]
        span = "{:.3f} to {:.3f}".format(*ours["intervals"]["f1"])
        ratio = ours["f1"] / base["f1"]
        told = f"{ours['f1']:.3f} ({span}); reference {base['f1']:.3f}; {ratio:.2f} times"
        rows.append((name, words, ">= 1.6 times the reference", told, _mark(ratio >= 1.6)))
    precision = hop["pairwise"]["precision"]
    largest = hop["largest_nameless"]["addresses"] if hop["largest_nameless"] else 0
    told = f"{precision:.3f}; largest cluster {largest:,} addresses"
    hidden = hop["hide_and_recover"]["coverage_at_precision"]["0.95"]
    span = f"{hidden['median']:.3f} ({hidden['lowest']:.3f} to {hidden['highest']:.3f})"
    return [
        *rows,
        (name, "pairwise precision", ">= .85", told, _mark(precision >= 0.85)),
        (name, "hidden addresses, coverage at precision .95", ">= .42", span, _mark(hidden["median"] >= 0.42)),
    ]


def _aim_at_worlds(pooled: dict[tuple[str, str], dict[str, Any]]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for preset, recall, f1 in (("default", 0.95, 0.70), ("hard", 0.90, 0.55)):
        if (preset, "whole") in pooled:
            found = pooled[preset, "whole"]
            aims = [*_aim_at_merges(found), *_aim_at_deposits(found["deposits"], recall), _aim_at_wallets(found, f1)]
            rows += [(f"simulated, {preset}, {found['seeds']} seeds", *aim) for aim in aims]
    return rows


def _aim_at_merges(found: dict[str, Any]) -> list[tuple[str, ...]]:
    united, wallets = sum(found["united"].values()), found["wallets"]
    told = f"{wallets['recall']:.3f}, lowest {wallets['recall_worst']:.3f}"
    return [
        ("never-merge pairs united", "0", f"{united}", _mark(united == 0)),
        ("people's wallets, B-cubed recall in the same runs", ">= .5", told, _mark(wallets["recall_worst"] >= 0.5)),
    ]


def _aim_at_deposits(found: dict[str, Any], recall: float) -> list[tuple[str, ...]]:
    right = f"{found['precision']:.4f} (at least {found['low']:.4f}), {found['found']:,} found"
    reached = f"{found['recall']:.3f}, lowest {found['recall_worst']:.3f}"
    return [
        ("deposit addresses, precision", ">= .995", right, _mark(found["precision"] >= 0.995)),
        ("deposit addresses, recall", f">= {recall:.2f}", reached, _mark(found["recall"] >= recall)),
    ]


def _aim_at_wallets(found: dict[str, Any], f1: float) -> tuple[str, ...]:
    wallets = found["wallets"]
    span = f"{wallets['f1']:.3f} ({wallets['worst']:.3f} to {wallets['best']:.3f})"
    told = f"{span}; reference {wallets['reference']:.3f}, above it in {wallets['above']} of {found['seeds']}"
    is_met = wallets["f1"] >= f1 and wallets["above"] == found["seeds"]
    return ("people's wallets, B-cubed F1", f">= {f1:.2f} and above the reference", told, _mark(is_met))


def _aim_at_hidden(hidden: dict[str, Any] | None) -> tuple[str, ...]:
    name = "labelled exchange addresses on real Ethereum sets, hidden"
    if hidden is None:
        return (name, "wrong attributions", "<= 1", "", _mark(None))
    told = (
        f"{hidden['wrong']} of {hidden['answered']} answers (at most {100 * hidden['upper']:.1f} %), of "
        f"{hidden['hidden']} hidden (at most {100 * hidden['upper_of_hidden']:.1f} %)"
    )
    is_met = hidden["wrong"] <= 1 if hidden["answered"] else None  # no answer proves nothing
    return (name, "wrong attributions", "<= 1", told, _mark(is_met))


def _aim_at_calibration(pooled: dict[tuple[str, str], dict[str, Any]]) -> list[tuple[str, ...]]:
    rows = []
    for (preset, variant), found in pooled.items():
        told = found["calibration"]
        name = f"all links, simulated, {WORLDS[preset, variant]}"
        if not told["links"]:
            rows.append((name, "calibration error; Brier skill", "<= .03; >= .3", "", _mark(None)))
            continue
        skill = told["brier_skill"]
        text = f"{told['ece']:.3f}; {'not defined' if skill is None else f'{skill:.3f}'}, {told['links']:,} links"
        is_met = told["ece"] <= 0.03 and skill is not None and skill >= 0.3
        rows.append((name, "calibration error; Brier skill", "<= .03; >= .3", text, _mark(is_met)))
    return rows


def _write_worlds(pooled: dict[tuple[str, str], dict[str, Any]]) -> str:
    head = (
        "world", "seeds", "deposits P", "deposits R", "best R", "wallets B-cubed P", "R", "F1", "reference F1",
        "pairwise P", "pairwise R", "largest nameless cluster",
    )  # fmt: skip
    rows = [
        (WORLDS[world], one["seeds"], f"{one['deposits']['precision']:.4f}", f"{one['deposits']['recall']:.3f}",
         f"{one['deposits']['ceiling']:.3f}",
         *(f"{one['wallets'][name]:.3f}" for name in ("precision", "recall", "f1", "reference")),
         *(f"{one['pairwise'][name]:.3f}" for name in ("precision", "recall")), one["largest"])
        for world, one in pooled.items()
    ]  # fmt: skip
    return write_table(head, rows)


def _write_united(pooled: dict[tuple[str, str], dict[str, Any]]) -> str:
    lines = [
        f"- {WORLDS[world]}: {', '.join(f'{case} {n}' for case, n in sorted(one['united'].items())) or 'none'}"
        for world, one in pooled.items()
    ]
    return "Pairs of the twenty never-merge cases that were united, all seeds together:\n\n" + "\n".join(lines) + "\n"


def _write_calibration(pooled: dict[tuple[str, str], dict[str, Any]]) -> str:
    rows = []
    for world, one in pooled.items():
        for relation, told in one["relations"].items():
            skill = "not defined" if told["brier_skill"] is None else f"{told['brier_skill']:.3f}"
            rows.append((
                WORLDS[world], f"`{relation}`", f"{told['links']:,}", f"{told['said']:.3f}", f"{told['right']:.3f}",
                f"{told['ece']:.3f}", skill,
            ))  # fmt: skip
    if not rows:
        return ""
    head = ("world", "relation", "links", "probability said", "share right", "calibration error", "Brier skill")
    return (
        "How sure the links are and how many are right, each owner weighing one:\n\n" + write_table(head, rows) + "\n"
    )


def _write_real(real: dict[str, Any]) -> str:
    hop, hidden = real.get("hop"), real.get("hidden")
    if not hop and not hidden:
        return "## Real ledgers\n\nNot measured: INTEL_DATA_MIRROR names no copy of the public sets.\n"
    parts = ["## Real ledgers\n"]
    if hop:
        truth, ceiling = hop["truth"], hop["ceiling"]
        parts.append(
            f"Hop: {truth['addresses']:,} addresses of {truth['groups']} groups, {truth['in_ledger']:,} of which "
            f"occur; with all of those placed rightly pairwise recall is {ceiling['recall']:.3f} and B-cubed recall "
            f"{ceiling['bcubed_recall']:.3f}, so that B-cubed F1 cannot exceed "
            f"{2 * ceiling['bcubed_recall'] / (1 + ceiling['bcubed_recall']):.3f}.\n"
        )
        rows = []
        for part, words in (("pairwise", "pairwise"), ("bcubed", "B-cubed")):
            for who, score in (("engine", hop[part]), ("components of direct transfers", hop["reference"][part])):
                rows.append((words, who, *(f"{score[name]:.3f}" for name in ("precision", "recall", "f1"))))
        parts.append(write_table(("", "who", "precision", "recall", "F1"), rows) + "\n")
        sizes = [
            (f"{row['from']:,} to {row['to']:,}", row["clusters"], f"{row['pairs']:,}", f"{row['wrong']:,}",
             f"{row['precision']:.3f}") for row in hop["errors_by_size"]
        ]  # fmt: skip
        parts.append(write_table(("addresses of the cluster", "clusters", "pairs", "wrong", "precision"), sizes) + "\n")
    if hidden:
        parts.append(
            f"Hidden exchange addresses: {hidden['hidden']} labelled ones, each hidden once with every claim about "
            f"it; {hidden['answered']} were attributed again, {hidden['wrong']} of them wrongly.\n"
        )
    return "\n".join(parts)


def _write_weights(fitted: dict[str, Any]) -> str:
    if not fitted:
        return "## Weights\n\nNone is measured so far: all weights of this engine are assumed.\n"
    rows = [
        (f"`{name}`", f"`{row['relation']}`", row["start"], row["measured"], row["bits"], f"{row['n']:,}",
         f"{row['precision']:.3f}") for name, row in sorted(fitted["rules"].items())
    ]  # fmt: skip
    head = ("rule", "relation", "starting bits", "bits measured", "weight now", "links", "precision")
    text = (
        f"## Weights\n\nFitted on seeds {name_seeds(fitted['seeds'])}: log2 odds of the lower end of the precision's "
        "interval, less the prior of the relation; never above the starting weight of the literature, since a "
        "simulation must not add to what is known of real ledgers.\n"
    )
    return text + "\n" + write_table(head, rows) + "\n"
