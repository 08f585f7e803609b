"""What should people know before they rely on the model of roles? Its card, written from measured figures alone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from roles_card_real import MISSING, find, say, write_hop, write_real
from roles_plots import plot_precision, plot_reliability

from intel.ml.feature_list import FEATURES
from intel.ml.roles import RoleModel
from intel.ml.strangeness import POINTS
from intel.ml.training import KNOWN_SHARE

Figures = Mapping[str, Any]


def write_card(model: RoleModel, figures: Figures, day: date) -> str:
    """Return docs/model_card.md; what was not measured is said to be so."""
    parts = [
        _write_head(model, day) + _write_dates(figures),
        _write_aims(figures),
        _write_readings(figures),
        _write_worlds(figures),
        _write_curves(),
        _write_controls(figures),
        _write_open(figures),
        write_real(figures),
        write_hop(figures),
        _write_limits(figures),
        _write_features(),
    ]
    return "\n\n".join(parts) + "\n"


def _write_head(model: RoleModel, day: date) -> str:
    info = model.info
    cuts = " and ".join(f"{cut:.0%}" for cut in info["cut_offs"])
    return f"""# Model card: roles of addresses

Written by `bench/roles.py --write-card` on {day.isoformat()}: do not edit.

`intel build` says what an address is for where no label, rule or ledger fact does. Such a role is a prediction: its
basis is `model {model.version}`, its probability is calibrated, its explanation names the figures for and against. No
link, owner or cluster rests on one.

- Model: histogram gradient boosting, {len(model.trees.root):,} trees, kept as plain arrays (`data/roles.npz`, no
  pickle) and bound to its features by the digest `{model.features}`.
- Learnt on: {info["learnt_on"]}, as they stood at {cuts} of their span;
  {info["examples"]:,} examples of {info["owners"]:,} owners. No real address and no shared data set is in it.
- Weights: an owner counts for the root of the number of its addresses in a role; rare roles are raised.
- Probability: temperature {model.temperature:g}, then isotonic, fitted on held-out owners, each of equal weight.
- It abstains below a probability of {model.least_sure:g}, and where an address is stranger than {KNOWN_SHARE:.0%} of
  held-out known ones. Strangeness: how rare the model's doubt is among known addresses, and how rare the distance to
  the nearest of {POINTS} typical examples of its role, added up as Fisher does. Both choices were made on tuning
  economies with roles held out whole (smaller models, learnt on three seeds, asked on two): at 99 % the model answers
  83 % of the deposit addresses and 82 % of the sybils that it never saw, at 95 % 40 % and 16 %, for five in a hundred
  fewer answers on known kinds.
- Needs: {", ".join(info["inputs"])}. A store that lacks one of these gets no predictions, and the build says so.
- Roles: {", ".join(role.replace("_", " ") for role in model.roles)}."""


def _write_dates(figures: Figures) -> str:
    """Say which figures are of an earlier run; those carry their date as `measured_on`."""
    older = {name: one["measured_on"] for name, one in figures.items() if "measured_on" in one}
    return "".join(f"\n- Measured before, on {day}: {name}." for name, day in sorted(older.items()))


def _write_aims(figures: Figures) -> str:
    rows = ["## Aims", "", "| set | figure | aim | measured |", "|---|---|---|---|"]
    for preset, aim in (("default", ">= .900"), ("hard", "baseline + .100")):
        of = ("worlds", "worlds", preset)
        mine, base = find(figures, *of, "model", "macro_f1"), find(figures, *of, "baseline", "macro_f1")
        each = find(figures, *of, "model", "macro_f1_each") or []
        span = f", seeds {min(each):.3f} to {max(each):.3f}" if each else ""
        rows.append(
            f"| simulated, {preset} | macro F1 | {aim} | {say(mine)} (baseline {say(base)}, on plain counts alone "
            f"{say(find(figures, 'plain', preset))}, shuffled "
            f"{say(find(figures, 'controls', 'shuffled', preset))}"
            f"{span}) |"
        )
        rows.append(f"| simulated, {preset} | ECE | <= .030 | {say(find(figures, *of, 'model', 'ece'), 4)} |")
        whole, top = find(figures, *of, "model", "brier_skill_all_roles"), find(figures, *of, "model", "brier_skill")
        rows.append(
            f"| simulated, {preset} | Brier skill | >= .5 | {say(whole)} over all roles; {say(top)} of the "
            "likeliest role against its base rate |"
        )
    aurocs = _list_aurocs(figures)
    mean = f"mean {sum(aurocs) / len(aurocs):.3f}, least {min(aurocs):.3f}" if aurocs else MISSING
    rows.append(f"| open set, a role held out whole | AUROC | >= .850 | {mean} |")
    for name, what in (
        ("labelled", "Hop roles, labelled addresses"),
        ("with_unlabelled", "Hop roles, unlabelled as other"),
    ):
        of = ("hop", "roles", name)
        plain, weighed = (
            ", ".join(say(find(figures, *of, one, key)) for one in ("baseline", "plain"))
            for key in ("macro_f1", "macro_f1_weighed")
        )
        rows.append(
            f"| {what} | macro F1 | baseline + .100 | {say(find(figures, *of, 'model', 'macro_f1'))} (baseline, and on "
            f"plain counts alone: {plain}); weighed {say(find(figures, *of, 'model', 'macro_f1_weighed'))} "
            f"({weighed}) |"
        )
        rows.append(
            f"| {what} | deposits covered at precision .95 | >= .700 | "
            f"{say(find(figures, *of, 'model', 'deposits_at_95'))} |"
        )
    rule, mine = find(figures, "hop", "sybils", "rule", "f1"), find(figures, "hop", "sybils", "model", "f1")
    rows.append(f"| Hop sybils | F1 | rule + .100 | {say(mine)} (rule {say(rule)}) |")
    speed = find(figures, "speed")
    told = MISSING
    if speed:
        told = (
            f"{speed['wall_seconds']} s wall, {speed['cpu_seconds']} s CPU for {speed['addresses']:,} addresses, "
            f"{speed['features']} features, {speed['peak_gb']} GB"
        )
    rows.append(
        f"| features, {speed['transfers'] if speed else 10_000_000:,} transfers | time on 2 cores | < 120 s | {told} |"
    )
    return "\n".join(rows)


def _write_readings(figures: Figures) -> str:
    right = find(figures, "worlds", "worlds", "hard", "model", "accuracy")
    wrong = MISSING if right is None else f"{1 - right:.1%}"
    return f"""How these aims are read:

