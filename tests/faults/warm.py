"""What does a run load when it first needs it? The server loads it here, once for all that are forked from it."""

from __future__ import annotations

import numba
import numpy as np
import pandas as pd


@numba.njit
def _sort(values: np.ndarray) -> np.ndarray:
    return values[np.argsort(values, kind="mergesort")]


_sort(np.arange(2))  # numba reads most of itself when it first compiles
pd.DataFrame({"one": [1]})  # pyarrow asks for pandas when it first makes a column of Python's values
