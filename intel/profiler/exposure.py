"""To what kinds of business is the subject exposed, at first and at second hand, and how much cannot be said?"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from intel.entities.entity_days import SPAM_TRANSFER_FLAGS
from intel.model import MICRO, SYSTEM_ADDRESSES, Subject
from intel.profiler.postings import ALWAYS, Window, fill_owners, gather_flows
from intel.store.reader import Reader

RULE = """Direct: the category of whom the money came from, or went to, as this store knows it. A mixer counts as a
mixer before all else, then a sanctions list, then the owner's category, then the other lists. Indirect: where nobody is
known to own the counterparty, its own money up to the last payment (or, for what was sent, from the first payment on)
stands for it, each category in proportion (haircut), one hop deep. No money is followed through an owner, a mixer or a
hub: they mix what belongs to many. Unresolved is the rest; unknown is not clean. Only transfers with a price count;
spam, fees, moves between the subject's own addresses, and what it swapped by way of contracts do not."""

# What is not resolved, and why.
UNRESOLVED = {
    "second_hop": "nobody is known to own those behind the counterparty",
    "hub": "an unlabelled hub, which mixes the money of many",
    "nothing_seen": "nothing with a price was seen behind the counterparty",
    "not_followed": "too many counterparties: only the largest were followed",
}
# Lists that say something about money; sanctions stand before the owner, the others after it.
_SANCTIONS = ("sanction",)
_LISTS = ("ransomware", "hack", "phishing_scam", "sextortion", "blacklisted", "misc_blacklist")
_MIXER_EVENTS = ("mixer_deposit", "mixer_withdrawal")

SIDES = {"incoming": 1, "outgoing": -1}
_FOLLOWED = 2_000  # counterparties per direction
_POSTINGS = 3_000_000  # that are read behind them

