"""To what kinds of business is the subject exposed, at first and at second hand, and how much cannot be said?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from intel.model import MICRO, SYSTEM_ADDRESSES, Subject
from intel.profiler.postings import ALWAYS, SPAM_TRANSFER_FLAGS, Window, fill_owners, gather_flows
from intel.store.reader import Reader

RULE = """Direct: the category of whom the money came from, or went to, as this store knows it. A mixer counts as a
mixer before all else, then a sanctions list, then the owner's category, then the other lists. Indirect: where nobody is
known to own the counterparty, its own money up to the last payment (or, for what was sent, from the first payment on)
stands for it, each category in proportion (haircut), one hop deep. No money is followed through an owner, a mixer or a
hub: they mix what belongs to many. Unresolved is the rest; unknown is not clean. Only transfers with a price count;
spam, moves between the subject's own addresses, and what it swapped by way of contracts do not."""

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
    gather_flows(reader, subject, window)
    key = (subject.address_ids, subject.tier, subject.entity_id, window)
    reader.prepare("exposed", key, lambda: _fill_exposed(reader, subject))
    return {name: _measure(reader, subject, name, side) for name, side in (("incoming", 1), ("outgoing", -1))}


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


def _categorise(reader: Reader, parties: str, owners: str, own: str | None) -> str:
    """Return SQL of (address_id, category, is_hub) for the ids in `parties`; a null category: nobody knows."""
    _prepare_walls(reader)
    same = "o.entity_id = $own" if own is not None else "false"
    return f"""select k.address_id,
        case when k.address_id is null or k.address_id in (select address_id from system_ids) then 'protocol'
            when w.address_id is not null or o.category = 'mixer' and o.entity_id is not null then 'mixer'
            when l.is_sanctioned then l.category when o.entity_id is not null and {same} then 'same_owner'
            when o.entity_id is not null and o.category is not null then o.category else l.category end as category,
        v.address_id is not null as is_hub
    from {parties} k left join {owners} o on o.address_id = k.address_id
        left join mixer_ids w on w.address_id = k.address_id
        left join listed_ids l on l.address_id = k.address_id
        left join hub_ids v on v.address_id = k.address_id"""


def _prepare_walls(reader: Reader) -> None:
    """Fill the thread's `mixer_ids`, `system_ids`, `hub_ids` and `listed_ids` (with category, is_sanctioned)."""

    def fill() -> None:
        reader.query(
            """create or replace temp table mixer_ids as
            select address_id from facts.events where event in (select unnest($events)) and address_id is not null
            union select address_id from beliefs.roles
                where role = 'mixer' and not starts_with(basis, 'model ') -- a guess is no wall""",
            {"events": list(_MIXER_EVENTS)},
        )
        reader.query(
            """create or replace temp table system_ids as
            select address_id from facts.address_lookup where address in (select unnest($system))""",
            {"system": list(SYSTEM_ADDRESSES)},
        )
        reader.query(
            "create or replace temp table hub_ids as select distinct address_id from beliefs.services where is_hub"
        )
        ranked = [*_SANCTIONS, *_LISTS]
        reader.query(
            """create or replace temp table listed_ids as
            select l.address_id, l.category, k.place < $sanctions as is_sanctioned
            from beliefs.listings l join (
                select unnest($lists) as category, unnest(range(len($lists))) as place) k using (category)
            where l.address_id is not null
            qualify row_number() over (partition by l.address_id order by k.place) = 1""",
            {"lists": ranked, "sanctions": len(_SANCTIONS)},
        )

    reader.prepare("walls", reader.build_id, fill)


def _fill_exposed(reader: Reader, subject: Subject) -> None:
    """Fill `exposed`: per outside counterparty (null: none) its category, is_hub, and micro-dollars in and out."""
    reader.query(
        """create or replace temp table exposed_flows as
        select counterparty_id as address_id, sum(in_micro_usd) as in_micro_usd, sum(out_micro_usd) as out_micro_usd
        from flows where not is_spam and not is_internal and not is_venue group by 1"""
    )
    reader.query(
        f"""create or replace temp table exposed as
        select c.category, c.is_hub, f.* from exposed_flows f join (
            {_categorise(reader, "exposed_flows", "owners", subject.entity_id)}) c
        on c.address_id is not distinct from f.address_id""",
        {"own": subject.entity_id} if subject.entity_id is not None else {},
    )