- **Hard, baseline + .10**: with the same figures there is nothing to win: logistic regression stands at the ceiling
  too. The economy's own aim is that a logistic baseline stays below .80 on hard; that baseline sees counts, amounts
  and rhythm alone (`bench/world_baselines.py`), as "on plain counts" does here. Against it the aim is met; against the
  same figures it is **missed**. The economy gives its kinds away to these figures (what is called, what is forwarded,
  who the neighbours are); which of them do it was not taken apart.
- **Brier skill**: of the whole forecast (a probability for each role) against always telling the shares of the roles.
  The other reading, of the likeliest role's probability against always telling how often it is right, has next to
  nothing to explain where {wrong} are wrong; it is told beside, and is **missed**.
- **Hop**: like is held against like: likeliest roles, or roles weighed for macro F1 (see below), both ways. Against the
  baseline on the same figures the aim is **missed** either way; against plain counts it is met for likeliest roles
  only. The aim for deposits is **missed**; "Why not more" says what is known of the reasons."""


def plot_curves(figures: Figures) -> dict[str, str]:
    """Return the drawings of the card, by the name of their file; those of what was measured alone."""
    worlds = find(figures, "worlds", "worlds") or {}
    hop, own = find(figures, "hop", "roles", "labelled", "model"), find(figures, "learnt", "own", "model")
    models = {f"simulated, {preset}": found["model"] for preset, found in worlds.items()}
    models |= {
        name: one for name, one in (("Hop, learnt there", hop), ("Ethereum, learnt there", own)) if one is not None
    }
    curves = {name: one["curves"] for name, one in models.items() if "curves" in one}
    bins = {name: one["reliability"] for name, one in models.items() if "reliability" in one}
    return {"model_card_precision.svg": plot_precision(curves), "model_card_reliability.svg": plot_reliability(bins)}


def _write_curves() -> str:
    return """## Curves

Precision over recall, role by role; the five worst of each set are named.

![Precision over recall](model_card_precision.svg)

Reliability: what was told, and the share that was right (owners, brands or components of equal weight).

