"""How do the bits of single observations become the bits of a link or a merge, step by step?

The one place that says it for people: what a page shows are these steps, and the build's own sums must equal them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from math import log2
from typing import Any

from intel.entities.combine import DOUBTFUL_BITS, FAMILY_CAPS, PRIOR_BITS
from intel.heuristics import ALL

FURTHER_SHARE = Decimal("0.25")  # what every further event of a family counts
MODIFIERS = ("BEHAV", "PAIR")  # families that add to a link and never open one
_STEP = Decimal("0.001")  # weights are rounded to this before they are added, so that sums are exact

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Bar:
    """One step of the sum: what it adds, and where the sum stands after it."""

    kind: str  # event | against | cap | prior | charge | labels | closed | consent
    family: str | None
    bits: Decimal  # what it adds; a cap, a charge and the like take away
    total: Decimal
    share: Decimal = Decimal(1)  # of the row's bits that counts: whole, or a quarter
    row: Row | None = None  # the evidence row of an event: its strongest


@dataclass(frozen=True, slots=True)
class Weighing:
    """The bits of a link or a merge as the sum of its bars."""

    relation: str
    bars: tuple[Bar, ...]

    @property
    def bits(self) -> Decimal:
        """Posterior log2 odds: where the sum ends."""
        return self.bars[-1].total if self.bars else Decimal(0)

    @property
    def probability(self) -> float:
        """The odds as a probability."""
        return float(1.0 / (1.0 + 2.0 ** -float(self.bits)))


class _Sum:
    """The bars so far."""

    def __init__(self) -> None:
        self.bars: list[Bar] = []
        self.total = Decimal(0)

    def add(self, kind: str, family: str | None, bits: Decimal, **more: Any) -> None:
        self.total += bits
        self.bars.append(Bar(kind, family, bits, self.total, **more))


def weigh_link(rows: Iterable[Row], relation: str) -> Weighing:
    """Add up the evidence rows between the two ends of a link, as beliefs.links does.

    Each event counts once, at its strongest. In a family the best event counts fully and the others by a quarter, up
    to FAMILY_CAPS; what speaks against counts fully; behaviour adds or takes at most its cap; behaviour and pair score
    alone open nothing; then PRIOR_BITS[relation]. A link that rules of doubtful consent carry stops at DOUBTFUL_BITS.
    Rows need family, event, heuristic and weight_bits; `counted_bits` (lowered for a crowd) and `is_known` (consent)
    where they differ from the weight and from True.
    """
    found = list(rows)
    done = _add_families(found)
    done.add("prior", None, Decimal(str(PRIOR_BITS[relation])))
    surely = _add_families([row for row in found if row.get("is_known", True) or read_bits(row) <= 0]).total
    limit = max(surely + Decimal(str(PRIOR_BITS[relation])), Decimal(str(DOUBTFUL_BITS)))
    if done.total > limit:
        done.add("consent", None, limit - done.total)
    return Weighing(relation, tuple(done.bars))


def weigh_cut(rows: Iterable[Row], *, charge_bits: float = 0.0, label_bits: float = 0.0) -> Weighing:
    """Add up all evidence between two groups, as beliefs.merges does.

    As weigh_link, without the limit of consent; then `charge_bits` for pairs that the rules could have shown and did
    not, and `label_bits` (negative) for weak labels of two owners.
    """
    done = _add_families(list(rows))
    done.add("prior", None, Decimal(str(PRIOR_BITS["same_controller"])))
    if charge_bits:
        done.add("charge", None, -abs(_round(charge_bits)))
    if label_bits:
        done.add("labels", None, -abs(_round(label_bits)))
    return Weighing("same_controller", tuple(done.bars))


def weigh_fact(rows: Iterable[Row]) -> Weighing:
    """Return the one observation by which a fact of the ledger unites at once: the strongest row of an atomic rule."""
    atomic = {rule.name for rule in ALL if rule.is_atomic}
    done = _Sum()
    for row in sorted(rows, key=lambda row: (-read_bits(row), str(row["heuristic"]), str(row["event"]))):
        if row["heuristic"] in atomic and not done.bars:
            done.add("event", row["family"], read_bits(row), row=row)
    return Weighing("same_controller", tuple(done.bars))


def limit_crowd(weight_bits: float, crowd: int) -> float:
    """Return what an observation that `crowd` addresses share is worth at most: log2(100 / crowd) bits."""
    return min(weight_bits, max(0.0, log2(100.0 / crowd))) if crowd > 2 else weight_bits


def read_bits(row: Row) -> Decimal:
    """Return the bits of a row as they are added: to a thousandth."""
    return _round(row.get("counted_bits", row["weight_bits"]) or 0.0)


def _round(bits: float) -> Decimal:
    return Decimal(str(bits)).quantize(_STEP, ROUND_HALF_UP)


def _add_families(rows: list[Row]) -> _Sum:
    done = _Sum()
    families = _pick_events(rows)
    ranked = sorted(families, key=lambda name: (name in MODIFIERS, -_sum_bits(families[name]), name))
    opens = any(
        FAMILY_CAPS[name] > 0 and read_bits(row) > 0 for name in families if name not in MODIFIERS
        for row in families[name]
    )  # fmt: skip
    for family in ranked:
        _add_family(done, family, families[family], opens=opens or family not in MODIFIERS)
    return done


def _add_family(done: _Sum, family: str, events: list[Row], *, opens: bool) -> None:
    cap, start = Decimal(str(FAMILY_CAPS[family])), done.total
    supporting = [row for row in events if read_bits(row) > 0]
    for place, row in enumerate(supporting):
        share = FURTHER_SHARE if place else Decimal(1)
        done.add("event", family, read_bits(row) * share, share=share, row=row)
    if done.total - start > cap:
        done.add("cap", family, cap - (done.total - start))
    if done.total > start and not opens:
        done.add("closed", family, start - done.total)
    for row in events:
        if read_bits(row) < 0:
            done.add("against", family, read_bits(row), row=row)
    if family == "BEHAV" and done.total - start < -cap:
        done.add("cap", family, -cap - (done.total - start))


def _pick_events(rows: list[Row]) -> dict[str, list[Row]]:
    """Return each family's events, each at its strongest row, the best first; for and against are two events."""
    best: dict[tuple[str, str, bool], Row] = {}
    for row in sorted(rows, key=lambda row: (-abs(read_bits(row)), str(row["heuristic"]), str(row["event"]))):
        best.setdefault((str(row["family"]), str(row["event"]), read_bits(row) > 0), row)
    families: dict[str, list[Row]] = {}
    for (family, _, _), row in best.items():
        families.setdefault(family, []).append(row)
    return families


def _sum_bits(events: list[Row]) -> Decimal:
    return sum((read_bits(row) for row in events), Decimal(0))
