"""How do the bits add up, by which steps, and what speaks against it?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import streamlit as st

from intel.profiler.waterfall import draw_waterfall
from pages._words import STATUS, STATUS_HELP, plain, say_count, say_share, say_words

COLORS = {"speaks for it": "#3f8f7c", "takes away": "#c0603f", "sum": "#5b7fa6"}  # legible on light and on dark


def show_waterfall(found: Mapping[str, Any], verdict: str) -> None:
    """Show the sum: what each observation gives and takes, and the bits that are needed."""
    st.subheader("How the bits add up")
    if found["kind"] == "judgement":
        st.caption("A person judged the two to be one; nothing was weighed.")
        return
    whose = "Without the judgement, the merge" if verdict == "kept apart" else "The merge that united them"
    sizes = "" if found["kind"] == "link" else (
        f" {whose} joined {say_count(found['left_size'])} and {say_count(found['right_size'])} "
        "addresses; all evidence between the two groups counts, each event once."
    )  # fmt: skip
    st.caption(
        plain(f"{found['bits']:.2f} bits, {say_share(found['probability'])} likely; {found['threshold_means']}.{sizes}")
    )
    _show_chart(found)
    if found["stored_bits"] is not None and abs(found["stored_bits"] - found["bits"]) > 0.0005:
        st.caption(plain(f"The build stored {found['stored_bits']:.2f} bits: labels made after these rows differ."))


def _show_chart(found: Mapping[str, Any]) -> None:
    bars = draw_waterfall(found)
    frame = bars.to_pandas()
    base = alt.Chart(frame).encode(
        y=alt.Y("label:N", sort=bars["label"].to_pylist(), title=None, axis=None),
        tooltip=[alt.Tooltip("label:N", title="What"), alt.Tooltip("told:N", title="Bits"),
                 alt.Tooltip("effect:N", title="Effect"), alt.Tooltip("end:Q", title="Sum so far", format=".2f")],
    )  # fmt: skip
    colors = alt.Scale(domain=list(COLORS), range=list(COLORS.values()))
    legend = alt.Legend(orient="top", symbolType="square", labelFontSize=13)
    drawn = base.mark_bar(height=14, yOffset=9).encode(
        x=alt.X("low:Q", title=None, axis=alt.Axis(tickCount=8, labelFontSize=12)), x2="high:Q",
        color=alt.Color("effect:N", scale=colors, title=None, legend=legend),
    )  # fmt: skip
    # Words stand above their bar, so a narrow window leaves room for both.
    ink = (st.context.theme.type == "dark" and "#e3e8ed") or "#1b2530"
    words = base.transform_calculate(line="datum.told + '   ' + datum.label").mark_text(
        align="left", dy=-8, fontSize=13, color=ink
    ).encode(x=alt.value(0), text="line:N")  # fmt: skip
    needed = alt.Chart(alt.Data(values=[{"bits": found["threshold_bits"]}])).mark_rule(strokeDash=[5, 4], color="#888")
    chart = (drawn + words + needed.encode(x="bits:Q")).properties(
        height=44 * len(frame) + 60, usermeta={"embedOptions": {"actions": False}}
    )
    st.altair_chart(chart, key="waterfall", alt="Bits of each observation, and their sum")
    st.caption("The dashed line is what is needed. " + plain("; ".join(_tell_bars(bars.to_pylist()))) + ".")


def _tell_bars(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the chart in words, for who cannot see it."""
    return [f"{row['label'].split('. ')[0]}: {row['told']}" for row in rows]


def badge_standing(visibility: str, kind: str = "attributed") -> None:
    """Show whether something is a published label, judged, or found by evidence; and that it is private, if it is."""
    word, icon, color, _ = STATUS["private" if (visibility, kind) == ("private", "labelled") else kind]
    st.badge(word, icon=icon, color=color, help=STATUS_HELP.get(kind))  # type: ignore[arg-type]
    if visibility == "private" and kind not in {"labelled", "judged"}:
        st.badge("Private", icon=":material/lock:", color="orange", help="It rests on what only this store knows.")


def show_path(path: Sequence[Mapping[str, Any]]) -> None:
    """Show the steps of evidence as a list, each with its rule and its transactions."""
    st.subheader("Step by step")
    for number, step in enumerate(path, 1):
        with st.container(border=True):
            st.markdown(f"**{number}.** {plain(step['reason'] or say_words(step['kind']))}.")
            with st.container(horizontal=True, gap="small"):
                badge_standing(step["visibility"], "labelled" if step["kind"] == "label" else "attributed")
                if step["bits"] is not None:
                    st.badge(plain(f"{step['bits']:+.2f} bits, {step['weight'] or 'not weighed'}"), color="gray")
                for text in [f"rule: {say_words(rule)}" for rule in step["rules"]] + _tell_kind(step):
                    st.badge(plain(text), color="gray")
            st.code(f"{step['from']}\n  {say_words(step['relation'])}\n{step['to']}", language=None)
            if step["tx_hashes"]:
                with st.expander(f"{len(step['tx_hashes'])} transactions"):
                    st.code("\n".join(step["tx_hashes"]), language=None)


def _tell_kind(step: Mapping[str, Any]) -> list[str]:
    if step["kind"] == "label":
        return [f"confidence {say_share(step['confidence'])}", f"level {step['level']}"]
    kinds = {"atom": "fact of the ledger", "weighed": "weighed", "judgement": "judgement"}
    return [kinds[step["kind"]]] if step["kind"] in kinds else []


def show_against(found: Mapping[str, Any]) -> None:
    """Show what speaks against the link, what would change the verdict, and what the weights stand on."""
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("What speaks against it")
        for row in found["against"]:
            bits = "" if row["bits"] is None else f" ({row['bits']:+.2f} bits)"
            private = " · private" if row["visibility"] == "private" else ""
            st.markdown(f"- {plain(row['text'])}{plain(bits)}  \n  *{plain(row['kind'] + private)}*")
        if not found["against"]:
            st.caption("Nothing in this store. That is no proof.")
    with right:
        st.subheader("What would change the verdict")
        for text in found["changes"]:
            st.markdown(f"- {plain(text)}")
        if not found["changes"]:
            st.caption("Nothing that this store can name.")
    if found["weights"]:
        with st.expander("What the weights stand on", icon=":material/rule:"):
            for row in found["weights"]:
                name = f"{say_words(row['heuristic'])} v{row['version']}"
                st.markdown(f"- **{plain(name)}** {plain(row['told'])}")
