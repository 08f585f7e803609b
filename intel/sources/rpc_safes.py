"""Whose signatures did a Safe accept for what it carried out?

The Safe checks them and does not log them: they stand in what the transaction was called with. Another contract may
log the same event about a hash that somebody signed elsewhere, so the hash must be that of this call at this address.
"""

from __future__ import annotations

from collections.abc import Iterator

from eth_keys.datatypes import Signature
from eth_keys.exceptions import BadSignature
from eth_utils.crypto import keccak
from eth_utils.exceptions import ValidationError

SAFE_CALL = "0x6a761202"  # of execTransaction
_DOMAIN = keccak(text="EIP712Domain(uint256 chainId,address verifyingContract)")
_OLD_DOMAIN = keccak(text="EIP712Domain(address verifyingContract)")  # before release 1.3
_CALL = keccak(
    text="SafeTx(address to,uint256 value,bytes data,uint8 operation,uint256 safeTxGas,uint256 baseGas,"
    "uint256 gasPrice,address gasToken,address refundReceiver,uint256 nonce)"
)
_MOST_NONCES = 1_000  # executions of one Safe whose hash is looked for, about 20 us each
_SIGNED = b"\x19Ethereum Signed Message:\n32"


def find_signers(called: str, safe: str, logged: str, chain_id: int, sender: str) -> tuple[list[str], int]:
    """Return who signed one execution of a Safe, in order of the signatures, and how many signatures there were.

    `called` is the input of the transaction, `logged` the hash in the Safe's log, `sender` who sent the transaction:
    that he did so is his signature. Owners that are contracts, and those who approved a hash beforehand, are not told.
    Nobody is told where the hash is not that of this call.
    """
    try:
        fields, data, signatures = _unpack(bytes.fromhex(called[10:]))
    except ValueError:
        return [], 0
    told = bytes.fromhex(logged[2:])
    count = len(signatures) // 65
    if told not in _hash_calls(fields, data, safe, chain_id):
        return [], count
    found = [_recover(signatures[65 * n : 65 * n + 65], told, sender) for n in range(count)]
    return list(dict.fromkeys(signer for signer in found if signer)), count


def _unpack(body: bytes) -> tuple[list[bytes], bytes, bytes]:
    """Return the fields of the call, its data, and the signatures; ValueError where they do not fit."""
    words = [body[start : start + 32] for start in range(0, 320, 32)]
    if len(words[-1]) != 32:
        raise ValueError("too short")

    def read_bytes(place: int) -> bytes:
        start = int.from_bytes(words[place], "big")
        length = int.from_bytes(body[start : start + 32], "big")
        found = body[start + 32 : start + 32 + length]
        if len(found) != length:
            raise ValueError("too short")
        return found

    return words, read_bytes(2), read_bytes(9)


def _hash_calls(words: list[bytes], data: bytes, safe: str, chain_id: int) -> Iterator[bytes]:
    """Yield the hash of the call at each nonce."""
    at = bytes(12) + bytes.fromhex(safe[2:])
    domains = (keccak(_DOMAIN + chain_id.to_bytes(32, "big") + at), keccak(_OLD_DOMAIN + at))
    fixed = _CALL + b"".join((words[0], words[1], keccak(data), *words[3:9]))
    for nonce in range(_MOST_NONCES):
        call = keccak(fixed + nonce.to_bytes(32, "big"))
        yield from (keccak(b"\x19\x01" + domain + call) for domain in domains)


def _recover(signature: bytes, told: bytes, sender: str) -> str | None:
    r, s, kind = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big"), signature[64]
    if kind == 1:  # approved: by being the sender, or in a transaction before, which is not looked for
        return sender if signature[12:32].hex() == sender[2:] and not any(signature[:12]) else None
    if kind not in (27, 28, 31, 32):
        return None
    signed = told if kind < 31 else keccak(_SIGNED + told)
    try:
        key = Signature(vrs=((kind - 27) % 4, r, s)).recover_public_key_from_msg_hash(signed)
    except (BadSignature, ValidationError):
        return None
    return str(key.to_address())
