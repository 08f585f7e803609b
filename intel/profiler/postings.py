"""Which postings belong to the subject, and what do they add up to per counterparty?"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa

from intel.entities.entity_days import SPAM_TRANSFER_FLAGS
from intel.errors import UsageError
from intel.model import SYSTEM_ADDRESSES, TRANSFER_KINDS, Subject
from intel.store.reader import Reader

# A mass airdrop of a verified token is an airdrop; of any other token it is advertising.
IS_SPAM_ASSET = "(f.flag = 'counterfeit' or (f.flag = 'mass_airdrop' and not coalesce(a.is_verified, false)))"
EXCHANGE_CATEGORIES = ("exchange",)

# Through these one deals with others: in a swap they are the way, not the counterparty.
VENUE_CATEGORIES = ("bridge", "dex", "infrastructure", "lending_defi", "marketplace", "token")
_NO_LEG = ", ".join(str(TRANSFER_KINDS.index(kind)) for kind in ("fee", "reward", "withdrawal"))
FEE = TRANSFER_KINDS.index("fee")
_WRAPS = ", ".join(str(TRANSFER_KINDS.index(kind)) for kind in ("wrap", "unwrap"))

# A copy of the subject's postings answers each block three times as quickly as the ledger; it takes 70 bytes per row.
# Above this many a subject is read where it lies.
_KEPT_POSTINGS = 4_000_000


_FEW_LOOKS = 6  # an address on as many chains
_FEW_IDS = 100  # a list as a parameter is there in a fifth of the time of an Arrow table, if it is short
LARGEST_SUM = 2**63 - 1  # micro-dollars, 9.2 trillion USD: more can only come from a wrong price


def cap_sum(sql: str) -> str:
    """Return SQL of a sum of micro-dollars as a bigint that holds at `LARGEST_SUM` instead of failing."""
    return f"least({sql}, {LARGEST_SUM})::bigint"


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time, UTC: from `since` on, up to but without `until`; None is an open end."""

    since: datetime | None = None
    until: datetime | None = None

    @property
    def is_open(self) -> bool:
        """True when it is all of time."""
        return self.since is None and self.until is None


def _plain(moment: datetime | None) -> datetime | None:
    return moment.astimezone(UTC).replace(tzinfo=None) if moment is not None and moment.tzinfo else moment


ALWAYS = Window()


def parse_window(since: str | date | None = None, until: str | date | None = None) -> Window:
    """Read two ends as a person writes them: `2024`, `2024-03`, `2024-03-31` or an ISO time; a day counts whole.

    `until` 2024-03 means the whole of March. Raises UsageError for what is no date, or for an empty window.
    """
    window = Window(_parse_moment(since, ends=False), _parse_moment(until, ends=True))
    if window.since and window.until and window.since >= window.until:
        raise UsageError(f"nothing lies between {since} and {until}", "--since must be before --until")
    return window


def _parse_moment(value: str | date | None, *, ends: bool) -> datetime | None:
    if value is None or isinstance(value, datetime):
        return value
    text = value.isoformat() if isinstance(value, date) else value.strip()
    parts = re.fullmatch(r"(\d{4})(?:-(\d{1,2}))?(?:-(\d{1,2}))?", text)
    try:
        if parts is None:
            return _plain(datetime.fromisoformat(text))  # no zone means UTC
        first = datetime(int(parts[1]), int(parts[2] or 1), int(parts[3] or 1), tzinfo=UTC).replace(tzinfo=None)
    except ValueError as error:
        raise UsageError(f"{text!r} is no date", "write 2024, 2024-03, 2024-03-31 or 2024-03-31T12:00") from error
    if not ends:
        return first
    longest = timedelta(days=1 if parts[3] else 32 if parts[2] else 367)
    after = first + longest
    return after if parts[3] else after.replace(day=1) if parts[2] else after.replace(month=1, day=1)


def gather_members(reader: Reader, subject: Subject) -> None:
    """Fill the thread's temporary table `members(address_id)` with the subject's addresses in the ledger."""

    def fill() -> None:
        if len(subject.address_ids) > _FEW_IDS:
            reader.load("members", pa.table({"address_id": pa.array(subject.address_ids, pa.int64())}))
            return
        reader.query(
            "create or replace temp table members as select unnest($ids::bigint[]) as address_id",
            {"ids": list(subject.address_ids)},
        )

    reader.prepare("members", subject.address_ids, fill)


