"""What does the subject hold, or what did it gain and lose over the window?"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Context, Decimal
from typing import Any

from intel.model import Holding, Subject
from intel.profiler.coverage import describe_chain, last_seen_by_chain
from intel.profiler.postings import ALWAYS, Window, gather_members, gather_moves, prepare_spam_assets, select_rows
from intel.store.reader import Reader

TITLE_BALANCE = "balance"
TITLE_NET_FLOW = "net flow over the window"
TITLE_CUSTODIAL = "held for customers"
TITLE_CUSTODIAL_FLOW = "held for customers, net flow over the window"

_LARGEST_USD = 1e24  # beyond it a price is nonsense, and sums of such values would carry nothing else
_EXACT = Context(prec=80)  # an amount has at most 38 digits; Decimal's default of 28 would round it

_WHOLE = """select p.asset_id, (sum(coalesce(p.in_raw, 0)) - sum(coalesce(p.out_raw, 0)))::decimal(38, 0) as net_raw,
        sum(p.transfers_in + p.transfers_out)::bigint as postings
    from {summed} p group by 1"""
_BETWEEN = """select p.asset_id, sum(p.value_raw * p.direction)::decimal(38, 0) as net_raw, count(*) as postings
    from moves p group by 1"""


def _read_nets(reader: Reader, subject: Subject, window: Window) -> list[dict[str, Any]]:
    summed, params = select_rows(subject, "facts.address_assets")
    net = _WHOLE.format(summed=summed) if window.is_open else _BETWEEN
    return reader.records(
        f"""with net as ({net})
        select a.chain, a.token, a.token_id, a.symbol, a.decimals,
            case when not coalesce(a.is_oversize, false) then n.net_raw end as net_raw,
            coalesce(a.is_oversize, false) as is_oversize, n.asset_id, n.net_raw::double as units
        from net n join facts.assets a using (asset_id) where a.is_oversize or n.net_raw <> 0""",
        params if window.is_open else {},
    )


_UNKNOWN = {"as_of": None, "price_date": None, "price_usd": None, "is_doubtful": None, "flags": None, "is_spam": None}


def _read_known_assets(reader: Reader, window: Window) -> dict[int, dict[str, Any]]:
    """Return the rows of `known_assets` by asset: a few hundred, and joining them costs more than the rest."""

    def read() -> dict[int, dict[str, Any]]:
        return {row.pop("asset_id"): row for row in reader.records("select * from known_assets")}

    prepare_known_assets(reader, window)
    return reader.once("known assets", read) if window.until is None else read()


def prepare_known_assets(reader: Reader, window: Window) -> None:
    """Make `known_assets`: flags and last price of every asset that has some, at the window's end.

    Columns: asset_id, as_of, price_date, price_usd, is_doubtful, flags, is_spam.
    """
    prepare_spam_assets(reader)
    reader.share("known_assets", lambda: _fill_known_assets(reader, ALWAYS, "table known_assets"))
    reader.prepare("known_assets", window.until, lambda: _choose_known_assets(reader, window))


def _choose_known_assets(reader: Reader, window: Window) -> None:
    """Let the thread see the prices of now, which are shared, or those of an earlier day before them."""
    if window.until is None:
        reader.query("drop table if exists temp.known_assets")
    else:
        _fill_known_assets(reader, window, "temp table known_assets")


def _fill_known_assets(reader: Reader, window: Window, table: str) -> None:
    seen = last_seen_by_chain(reader)
    last = None if window.until is None else window.until - timedelta(microseconds=1)
    reader.query(
        f"""create or replace {table} as
        with ends as (select unnest($chains::varchar[]) as chain, unnest($as_of::timestamp[]) as as_of),
        priced as (
            select p.asset_id, any_value(e.as_of) as as_of, max(p.date) as price_date,
                arg_max(p.usd, p.date) as price_usd,
                arg_max(coalesce(p.is_doubtful, false), p.date) as is_doubtful
            from facts.asset_prices p join facts.assets a using (asset_id) join ends e on e.chain = a.chain
            where p.date <= e.as_of::date
            group by 1),
        flagged as (select asset_id, list(distinct flag order by flag) as flags from beliefs.asset_flags group by 1)
        select asset_id, p.as_of, p.price_date, p.price_usd, p.is_doubtful, f.flags,
            asset_id in (select asset_id from spam_assets) as is_spam
        from priced p full join flagged f using (asset_id)""",
        {"chains": list(seen), "as_of": [time if last is None else min(time, last) for time in seen.values()]},
    )


def list_holdings(
    reader: Reader, subject: Subject, window: Window = ALWAYS, *, limit: int | None = 500
) -> list[Holding]:
    """Return the holdings, largest USD first, unpriced after them, spam last; amounts are exact.

    Flags: those of hygiene, `spam` (they amount to it), `oversize`, `unpriced`, `stale_price` (older than a day),
    `doubtful_price`, `unknown_decimals` (the amount is in base units), `negative` (more went out than was seen
    coming in).
    """
    if window.is_open:
        gather_members(reader, subject)  # sums by address and asset are at hand
    else:
        gather_moves(reader, subject, window)
    known = _read_known_assets(reader, window)
    rows = [row | known.get(row["asset_id"], _UNKNOWN) for row in _read_nets(reader, subject, window)]
    return [_read_holding(row) for row in sorted(rows, key=_rank_holding)[:limit]]


def _rank_holding(row: dict[str, Any]) -> tuple[Any, ...]:
    """Spam last, else the largest USD first; then by chain, the native coin before tokens."""
    priced = row["price_usd"] is not None and row["units"] is not None and row["decimals"] is not None
    value = abs(row["units"] * row["price_usd"] / 10.0 ** row["decimals"]) if priced else 0.0
    token, token_id = row["token"], row["token_id"]
    return (
        bool(row["is_spam"]), not priced, -value, row["chain"],
        token is not None, token or "", token_id is None, token_id or "",
    )  # fmt: skip


def scale_amount(raw: Decimal, decimals: int | None) -> Decimal:
    """Return base units as whole tokens, exactly and without trailing zeros; unknown decimals mean none."""
    scaled = _EXACT.scaleb(raw, -(decimals or 0)).normalize(_EXACT)
    return scaled.quantize(Decimal(1), context=_EXACT) if scaled.as_tuple().exponent > 0 else scaled  # type: ignore[operator]


def _read_holding(row: dict[str, Any]) -> Holding:
    raw: Decimal | None = row["net_raw"]
    amount = None if raw is None else scale_amount(raw, row["decimals"])
    price = None if row["decimals"] is None else row["price_usd"]
    value = None if amount is None or price is None else round(float(amount) * price, 6)
    value = value if value is not None and abs(value) < _LARGEST_USD else None
    return Holding(
        chain=row["chain"],
        token=row["token"],
        symbol=row["symbol"],
        amount=amount,
        value_usd=value,
        token_id=row["token_id"],
        decimals=row["decimals"],
        price_date=row["price_date"] if value is not None else None,
        flags=tuple(sorted({*(row["flags"] or ()), *_own_flags(row, amount, value)})),
    )


def _own_flags(row: dict[str, Any], amount: Decimal | None, value: float | None) -> set[str]:
    flags = {"oversize": row["is_oversize"], "unpriced": value is None, "spam": bool(row["is_spam"])}
    flags["doubtful_price"] = value is not None and bool(row["is_doubtful"])
    flags["unknown_decimals"] = row["decimals"] is None and row["token_id"] is None
    flags["negative"] = amount is not None and amount < 0
    as_of: datetime | None = row["as_of"]
    flags["stale_price"] = value is not None and as_of is not None and (as_of.date() - row["price_date"]).days > 1
    return {flag for flag, holds in flags.items() if holds}


def name_holdings(reader: Reader, chains: list[str], window: Window, *, is_custodial: bool) -> str:
    """Return what the amounts are: a balance, a net flow, or held for customers.

    They are a balance, or what is held, only where the history of each chain is whole up to the window's end.
    """
    seen = window.since is None and bool(chains) and all(describe_chain(reader, c)["is_whole"] for c in chains)
    if is_custodial:
        return TITLE_CUSTODIAL if seen else TITLE_CUSTODIAL_FLOW
    return TITLE_BALANCE if seen else TITLE_NET_FLOW