_ROW = pa.schema({
    "category": pa.string(), "direct_usd": pa.float64(), "indirect_usd": pa.float64(), "usd": pa.float64(),
    "share": pa.float64(), "addresses": pa.int64(),
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Exposure:
    """One direction: `rows` by category, largest first, and what is unresolved (USD by reason); both make `total_usd`.

    `rows`: category, direct_usd, indirect_usd, usd, share, addresses (direct counterparties). `followed` counts the
    counterparties nobody owns that were looked behind, `not_followed` those that were not.
    """

    direction: str
    total_usd: float
    rows: pa.Table
    unresolved_usd: float
    unresolved_share: float | None
    unresolved: dict[str, float]
    followed: int
    not_followed: int


def measure_exposure(reader: Reader, subject: Subject, window: Window = ALWAYS) -> dict[str, Exposure]:
    """Return {"incoming": ..., "outgoing": ...}; in each, direct + indirect + unresolved is the whole, to the micro."""
    gather_exposed(reader, subject, window)
    _fill_followed(reader)
    _read_behind(reader, subject)
    sides = _cut_hair(reader)
    return {name: _tell(name, sides[side]) for name, side in SIDES.items()}


def gather_exposed(reader: Reader, subject: Subject, window: Window) -> None:
    """Fill the thread's `exposed`: per side (1 in, -1 out) and outside counterparty: category, is_hub, micro_usd.

    A null address_id is nobody: minted, burnt or a reward; a null category: nobody is known to own it.
    """
    gather_flows(reader, subject, window)
    prepare_walls(reader)
    key = (subject.address_ids, subject.tier, subject.entity_id, window)
    reader.prepare("exposed", key, lambda: _fill_exposed(reader, subject))


def describe_exposure(reader: Reader, subject: Subject, window: Window = ALWAYS) -> dict[str, Any]:
    """Return the exposure as one plain document: rule, incoming, outgoing, and the build it comes from."""
    found = measure_exposure(reader, subject, window)
    return {"rule": " ".join(RULE.split()), "reasons": dict(UNRESOLVED), "build": reader.build_id} | {
        name: {
            "total_usd": side.total_usd,
            "categories": side.rows.to_pylist(),
            "unresolved_usd": side.unresolved_usd,
            "unresolved_share": side.unresolved_share,
            "unresolved": side.unresolved,
            "followed": side.followed,
            "not_followed": side.not_followed,
        }
        for name, side in found.items()
    }


def _categorise(parties: str, owners: str, own: str | None) -> str:
    """Return SQL of the rows of `parties` with category (null: nobody knows) and is_hub of their address_id."""
    same = "o.entity_id = $own" if own is not None else "false"
    return f"""select k.*,
        case when k.address_id is null or k.address_id in (select address_id from system_ids) then 'protocol'
            when w.address_id is not null or o.category = 'mixer' and o.entity_id is not null then 'mixer'
            when l.is_sanctioned then l.category when o.entity_id is not null and {same} then 'same_owner'
            when o.entity_id is not null and o.category is not null then o.category else l.category end as category,
        v.address_id is not null as is_hub
    from {parties} k left join {owners} o on o.address_id = k.address_id
        left join mixer_ids w on w.address_id = k.address_id
        left join listed_ids l on l.address_id = k.address_id
        left join hub_ids v on v.address_id = k.address_id"""


def prepare_walls(reader: Reader) -> None:
    """Fill the build's `mixer_ids`, `system_ids`, `hub_ids` and `listed_ids` (with category, is_sanctioned)."""

    def fill() -> None:
        reader.query(
            """create or replace table mixer_ids as
            select address_id from facts.events where event in (select unnest($events)) and address_id is not null
            union select address_id from beliefs.roles
                where role = 'mixer' and not starts_with(basis, 'model ') -- a guess is no wall""",
            {"events": list(_MIXER_EVENTS)},
        )
        reader.query(
            """create or replace table system_ids as
            select address_id from facts.address_lookup where address in (select unnest($system))""",
            {"system": list(SYSTEM_ADDRESSES)},
        )
        reader.query("create or replace table hub_ids as select distinct address_id from beliefs.services where is_hub")
        ranked = [*_SANCTIONS, *_LISTS]
        reader.query(
            """create or replace table listed_ids as
            select l.address_id, l.category, k.place < $sanctions as is_sanctioned
            from beliefs.listings l join (
                select unnest($lists) as category, unnest(range(len($lists))) as place) k using (category)
            where l.address_id is not null
            qualify row_number() over (partition by l.address_id order by k.place) = 1""",
            {"lists": ranked, "sanctions": len(_SANCTIONS)},
        )

    reader.share("walls", fill)


def _fill_exposed(reader: Reader, subject: Subject) -> None:
    reader.query(
        """create or replace temp table exposed_flows as
        select side, counterparty_id as address_id, sum(micro_usd) as micro_usd from (
            select *, unnest([1, -1]) as side, unnest([in_micro_usd, out_micro_usd]) as micro_usd from flows
            where not is_spam and not is_internal and not is_venue and not is_fee)
        where micro_usd > 0 group by 1, 2"""
    )
    reader.query(
        "create or replace temp table exposed as " + _categorise("exposed_flows", "owners", subject.entity_id),
        {"own": subject.entity_id} if subject.entity_id is not None else {},
    )


@dataclass(slots=True)
class _Side:
    """Micro-dollars of one direction: by category with counterparties, of the unknown, and of those followed."""

    direct: dict[str, tuple[int, int]] = field(default_factory=dict)
    hub: int = 0
    unknown: int = 0
    unknown_count: int = 0
    followed: int = 0
    followed_count: int = 0
    seen: int = 0
    indirect: dict[str, int] = field(default_factory=dict)


def _tell(name: str, side: _Side) -> Exposure:
    total = sum(micro for micro, _ in side.direct.values()) + side.hub + side.unknown
    unresolved = {
        "second_hop": side.seen - sum(side.indirect.values()),
        "hub": side.hub,
        "nothing_seen": side.followed - side.seen,
        "not_followed": side.unknown - side.followed,
    }
    rest = sum(unresolved.values())
    return Exposure(
        direction=name,
        total_usd=total / MICRO,
        rows=_tabulate(side.direct, side.indirect, total),
        unresolved_usd=rest / MICRO,
        unresolved_share=rest / total if total else None,
        unresolved={reason: micro / MICRO for reason, micro in unresolved.items() if micro},
        followed=side.followed_count,
        not_followed=side.unknown_count - side.followed_count,
    )


def _tabulate(direct: dict[str, tuple[int, int]], indirect: dict[str, int], total: int) -> pa.Table:
    sums = {name: (*direct.get(name, (0, 0)), indirect.get(name, 0)) for name in direct.keys() | indirect.keys()}
    rows = [
        {
            "category": name,
            "direct_usd": at_first / MICRO,
            "indirect_usd": at_second / MICRO,
            "usd": (at_first + at_second) / MICRO,
            "share": (at_first + at_second) / total,
            "addresses": addresses,
        }
        for name, (at_first, addresses, at_second) in sorted(
            sums.items(), key=lambda item: (-item[1][0] - item[1][2], item[0])
        )
        if at_first + at_second
    ]
    return pa.Table.from_pylist(rows, _ROW)


def _fill_followed(reader: Reader) -> None:
    """Fill `followed(side, address_id, micro_usd, edge)`: the largest counterparties nobody owns, while it is bounded.

    `edge` is the last time that one paid the subject, or the first that it was paid.
    """
    reader.query(
        f"""create or replace temp table chosen as
        select side, address_id, micro_usd from (
            select e.side, e.address_id, e.micro_usd, row_number() over w as place,
                sum(coalesce(case when e.side > 0 then s.transfers_in else s.transfers_out end, 0)) over w as work
            from exposed e left join facts.address_stats s using (address_id)
            where e.category is null and not e.is_hub
            window w as (partition by e.side order by e.micro_usd desc, e.address_id rows unbounded preceding))
        where place <= {_FOLLOWED} and work <= {_POSTINGS}"""
    )
    reader.query(
        """create or replace temp table followed as
        select c.side, c.address_id, any_value(c.micro_usd) as micro_usd,
            case when c.side > 0 then max(p.block_time) else min(p.block_time) end as edge
        from chosen c join moves p on p.counterparty_id = c.address_id and p.direction = c.side group by 1, 2"""
    )


def _read_behind(reader: Reader, subject: Subject) -> None:
    """Fill `behind(side, followed_id, category, micro_usd)`: what the followed got before they paid, or sent after."""
    reader.query(
        """create or replace temp table behind_moves as
        select f.side, p.address_id as followed_id, p.counterparty_id as address_id, p.transfer_id, p.value_micro_usd
        from facts.postings p join followed f on f.address_id = p.address_id and f.side = p.direction
        where p.value_micro_usd > 0 and p.counterparty_id is distinct from p.address_id
            and case when f.side > 0 then p.block_time <= f.edge else p.block_time >= f.edge end
            and p.asset_id not in (select asset_id from spam_assets)"""
    )
    # Flags are very many, and only those of these few transfers are wanted.
    reader.query(
        """create or replace temp table behind_sums as
        select side, followed_id, address_id, sum(value_micro_usd) as micro_usd from behind_moves
        where transfer_id not in (
            select f.transfer_id from beliefs.transfer_flags f join behind_moves using (transfer_id)
            where f.flag in (select unnest($spam)))
        group by 1, 2, 3""",
        {"spam": list(SPAM_TRANSFER_FLAGS)},
    )
    fill_owners(reader, "select address_id from behind_sums", subject.tier, table="behind_owners")
    reader.query(
        f"""create or replace temp table behind as
        select side, followed_id,
            case when address_id in (select address_id from members) then 'own_funds' else category end as category,
            sum(micro_usd) as micro_usd
        from ({_categorise("behind_sums", "behind_owners", subject.entity_id)}) group by 1, 2, 3""",
        {"own": subject.entity_id} if subject.entity_id is not None else {},
    )


def _cut_hair(reader: Reader) -> dict[int, _Side]:
    """Return the sums of each side; what stands behind a counterparty stands for it, each category in proportion.

    Rounded down per counterparty and category; what rounding leaves is unresolved.
    """
    sides = {side: _Side() for side in SIDES.values()}
    for number, category, is_hub, micro, count in reader.query(
        "select side, category, is_hub and category is null, sum(micro_usd), count(*) from exposed group by 1, 2, 3"
    ):
        side = sides[number]
        if category is not None:
            side.direct[category] = (int(micro), int(count))
        elif is_hub:
            side.hub = int(micro)
        else:
            side.unknown, side.unknown_count = int(micro), int(count)
    for number, micro, count, seen in reader.query(
        """select f.side, sum(f.micro_usd), count(*), coalesce(sum(f.micro_usd) filter (s.followed_id is not null), 0)
        from followed f left join (select distinct side, followed_id from behind) s
            on s.side = f.side and s.followed_id = f.address_id group by 1"""
    ):
        sides[number].followed, sides[number].followed_count, sides[number].seen = int(micro), int(count), int(seen)
    for number, category, micro in reader.query(
        """with seen as (select side, followed_id, sum(micro_usd) as total from behind group by 1, 2)
        select b.side, b.category, sum(f.micro_usd::hugeint * b.micro_usd::hugeint // s.total::hugeint)
        from behind b join seen s using (side, followed_id)
            join followed f on f.side = b.side and f.address_id = b.followed_id
        where b.category is not null group by 1, 2"""
    ):
        sides[number].indirect[str(category)] = int(micro)
    return sides
