"""How does an answer look on a terminal? Pages and tables from what the profiler returns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Context, Decimal
from typing import Any, Literal

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from intel.model import Profile, RunReport
from intel.talk import clean_text

_SHOWN = 15  # rows of a section; --json has them all
_ROUNDED = Context(prec=80)  # an amount has up to 38 digits, the default of 28 cannot hold it
_STATUS_STYLES = {"labelled": "green", "attributed": "cyan", "predicted": "yellow", "invalid": "red"}


def format_usd(value: float | None) -> str:
    """Return dollars with thousands separators and cents."""
    return "" if value is None else f"{value:,.2f}"


def format_amount(value: Decimal | str | None) -> str:
    """Return an amount with thousands separators, rounded to what a person reads; JSON and files have it exactly."""
    if value is None:
        return ""
    amount = Decimal(value)
    if amount == amount.to_integral_value():
        return f"{amount.quantize(Decimal(1), context=_ROUNDED):,f}"
    places = 2 if abs(amount) >= 1000 else 4 if abs(amount) >= 1 else 8
    rounded = amount.quantize(Decimal(1).scaleb(-places), context=_ROUNDED)
    return f"{rounded:,f}" if rounded else f"under {Decimal(1).scaleb(-places):f}"


def format_share(value: float | None) -> str:
    """Return a share of one as a percentage."""
    return "" if value is None else f"{100 * value:.1f} %"


def format_day(value: datetime | date | None) -> str:
    """Return the day of a time."""
    return "" if value is None else value.isoformat()[:10]


def format_bytes(value: int) -> str:
    """Return a size in MB or GB."""
    return f"{value / 1e9:,.1f} GB" if value >= 1e9 else f"{value / 1e6:,.1f} MB"


def make_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """Return a calm table without lines; `>name` stands at the right, as numbers do, `=name` never wraps."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name in columns:
        justify: Literal["left", "right"] = "right" if name.startswith(">") else "left"
        table.add_column(name.lstrip(">="), justify=justify, overflow="fold", no_wrap=name[:1] in {">", "="})
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Text) else Text(_show(cell)) for cell in row))
    return table


def _show(cell: object) -> str:
    if cell is None:
        return ""
    return f"{cell:,}" if isinstance(cell, int) and not isinstance(cell, bool) else clean_text(cell)


