"""Do two spellings mean the same name?"""

from __future__ import annotations

import re
import unicodedata

# Country and generic domains that add nothing to a name; not `.us` and the like, which name a subsidiary.
_DOMAIN = re.compile(r"^(?:https?://)?(?:www\.)?(.{3,})\.(?:com|io|fi|org|net|co|app|me|pro|xyz|ag|eu|ru|ai|so|im)/?$")
_SCHEME = re.compile(r"^(?:https?://)?(?:www\.)?|/+$")

# Where the rest would be an everyday word, the domain is part of the name: Crypto.com, BTC.com.
_EVERYDAY = re.compile(
    r"crypto|trade|bitcoin|btc|eth|ether|ethereum|blockchain|pool|coins?|wallet|swap|exchange|market|trust|money|block|"
    r"chain|token|defi|dex|nft|pay|cash|bit|games?|bet|casino"
)
_REMARK = re.compile(r", ?(?:gambling|gaming|exchange|mining|wallet)$")
_PUNCTUATION = re.compile(r"[\W_]+")
_WALLET_ENDING = re.compile(
    r"(?: (?:\d{1,5}|hot|cold|hot wallets?|cold wallets?|cold storage|wallets?|reserve|reserves|old address|address|"
    r"withdrawals?|deposits?|deposit address|deposit wallet|coinbase payout|"
    r"ltd|limited|inc|incorporated|llc|gmbh|corp|corporation|plc|pte|ou|s r o|b v|s a))+$"
)
_GENERIC_ENDING = re.compile(r" (?:finance|protocol|network|exchange)$")


def normalise_name(text: str) -> str:
    """Return the form under which spellings are compared: "Binance 14", "BINANCE.com" and "binance" give "binance".

    Compatibility forms and case are folded, punctuation becomes a space, and domains, legal forms, wallet words and
    trailing numbers are dropped as long as something is left. Normalising twice changes nothing.
    """
    name = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()).strip()
    name = _REMARK.sub("", name)
    domain = _DOMAIN.match(name)
    if domain and not _EVERYDAY.fullmatch(domain[1]):
        name = domain[1]
    name = _SCHEME.sub("", name).replace("&", " and ").replace("'", "")
    name = _PUNCTUATION.sub(" ", name).strip()
    return _WALLET_ENDING.sub("", name) or name


def drop_remark(text: str) -> str:
    """Return a name without a remark on its trade: "vDice, Gambling" gives "vDice"."""
    return re.sub(_REMARK.pattern, "", text.strip(), flags=re.IGNORECASE)


def drop_generic_ending(key: str) -> str:
    """Return a normalised name without a last "finance", "protocol", "network" or "exchange"."""
    return _GENERIC_ENDING.sub("", key)


def write_slug(key: str) -> str:
    """Return the entity id for a normalised name: words joined by '-'."""
    return key.replace(" ", "-")


def cut_tag(label: str) -> str:
    """Return the part of a name tag that names the owner: "Binance: Deposit 3" gives "Binance"."""
    return re.split(r" \| |: ?", label, maxsplit=1)[0]


def read_domain(website: str | None) -> str | None:
    """Return the host of a website that is nothing but a host of two parts, such as "curve.fi"."""
    if website is None:
        return None
    host = _SCHEME.sub("", website.strip().casefold())
    return host if re.fullmatch(r"[a-z0-9-]+\.[a-z]{2,12}", host) else None