def select_rows(
    subject: Subject, table: str, column: str = "address_id", *, columns: str = "*"
) -> tuple[str, dict[str, object]]:
    """Return SQL, to stand after `from`, of a table's rows whose column holds a member, and its parameters.

    Needs `members`. Of a few ids each is looked for by itself: an index, or the order of the table, finds one constant
    with half of the planning, where between two ids that lie far apart the whole table would be read.
    """
    if not 0 < len(subject.address_ids) <= _FEW_LOOKS:
        return f"(select {columns} from {table} where {column} in (select address_id from members))", {}
    return look_for(subject.address_ids, table, column, columns=columns)


def look_for(
    ids: Sequence[int], table: str, column: str = "address_id", *, columns: str = "*"
) -> tuple[str, dict[str, object]]:
    """Return SQL, to stand after `from`, that looks for each of a few ids by itself, and its parameters."""
    params: dict[str, object] = {f"member_{place}": number for place, number in enumerate(ids)}
    looks = (f"select {columns} from {table} where {column} = ${name}" for name in params)
    return f"({' union all '.join(looks)})", params


def prepare_spam_assets(reader: Reader) -> None:
    """Fill the build's table `spam_assets(asset_id)`."""

    def fill() -> None:
        reader.query(
            f"""create or replace table spam_assets as
            select distinct f.asset_id from beliefs.asset_flags f join facts.assets a using (asset_id)
            where {IS_SPAM_ASSET} order by 1"""
        )

    reader.share("spam_assets", fill)


def gather_moves(reader: Reader, subject: Subject, window: Window = ALWAYS) -> None:
    """Make `moves` the subject's postings in the window, and `all_moves` those of all of time.

    Beside them, `spam_transfers(transfer_id)` and `spam_assets(asset_id)` name what hygiene found.
    """
    gather_members(reader, subject)
    prepare_spam_assets(reader)
    reader.prepare("all_moves", subject.address_ids, lambda: _fill_all_moves(reader, subject))
    reader.prepare("moves", (subject.address_ids, window), lambda: _cut_moves(reader, window))


def count_postings(reader: Reader, subject: Subject) -> int:
    """Return how many postings the subject has, of all of time."""

    def count() -> int:
        gather_members(reader, subject)
        sums, params = select_rows(subject, "facts.address_assets")
        rows = reader.query(f"select coalesce(sum(transfers_in + transfers_out), 0)::bigint from {sums}", params)
        return int(rows[0][0])

    return reader.recall("postings", subject.address_ids, count)


def _fill_all_moves(reader: Reader, subject: Subject) -> None:
    """Make `all_moves` the postings of all of time, read once for every window that is asked for."""
    many = count_postings(reader, subject)
    if many <= _KEPT_POSTINGS:
        rows, params = select_rows(subject, "facts.postings")
        reader.query(f"create or replace temp table moves_kept as from {rows}", params)
        source = "moves_kept"
    else:
        source = "facts.postings where address_id in (select address_id from members)"
    view = f"create or replace temp view all_moves as select * from {source}"
    reader.recall("all_moves view", source, lambda: reader.query(view))
    few = [int(number) for (number,) in reader.query("select transfer_id from all_moves")] if many <= _FEW_IDS else []
    hit, params = _match_transfers(few)
    reader.query(
        f"""create or replace temp table spam_transfers as
        with flagged as materialized (select transfer_id, flag from beliefs.transfer_flags where transfer_id in ({hit}))
        select transfer_id from flagged where list_contains($spam, flag)""",
        {"spam": list(SPAM_TRANSFER_FLAGS), **params},
    )


def _match_transfers(few: list[int]) -> tuple[str, dict[str, object]]:
    """Return SQL of what to look for among all transfers, to stand after `in`, and its parameters.

    An index finds a few constants; for anything else, which may be every row, the whole table is read.
    """
    if not few:
        return "select transfer_id from all_moves", {}
    # So that there are a few texts to parse, not a hundred.
    places = 1 << (len(few) - 1).bit_length()
    params: dict[str, object] = {f"move_{place}": few[place % len(few)] for place in range(places)}
    return ", ".join(f"${name}" for name in params), params