def _measure(reader: Reader, subject: Subject, name: str, side: int) -> Exposure:
    usd = "in_micro_usd" if side > 0 else "out_micro_usd"
    direct = {
        row[0]: (int(row[1]), int(row[2]))
        for row in reader.query(
            f"select category, sum({usd}), count(*) from exposed where category is not null and {usd} > 0 group by 1"
        )
    }
    unknown = {
        bool(row[0]): int(row[1])
        for row in reader.query(
            f"select is_hub, sum({usd}) from exposed where category is null and {usd} > 0 group by 1"
        )
    }
    total = sum(micro for micro, _ in direct.values()) + sum(unknown.values())
    followed, not_followed = _choose_followed(reader, usd)
    _read_behind(reader, subject, side)
    indirect, followed_micro, seen_micro = _cut_hair(reader, usd)
    unresolved = {
        "second_hop": seen_micro - sum(indirect.values()),
        "hub": unknown.get(True, 0),
        "nothing_seen": followed_micro - seen_micro,
        "not_followed": unknown.get(False, 0) - followed_micro,
    }
    rest = sum(unresolved.values())
    return Exposure(
        direction=name,
        total_usd=total / MICRO,
        rows=_tabulate(direct, indirect, total),
        unresolved_usd=rest / MICRO,
        unresolved_share=rest / total if total else None,
        unresolved={reason: micro / MICRO for reason, micro in unresolved.items() if micro},
        followed=followed,
        not_followed=not_followed,
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


def _choose_followed(reader: Reader, usd: str) -> tuple[int, int]:
    """Fill `followed(address_id)`: the largest counterparties nobody owns, as far as the work stays bounded."""
    column = "transfers_in" if usd == "in_micro_usd" else "transfers_out"
    reader.query(
        f"""create or replace temp table followed as
        select address_id, {usd} as micro_usd from (
            select e.address_id, e.{usd}, sum(coalesce(s.{column}, 0)) over w as work, row_number() over w as place
            from exposed e left join facts.address_stats s using (address_id)
            where e.category is null and not e.is_hub and e.{usd} > 0
            window w as (order by e.{usd} desc, e.address_id rows unbounded preceding))
        where place <= {_FOLLOWED} and work <= {_POSTINGS}"""
    )
    count = int(reader.query("select count(*) from followed")[0][0])
    wanted = reader.query(f"select count(*) from exposed where category is null and not is_hub and {usd} > 0")[0][0]
    return count, int(wanted) - count


def _read_behind(reader: Reader, subject: Subject, side: int) -> None:
    """Fill `behind(address_id, category, micro_usd)`: what the followed received before they paid, or sent after."""
    at, sign, edge = ("max", "<=", "before") if side > 0 else ("min", ">=", "after")
    reader.query(
        f"""create or replace temp table dealt as
        select p.counterparty_id as address_id, {at}(p.block_time) as {edge} from moves p
        where p.direction = {side} and p.counterparty_id in (select address_id from followed) group by 1"""
    )
    reader.query(
        f"""create or replace temp table behind_moves as
        select p.address_id as followed_id, p.counterparty_id as address_id, sum(p.value_micro_usd) as micro_usd
        from facts.postings p join dealt d on d.address_id = p.address_id
        where p.address_id in (select address_id from followed) and p.direction = {side} and p.value_micro_usd > 0
            and p.block_time {sign} d.{edge} and p.counterparty_id is distinct from p.address_id
            and p.asset_id not in (select asset_id from spam_assets)
            and p.transfer_id not in (
                select transfer_id from beliefs.transfer_flags where flag in (select unnest($spam)))
        group by 1, 2""",
        {"spam": list(SPAM_TRANSFER_FLAGS)},
    )
    reader.query("create or replace temp table behind_ids as select distinct address_id from behind_moves")
    fill_owners(reader, "select address_id from behind_ids", subject.tier, table="behind_owners")
    reader.query(
        f"""create or replace temp table behind as
        select b.followed_id as address_id,
            case when b.address_id in (select address_id from members) then 'own_funds' else c.category end as category,
            sum(b.micro_usd) as micro_usd
        from behind_moves b join ({_categorise(reader, "behind_ids", "behind_owners", subject.entity_id)}) c
            on c.address_id is not distinct from b.address_id
        group by 1, 2""",
        {"own": subject.entity_id} if subject.entity_id is not None else {},
    )


def _cut_hair(reader: Reader, usd: str) -> tuple[dict[str, int], int, int]:
    """Return {category: micro-dollars} of the indirect part, what all followed moved, and what the seen ones did.

    Rounded down per counterparty and category; what rounding leaves is unresolved.
    """
    rows = reader.query(
        """with seen as (select address_id, sum(micro_usd) as total from behind group by 1)
        select b.category, sum(f.micro_usd::hugeint * b.micro_usd::hugeint // s.total::hugeint)
        from behind b join seen s using (address_id) join followed f using (address_id)
        where b.category is not null group by 1"""
    )
    sums = reader.query(
        """select coalesce(sum(micro_usd), 0),
            coalesce(sum(micro_usd) filter (address_id in (select address_id from behind)), 0) from followed"""
    )[0]
    return {str(row[0]): int(row[1]) for row in rows}, int(sums[0]), int(sums[1])
