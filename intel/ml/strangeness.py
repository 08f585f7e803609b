"""How little does an address look like the typical examples of its role, and hence like any that the model knows?"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float32]

POINTS = 32  # typical examples of a role
_MOST = 5.0  # spreads: farther out is no farther
_MISSING = 2.0  # how far a missing figure is from one that is there
_LEVELS = np.concatenate([np.linspace(0, 0.9, 46), 1 - np.logspace(-1, -4, 46)[1:]])
LEVELS = len(_LEVELS)
_RAREST = 1e-4  # share of the known below which one is as rare as another
ALWAYS = 8.5  # strangeness of whatever is beyond every known address by one reason alone: nearly -ln(2 * _RAREST)


class Typical(NamedTuple):
    """Typical examples, role by role: centres of groups of rows, in spreads from the middle of all."""

    middle: Floats  # (columns)
    spread: Floats  # (columns)
    points: npt.NDArray[np.float16]  # (points, 2 columns): where, and how much of it is missing; role after role
    role: npt.NDArray[np.int16]  # of each point

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays by name, as `read_typical` takes them."""
        return {f"typical_{name}": getattr(self, name) for name in self._fields}


def read_typical(arrays: dict[str, npt.NDArray[Any]], roles: int, columns: int) -> Typical:
    """Return what `to_arrays` gave; KeyError or ValueError where the arrays do not fit together."""
    typical = Typical(**{name: arrays[f"typical_{name}"] for name in Typical._fields})
    if (
        typical.middle.shape != (columns,) or typical.spread.shape != (columns,)
        or typical.points.shape != (len(typical.role), 2 * columns) or not (typical.spread > 0).all()
        or not np.isfinite(typical.middle).all() or not np.isfinite(typical.points).all()
        or sorted(set(typical.role.tolist())) != list(range(roles)) or (np.diff(typical.role) < 0).any()
    ):  # fmt: skip
        raise ValueError("its typical examples do not fit together")
    return typical


def find_typical(rows: Matrix, role: Ids, seed: int) -> Typical:
    """Return the POINTS typical examples of each role 0, 1, ... of these rows (rows, columns), or all of a few."""
    from sklearn.cluster import MiniBatchKMeans

    wide = compress_rows(rows)
    seen = ~np.isnan(wide).all(axis=0)
    middle, spread = np.zeros(wide.shape[1]), np.ones(wide.shape[1])
    middle[seen] = np.nanmedian(wide[:, seen], axis=0)
    spread[seen] = np.nanstd(wide[:, seen], axis=0) + 1e-3
    points, owner = [], []
    for place in range(int(role.max()) + 1):
        mine = place_rows(rows[role == place], middle, spread)
        if len(mine) > 2 * POINTS:
            groups = MiniBatchKMeans(POINTS, n_init=1, batch_size=512, random_state=seed).fit(mine)
            mine = groups.cluster_centers_
        points.append(mine)
        owner.append(np.full(len(mine), place, dtype=np.int16))
    return Typical(middle, spread, np.concatenate(points).astype(np.float16), np.concatenate(owner))


def place_rows(rows: Matrix, middle: Floats, spread: Floats) -> Matrix:
    """Return where rows lie (rows, 2 columns): each figure in spreads from the middle, then whether it is missing."""
    where = np.empty((len(rows), 2 * rows.shape[1]), dtype=np.float32)
    _fill_places(np.ascontiguousarray(rows), middle, spread, where)
    return where


@numba.njit(cache=True, parallel=True)
def _fill_places(rows: Matrix, middle: Floats, spread: Floats, where: Matrix) -> None:
    columns = rows.shape[1]
    for row in numba.prange(rows.shape[0]):
        for column in range(columns):
            x = np.float64(rows[row, column])
            is_missing = np.isnan(x)
            z = 0.0 if is_missing else (np.sign(x) * np.log1p(abs(x)) - middle[column]) / spread[column]
            where[row, column] = min(max(z, -_MOST), _MOST)
            where[row, columns + column] = _MISSING if is_missing else 0.0


def compress_rows(rows: npt.NDArray[Any]) -> Floats:
    """Return sign(x) ln(1 + |x|), so that counts and dollars fit a straight line; shares hardly change."""
    wide = rows.astype(np.float64)
    return np.asarray(np.sign(wide) * np.log1p(np.abs(wide)), dtype=np.float64)


def measure_parts(p: Floats, rows: Matrix, typical: Typical) -> Floats:
    """Return two reasons to call a row strange (2, rows): the model's doubt, and how far the role's examples are.

    The logarithm of 1 less the greatest of `p` (rows, roles), and the distance to the nearest typical example of that
    role; 100,000 rows take about 0.5 s.
    """
    role = p.argmax(axis=1)
    first = np.searchsorted(typical.role, np.arange(p.shape[1] + 1))
    far = np.empty(len(rows))
    where = place_rows(rows, typical.middle, typical.spread)
    _fill_distances(where, role, typical.points.astype(np.float32), first, far)
    return np.stack([np.log(1 - p.max(axis=1) + 1e-6), far])


@numba.njit(cache=True, parallel=True)
def _fill_distances(where: Matrix, role: Ids, points: Matrix, first: Ids, far: Floats) -> None:
    for row in numba.prange(where.shape[0]):
        least = np.inf
        for point in range(first[role[row]], first[role[row] + 1]):
            total = 0.0
            for column in range(where.shape[1]):
                gap = np.float64(where[row, column]) - np.float64(points[point, column])
                total += gap * gap
            least = min(least, total)
        far[row] = np.sqrt(least)


def fit_tails(parts: Floats) -> Floats:
    """Return how both reasons are spread among known addresses (2, levels), given theirs (2, rows)."""
    return np.asarray(np.quantile(parts, _LEVELS, axis=1).T, dtype=np.float64)


def measure_strangeness(parts: Floats, tails: Floats) -> Floats:
    """Return how rare both reasons are among known addresses, as Fisher (1925) adds them: log of 1 / the two shares.

    Chosen on tuning economies from which roles were held out whole, among either alone, sums of the raw values, figures
    out of the role's range, energy, isolation forests, and Mahalanobis distances with shared and with own covariances.
    """
    shares = [1 - np.interp(part, tail, _LEVELS) for part, tail in zip(parts, tails, strict=True)]
    return np.asarray(-np.log(np.stack(shares) + _RAREST).sum(axis=0), dtype=np.float64)
