"""How is one raw value turned into a lake value, in SQL, whatever type the file gave it?

Each function takes a SQL expression and its DuckDB type and returns a `Cleaned`: the lake value, and the condition
under which the raw value was there but could not be read. Nothing raises on a bad value: the row is counted instead.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from intel.model import OVERSIZE
from intel.sources.chains import is_address_sql, normalise_address_sql

_MAX_UINT256 = str(2**256 - 1)
_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER")
_WIDE_INTEGERS = ("UBIGINT", "HUGEINT", "UHUGEINT")
# 1e11 seconds is the year 5138, 1e11 milliseconds is 1973: no chain is older than 2009.
_MILLISECONDS_FROM = 100_000_000_000


@dataclass(frozen=True, slots=True)
class Cleaned:
    """SQL of the clean value, and of the condition that the raw one is bad (None: cannot be)."""

    value: str
    bad: str | None = None


def clean_text(raw: str, kind: str) -> Cleaned:
    """Trim; empty text is null."""
    return Cleaned(f"nullif(trim({raw}::varchar), '')")


def clean_integer(raw: str, kind: str) -> Cleaned:
    """Read a whole number, also from decimal or 0x text; other text is bad."""
    if kind in _INTEGERS:
        return Cleaned(f"{raw}::bigint")
    if kind in ("DOUBLE", "FLOAT"):
        return Cleaned(f"case when {raw} = floor({raw}) then try_cast({raw} as bigint) end", f"{raw} <> floor({raw})")
    value = f"try_cast({raw} as bigint)"
    if kind == "VARCHAR":
        value = f"case when regexp_full_match(trim({raw}), '-?[0-9]+|0x[0-9a-fA-F]+') then {value} end"
    return Cleaned(value, f"nullif({raw}::varchar, '') is not null and {value} is null")


def clean_boolean(raw: str, kind: str) -> Cleaned:
    """Read true/false, 1/0."""
    return Cleaned(f"try_cast({raw} as boolean)")


def clean_time(raw: str, kind: str) -> Cleaned:
    """Read a UTC time from a timestamp, epoch seconds or milliseconds, or ISO text."""
    if kind == "TIMESTAMP":
        return Cleaned(raw)
    if kind.startswith("TIMESTAMP") or kind == "DATE":
        return Cleaned(f"({raw} at time zone 'UTC')" if "ZONE" in kind else f"{raw}::timestamp")
    if kind in (*_INTEGERS, *_WIDE_INTEGERS, "DOUBLE"):
        value = _epoch(f"{raw}::bigint")
    else:
        digits = f"regexp_full_match(trim({raw}), '[0-9]{{1,16}}')"
        # Only text with a date in front may reach the cast: '12:00' alone would otherwise become today.
        written = f"regexp_matches(trim({raw}), '^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}')"
        value = (
            f"case when {digits} then {_epoch(f'try_cast(trim({raw}) as bigint)')} "
            f"when {written} then (try_cast(trim({raw}) as timestamptz) at time zone 'UTC') end"
        )
    return Cleaned(value, f"nullif({raw}::varchar, '') is not null and ({value}) is null")


def _epoch(seconds: str) -> str:
    return (
        f"case when {seconds} between 0 and {_MILLISECONDS_FROM} then make_timestamp({seconds} * 1000000) "
        f"when {seconds} between {_MILLISECONDS_FROM} and {_MILLISECONDS_FROM * 1000} "
        f"then make_timestamp({seconds} * 1000) end"
    )


def clean_address(raw: str, family: str) -> Cleaned:
    """Bring an address into its chain's own form; `family` is a SQL expression. Null stays null."""
    value = normalise_address_sql(f"nullif(trim({raw}), '')", family)
    return Cleaned(value, f"nullif(trim({raw}), '') is not null and not {is_address_sql(f'({value})', family)}")


def clean_evm_address(raw: str) -> Cleaned:
    """As `clean_address` for files whose rows are all of EVM chains: one comparison instead of a case per row."""
    value = f"nullif(lower({raw}), '')"
    return Cleaned(value, f"{value} is not null and not regexp_full_match({value}, '0x[0-9a-f]{{40}}')")


