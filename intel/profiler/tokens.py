"""Who holds a token, how concentrated is it, and between whom does it flow?"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from intel.errors import AmbiguousSubject, UnknownSubject, UsageError
from intel.model import SYSTEM_ADDRESSES, Tier
from intel.profiler.coverage import last_seen_by_chain
from intel.profiler.holdings import scale_amount
from intel.profiler.postings import (
    ALWAYS,
    Window,
    fill_owners,
    name_addresses,
)
from intel.sources.chains import resolve_chain
from intel.store.reader import Reader

By = Literal["address", "entity"]
BY: tuple[By, ...] = ("address", "entity")
Step = Literal["day", "week", "month"]
STEPS = ("day", "week", "month")

_CANDIDATES = 20
_NATIVE = "native"

_HOLDER = pa.schema({
    "who": pa.string(), "name": pa.string(), "status": pa.string(), "category": pa.string(), "amount": pa.string(),
    "usd": pa.float64(), "share": pa.float64(), "addresses": pa.int64(), "role": pa.string(), "address": pa.string(),
    "entity_id": pa.string(), "chain": pa.string(),
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Token:
    """One token of one chain: a contract with all its ids, or the native coin (`token` None)."""

    chain: str
    token: str | None
    symbol: str | None
    name: str | None
    decimals: int | None
    standard: str | None
    is_verified: bool
    is_oversize: bool
    flags: tuple[str, ...]

    @property
    def text(self) -> str:
        """What `resolve_token` finds it by: `ethereum:0x...` or `ethereum:native`."""
        return f"{self.chain}:{self.token or _NATIVE}"


def resolve_token(reader: Reader, text: str) -> Token:
    """Return the token that `text` names: a contract, `chain:contract`, `chain:native`, or a symbol that one token has.

    A symbol is no identity: where several tokens carry it, AmbiguousSubject lists them as (`chain:contract`, what it
    is), verified ones first. Raises UsageError for an empty text, UnknownSubject for what no asset goes by.
    """
    wanted = text.strip()
    if not wanted:
        raise UsageError("the token is empty", "give its contract, `chain:contract`, `chain:native` or a symbol")
    head, _, tail = wanted.rpartition(":")
    chain = resolve_chain(head) if head else None
    if head and chain is None:
        raise UnknownSubject(f"{wanted!r} is on an unknown chain {head!r}", "write ethereum:0x... or eip155:1:0x...")
    name = tail if re.fullmatch(r"0[xX]\w+", tail) is None else tail.lower()
    found = _find_tokens(reader, name, chain)
    if not found:
        raise UnknownSubject(f"no token of this store goes by {wanted!r}", "give its contract or its symbol")
    if len(found) > 1:
        more = f", the first {_CANDIDATES} of them shown" if len(found) > _CANDIDATES else ""
        raise AmbiguousSubject(
            f"{wanted!r} names {len(found)} tokens{more}",
            [(item.text, _describe(item)) for item in found[:_CANDIDATES]],
            "use the contract: " + ", ".join(item.text for item in found[:3]),
        )
    return found[0]


def _find_tokens(reader: Reader, name: str, chain: str | None) -> list[Token]:
    # The exact contract stands alone: a token may carry another one's contract as its symbol.
    for test in ("a.token = $name or (a.token is null and $name = 'native')", "lower(a.symbol) = lower($name)"):
        rows = reader.records(
            f"""with found as (
                select a.chain, a.token, min(a.symbol) as symbol, min(a.name) as name, min(a.decimals) as decimals,
                    min(a.standard) as standard, coalesce(bool_or(a.is_verified), false) as is_verified,
                    coalesce(bool_or(a.is_oversize), false) as is_oversize, list(distinct f.flag order by f.flag)
                        filter (f.flag is not null) as flags
                from facts.assets a left join beliefs.asset_flags f using (asset_id)
                where ({test}) and ($chain is null or a.chain = $chain) group by 1, 2)
            select * from found order by is_verified desc, len(coalesce(flags, [])), chain, token nulls first""",
            {"name": name.lower() if name.lower() == _NATIVE else name, "chain": chain},
        )
        if rows:
            return [Token(**{**row, "flags": tuple(row["flags"] or ())}) for row in rows]
    return []


def _describe(token: Token) -> str:
    named = token.name or token.symbol or "unnamed"
    standing = (
        "verified" if token.is_verified else ", ".join(f.replace("_", " ") for f in token.flags) or "not verified"
    )
    return f"{named} on {token.chain}, {standing}"


def gather_token(reader: Reader, token: Token) -> None:
    """Fill the thread's temporary table `token_assets(asset_id)`: every id of the contract."""

    def fill() -> None:
        reader.query(
            """create or replace temp table token_assets as
            select asset_id from facts.assets where chain = $chain and token is not distinct from $token""",
            {"chain": token.chain, "token": token.token},
        )

    reader.prepare("token_assets", (token.chain, token.token), fill)


