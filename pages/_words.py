"""How do values and texts from outside become words on a page, so that a label can never act as markup?"""

from __future__ import annotations

import re
from datetime import date, datetime

from intel.profiler.clock import localise
from intel.visible import show_hidden
from pages._clock import read_zone

_ESCAPED = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~$:&=^\"'@/])")
# What the page's Markdown would turn into something else even when escaped: shortcodes, arrows, links.
_TURNED = re.compile(
    r"(?<=[<>~=-])(?=[<>=~-])|(?<=:)(?=[\w+/-]+:)|(?<=:)(?=//)|(?<=www)(?=\.)|(?<=@)(?=\w)", re.IGNORECASE
)
_JOINER = "\u2060"

# status -> (word, icon, colour of the badge, mark in tables). Told by word and form, never by colour alone.
STATUS = {
    "labelled": ("Published label", ":material/verified:", "blue", "■ published label"),
    "attributed": ("Attributed by evidence", ":material/account_tree:", "violet", "▲ attributed"),
    "probable": ("Probably attributed", ":material/contrast:", "violet", "△ probable"),
    "private": ("Private label", ":material/lock:", "orange", "◆ private"),
    "pending": ("Pending judgement", ":material/pending_actions:", "orange", "◌ pending"),
    "judged": ("Judgement", ":material/gavel:", "orange", "◆ judged"),
    "possible": ("Possible", ":material/blur_on:", "gray", "◇ possible"),
    "system": ("Part of the ledger", ":material/settings:", "gray", "● ledger"),
    "unknown": ("Unknown", ":material/help:", "gray", "○ unknown"),
}
STATUS_HELP = {
    "labelled": "A source has published who this is. The labels below name the source.",
    "attributed": "No source names this address. Evidence in the ledger ties it to the entity; see Evidence.",
    "probable": "Evidence points to this entity, but not firmly enough to count it in.",
    "private": "Said by a user of this store. Not a published claim; it leaves the store only on request.",
    "pending": "Judged by a user of this store and not yet applied: the next build will. It stays private.",
    "judged": "Judged by a user of this store and applied by this build. Not a published claim; it stays private.",
    "possible": "A trace that is shown and never counted: it adds nothing to any sum.",
    "system": "An address of the protocol itself, such as the null address of mints and burns.",
    "unknown": "Nothing in this store says whose this is. Unknown is not clean.",
}


def plain(text: object) -> str:
    """Return the text as Markdown that shows exactly these characters; control and direction marks become visible."""
    return _ESCAPED.sub(r"\\\1", _TURNED.sub(_JOINER, show_hidden(str(text))))


def say_words(slug: object) -> str:
    """Return a slug of ours in words: `exchange_deposit` is `exchange deposit`."""
    return str(slug).replace("_", " ")


# Slugs of categories that are no words.
_CATEGORIES = {
    "dex": "DEX", "nft": "NFT", "lending_defi": "lending", "fund_otc": "fund or OTC desk",
    "misc_blacklist": "blacklist",
    "staking_validator": "staking or validator", "payment_merchant": "payments or merchant",
    "phishing_scam": "phishing or scam", "gitcoin_grant": "Gitcoin grant",
}  # fmt: skip


def say_category(slug: object) -> str:
    """Return the slug of a category in words: `fund_otc` is `fund or OTC desk`."""
    return _CATEGORIES.get(str(slug).replace(" ", "_"), say_words(slug))


def say_usd(value: float | None) -> str:
    """Return dollars with separators, a dash where there is no price."""
    return "–" if value is None else f"−${-value:,.2f}" if value < 0 else f"${value:,.2f}"


def say_count(value: int | None) -> str:
    """Return a count with separators."""
    return "–" if value is None else f"{value:,}"


def say_share(value: float | None) -> str:
    """Return a confidence as a percentage, never rounded up to certainty."""
    if value is None:
        return "–"
    text = f"{value:.1%}"
    return "> 99.9%" if text == "100.0%" and value < 1 else text


def say_time(value: datetime | None) -> str:
    """Return a time to the minute in the chosen zone, and the zone."""
    return "–" if value is None else f"{localise(value, read_zone()):%Y-%m-%d %H:%M} {read_zone()}"


def say_day(value: datetime | date | None) -> str:
    """Return the day of a time, in the chosen zone; of a date, the date."""
    shown = localise(value, read_zone()) if isinstance(value, datetime) else value
    return "–" if shown is None else f"{shown:%Y-%m-%d}"


def mark_status(status: str | None) -> str:
    """Return the mark and word of a status for a table cell."""
    return STATUS[status or "unknown"][3]
