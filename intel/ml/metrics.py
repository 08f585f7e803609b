"""How good is an answer against a truth, and how sure may one be of that figure?"""

from __future__ import annotations

from scipy.special import betaincinv

SURE = 0.95  # of every interval here


def bound_share(right: int, n: int, sure: float = SURE) -> tuple[float, float]:
    """Return the Clopper-Pearson interval of a share: exact, hence never too narrow; (0, 1) where n is 0.

    With 0 wrong of n the upper bound of the share of errors is 1 - the lower bound of (n, n): about 3.7 / n.
    """
    if n == 0:
        return 0.0, 1.0
    tail = (1 - sure) / 2
    low = 0.0 if right == 0 else float(betaincinv(right, n - right + 1, tail))
    high = 1.0 if right == n else float(betaincinv(right + 1, n - right, 1 - tail))
    return low, high
