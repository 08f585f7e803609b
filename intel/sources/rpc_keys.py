"""Whose key signed that an account shall act by the code of a contract (EIP-7702)?"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import rlp
from eth_keys.datatypes import Signature
from eth_keys.exceptions import BadSignature
from eth_utils.crypto import keccak
from eth_utils.exceptions import ValidationError

_MAGIC = b"\x05"
_NOBODY = "0x" + "0" * 40


def recover_authorities(rows: Iterable[tuple[str, dict[str, Any]]], chain_id: int) -> list[dict[str, str]]:
    """Return tx_hash, authority and delegate of each authorization for this chain (or all) that is signed rightly.

    Whether the chain took it (the nonce had to fit) is not told: the signature is a fact all the same. Delegations
    to nobody, which end one, are left out. About 5 ms each.
    """
    found = []
    for tx_hash, told in rows:
        delegate = str(told["address"]).lower()
        authority = _recover(told) if int(told["chainId"], 16) in (0, chain_id) and delegate != _NOBODY else None
        if authority is not None:
            found.append({"tx_hash": tx_hash, "authority": authority, "delegate": delegate})
    return found


def _recover(told: dict[str, Any]) -> str | None:
    fields = [int(told["chainId"], 16), bytes.fromhex(str(told["address"])[2:]), int(told["nonce"], 16)]
    parity = told.get("yParity") or told.get("v") or "0x0"
    try:
        signature = Signature(vrs=(int(parity, 16), int(told["r"], 16), int(told["s"], 16)))
        key = signature.recover_public_key_from_msg_hash(keccak(_MAGIC + rlp.encode(fields)))
    except (BadSignature, ValidationError):
        return None
    return str(key.to_address())
