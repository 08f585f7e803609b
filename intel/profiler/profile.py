"""Everything one page shows about a subject: who, what it holds, with whom it deals, and how sure we are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from intel.model import Counterparty, Holding, Profile, Subject
from intel.profiler.activity import count_moves, summarise_activity
from intel.profiler.caveats import list_caveats, say_events
from intel.profiler.counterparties import rank_counterparties
from intel.profiler.coverage import describe_coverage
from intel.profiler.evidence import list_evidence
from intel.profiler.exchanges import list_exchange_usage
from intel.profiler.explain import list_attributions
from intel.profiler.holdings import list_holdings, name_holdings
from intel.profiler.judge import list_judgements_about
from intel.profiler.labels import list_labels, list_listings
from intel.profiler.large_sums import is_summed
from intel.profiler.lots import Method, check_method
from intel.profiler.pnl import DEFAULT, compute_pnl
from intel.profiler.postings import (
    ALWAYS,
    Window,
    count_postings,
    gather_members,
    lend_flows,
    prepare_entities,
    select_rows,
)
from intel.store.reader import Reader


def build_profile(
    reader: Reader,
    subject: Subject,
    window: Window = ALWAYS,
    *,
    counterparties: int = 50,
    evidence: int = 100,
    method: Method = DEFAULT,
) -> Profile:
    """Return the profile of an address or an entity of any size, over the window or all that was seen.

    Two threads share the work: of an ordinary subject nearly all of it is planning, which uses one core.
    """
    check_method(method)
    identified = reader.aside(lambda: _identify(reader, subject))
    described = reader.aside(lambda: _describe(reader, subject, window, evidence))
    lends = not is_summed(reader, subject, window)  # what the build has summed needs no flows
    borrow = lend_flows(reader, subject, window) if lends else None
    dealt = reader.aside(lambda: _rank(reader, subject, window, counterparties, borrow))
    activity, counts = summarise_activity(reader, subject, window), count_moves(reader, subject, window)
    identity = identified.result()
    entity, is_custodial = identity["entity"], identity.pop("is_custodial")
    is_list = entity is not None and subject.kind == "entity" and entity["kind"] == "list"
    moves = 0 if is_custodial or is_list else count_postings(reader, subject)
    pnl = compute_pnl(reader, subject, window, method=method) if 0 < moves <= PNL_MOVES else None
    judgements, warning = list_judgements_about(reader, [subject])
    told, dealings = described.result(), dealt.result()
    # Those of all of time are added up already; those of a window need its moves, which are here.
    holdings = told["holdings"] if window.is_open else tuple(list_holdings(reader, subject, window))
    extra = {"is_custodial": is_custodial, "is_too_large": moves > PNL_MOVES, "judgements": judgements}
    profile = Profile(
        subject=_describe_subject(subject),
        **identity,
        **told["shown"],
        **dealings["shown"],
        holdings=holdings,
        holdings_title=name_holdings(reader, told["chains"], window, is_custodial=is_custodial),
        activity=activity,
        pnl=pnl,
        caveats=(),
        build_id=reader.build_id,
        extra={**counts, **extra, **told["extra"], "venues": dealings["venues"]},
    )
    caveats = [*list_caveats(reader, subject, profile), *([warning] if warning else [])]
    return replace(profile, caveats=tuple(caveats))


def _identify(reader: Reader, subject: Subject) -> dict[str, Any]:
    """Say who the subject is."""
    entity, role = describe_entity(reader, subject), describe_role(reader, subject)
    is_custodial = bool(entity and entity["is_custodial"]) or bool(role and role["name"] in CUSTODIAL_ROLES)
    return {"entity": entity, "role": role, "is_custodial": is_custodial}


def _describe(reader: Reader, subject: Subject, window: Window, evidence: int) -> dict[str, Any]:
    """Say what is known about the subject besides its dealings."""
    chains = list_chains(reader, subject)
    holdings = tuple(list_holdings(reader, subject, window)) if window.is_open else ()
    shown = {
        "labels": tuple(list_labels(reader, subject)),
        "evidence": tuple(list_evidence(reader, subject, limit=evidence)),
        "coverage": {"since": window.since, "until": window.until, **describe_coverage(reader, chains)},
    }
    extra = {"listings": list_listings(reader, subject), "events": tuple(say_events(reader, subject))}
    return {"shown": shown, "chains": chains, "holdings": holdings, "extra": extra}


def _rank(
    reader: Reader, subject: Subject, window: Window, limit: int, borrow: Callable[[], None] | None
) -> dict[str, Any]:
    """Say with whom the subject deals most, by the flows of the thread that asks."""
    if borrow:
        borrow()
    shown = {
        "counterparties": tuple(rank_counterparties(reader, subject, window, limit=limit)),
        "exchange_usage": tuple(list_exchange_usage(reader, subject, window)),
    }
    return {"shown": shown, "venues": tuple(rank_counterparties(reader, subject, window, limit=limit, venues=True))}


CUSTODIAL_ROLES = ("exchange", "custodian")
PNL_MOVES = 4_000_000  # more are netted and matched in minutes: the profile leaves PnL out, and says so


def describe_entity(reader: Reader, subject: Subject) -> dict[str, Any] | None:
    """Return who the subject is or belongs to: id, name, category, confidence, addresses, ...; None if not known."""
    if subject.entity_id is None:
        return None
    prepare_entities(reader)
    rows = reader.query(
        """select coalesce(name, entity_id), category, kind, parent, website, coalesce(is_custodial, false), visibility
        from known_entities where entity_id = $entity_id""",
        {"entity_id": subject.entity_id},
    )
    name, category, kind, parent, website, is_custodial, visibility = rows[0] if rows else (
        subject.entity_id, None, None, None, None, False, "public",
    )  # fmt: skip
    members = list_attributions(reader, subject) if subject.kind == "address" else []
    own = next((row for row in members if row["entity_id"] == subject.entity_id), None)
    return {
        "id": subject.entity_id,
        "name": name,
        "category": category,
        "confidence": own["confidence"] if own else _middle_confidence(reader, subject),
        "addresses": _count_addresses(reader, subject),
        "kind": kind,
        "parent": parent,
        "website": website,
        "is_custodial": bool(is_custodial),
        "visibility": own["visibility"] if own else visibility,
        "tier": own["tier"] if own else subject.tier,
        "status": own["status"] if own else None,
        "role": own["role"] if own else None,
        "basis": own["basis"] if own else None,
        "reason": own["reason"] if own else None,
        "rival": own["rival_entity_id"] if own else None,
        "rival_confidence": own["rival_confidence"] if own else None,
    }


def _middle_confidence(reader: Reader, subject: Subject) -> float | None:
    """Return the median confidence of the entity's addresses at the subject's tier; None for one without any."""
    rows = reader.query(
        """select median(confidence) from beliefs.attributions
        where entity_id = $entity_id and (tier = 'confirmed' or status = 'labelled' or $tier = 'probable')""",
        {"entity_id": subject.entity_id, "tier": subject.tier},
    )
    return None if rows[0][0] is None else round(float(rows[0][0]), 4)


def _count_addresses(reader: Reader, subject: Subject) -> int:
    if subject.kind == "entity":
        return subject.address_count

    def count() -> int:
        return int(
            reader.query(
                """select count(distinct (chain, address)) from beliefs.attributions
                where entity_id = $entity_id and (tier = 'confirmed' or status = 'labelled' or $tier = 'probable')""",
                {"entity_id": subject.entity_id, "tier": subject.tier},
            )[0][0]
        )

    return reader.once(("entity size", subject.entity_id, subject.tier), count)


def describe_role(reader: Reader, subject: Subject) -> dict[str, Any] | None:
    """Return {name, probability, basis, is_predicted, explanation}: what is known, else the likeliest prediction.

    None for an entity, and where nothing is known or predicted.
    """
    if subject.kind == "entity" or not subject.address_ids:
        return None
    gather_members(reader, subject)
    known, params = select_rows(subject, "beliefs.roles")
    rows = reader.records(
        f"""select role as name, probability, basis, starts_with(basis, 'model ') as is_predicted, explanation
        from {known}""",
        params,
    )
    # A few rows are put in order here: a plan that sorts wide rows takes twice as long to make.
    return min(rows, key=_rank_role, default=None)


def _rank_role(row: dict[str, Any]) -> tuple[bool, float, str, str, str]:
    """Order roles: known before predicted, the likelier first."""
    likely = 1.0 if row["probability"] is None else -row["probability"]
    return row["is_predicted"], likely, row["name"], row["basis"], row["explanation"] or ""


def list_chains(reader: Reader, subject: Subject) -> list[str]:
    """Return the chains on which the subject occurs in the ledger, in order."""
    if subject.kind == "address":
        return sorted({item.chain for item in subject.addresses if item.chain is not None})
    gather_members(reader, subject)
    rows = reader.query(
        "select distinct chain from facts.addresses where address_id in (select address_id from members) order by 1"
    )
    return [str(row[0]) for row in rows]


def _describe_subject(subject: Subject) -> dict[str, Any]:
    if subject.kind == "entity":
        return {"kind": "entity", "entity_id": subject.entity_id, "name": subject.name, "tier": subject.tier}
    chains = [item.chain for item in subject.addresses if item.chain is not None]
    return {"kind": "address", "address": subject.name, "chains": chains, "entity_id": subject.entity_id}


def to_json(profile: Profile) -> dict[str, Any]:
    """Return the profile as one JSON document (INTERFACES.md): exact amounts as strings, USD as numbers."""
    document = {
        "subject": profile.subject,
        "entity": profile.entity,
        "role": profile.role,
        "labels": profile.labels,
        "listings": profile.extra["listings"],
        "holdings_title": profile.holdings_title,
        "holdings": [_holding_json(item) for item in profile.holdings],
        "counterparties": [_counterparty_json(item) for item in profile.counterparties],
        "venues": [_counterparty_json(item) for item in profile.extra["venues"]],
        "exchange_usage": [
            {
                "exchange": item.exchange, "name": item.name, "deposits": item.deposits,
                "deposited_usd": item.deposited_usd, "withdrawals": item.withdrawals,
                "withdrawn_usd": item.withdrawn_usd, "first_time": item.first_time, "last_time": item.last_time,
            }
            for item in profile.exchange_usage
        ],
        "pnl": profile.pnl,
        "activity": profile.activity,
        "evidence": profile.evidence,
        "judgements": profile.extra["judgements"],
        "coverage": profile.coverage,
        "caveats": profile.caveats,
        "build": profile.build_id,
    }  # fmt: skip
    plain = to_plain(document)
    assert isinstance(plain, dict)
    return plain


def to_plain(value: object) -> Any:
    """Return the value in JSON's types: Decimals as plain text, times in ISO form, tuples as lists."""
    if isinstance(value, dict):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(item) for item in value]
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds") + ("Z" if value.tzinfo is None else "")
    return value.isoformat() if isinstance(value, date) else value


def _holding_json(item: Holding) -> dict[str, Any]:
    return {
        "chain": item.chain,
        "token": item.token,
        "symbol": item.symbol,
        "amount": item.amount,
        "value_usd": item.value_usd,
        "token_id": item.token_id,
        "decimals": item.decimals,
        "price_date": item.price_date,
        "flags": item.flags,
    }


def _counterparty_json(item: Counterparty) -> dict[str, Any]:
    return {
        "entity_id": item.entity_id,
        "name": item.name,
        "address": item.address,
        "chain": item.chain,
        "in_usd": item.in_usd,
        "out_usd": item.out_usd,
        "transfers": item.transfers,
        "transfers_in": item.transfers_in,
        "transfers_out": item.transfers_out,
        "category": item.category,
        "status": item.status,
    }