def _gather_holders(reader: Reader, token: Token, tier: Tier, window: Window) -> None:
    """Fill `token_holders(address_id, net_raw)`, non-zero, at the window's end, and `token_owners`.

    `token_positive` are those above zero, without the burnt and null addresses.
    """
    gather_token(reader, token)

    def fill() -> None:
        if window.until is None:
            reader.query(
                """create or replace temp table token_holders as
                select address_id, sum(in_raw) - sum(out_raw) as net_raw from facts.address_assets
                where asset_id in (select asset_id from token_assets) group by 1 having net_raw <> 0"""
            )
        else:
            reader.query(
                """create or replace temp table token_holders as
                select address_id, sum(value_raw * direction) as net_raw from facts.postings
                where asset_id in (select asset_id from token_assets) and block_time < $until
                group by 1 having net_raw <> 0""",
                {"until": window.until},
            )
        # By the few ids of the system addresses: the text of a million holders takes a second to look up.
        reader.query(
            """create or replace temp table token_positive as select * from token_holders
            where net_raw > 0 and address_id not in (
                select address_id from facts.address_lookup where address in (select unnest($system)))""",
            {"system": list(SYSTEM_ADDRESSES)},
        )
        fill_owners(reader, "select address_id from token_holders", tier, table="token_owners")

    reader.prepare("token_holders", (token.chain, token.token, tier, window.until), fill)


def _sum_by(by: By, table: str) -> str:
    """Return SQL of entity_id (null: nobody owns it), first_id, addresses, net_raw of each holder in `table`.

    Only what somebody owns is grouped; names are looked up for the rows that are shown.
    """
    alone = f"""select null::varchar as entity_id, h.address_id as first_id, 1::bigint as addresses, h.net_raw
        from {table} h"""
    if by == "address":
        return alone
    return f"""select o.entity_id, min(h.address_id) as first_id, count(*) as addresses, sum(h.net_raw) as net_raw
        from {table} h join token_owners o using (address_id) where o.entity_id is not null group by 1
        union all {alone} where h.address_id not in (select address_id from token_owners where entity_id is not null)"""


def tabulate_holders(
    reader: Reader,
    token: Token,
    *,
    by: By = "entity",
    tier: Tier = "confirmed",
    until: Window = ALWAYS,
    limit: int | None = 100,
) -> pa.Table:
    """Return the holders, largest first: who, name, status, category, amount (exact text), usd, share, addresses, ...

    `share` is the part of all positive amounts seen; burnt and null addresses are listed (`system`) and hold no share.
    Below zero (more went out than was seen coming in) stands last. `until` counts by its end only. An oversize token
    has no amounts, so no holders.
    """
    _gather_holders(reader, token, tier, until)
    rows = reader.records(
        f"""with summed as ({_sum_by(by, "token_holders")}),
        largest as (select * from summed order by net_raw desc, first_id limit $limit),
        named as (
            select l.*, o.* exclude (address_id, entity_id) from largest l join token_owners o using (entity_id)
            union all by name
            select l.* replace (o.entity_id as entity_id), o.* exclude (address_id, entity_id)
            from largest l left join token_owners o on o.address_id = l.first_id where l.entity_id is null)
        select entity_id, min(name) as name, min(category) as category, coalesce(max(status), 'unknown') as status,
            first_id, addresses, case when addresses = 1 then min(role) end as role, net_raw,
            coalesce(min(visibility), 'public') as visibility
        from named group by entity_id, first_id, addresses, net_raw order by net_raw desc, first_id""",
        {"limit": 2**62 if limit is None else limit},
    )
    held = _sum_held(reader)
    price = _read_price(reader, token, until)[0]
    named = name_addresses(reader, sorted(row["first_id"] for row in rows if row["addresses"] == 1))
    return pa.Table.from_pylist([_holder(row, token, named, (held, price)) for row in rows], _HOLDER)


