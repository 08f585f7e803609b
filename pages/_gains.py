"""What did the subject gain, by which method, and which lots stand behind each disposal?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import streamlit as st

from intel.model import Profile, Subject
from intel.profiler.disposals import AT_COST, list_lots, tabulate_disposals
from intel.profiler.lots import METHODS, Method
from intel.profiler.pnl import compute_pnl
from intel.profiler.pnl_sheets import (
    FIGURES,
    METHOD_NAMES,
    measure_spread,
    sheet_lots,
    sheet_methods,
    sheet_pnl_tokens,
)
from intel.profiler.postings import Window
from intel.store.reader import Reader
from pages._tables import show_table, show_whole
from pages._tiers import show_tiers
from pages._words import plain, say_count, say_share, say_time, say_usd

_FIRST = ("total", "realized", "unrealized", "income", "fees", "unknown_basis")
_KEPT = {"max_entries": 64, "show_spinner": "Matching lots …"}


@st.cache_data(**_KEPT)  # type: ignore[call-overload]
def _compute(_reader: Reader, build_id: str, _subject: Subject, key: tuple[object, ...], method: Method) -> Any:
    assert build_id == _reader.build_id
    return compute_pnl(_reader, _subject, key[-1], method=method)


def show_gains(reader: Reader, subject: Subject, profile: Profile, window: Window) -> None:
    """Show PnL by the chosen method: totals, tokens, methods side by side, disposals with their lots."""
    if profile.pnl is None:
        custodial = profile.extra["is_custodial"]
        st.info(
            "No PnL: what a custodian holds belongs to its customers." if custodial
            else "No PnL: a list owns nothing." if profile.entity and profile.entity["kind"] == "list"
            else "No PnL: this store has no transfer of the subject.", icon=":material/info:",
        )  # fmt: skip
        return
    chosen = st.segmented_control(
        "Method", tuple(METHOD_NAMES.values()), default="Average cost", required=True, key="method",
        bind="query-params",
        help="Which lots a disposal takes: all in proportion, the earliest, the latest, or the dearest.",
    )  # fmt: skip
    method = next(name for name in METHODS if METHOD_NAMES[name] == chosen)
    pnl = _compute(reader, reader.build_id, subject, (subject.name, subject.tier, window), method)
    _show_totals(pnl)
    show_whole(
        "By token",
        lambda limit: sheet_pnl_tokens(pnl).slice(0, limit),
        key="pnl_tokens",
        name=f"pnl_{method}_{subject.name}",
        empty="Nothing moved in this period.",
        note="Wrapped and bridged forms of one coin are one token. Amount: what is held at a known cost.",
    )
    _show_methods(pnl, subject)
    show_tiers(reader, subject, window, method)
    _show_disposals(reader, subject, window, method)


def _show_totals(pnl: Mapping[str, Any]) -> None:
    with st.container(horizontal=True, gap="large"):
        for name in _FIRST:
            title, meaning = FIGURES[name]
            st.metric(title, plain(say_usd(pnl[f"{name}_usd"])), help=meaning, width="content")
    if pnl["unknown_basis_usd"]:
        st.warning(
            plain(f"{say_usd(pnl['unknown_basis_usd'])} was disposed of without a known basis: it was held before this "
                  "history begins, or came in unseen. It is no gain and no loss here; see “Unknown” among the "
                  "disposals."), icon=":material/help:",
        )  # fmt: skip
    with st.popover("Why these numbers?", icon=":material/function:", type="tertiary"):
        for name, (title, meaning) in FIGURES.items():
            st.markdown(f"**{title}** {plain(say_usd(pnl[f'{name}_usd']))}  \n{plain(meaning)}")
        st.markdown(
            plain("Check: total = value − value before − received + sent: ")
            + plain(
                " ".join(f"{say_usd(pnl[f'{part}_usd'])}" for part in ("value", "value_before", "received", "sent"))
            )
        )
        st.caption(plain(f"Prices: {pnl['price_source']}. Priced: {say_share(pnl['priced_share'])} of the movements."))
        st.caption(plain(f"Events: {say_count(pnl['events'])}. Build {pnl['build']}, tier {pnl['tier']}, "
                         f"{say_count(pnl['members'])} addresses, membership {pnl['membership_hash']}."))  # fmt: skip
        if pnl["stale_usd"]:
            st.caption(plain(f"{say_usd(pnl['stale_usd'])} of the value rests on prices older than a day."))
        if pnl["too_large"]:
            st.caption(plain(f"{say_count(pnl['too_large'])} movements of oversize tokens are left out."))


def _show_methods(pnl: Mapping[str, Any], subject: Subject) -> None:
    show_whole(
        "Methods side by side",
        lambda _limit: sheet_methods(pnl),
        key="pnl_methods",
        name=f"pnl_methods_{subject.name}",
        empty="",
        columns=("method", "total_usd", "realized_usd", "unrealized_usd", "income_usd", "fees_usd",
                 "unknown_basis_usd"),
        note=f"The total is one; realised gains lie {say_usd(measure_spread(pnl))} apart.".replace("$", "\\$"),
    )  # fmt: skip


def _show_disposals(reader: Reader, subject: Subject, window: Window, method: Method) -> None:
    row = show_whole(
        "Disposals",
        lambda limit: tabulate_disposals(reader, subject, window, method=method, limit=limit),
        key="disposals",
        name=f"disposals_{method}_{subject.name}",
        empty="Nothing was disposed of in this period.",
        columns=("time", "class", "symbol", "amount", "value_usd", "valued_at", "basis_usd", "gain_usd",
                 "unknown_amount", "unknown_basis_usd", "tx_hash"),
        picks="always",
        note="One row per token and transaction, newest first. Pick a row to see its lots.",
    )  # fmt: skip
    if row is not None:
        _show_trail(row, list_lots(reader, subject, int(row["disposal"]), window, method=method), method)


def _show_trail(row: Mapping[str, Any], lots: list[dict[str, Any]], method: Method) -> None:
    with st.container(border=True, key="lot_trail"):
        st.markdown(
            f"**Lots behind {plain(row['amount'])} {plain(row['symbol'] or 'tokens')}**, "
            f"{plain(row['class'])} on {plain(say_time(row['time']))} · {plain(METHOD_NAMES[method])}"
        )
        st.code(row["tx_hash"] or "no transaction", language=None)
        sheet = sheet_lots(lots)
        if sheet.num_rows:
            show_table(sheet, key="lots")
        else:
            st.caption("No lot: all of it was held before this history begins, or came in unseen.")
        _tell_gain(row, sheet)


def _tell_gain(row: Mapping[str, Any], lots: pa.Table) -> None:
    if row["valued_at"] == AT_COST:
        st.caption("This token has no price on that day: it counts at its average cost.")
    st.markdown(
        plain(f"Proceeds {say_usd(row['value_usd'])} − unknown {say_usd(row['unknown_basis_usd'] or 0)} "
              f"− basis {say_usd(row['basis_usd'])} = gain {say_usd(row['gain_usd'])}, "
              f"lots: {say_count(lots.num_rows)}.")
    )  # fmt: skip
