"""How does SQL take the arguments of a log apart: indexed ones first, then those of the data, as words of 64 digits?"""

from __future__ import annotations

PLACE = "block_number, block_time, tx_hash"


def word(index: int | str) -> str:
    """Return SQL of an argument: indexed ones first, then those of the data."""
    return f"substr(words, 64 * ({index}) + 1, 64)"


def address(index: int | str) -> str:
    """Return SQL of an argument as an address: its last 20 bytes."""
    return f"'0x' || substr(words, 64 * ({index}) + 25, 40)"


def number(index: int | str) -> str:
    """Return SQL of an argument as a small number; null where it is none."""
    found = word(index)
    return f"case when substr({found}, 1, 56) = '{'0' * 56}' then try_cast('0x' || substr({found}, 57) as bigint) end"


def amount(index: int) -> str:
    """Return SQL of an argument as decimal text, or as hex where it has more than 31 digits."""
    short = f"substr({word(index)}, 1, 33) = '{'0' * 33}'"
    found = f"('0x' || substr({word(index)}, 34))::hugeint::varchar"
    return f"case when {short} then {found} else '0x' || ltrim({word(index)}, '0') end"


def tell(event: str, actor: str, details: str, where: str, *, value: str = "null", of_token: bool = False) -> str:
    """Return SQL of one event per log of the CTE `spoken` that fits `where`."""
    token = "token" if of_token else "null"
    return (
        f"select {PLACE}, '{event}' as event, token as address, {actor} as actor, {token}::varchar as token, "
        f"{value}::varchar as value_text, json_object({details})::varchar as details from spoken where {where}"
    )