def make_facts(rows: Iterable[tuple[str, object]]) -> Table:
    """Return lines of a name and what is to be said about it; empty ones are left out."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold", max_width=110)
    for name, value in rows:
        if value is not None and value != "":
            table.add_row(name, value if isinstance(value, Text) else Text(_show(value)))
    return table


def make_section(title: str, body: RenderableType | None, note: str = "") -> Group:
    """Return a titled part of a page; `note` stands beside the title."""
    head = Text.assemble("\n", (title, "bold"), ("   " + clean_text(note) if note else "", "dim"))
    return Group(head, Padding(body if body is not None else Text("none", "dim"), (0, 0, 0, 2)))


def make_list_section(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], note: str = "") -> Group:
    """Return a titled table of the first 15 rows; the title says how many there are."""
    more = f"first {_SHOWN} of {len(rows):,}, the others with --json" if len(rows) > _SHOWN else ""
    body = make_table(columns, rows[:_SHOWN]) if rows else None
    return make_section(title, body, "; ".join(part for part in (note, more) if part))


def make_judgements_section(judgements: Sequence[Mapping[str, Any]]) -> Group:
    """Return what people judged, each with its state in words."""
    rows = []
    for row in judgements:
        told = _join([f"because {row['because']}", row["effect"]])
        entry = _make_entry(f"{row['left']} and {row['right']}", told)
        marks = (f"#{row['judgement_id']}", row["verdict"], row["state"])
        rows.append((*marks, entry, row["made_by"] or "", format_day(row["made_at"])))
    return make_list_section("Judgements", ("", "verdict", "state", "of", "by", "=on"), rows, "private to this store")


# ------------------------------------------------------------------------------------------------ the profile


def render_profile(profile: Profile, *more: RenderableType) -> Group:
    """Return the page of one subject: who and why first, what it does, `more` of that, then what it all rests on."""
    return Group(
        _render_title(profile),
        _render_who(profile),
        _render_holdings(profile),
        _render_counterparties(profile),
        _render_usage(profile),
        *more,
        make_evidence_section("Evidence", profile.evidence, is_brief=profile.subject["kind"] == "entity"),
        _render_labels(profile),
        *([make_judgements_section(profile.extra["judgements"])] if profile.extra["judgements"] else []),
        make_section("Coverage", _summarise_coverage(profile.coverage["chains"])),
        make_section("Caveats", Group(*(_make_bullet(text) for text in profile.caveats))),
    )


def _make_bullet(text: str) -> Table:
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold", max_width=110)
    grid.add_row("-", Text(clean_text(text)))
    return grid


def _render_title(profile: Profile) -> Text:
    entity, subject = profile.entity, profile.subject
    name = clean_text(entity["name"] if entity else "Unknown owner")
    title = Text.assemble((name, "bold cyan" if entity else "bold"))
    if entity and entity["category"]:
        title.append("   " + clean_text(entity["category"]), "dim")
    if subject["kind"] == "address":
        title.append(f"\n{clean_text(subject['address'])}")
        title.append(f"   on {clean_text(', '.join(subject['chains']) or 'no chain seen')}", "dim")
    return title


def _say_role(role: Mapping[str, Any], chance: str) -> str:
    told = f"{role['name']} ({chance})"
    return f"{told}   predicted by {role['basis']}. {role['explanation']}" if role["is_predicted"] else told


def _render_who(profile: Profile) -> Padding:
    entity, activity = profile.entity or {}, profile.activity
    status = clean_text(entity.get("status") or "")
    share = format_share(entity.get("confidence"))
    confidence = Text(share if status or not share else f"{share}   median of its addresses")
    if status:
        confidence.append(f"   {status}, {clean_text(entity.get('tier'))}", _STATUS_STYLES.get(status, ""))
    if entity.get("visibility") == "private":
        confidence.append("   private: known to this store alone", "yellow")
    role = profile.role
    chance = format_share(role["probability"]) or "probability not measured" if role else ""
    seen = f"{format_day(activity['first_seen'])} to {format_day(activity['last_seen'])}"
    moved = f"{activity['transfers_in']:,} transfers in, {activity['transfers_out']:,} out"
    rival = entity.get("rival")
    return Padding(
        make_facts([
            ("confidence", confidence if confidence.plain else None),
            ("why", entity.get("reason") or _say_sources(profile)),
            ("basis", ", ".join(entity.get("basis") or [])),
            ("best rival", f"{rival}, {format_share(entity['rival_confidence'])}" if rival else None),
            ("role", _say_role(role, chance) if role else None),
            ("entity id", entity.get("id")),
            ("part of", entity.get("parent")),
            ("website", entity.get("website")),
            ("addresses", entity.get("addresses")),
            ("active", f"{seen}; {moved}" if activity["first_seen"] else "no transfer seen"),
            ("build", profile.build_id),
        ]),
        (1, 0, 0, 2),
    )  # fmt: skip


def _say_sources(profile: Profile) -> str:
    if profile.entity is None:
        return "nothing in this store says who it is; unknown is not clean"
    sources = sorted({str(row["source"]) for row in profile.labels})
    if not sources:
        return "joined by evidence; no source names it"
    shown = ", ".join(sources[:5]) + (" and others" if len(sources) > 5 else "")
    return f"named by {len(sources)} source{'s' if len(sources) > 1 else ''}: {shown}"


def _render_holdings(profile: Profile) -> Group:
    rows = [
        (item.symbol or item.token or "native coin", item.chain, format_amount(item.amount) or "not summed",
         format_usd(item.value_usd), ", ".join(item.flags))
        for item in profile.holdings
    ]  # fmt: skip
    known = [item.value_usd for item in profile.holdings if item.value_usd is not None and "spam" not in item.flags]
    note = f"{profile.holdings_title}, {format_usd(sum(known))} USD" if known else profile.holdings_title
    return make_list_section("Holdings", ("token", "chain", ">amount", ">USD", "flags"), rows, note)


def _render_counterparties(profile: Profile) -> Group:
    rows = [
        (item.name or item.address, item.category, item.status, format_usd(item.in_usd), format_usd(item.out_usd),
         item.transfers)
        for item in profile.counterparties
    ]  # fmt: skip
    return make_list_section("Counterparties", ("who", "category", "known", ">in USD", ">out USD", ">transfers"), rows)


def _render_usage(profile: Profile) -> Group:
    rows = [
        (item.name, item.deposits, format_usd(item.deposited_usd), item.withdrawals, format_usd(item.withdrawn_usd),
         format_day(item.first_time), format_day(item.last_time))
        for item in profile.exchange_usage
    ]  # fmt: skip
    columns = ("exchange", ">deposits", ">USD", ">withdrawals", ">USD", "=first", "=last")
    return make_list_section("Exchange usage", columns, rows)


def make_evidence_section(title: str, evidence: Sequence[Mapping[str, Any]], *, is_brief: bool = False) -> Group:
    """Return the evidence; what says the same of other addresses stands in one line, `is_brief`: the same in kind."""
    alike: dict[tuple[object, ...], list[Mapping[str, Any]]] = {}
    for row in evidence:
        bits = "" if row["weight_bits"] is None else f"{row['weight_bits']:+.1f}"
        assumed = "*" if row["weight_is_assumed"] else " "
        key = (bits + assumed, row["relation"], row["heuristic"], None if is_brief else row["reason"])
        alike.setdefault(key, []).append(row)
    rows = []
    for (weight, relation, heuristic, _), (row, *more) in alike.items():
        ends = " ".join(text for text in (row["left"], row["right"]) if text)
        count = f", and {len(more):,} alike" if more else ""
        rows.append((weight, _make_entry(row["reason"], f"{relation} by {heuristic}: {ends}{count}")))
    notes = ["of each kind the weightiest"] if is_brief and rows else []
    notes += ["* assumed weight, not measured"] if any(row["weight_is_assumed"] for row in evidence) else []
    return make_list_section(title, (">bits", "why"), rows, "; ".join(notes))


def _make_entry(first: str, second: str, warning: str = "") -> Text:
    """Return a cell of two lines that fits any width: what is said, and below it what that rests on."""
    head = (f"   {clean_text(warning)}", "yellow") if warning else ""
    return Text.assemble(clean_text(first), head, "\n", (clean_text(second), "dim"))


def _render_labels(profile: Profile) -> Group:
    """Return the claims; of an entity, what a source says alike of several addresses stands in one line."""
    alike: dict[tuple[int | None, str, str, str, object], list[Mapping[str, Any]]] = {}
    is_brief = profile.subject["kind"] == "entity"
    for row in profile.labels:
        flags = ["conflict"] if row["conflict"] else []
        flags += ["private"] if row["visibility"] == "private" else []
        named = _join([row["name"] or "no tag", f"names {row['entity']}" if row["entity"] else None, row["category"]])
        told = _join([row["source"], row["confidence"]])
        key = (row["level"], named, told, ", ".join(flags), None if is_brief else (row["address"], row["url"]))
        alike.setdefault(key, []).append(row)
    rows = []
    for (level, claim, source, warning, _), (row, *more) in alike.items():
        count = f"and {len(more):,} alike" if more else None
        entry = _make_entry(claim, _join([source, row["address"], row["url"], count]), warning)
        rows.append(("" if level is None else level, entry))
    return make_list_section("Labels", (">level", "claim"), rows, "as their sources make them, level 0 to 100")


def _join(parts: Iterable[str | None]) -> str:
    return ", ".join(part for part in parts if part)


def _summarise_coverage(chains: Sequence[Mapping[str, Any]]) -> Table | None:
    """Return one line per stretch of blocks, with everything that was seen of it."""
    alike: dict[tuple[object, ...], list[str]] = {}
    for chain in chains:
        for kind in chain["kinds"]:
            span = (kind["first_block"], kind["last_block"], kind["holes"] or "")
            days = (format_day(kind["first_time"]), format_day(kind["last_time"]))
            alike.setdefault((chain["chain"], *span, *days), []).append(kind["kind"] or kind["dataset"])
    rows = [(*span, ", ".join(sorted(seen))) for span, seen in alike.items()]
    return (
        make_table(("chain", ">first block", ">last block", ">holes", "=from", "=to", "seen"), rows) if rows else None
    )


def _tabulate_coverage(chains: Sequence[Mapping[str, Any]]) -> Table | None:
    rows = [
        (chain["chain"], kind["dataset"], kind["kind"], kind["first_block"], kind["last_block"], kind["holes"],
         kind["missing_blocks"], format_day(kind["first_time"]), format_day(kind["last_time"]), kind["rows"],
         ", ".join(kind["sources"]))
        for chain in chains for kind in chain["kinds"]
    ]  # fmt: skip
    columns = (
        "chain", "dataset", "kind", ">first block", ">last block", ">holes", ">missing", "=from", "=to", ">rows",
        "source",
    )  # fmt: skip
    return make_table(columns, rows) if rows else None


# ------------------------------------------------------------------------------------------------ other answers


def render_coverage(document: Mapping[str, Any]) -> Group:
    """Return what was seen of each chain."""
    whole = [(chain["chain"], "whole history" if chain["is_whole"] else "a part") for chain in document["chains"]]
    return Group(_tabulate_coverage(document["chains"]) or Text("no block was seen"), Text(""), make_facts(whole))


def render_transfers(rows: Sequence[Mapping[str, Any]], *, shows_member: bool, is_wide: bool) -> Table:
    """Return transfers as a table; `shows_member` adds which of the entity's addresses moved it."""

    def cut(text: str | None) -> str:
        return (
            text if text is not None and (is_wide or len(text) <= 14) else f"{text[:8]}...{text[-4:]}" if text else ""
        )

    members = ["member"] if shows_member else []
    columns = ["=time (UTC)", "", ">amount", "token", ">USD", *members, "counterparty", "flags", "transaction"]
    return make_table(columns, [
        (row["block_time"].isoformat(" ", "seconds"), row["direction"],
         format_amount(row["amount"]) or row["value_text"] or format_amount(row["value_raw"]),
         row["symbol"] or cut(row["token"]) or "native", format_usd(row["value_usd"]),
         *([cut(row["address"])] if shows_member else []), row["counterparty_name"] or cut(row["counterparty"]),
         (row["flags"] or "").replace("|", ", "), cut(row["tx_hash"]))
        for row in rows
    ])  # fmt: skip


