"""How do several cores unite pairs at once, without locks?

Rem's union-find with splicing, every write a compare-and-swap: a write that lost a race is looked at again. A parent
is never above its node, so the result is the lowest node of each component whoever wins.
Source: Patwary, Refsnes and Manne, IPDPS 2012; Dhulipala, Hong and Shun, ConnectIt, VLDB 2020 (Rem-CAS).
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import numpy.typing as npt
from numba.core import cgutils, types
from numba.extending import intrinsic
from numba.np import arrayobj

Small = npt.NDArray[np.int32]
_CODE: Any = cgutils  # numba's own tools for writing instructions, which carry no types
_ARRAYS: Any = arrayobj


def _write_swap(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    kind = signature.args[0]
    view = _ARRAYS.make_array(kind)(context, builder, arguments[0])
    pointer = _CODE.get_item_pointer(context, builder, kind, view, [arguments[1]])
    swapped = builder.cmpxchg(pointer, arguments[2], arguments[3], "monotonic", "monotonic")
    return builder.extract_value(swapped, 1)


def _declare_swap(typing_context: Any, array: Any, index: Any, expected: Any, value: Any) -> Any:
    """Write `value` at `index` if `expected` still stands there, and tell whether it did, in one step."""
    return types.boolean(array, types.intp, array.dtype, array.dtype), _write_swap


_swap_if: Any = intrinsic(_declare_swap)


@numba.njit(cache=True, parallel=True)
def link_in_parallel(parent: Small, left: npt.NDArray[Any], right: npt.NDArray[Any], parts: int) -> None:
    """Unite all pairs, each of `parts` threads its share; in `parent` every node then has its component's lowest."""
    pairs = len(left)
    for part in numba.prange(parts):
        for pair in range(part * pairs // parts, (part + 1) * pairs // parts):
            a, b = np.int32(left[pair]), np.int32(right[pair])
            while True:
                above, beside = parent[a], parent[b]
                if above == beside:
                    break
                if above < beside:
                    a, b = b, a
                    above, beside = beside, above
                if _swap_if(parent, a, above, beside) and above == a:
                    break
                if above != a:
                    a = above
    for node in range(len(parent)):
        parent[node] = parent[parent[node]]
