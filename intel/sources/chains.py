"""Which chains are there, what do they call themselves, and what does an address look like on each?"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType

import pyarrow as pa
from eth_utils.address import to_checksum_address

from intel.config import data_path

ANY_EVM = "evm"  # the chain of a claim that holds on every EVM chain

# Full-match patterns per family; they are RE2 and Python regular expressions alike.
ADDRESS_PATTERNS: Mapping[str, str] = MappingProxyType(
    {
        "evm": r"0x[0-9a-f]{40}",
        "bitcoin": (
            r"(?:[1-9A-HJ-NP-Za-km-z]{25,112}"  # base58: P2PKH, P2SH, and longer forms of the relatives
            r"|(?:bc|tb|ltc|dgb)1[02-9ac-hj-np-z]{6,87}"  # bech32, in lower case
            r"|(?:[a-z]{3,12}:)?[qpz][02-9ac-hj-np-z]{41,60})"  # cashaddr
        ),
        "other": r"[!-~]{1,128}",
    }
)

# What a bare text must look like to be taken for an address of the family, where no chain is named: the forms of the
# larger chains. A form that is not here counts as an address only where its chain is named, or the store knows it.
BARE_FORMS: Mapping[str, str] = MappingProxyType(
    {
        "evm": r"(?i:0x).*|[0-9A-Fa-f]{40}",
        "bitcoin": (
            r"[13][1-9A-HJ-NP-Za-km-z]{25,34}|(?i:(?:bc|tb|ltc|dgb)1[02-9ac-hj-np-z]{6,87})"
            r"|(?i:(?:[a-z]{3,12}:)?[qp][02-9ac-hj-np-z]{41})"  # cashaddr
            r"|[LMDXA9][1-9A-HJ-NP-Za-km-z]{33}|t[13][1-9A-HJ-NP-Za-km-z]{33}"  # Litecoin, Dogecoin, Dash; Zcash
        ),
        "other": (
            r"[1-9A-HJ-NP-Za-km-z]{32,48}"  # base58: Tron, Solana, Polkadot
            r"|r[1-9A-HJ-NP-Za-km-z]{24,34}"  # XRP
            r"|(?:addr1|stake1)[02-9ac-hj-np-z]{50,110}|[a-z]{2,16}1[02-9ac-hj-np-z]{38,58}"  # Cardano; Cosmos
            r"|G[A-Z2-7]{55}|[A-Z2-7]{58}|[EUk0]Q[-\w]{46}"  # Stellar; Algorand; TON
            r"|[48][1-9A-HJ-NP-Za-km-z]{94}|[a-z0-9_.-]{2,58}\.near"  # Monero; NEAR
        ),
    }
)

_NUMERIC = re.compile(r"(?:eip155:)?([1-9][0-9]{0,18})")


@dataclass(frozen=True, slots=True)
class ChainFacts:
    """One chain: `family` decides the form of addresses; `price_symbol` is None where the coin is never priced."""

    slug: str
    name: str
    family: str
    native_symbol: str
    native_decimals: int
    price_symbol: str | None
    caip2: str | None
    chain_id: int | None = None
    aliases: tuple[str, ...] = ()
    wrapped: str | None = None  # contract of the wrapped coin that logs Deposit and Withdrawal and no Transfer for them
    pays_miners: bool = False  # mining a block pays a fixed reward, at least in part of the chain's history
    entry_points: tuple[str, ...] = ()  # contracts that carry out the operations of smart accounts (ERC-4337)
    base_fee_to: str | None = None  # who gets the base fee where it is not burnt
    l1_fee_to: str | None = None  # who gets what a rollup takes for its place on layer 1
    pays_tips: bool = True  # what is paid beyond the base fee goes to the miner that the block names
    withdrawals_in: str | None = None  # symbol of what validators take out, where it is not the native coin
    contracts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # contracts whose logs count, by role


@lru_cache(maxsize=1)
def load_chains() -> Mapping[str, ChainFacts]:
    """Return every listed chain by slug, the pseudo chain `evm` among them (data/chains.toml)."""
    with data_path("chains.toml").open("rb") as file:
        rows = tomllib.load(file)
    return MappingProxyType({slug: _read_chain(slug, row) for slug, row in rows.items()})


def _read_chain(slug: str, row: Mapping[str, object]) -> ChainFacts:
    chain_id = row.get("id")
    if chain_id is not None and not isinstance(chain_id, int):
        raise ValueError(f"data/chains.toml: id of {slug} is not a number: {chain_id!r}")
    caip2 = f"eip155:{chain_id}" if chain_id is not None else row.get("caip2")
    aliases, points = row.get("aliases", []), row.get("entry_points", [])
    known = row.get("contracts", {})
    if not isinstance(known, dict):
        raise TypeError(f"data/chains.toml: contracts of {slug} are not listed by role: {known!r}")
    return ChainFacts(
        slug=slug,
        name=str(row["name"]),
        family=str(row["family"]),
        native_symbol=str(row["native"]),
        native_decimals=int(str(row["decimals"])),
        price_symbol=str(row.get("price", row["native"])) or None,
        caip2=str(caip2) if caip2 else None,
        chain_id=chain_id,
        aliases=tuple(str(alias) for alias in aliases) if isinstance(aliases, list) else (),
        wrapped=str(row["wrapped"]) if "wrapped" in row else None,
        pays_miners=bool(row.get("mined", False)),
        entry_points=tuple(str(address) for address in points) if isinstance(points, list) else (),
        base_fee_to=str(row["base_fee_to"]) if "base_fee_to" in row else None,
        l1_fee_to=str(row["l1_fee_to"]) if "l1_fee_to" in row else None,
        pays_tips=bool(row.get("tips", True)),
        withdrawals_in=str(row["withdrawals_in"]) if "withdrawals_in" in row else None,
        contracts=MappingProxyType({role: tuple(map(str, listed)) for role, listed in known.items()}),
    )


def load_entry_points() -> tuple[str, ...]:
    """Return the entry points of smart accounts: the same contracts at the same address on every EVM chain."""
    return load_chains()[ANY_EVM].entry_points


@lru_cache(maxsize=1)
def _chain_names() -> Mapping[str, str]:
    names: dict[str, str] = {}
    for chain in load_chains().values():
        spellings = {chain.slug, *chain.aliases} | {name for name in (chain.caip2,) if name}
        spellings |= {str(chain.chain_id)} if chain.chain_id is not None else set()
        for spelling in sorted(spellings):
            if names.setdefault(_fold_name(spelling), chain.slug) != chain.slug:
                raise ValueError(f"data/chains.toml: {spelling!r} names {names[_fold_name(spelling)]} and {chain.slug}")
    return MappingProxyType(names)


def _fold_name(text: str) -> str:
    return text.strip().casefold().replace(" ", "_").replace("-", "_")


def resolve_chain(text: str | None) -> str | None:
    """Return the slug for a chain's name, alias, EIP-155 id or CAIP-2 name; None where it is no chain we know.

    A numeric id that is not listed is still an EVM chain: it becomes `eip155:<id>`.
    """
    if text is None or not text.strip():
        return None
    slug = _chain_names().get(_fold_name(text))
    if slug is not None:
        return slug
    number = _NUMERIC.fullmatch(text.strip())
    return None if number is None else _chain_names().get(number[1], f"eip155:{number[1]}")


def find_chain(slug: str) -> ChainFacts:
    """Return the facts of a resolved slug, also of an unlisted `eip155:<id>` (raises KeyError for any other)."""
    chains = load_chains()
    if slug in chains or not slug.startswith("eip155:"):
        return chains[slug]
    return ChainFacts(slug, f"EVM chain {slug[7:]}", "evm", "", 18, None, slug, int(slug[7:]))


def resolve_chains(texts: list[str]) -> pa.Table:
    """Return `chain_text, chain, family` for the distinct texts of a file; `chain` is null for unknown ones.

    For joins in SQL: a file has few distinct chains, so they are resolved once and not per row.
    """
    slugs = [resolve_chain(text) for text in texts]
    families = [None if slug is None else find_chain(slug).family for slug in slugs]
    return pa.table(
        {
            "chain_text": pa.array(texts, pa.string()),
            "chain": pa.array(slugs, pa.string()),
            "family": pa.array(families, pa.string()),
        }
    )


def chain_families() -> pa.Table:
    """Return `chain, family, chain_id, native_symbol, native_decimals, price_symbol, caip2` of every listed chain."""
    chains = list(load_chains().values())
    return pa.table(
        {
            "chain": pa.array([c.slug for c in chains], pa.string()),
            "family": pa.array([c.family for c in chains], pa.string()),
            "chain_id": pa.array([c.chain_id for c in chains], pa.int64()),
            "native_symbol": pa.array([c.native_symbol for c in chains], pa.string()),
            "native_decimals": pa.array([c.native_decimals for c in chains], pa.int32()),
            "price_symbol": pa.array([c.price_symbol for c in chains], pa.string()),
            "caip2": pa.array([c.caip2 for c in chains], pa.string()),
        }
    )


def address_pattern(family: str) -> str:
    """Return the regular expression a whole address of that family must match, after `normalise_address_sql`."""
    return ADDRESS_PATTERNS[family]


def normalise_address_sql(address: str, family: str) -> str:
    """Return a SQL expression for the chain's own form of an address; the arguments are column names of ours.

    EVM addresses are lowered (XDC writes `xdc` for `0x`), bech32 and cashaddr too; base58 keeps its case.
    """
    trimmed = f"trim({address})"
    return (
        f"case when {family} = 'evm' then regexp_replace(lower({trimmed}), '^xdc([0-9a-f]{{40}})$', '0x\\1') "
        f"when {family} = 'bitcoin' and regexp_matches(lower({trimmed}), '^((bc|tb|ltc|dgb)1|[a-z]{{3,12}}:)') "
        f"then lower({trimmed}) else {trimmed} end"
    )


def bare_family_sql(address: str) -> str:
    """Return a SQL expression for the family whose form a text without a chain has, or null for none."""
    cases = " ".join(f"when regexp_full_match({address}, '{form}') then '{name}'" for name, form in BARE_FORMS.items())
    return f"case {cases} end"


def is_address_sql(address: str, family: str) -> str:
    """Return a SQL condition that a normalised address has the form of its family; null counts as false."""
    cases = " ".join(
        f"when {family} = '{name}' then regexp_full_match({address}, '{pattern}')"
        for name, pattern in ADDRESS_PATTERNS.items()
    )
    return f"coalesce(case {cases} else false end, false)"


def find_wrong_checksums(addresses: list[str]) -> list[str]:
    """Return those mixed-case EVM addresses whose EIP-55 checksum is wrong, in order (about 20 us each)."""
    return [address for address in addresses if to_checksum_address(address.lower()) != address]
