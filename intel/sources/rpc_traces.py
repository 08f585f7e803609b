"""Which calls does a callTracer's tree hold, as flat rows like those of trace_block?"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

_CREATIONS = ("CREATE", "CREATE2")
_ENDINGS = ("SELFDESTRUCT", "SUICIDE")


def flatten_call_traces(bodies: Sequence[bytes], numbers: Sequence[int]) -> list[dict[str, Any]]:
    """Return one row per call: block (numbers are those asked for, in order), nth transaction in it, path, parties.

    Failed calls keep their error; what lies inside them is listed too, and told to have moved nothing by its path.
    """
    rows: list[dict[str, Any]] = []
    # Our ids grow from request to request, so they give the order back that a node may not have kept.
    answers = [answer for body in bodies for answer in sorted(json.loads(body), key=lambda one: int(one["id"]))]
    for number, answer in zip(numbers, answers, strict=True):
        for index, traced in enumerate(answer["result"]):
            rows += _walk(number, index, traced.get("result") or traced)
    return rows


def _walk(block_number: int, index: int, root: dict[str, Any]) -> Iterator[dict[str, Any]]:
    stack: list[tuple[str, dict[str, Any]]] = [("", root)]
    while stack:
        path, call = stack.pop()
        kind = str(call.get("type", "CALL")).upper()
        receiver = call.get("to")
        yield {
            "block_number": block_number,
            "tx_index": index,
            "sender": call.get("from"),
            "receiver": None if kind in _CREATIONS else receiver,
            "created": receiver if kind in _CREATIONS else None,
            # Old nodes do not say what an ending contract gave away: then nothing is assumed.
            "value_raw": call.get("value") or (None if kind in _ENDINGS else "0x0"),
            "trace_type": "create" if kind in _CREATIONS else "suicide" if kind in _ENDINGS else "call",
            "call_type": kind.lower(),
            "trace_address": path,
            "error": call.get("error"),
        }
        for number, inner in enumerate(call.get("calls") or ()):
            stack.append((f"{path},{number}" if path else str(number), inner))