def render_report(report: RunReport) -> Group:
    """Return what a run took in, and what it did not and why."""
    rows = [(name, count) for name, count in report.rows.items()]
    summary = f"{sum(report.rows.values()):,} rows taken, {report.bad_rows:,} not ({100 * report.bad_share:.2f} %)"
    if report.replaced:
        summary += f"; {report.replaced:,} older rows replaced"
    parts: list[RenderableType] = [make_table(("table", ">rows"), rows), Text(summary)]
    if report.issues:
        columns = ("issue", ">rows", "kept", "file", ">row", "column", "example", "hint")
        issues = [
            (issue.code, issue.rows, "yes" if issue.kept else "no", issue.file, issue.row_number, issue.column_name,
             (issue.value or "")[:60], issue.hint)
            for issue in report.issues
        ]  # fmt: skip
        parts.append(make_list_section("Issues", columns, issues))
    return Group(*parts)


def render_builds(builds: Sequence[Mapping[str, Any]]) -> RenderableType:
    """Return the finished builds."""
    rows = [
        (row["build_id"], row["created_at"], format_bytes(row["bytes"]), row["lake_commit"], row["code_version"],
         Text("current", "green") if row["is_current"] else "", "pinned" if row["is_pinned"] else "")
        for row in builds
    ]  # fmt: skip
    return make_table(("build", "made (UTC)", ">size", "lake commit", "version", "", ""), rows)