def _cut_moves(reader: Reader, window: Window) -> None:
    conditions = []
    # A view takes no parameters, but it reads variables.
    for name, sign, end in (("moves_since", ">=", window.since), ("moves_until", "<", window.until)):
        if end is not None:
            reader.query(f"set variable {name} = $end::timestamp", {"end": _plain(end)})
            conditions.append(f"block_time {sign} getvariable('{name}')")
    cut = f"where {' and '.join(conditions)}" if conditions else ""
    view = f"create or replace temp view moves as select * from all_moves {cut}"
    reader.recall("moves view", cut, lambda: reader.query(view))


def prepare_entities(reader: Reader) -> None:
    """Fill the build's `known_entities`: one row per entity, the private one first."""

    def make() -> None:
        reader.query(f"create or replace table known_entities as {ENTITIES} order by entity_id")

    reader.share("known_entities", make)


def gather_flows(reader: Reader, subject: Subject, window: Window = ALWAYS) -> None:
    """Fill the thread's temporary tables `flows` and `owners` beside `moves`: the subject's moves added up.

    `flows`: per counterparty_id (null: none), is_spam, is_internal, is_fee (who earns a fee is no counterparty) and
    is_venue (a contract by way of which the subject swapped, wrapped or lent): transfers_in, transfers_out,
    in_micro_usd, out_micro_usd, unpriced, first_time, last_time. `owners`: who the counterparties belong to, at the
    subject's tier.
    """
    gather_moves(reader, subject, window)
    add_flows(reader, subject, window)


def add_flows(reader: Reader, subject: Subject, window: Window) -> None:
    """Fill `flows` and `owners` alone: for what reads no `moves`, which may be those of another window afterwards."""
    flows, owners = _name_flows(subject, window)
    has_venues = reader.recall("flows", flows, lambda: _fill_flows(reader, subject, window))
    counterparties = "select counterparty_id from flows where not is_spam"
    reader.prepare("owners", owners, lambda: fill_owners(reader, counterparties, subject.tier))
    # Whose a venue is decides, not how sure that is: at another tier the flows are the same.
    reader.prepare("venues", flows, lambda: _keep_venues(reader) if has_venues else None)


def _name_flows(subject: Subject, window: Window) -> tuple[object, object]:
    """Return of what `flows` and `owners` were made."""
    return (subject.address_ids, window), (subject.address_ids, window, subject.tier)


def lend_flows(reader: Reader, subject: Subject, window: Window) -> Callable[[], None]:
    """Return what gives another thread of the reader a copy of this one's `flows` and `owners`."""
    gather_flows(reader, subject, window)
    copies = {name: reader.arrow(f"from {name}") for name in ("flows", "owners")}
    flows, owners = _name_flows(subject, window)

    def borrow() -> None:
        for name, rows in copies.items():
            reader.load(name, rows)
        for slot, made_of in (("flows", flows), ("owners", owners), ("venues", flows)):
            reader.prepare(slot, made_of, lambda: None)

    return borrow


def _fill_flows(reader: Reader, subject: Subject, window: Window) -> bool:
    """Fill `flows`, and say whether some came by way of a venue: `_keep_venues` looks at those again."""
    gather_moves(reader, subject, window)
    swapped = _find_swapped(reader)
    # Sums and differences cost a third less than conditional sums (7 million postings: 1.5 s, now 1.0 s of one core).
    reader.query(
        f"""create or replace temp table flows as
        select counterparty_id, is_spam,
            coalesce(counterparty_id in (select address_id from members), false) as is_internal,
            (n + net_n) // 2 as transfers_in, (n - net_n) // 2 as transfers_out,
            {cap_sum("(usd + net_usd) // 2")} as in_micro_usd, {cap_sum("(usd - net_usd) // 2")} as out_micro_usd,
            n - priced as unpriced, first_time, last_time, is_fee, is_venue
        from (
            select p.counterparty_id,
                p.asset_id in (select asset_id from spam_assets)
                    or p.transfer_id in (select transfer_id from spam_transfers) as is_spam,
                count(*) as n, sum(p.direction)::bigint as net_n, count(p.value_micro_usd) as priced,
                coalesce(sum(p.value_micro_usd), 0) as usd,
                coalesce(sum(p.value_micro_usd * p.direction), 0) as net_usd,
                min(p.block_time) as first_time, max(p.block_time) as last_time, p.kind_code = {FEE} as is_fee,
                {swapped}
            group by p.counterparty_id, is_spam, is_fee, is_venue)"""
    )
    return swapped == _BY_WAY