![Reliability](model_card_reliability.svg)"""


def _list_aurocs(figures: Figures) -> list[float]:
    found = find(figures, "open") or {}
    return [one["auroc"] for one in found.values() if isinstance(one, Mapping)]


def _write_worlds(figures: Figures) -> str:
    lines = [
        "## Simulated economies, owners and time apart",
        "",
        (
            "Learnt on the tuning seeds up to the cut-off; tested on other seeds (every owner is new) at their end, on "
            "addresses that moved after the cut-off. Baseline: logistic regression on the same figures."
        ),
    ]
    for preset, found in (find(figures, "worlds", "worlds") or {}).items():
        model = found["model"]
        lines += [
            "",
            f"### {preset}",
            "",
            (
                f"{model['addresses']:,} addresses of {model['owners']:,} owners; accuracy {model['accuracy']:.4f}. "
                f"It answers {model['answered']:.1%} of them, with a precision of "
                f"{say(model['precision_of_answered'], 4)}. Share that may be "
                f"answered at precision .99: {model['coverage_at_precision']['0.99']:.1%}."
            ),
            "",
            "| role | addresses | precision | recall | F1 | average precision | covered at .95 | baseline F1 |",
            "|---|---:|---:|---:|---:|---:|---:|---:|",
        ]
        for role, one in model["roles"].items():
            base = find(found, "baseline", "roles", role, "f1")
            average = model["average_precision"].get(role)
            lines.append(
                f"| {role} | {one['addresses']:,} | {one['precision']:.3f} | {one['recall']:.3f} | {one['f1']:.3f} | "
                f"{say(average)} | {one['coverage_at_95']:.3f} | {say(base)} |"
            )
        lines += [
            "",
            "Commonest confusions: "
            + "; ".join(f"{one['is']} told as {one['told']} ({one['addresses']})" for one in model["confusions"])
            + ".",
        ]
        lines += [
            "",
            "| probability from | mean told | right, owners of equal weight | addresses |",
            "|---:|---:|---:|---:|",
        ]
        lines += [
            f"| {b['from']:.1f} | {b['told']:.3f} | {b['right']:.3f} | {b['addresses']:,} |"
            for b in model["reliability"]
        ]
    return "\n".join(lines)


def _write_controls(figures: Figures) -> str:
    lines = [
        "## Controls",
        "",
        (
            "Macro F1 on the same tests. Shuffled: roles dealt at random. Noise: that share of the "
            "labels wrong. Source: learnt on one preset, tested on the other."
        ),
        "",
        "| learnt from | default | hard |",
        "|---|---:|---:|",
    ]
    for name, one in (find(figures, "controls") or {}).items():
        lines.append(f"| {name} | {say(one.get('default'))} | {say(one.get('hard'))} |")
    for name, score in (find(figures, "sources") or {}).items():
        lines += ["", f"Source-disjoint, {name}: {score:.3f}."]
    for name in ("labelled", "with_unlabelled"):
        score = find(figures, "hop", "roles", name, "shuffled", "macro_f1")
        lines += ["", f"Hop roles, {name.replace('_', ' ')}, shuffled: {say(score)}."]
    lines += ["", f"Hop sybils, shuffled: {say(find(figures, 'hop', 'sybils', 'shuffled', 'f1'))}."]
    return "\n".join(lines)


def _write_open(figures: Figures) -> str:
    lines = [
        "## Kinds it never saw",
        "",
        (
            "Each role held out whole with a few others; how well its addresses are told from "
            "those of known roles by strangeness, and how many of them get a (wrong) answer all the same."
        ),
        "",
        "| role held out | addresses | AUROC | still answered |",
        "|---|---:|---:|---:|",
    ]
    for role, one in (find(figures, "open") or {}).items():
        if isinstance(one, Mapping):
            lines.append(f"| {role} | {one['addresses']:,} | {one['auroc']:.3f} | {one['still_answered']:.1%} |")
    return "\n".join(lines)


def _write_limits(figures: Figures) -> str:
    found = find(figures, "open") or {}
    passing = [
        f"{role.replace('_', ' ')} ({one['still_answered']:.0%})"
        for role, one in found.items()
        if isinstance(one, Mapping) and one["still_answered"] > 0.2
    ]
    most = f"Held out whole, more than one in five are answered of: {', '.join(passing) or 'none'}."
    return f"""## Known failures

- It knows the simulated economy, not the world: kinds, habits and shares of roles there are ours. On real ledgers its
  probabilities are not calibrated: "Real ledgers" has what it does there. `intel train` learns from a store's own
  labels instead.
- A kind of address it never saw and that looks like a common one is answered wrongly: see "still answered". {most}
- The simulated economy is easy on roles: logistic regression on the same figures does as well as the trees, on default
  and on hard. What is gained is gained by the figures (compare "on plain counts alone"), not by the model.
- Services of which an economy has one or two (lending, marketplace, mixer) are learnt from few examples.
- Of bare leaves (one sender, nothing sent) structure alone cannot tell a deposit address from another.
- Partial history changes degrees, rhythm and rests; what a store did not ingest looks like something that never was."""


def _write_features() -> str:
    lines = [
        "## Figures",
        "",
        (
            "Counted from the ledger before the cut-off; nothing later, no height, date, byte of an address "
            "or label. Neighbours are as they stood at the cut-off."
        ),
        "",
        "| figure | unit | what it says |",
        "|---|---|---|",
    ]
    lines += [f"| {one.name} | {one.unit} | {one.says.replace('{}', 'n')} |" for one in FEATURES]
    return "\n".join(lines)