def render_datasets(known: Sequence[Mapping[str, Any]]) -> Table:
    """Return the registered data sets."""
    rows = [
        (row["name"], row["kind"], row["rows"], format_bytes(row["bytes"]), row["licence"],
         "here" if row["is_here"] else "", row["title"])
        for row in known
    ]  # fmt: skip
    return make_table(("name", "kind", ">rows", ">size", "licence", "", "what it is"), rows)


def render_examination(found: Mapping[str, Any]) -> Group:
    """Return the state of the machine and the store, problems last."""
    store, python = found["store"], found["python"]
    lake = store.get("lake")
    facts = [
        ("intel", found["intel"]),
        ("python", f"{python['version']} ({python['executable']})"),
        ("packages", ", ".join(f"{name} {number or 'missing'}" for name, number in found["packages"].items())),
        *((name, path or "not found") for name, path in found["programs"].items()),
        ("store", store["path"] + ("" if store["exists"] else " (not there)")),
    ]
    if lake:
        facts.append(("lake", f"commit {lake['commit_id']} (`{lake['command']}`), {format_bytes(lake['bytes'])}"))
    if store["exists"]:
        held = [lock["name"] for lock in store["locks"] if lock["is_held"]]
        facts += [
            ("free disk", format_bytes(store["free_bytes"])),
            ("running", ", ".join(held) or "nothing"),
            ("unfinished", ", ".join(store["unfinished"]) or "nothing"),
        ]
    builds = store.get("builds")
    problems = [
        Text.assemble((f"{row['severity']}: ", "red" if row["severity"] == "error" else "yellow"),
                      clean_text(row["what"]), (f"\n  hint: {clean_text(row['hint'])}", "dim"))
        for row in found["problems"]
    ]  # fmt: skip
    return Group(
        make_facts(facts),
        *([make_section("Builds", render_builds(builds))] if builds else []),
        make_section("Problems", Group(*problems) if problems else None),
    )