_BY_WAY = """s.tx_tag is not null as is_venue
            from moves p left join swapped s on s.block_time = p.block_time and s.tx_tag = p.tx_tag"""


def _find_swapped(reader: Reader) -> str:
    """Fill `swapped(block_time, tx_tag)`: transactions in which the subject gave one asset and got another.

    Returns the SQL that takes `is_venue` from there; most subjects have none, and joining nothing costs as well.
    """
    [(found,)] = reader.query(
        f"""create or replace temp table swapped as
        select block_time, tx_tag from moves
        where kind_code not in ({_NO_LEG}) and asset_id not in (select asset_id from spam_assets)
        group by 1, 2
        having (min(direction) < max(direction) and min(asset_id) < max(asset_id)) or max(kind_code in ({_WRAPS}))"""
    )
    return _BY_WAY if found else "false as is_venue from moves p"


def _keep_venues(reader: Reader) -> None:
    """Clear `is_venue` where the other side is no contract: a person who swaps with the subject is a counterparty."""
    reader.query(
        """update flows set is_venue = false where is_venue and counterparty_id not in (
            select a.address_id from facts.addresses a left join owners o on o.address_id = a.address_id
            where a.address_id in (select counterparty_id from flows where is_venue)
                and (coalesce(o.category in (select unnest($categories)), a.is_contract, false)
                    or a.address in (select unnest($system))))""",
        {"categories": list(VENUE_CATEGORIES), "system": list(SYSTEM_ADDRESSES)},
    )


def fill_owners(reader: Reader, ids_sql: str, tier: str, *, table: str = "owners", shows_private: bool = True) -> None:
    """Fill a temporary table of the thread with the entity of each id that `ids_sql`, one of our own, selects.

    A private attribution stands before the public one, or counts for nothing unless `shows_private`. At tier
    `confirmed` what is only probable has the status `probable`, its owner's name, and no entity_id: it is shown, and
    counts for nobody.
    """
    prepare_entities(reader)
    entities = "known_entities" if shows_private else "(select * from beliefs.entities where visibility = 'public')"
    stands = " and visibility = 'public'"
    if shows_private:
        reader.share("private_ids", lambda: _fill_private_ids(reader))
        stands = " and (visibility = 'private' or address_id not in (select address_id from private_ids))"
    if not reader.has_rows("private_ids" if shows_private else _PRIVATE_ATTRIBUTIONS):
        stands = ""
    # In two steps, for then the few that are wanted are looked for among all entities, and not the other way round.
    reader.query(
        f"""create or replace temp table {table}_found as
        select address_id, entity_id, status, tier, confidence, role, visibility,
            tier = 'confirmed' or status = 'labelled' or $tier = 'probable' as is_member
        from beliefs.attributions where address_id in ({ids_sql}){stands}""",
        {"tier": tier},
    )
    reader.query(
        f"""create or replace temp table {table} as
        select a.address_id, case when a.is_member then a.entity_id end as entity_id,
            coalesce(e.name, a.entity_id) as name, e.category, coalesce(e.is_custodial, false) as is_custodial,
            case when a.is_member then a.status else 'probable' end as status, a.tier, a.confidence, a.role,
            a.visibility
        from {table}_found a left join {entities} e using (entity_id)"""
    )


_PRIVATE_ATTRIBUTIONS = "(select 1 from beliefs.attributions where visibility = 'private')"


def _fill_private_ids(reader: Reader) -> None:
    """Fill the build's `private_ids`: an address has one attribution per visibility, and the private one stands."""
    reader.query(
        """create or replace table private_ids as select distinct address_id from beliefs.attributions
        where visibility = 'private' and address_id is not null order by 1"""
    )


def name_addresses(reader: Reader, ids: list[int]) -> dict[int, tuple[str, str]]:
    """Return {address_id: (chain, address)}: for a few rows quicker to plan than a join."""
    if not ids:
        return {}
    rows = reader.query(
        "select address_id, chain, address from facts.addresses where address_id in (select unnest($ids))", {"ids": ids}
    )
    return {int(row[0]): (str(row[1]), str(row[2])) for row in rows}


# One row per entity: the private one, which has seen more, stands before the public one.
ENTITIES = """select * from beliefs.entities
    where visibility = 'private' or entity_id not in (
        select entity_id from beliefs.entities where visibility = 'private')"""
