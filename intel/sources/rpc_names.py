"""Which name of a name service (ENS) does a log speak of? Logs tell hashes of names, and not all of them the same."""

from __future__ import annotations

from eth_utils.crypto import keccak


def hash_name(name: str) -> str:
    """Return the node of a name: labels are hashed into it one by one, from the last."""
    node = bytes(32)
    for label in reversed(name.split(".")) if name else ():
        node = keccak(node + keccak(text=label))
    return f"0x{node.hex()}"


def hash_label(parent: str, label: str) -> str:
    """Return the node of a name below `parent`, from the hash of its first label."""
    return f"0x{keccak(bytes.fromhex(parent[2:] + label[2:])).hex()}"


def reverse_node(address: str) -> str:
    """Return the node under which an address says what it wants to be called."""
    return hash_name(f"{address[2:].lower()}.addr.reverse")


def read_text(words: str) -> str | None:
    """Return the text that stands alone in a log's data (hex digits); None where there is none."""
    try:
        body = bytes.fromhex(words)
        start = int.from_bytes(body[:32], "big")
        length = int.from_bytes(body[start : start + 32], "big")
        return body[start + 32 : start + 32 + length].decode() if 0 < length < 256 else None
    except ValueError:
        return None
