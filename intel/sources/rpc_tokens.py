"""What do contracts say of themselves when a node asks them: symbol, name, decimals, and whether they wrap its coin?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

from intel.sources.rpc import Node

_SYMBOL, _NAME, _DECIMALS, _SUPPLY = "0x95d89b41", "0x06fdde03", "0x313ce567", "0x18160ddd"
_BALANCE_OF, _OWNER_OF = "0x70a08231", "0x6352211e"
_IS_ERC721 = f"0x01ffc9a7{'80ac58cd':0<64}"
_LONGEST_TEXT = 256  # letters of a name: what is longer is no name
_MOST_DECIMALS = 77  # 10^77 is the largest power of ten in 256 bits


@dataclass(frozen=True, slots=True)
class TokenFacts:
    """What a token contract says of itself; None where it does not answer, or answers something else."""

    token: str
    symbol: str | None
    name: str | None
    decimals: int | None


def read_tokens(node: Node, tokens: Sequence[str]) -> list[TokenFacts]:
    """Ask each contract for symbol, name and decimals; a call that fails spoils nothing but its own answer."""
    asked = [("eth_call", [{"to": token, "data": data}, "latest"]) for token in tokens for data in _QUESTIONS]
    told = [_read_bytes(answer) for answer in node.ask(asked)]
    return [
        TokenFacts(token, _read_text(told[3 * n]), _read_text(told[3 * n + 1]), _read_decimals(told[3 * n + 2]))
        for n, token in enumerate(tokens)
    ]


_QUESTIONS = (_SYMBOL, _NAME, _DECIMALS)


def read_standards(node: Node, moved: Sequence[tuple[str, int]]) -> dict[str, str | None]:
    """Return erc721 or erc20 of contracts whose logs do not tell, each with an amount that may be a token's id.

    An ERC-721 says so, or names the owner of that token; an ERC-20 answers how much somebody holds. Else None.
    """
    asked: list[tuple[str, list[Any]]] = []
    for token, amount in moved:
        questions = (_IS_ERC721, f"{_OWNER_OF}{amount:064x}", f"{_BALANCE_OF}{'0' * 64}")
        asked += [("eth_call", [{"to": token, "data": data}, "latest"]) for data in questions]
    told = [_read_bytes(answer) for answer in node.ask(asked)]
    found: dict[str, str | None] = {}
    for n, (token, _) in enumerate(moved):
        says, owner, held = told[3 * n : 3 * n + 3]
        is_collectible = int.from_bytes(says, "big") == 1 or (len(owner) == 32 and any(owner))
        found[token] = "erc721" if is_collectible else "erc20" if len(held) == 32 else None
    return found


def find_wrapping(node: Node, contracts: Sequence[str], head: int) -> set[str]:
    """Return those contracts that wrap the native coin: 18 decimals, and as many tokens as they hold coins.

    For chains whose wrapped coin data/chains.toml does not name; asked at block `head`, so that both numbers are of
    one moment.
    """
    at = hex(head)
    asked: list[tuple[str, list[Any]]] = []
    for contract in contracts:
        asked += [("eth_call", [{"to": contract, "data": data}, at]) for data in (_SYMBOL, _DECIMALS, _SUPPLY)]
        asked.append(("eth_getBalance", [contract, at]))
    told = node.ask(asked)
    found = set()
    for n, contract in enumerate(contracts):
        symbol, decimals, supply, held = told[4 * n : 4 * n + 4]
        text = _read_text(_read_bytes(symbol)) or ""
        amount = _read_bytes(supply)
        if text[:1].upper() == "W" and _read_decimals(_read_bytes(decimals)) == 18 and len(amount) == 32:
            found |= {contract} if int.from_bytes(amount, "big") == int(str(held.get("result") or "-1"), 16) else set()
    return found


def read_balances(node: Node, addresses: Sequence[str], block: int) -> dict[str, int | None]:
    """Return the native coins of each address at a block, in base units; None where the node no longer knows."""
    answers = node.ask([("eth_getBalance", [address, hex(block)]) for address in addresses])
    return {
        address: int(str(answer["result"]), 16) if answer.get("result") else None
        for address, answer in zip(addresses, answers, strict=True)
    }


def read_token_balances(
    node: Node, held: Sequence[tuple[str, str]], block: int
) -> dict[tuple[str, str | None], int | None]:
    """Return balanceOf at a block for each (address, token); None where the contract does not answer."""
    asked = [
        ("eth_call", [{"to": token, "data": f"{_BALANCE_OF}{address[2:]:0>64}"}, hex(block)]) for address, token in held
    ]
    words = [_read_bytes(answer) for answer in node.ask(asked)]
    return {
        key: int.from_bytes(word, "big") if len(word) == 32 else None for key, word in zip(held, words, strict=True)
    }


def _read_bytes(answer: dict[str, Any]) -> bytes:
    """Return the bytes of an answer; none where the call failed or the answer is no hex."""
    result = answer.get("result")
    try:
        return bytes.fromhex(str(result)[2:]) if isinstance(result, str) else b""
    except ValueError:
        return b""


def _read_text(told: bytes) -> str | None:
    """Read a string, or 32 bytes padded with zeros, as the first tokens had them."""
    if len(told) == 32:
        raw = told.rstrip(b"\0")
    else:
        try:
            raw = decode(["bytes"], told)[0]  # a string as the contract wrote it, whether or not it is UTF-8
        except (DecodingError, OverflowError):
            return None
    text = raw.decode("utf-8", "replace").replace("\0", "").strip()
    return text[:_LONGEST_TEXT] or None


def _read_decimals(told: bytes) -> int | None:
    number = int.from_bytes(told, "big") if len(told) == 32 else _MOST_DECIMALS + 1
    return number if number <= _MOST_DECIMALS else None