def clean_hash(raw: str, family: str) -> Cleaned:
    """Lower a hash of an EVM chain and check its 64 digits; other chains only need text. Null stays null."""
    value = f"nullif(case when {family} = 'evm' then lower({raw}) else {raw} end, '')"
    wrong = f"{family} = 'evm' and not regexp_full_match({value}, '0x[0-9a-f]{{64}}')"
    return Cleaned(value, f"{value} is not null and {wrong}")


@dataclass(frozen=True, slots=True)
class CleanedValue:
    """SQL of an amount in base units: exact decimal, or exact text from 10^37 on, or hex digits still to be read."""

    value_raw: str
    value_text: str
    value_hex: str
    bad: str
    too_large: str


def clean_value(raw: str, kind: str) -> CleanedValue:
    """Read an amount of base units exactly: decimal text, 0x text, 32 big-endian bytes, or a whole number type.

    Doubles are taken only while exact (below 2^53): a file that rounded its amounts must not look exact here.
    """
    if kind == "BLOB":
        word = f"lpad(lower(hex({raw})), 64, '0')"
        return replace(clean_word(word), bad=f"{raw} is null", too_large=f"coalesce(octet_length({raw}) > 32, false)")
    if kind == "VARCHAR":
        return _clean_decimal_text(raw)
    if kind in ("DOUBLE", "FLOAT"):
        whole = f"{raw} = floor({raw}) and {raw} between 0 and 9007199254740991"
        return CleanedValue(
            f"case when {whole} then {raw}::decimal(38, 0) end",
            "null",
            "null",
            f"not coalesce({whole}, false)",
            "false",
        )
    whole = f"{raw} >= 0" if "," not in kind or kind.endswith(",0)") else f"{raw} >= 0 and {raw} = floor({raw})"
    small = f"({whole}) and {raw} < {OVERSIZE}"
    return CleanedValue(
        f"case when {small} then {raw}::decimal(38, 0) end",
        f"case when ({whole}) and {raw} >= {OVERSIZE} then {raw}::varchar end",
        "null", f"not coalesce({whole}, false)", "false",
    )  # fmt: skip


def clean_word(word: str) -> CleanedValue:
    """Read an amount from 64 lower-case hex digits that were checked before; null is bad."""
    # 31 digits are what DECIMAL(38, 0) can hold; HUGEINT only carries them there, it is never stored.
    short = f"starts_with({word}, '{'0' * 33}')"
    number = f"('0x' || substr({word}, 34))::hugeint"
    return CleanedValue(
        f"case when {short} and {number} < {OVERSIZE} then {number}::decimal(38, 0) end",
        f"case when {short} and {number} >= {OVERSIZE} then {number}::varchar end",
        f"case when not {short} then {word} end",
        f"{word} is null",
        "false",
    )


def _clean_decimal_text(raw: str) -> CleanedValue:
    digits = f"regexp_full_match({raw}, '[0-9]+')"
    bare = f"ltrim({raw}, '0')"
    small = f"{digits} and length({bare}) <= 37"
    large = f"(length({bare}) > 78 or (length({bare}) = 78 and {bare} > '{_MAX_UINT256}'))"
    is_hex = f"regexp_full_match({raw}, '0x[0-9a-fA-F]+')"
    hex_digits = f"ltrim(lower(substr({raw}, 3)), '0')"
    from_hex = clean_word(f"lpad({hex_digits}, 64, '0')")
    return CleanedValue(
        f"case when {small} then {raw}::decimal(38, 0) when {is_hex} then {from_hex.value_raw} end",
        f"case when {digits} and not ({small}) then {bare} when {is_hex} then {from_hex.value_text} end",
        f"case when {is_hex} then {from_hex.value_hex} end",
        f"not coalesce({digits} or {is_hex}, false)",
        f"coalesce(({digits} and {large}) or ({is_hex} and length({hex_digits}) > 64), false)",
    )
