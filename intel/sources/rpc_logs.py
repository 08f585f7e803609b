"""How wide a range of blocks will this node give logs of at once?"""

from __future__ import annotations

from intel.sources.rpc import Node, NodeError

_WIDEST = 10_000


class LogRanges:
    """Asks eth_getLogs for ranges that shrink where the node finds them too large, and grow where it does not."""

    def __init__(self, node: Node, width: int = 500) -> None:
        self._node = node
        self.width = width

    def read(self, first: int, last: int) -> list[bytes]:
        """Return bodies that hold all logs of first..last; raises NodeError where one block is too much."""
        bodies = []
        start = first
        while start <= last:
            end = min(last, start + self.width - 1)
            asked = {"fromBlock": hex(start), "toBlock": hex(end)}
            try:
                bodies += self._node.fetch([("eth_getLogs", [asked])], size=1)
            except NodeError as error:
                if start == end or not error.is_too_much:
                    raise
                self.width = max(1, (end - start + 1) // 2)
                continue
            start = end + 1
            self.width = min(_WIDEST, self.width + max(1, self.width // 2))
        return bodies
