"""What should the model card say of real data? Its parts on Hop and on the Ethereum sets, from figures alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Figures = Mapping[str, Any]
MISSING = "not measured in this run"
SHARES = ("noise 0.05", "noise 0.1", "noise 0.2")


def say(value: float | None, digits: int = 3) -> str:
    """Write a figure, or that there is none."""
    return MISSING if value is None else f"{value:.{digits}f}"


def find(figures: Figures, *path: str) -> Any:
    """Return what stands at that path, or None."""
    found: Any = figures
    for name in path:
        if not isinstance(found, Mapping) or name not in found:
            return None
        found = found[name]
    return found


def say_confusions(found: list[Mapping[str, Any]]) -> str:
    """Write the commonest errors as one line."""
    told = "; ".join(f"{one['is']} told as {one['told']} ({one['addresses']})" for one in found)
    return f"Commonest confusions: {told or 'none'}."


def write_real(figures: Figures) -> str:
    """Return the part on the Ethereum sets."""
    lines = ["## Real ledgers: exchanges, DEXes and miners on Ethereum", ""]
    real = find(figures, "real")
    if real is None:
        return "\n".join([*lines, f"This was {MISSING}."])
    lines += [
        (
            f"Four public sets taken as one ledger: nine hours of 2017, 100 blocks of 2022, 99 and 44 scattered "
            f"blocks; "
            f"{real['addresses']:,} addresses, half of them with at most {real['moves_of_all']['half']:.0f} transfers. "
            f"{real['labelled']:,} of them, of {real['owners']:,} brands, have a published label that says what "
            f"they are "
            f"for ({real['contradicting_labels_left_out']} with contradicting ones are left out). Labels are read "
            f"by the "
            "evaluation alone; the model's roles are read as these four kinds."
        ),
        "",
        "### The gap: what the simulated economy does not teach",
        "",
        (
            "The shipped model, learnt from simulated economies alone. Seen in slices: only one hour of a hard "
            "economy in "
            "50 is shown, so that what short history costs can be told from what another world costs."
        ),
        "",
        (
            "| addresses | macro F1, likeliest kind | logistic regression | ECE | Brier skill | answered | right "
            "of answered "
            "|"
        ),
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name, told in (
        ("whole", "simulated, whole history"),
        ("glimpse", "simulated, seen in slices"),
        ("shipped", "**real**"),
    ):
        one = real.get(name)
        if one is None:
            lines.append(f"| {told} | {MISSING} | | | | | |")
            continue
        lines.append(
            f"| {told} | {say(one['likeliest']['macro_f1'])} | {say(find(one, 'baseline', 'macro_f1'))} | "
            f"{say(one['ece'])} | "
            f"{say(one['brier_skill'])} | {one['answered']:.1%} | {say(one['precision_of_answered'])} |"
        )
    lines += [
        "",
        (
            f"Of all {real['addresses']:,} real addresses it answers {real['answered_of_all']:.1%}: nearly all of them "
            "lie outside what the simulated economies show, and it says so by saying nothing. Brier skill is of the "
            "likeliest kind's probability against its base rate: where next to nothing is wrong it says nothing."
        ),
        "",
        "| real kind | addresses | precision | recall | F1 | F1, abstaining | baseline F1 |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    lines += [*_list_kinds(real["shipped"]), "", say_confusions(real["shipped"]["confusions"]), *_write_learnt(figures)]
    return "\n".join(lines)


def _list_kinds(shipped: Figures) -> list[str]:
    return [
        f"| {kind} | {one['addresses']:,} | {one['precision']:.3f} | {one['recall']:.3f} | {one['f1']:.3f} | "
        f"{shipped['with_abstention']['kinds'][kind]['f1']:.3f} | "
        f"{say(find(shipped, 'baseline', 'kinds', kind, 'f1'))} |"
        for kind, one in shipped["likeliest"]["kinds"].items()
    ]


def _write_learnt(figures: Figures) -> list[str]:
    own = find(figures, "learnt", "own")
    if own is None:
        return ["", "### Learnt from real labels", "", f"This was {MISSING}."]
    lines = [
        "",
        "### Learnt from real labels",
        "",
        "What `intel train` would do there: the same features and trainer, five folds of whole brands.",
        "",
        "| | macro F1 | " + " | ".join(own["model"]["kinds"]) + " |",
        "|---|---:|" + "---:|" * len(own["model"]["kinds"]),
    ]
    for name in [one for one in ("model", "baseline", "shuffled", *SHARES) if one in own]:
        cells = " | ".join(f"{one['f1']:.3f}" for one in own[name]["kinds"].values())
        lines.append(f"| {name} | {own[name]['macro_f1']:.3f} | {cells} |")
    model = own["model"]
    cover = ", ".join(f"{name} {share:.3f}" for name, share in model["coverage_at_95"].items())
    average = ", ".join(f"{name} {share:.3f}" for name, share in model["average_precision"].items())
    lines += [
        "",
        "Noise: that share of the labels to learn from wrong.",
        "",
        (
            f"ECE {model['ece']:.3f}, Brier skill {say(model['brier_skill'])} (brands of equal weight). Share "
            f"covered at "
            f"precision .95: {cover}. Average precision: {average}. {say_confusions(model['confusions'])}"
        ),
        "",
        (
            "Source-disjoint: learnt from the labels of one origin, tested on addresses that only the other names; no "
            "address and no brand is in both."
        ),
        "",
        "| tested on | learnt | tested | macro F1 | baseline | shuffled |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {name.removeprefix('tested on ')} | {one['learnt']:,} | {one['tested']:,} | "
        f"{one['model']['macro_f1']:.3f} | {one['baseline']['macro_f1']:.3f} | {one['shuffled']['macro_f1']:.3f} |"
        for name, one in figures["learnt"]["sources"].items()
    ]
    return lines


def write_hop(figures: Figures) -> str:
    """Return the part on the graph of the Hop airdrop."""
    lines = [
        "## A real graph: Hop",
        "",
        (
            "Who sent to whom, without amounts and times; five folds of whole components after addresses of more "
            "than 20 "
            "counterparties are taken out. Models of their own, learnt and tested there; nothing of them is "
            "shipped. The "
            "labels are those of the airdrop's authors: incomplete, and partly found in this graph. Plain: logistic "
            "regression on degrees and counts of transfers alone. Weighed: the role with the greatest probability "
            "times a "
            "weight, chosen for macro F1 on components set aside inside the training folds. The first fold was not "
            "looked "
            "at while figures and weights were chosen."
        ),
        "",
        "| addresses | | macro F1 | weighed | weighed, first fold | deposits at precision .95 | at .90 | ECE |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for of in ("labelled", "with_unlabelled"):
        found = find(figures, "hop", "roles", of) or {}
        for name in ("model", "baseline", "plain", "shuffled", *SHARES):
            one = found.get(name)
            if one:
                lines.append(
                    f"| {of.replace('_', ' ')} | {name} | {one['macro_f1']:.3f} | {one['macro_f1_weighed']:.3f} | "
                    f"{one['macro_f1_weighed_first_fold']:.3f} | {one['deposits_at_95']:.3f} | "
                    f"{one['deposits_at_90']:.3f} | {one['ece']:.3f} |"
                )
    lines += ["", "| addresses | role | precision | recall | F1 |", "|---|---|---:|---:|---:|"]
    for of in ("labelled", "with_unlabelled"):
        for role, one in (find(figures, "hop", "roles", of, "model", "roles") or {}).items():
            lines.append(
                f"| {of.replace('_', ' ')} | {role} | {one['precision']:.3f} | {one['recall']:.3f} | "
                f"{one['f1-score']:.3f} |"
            )
    return "\n".join([*lines, *_write_ceiling(figures), *_write_sybils(figures)])


def _write_ceiling(figures: Figures) -> list[str]:
    found = find(figures, "hop", "roles", "labelled")
    if not found:
        return []
    twins, leaves, model = found["twins"], found["leaves"], found["model"]
    lists = find(figures, "hop", "labels") or {}
    contrary = ", ".join(f"{role} {one['in_a_contrary_list']:.1%}" for role, one in lists.items())
    return [
        "",
        say_confusions(model["confusions"]),
        "",
        "Why not more:",
        "",
        (
            "- The edges are those around the airdrop's users, so the sweeps that make a deposit address one are not "
            f"in it: {leaves['deposit']:.0%} of the deposit addresses and {leaves['contract']:.0%} of the contracts "
            "have one counterparty and nothing else; of the "
            f"{model['deposits_not_leaves']:,} other deposit addresses next to none "
            f"({model['deposits_at_95_not_leaves']:.3f}) are covered at precision .95."
        ),
        (
            f"- The authors' lists contradict each other: {contrary} of the addresses of a list are in a contrary one "
            "too (another of the three, or that of people who trade collectibles). This bounds what can be scored on "
            "exchanges."
        ),
        (
            "- Random forests, slower and larger boosting, a blend of both, further two-step figures and one round of "
            "predicted roles of neighbours (learnt out of fold) ended between .640 and .648 of macro F1 and covered "
            "between "
            ".331 and .345 of the deposits, on the one fold on which they were compared."
        ),
        (
            "- A ceiling could not be proven. Of the addresses that share every figure with at least four others "
            f"({twins['addresses']:,}, {twins['deposits']:,} of them deposits), an oracle that knows the roles' shares "
            f"among "
            f"equals is right in {twins['accuracy_oracle']:.1%} and covers {twins['deposits_at_95_oracle']:.3f} of the "
            f"deposits; the model {twins['accuracy_model']:.1%} and {twins['deposits_at_95_model']:.3f}. There is "
            f"little left "
            "to gain on these; for the others no such bound exists."
        ),
        (
            "- Leaves of one hub are in several folds, since the hub itself is taken away before components are "
            "formed: part "
            "of these scores is recognising the hub. How much was not measured."
        ),
    ]


def _write_sybils(figures: Figures) -> list[str]:
    sybils = find(figures, "hop", "sybils")
    if not sybils:
        return []
    lines = [
        "",
        (
            f"Sybils among {sybils['addresses']:,} users ({sybils['not_in_graph']:,} are not in the graph and "
            f"count as not "
            "called):"
        ),
        "",
        "| | precision | recall | F1 | F1 of those in the graph |",
        "|---|---:|---:|---:|---:|",
    ]
    for name in ("rule", "model", "baseline", "shuffled"):
        one = sybils[name]
        lines.append(
            f"| {name} | {one['precision']:.3f} | {one['recall']:.3f} | {one['f1']:.3f} | {one['f1_in_graph']:.3f} |"
        )
    return lines