def _sum_held(reader: Reader) -> int:
    return int(reader.query("select coalesce(sum(net_raw), 0) from token_positive")[0][0])


def _holder(
    row: dict[str, Any], token: Token, named: dict[int, tuple[str, str]], sums: tuple[int, float | None]
) -> dict[str, Any]:
    held, price = sums
    chain, address = named.get(row["first_id"], (token.chain, None)) if row["addresses"] == 1 else (token.chain, None)
    system = SYSTEM_ADDRESSES.get(address or "")
    amount = scale_amount(row["net_raw"], token.decimals)
    return {
        "who": row["name"] or system or address,
        "name": row["name"] or system,
        "status": "system" if system else "private" if row["visibility"] == "private" else row["status"],
        "category": row["category"],
        "amount": format(amount, "f"),
        "usd": None if price is None else float(amount) * price,
        "share": None if system or row["net_raw"] < 0 or not held else int(row["net_raw"]) / held,
        "addresses": row["addresses"],
        "role": row["role"],
        "address": address,
        "entity_id": row["entity_id"],
        "chain": chain,
    }


def _read_price(reader: Reader, token: Token, until: Window) -> tuple[float | None, Any]:
    """Return (USD, day) of the last price up to the window's end, or (None, None)."""
    seen = last_seen_by_chain(reader).get(token.chain)
    if token.decimals is None or seen is None:
        return None, None
    end = seen if until.until is None else min(seen, until.until)
    rows = reader.query(
        """select usd, date from facts.asset_prices where asset_id in (select asset_id from token_assets)
            and date <= $end::timestamp::date order by date desc, usd limit 1""",
        {"end": end},
    )
    return (rows[0][0], rows[0][1]) if rows else (None, None)


def describe_token(reader: Reader, token: Token, *, tier: Tier = "confirmed", until: Window = ALWAYS) -> dict[str, Any]:
    """Return what a token is, its last price, what is held of it, by how many, and how concentrated that is.

    `held` is exact text; `negative` counts holders below zero. `concentration`, per address and per entity: holders,
    top_10_share, top_100_share, herfindahl (the sum of the squared shares, 0..1). Burnt tokens are nobody's.
    """
    _gather_holders(reader, token, tier, until)
    price, day = _read_price(reader, token, until)
    held = scale_amount(Decimal(_sum_held(reader)), token.decimals)
    negative = reader.query("select count(*) from token_holders where net_raw < 0")[0][0]
    spread = {by: _measure_spread(reader, by) for by in BY}
    return {
        "chain": token.chain, "token": token.token, "symbol": token.symbol, "name": token.name,
        "decimals": token.decimals, "standard": token.standard, "is_verified": token.is_verified,
        "is_oversize": token.is_oversize, "flags": list(token.flags), "price_usd": price, "price_date": day,
        "held": format(held, "f"), "held_usd": None if price is None else float(held) * price,
        "holders": spread["address"]["holders"], "negative": int(negative), "concentration": spread,
        "build": reader.build_id,
    }  # fmt: skip


def _measure_spread(reader: Reader, by: By) -> dict[str, Any]:
    """Return how the positive amounts are spread; the shares are summed from the largest down, so always alike."""
    table = reader.arrow(
        f"""select s.net_raw::double as amount from ({_sum_by(by, "token_positive")}) s
        order by amount desc"""
    )
    amounts = table["amount"].to_numpy()
    total = float(amounts.sum())
    shares = amounts / total if total else amounts
    return {
        "holders": len(amounts),
        "top_10_share": float(shares[:10].sum()) if total else None,
        "top_100_share": float(shares[:100].sum()) if total else None,
        "herfindahl": float(np.square(shares).sum()) if total else None,
    }


def check_step(step: str) -> None:
    """Raise UsageError for what is no step of a chart."""
    if step not in STEPS:
        raise UsageError(f"{step!r} is no step", f"use {', '.join(STEPS)}")
