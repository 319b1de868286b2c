"""Columns that several tests use."""

import numpy as np
from hypothesis import strategies as st

from muster_numerics.columns import Categorical, Columns, Numeric

numbers = st.one_of(
    st.none(),
    st.integers(-5, 5).map(float),
    st.floats(-1e6, 1e6, allow_nan=False),
    st.sampled_from([np.inf, -np.inf]),
)
words = st.sampled_from([None, "", "red", "green", "blue", "ünı", "new"])


def columns_of(rows) -> Columns:
    """Make columns of (number or None, word or None) pairs."""
    return {
        "size": Numeric.of(np.array([np.nan if number is None else number for number, _ in rows], dtype=float)),
        "colour": Categorical.of([word for _, word in rows]),
    }


def drawn(seed: int, rows: int, shift: float = 0.0) -> Columns:
    """Draw a normal column and one of four words."""
    rng = np.random.default_rng(seed)
    return {
        "size": Numeric.of(rng.normal(shift, 1, rows)),
        "colour": Categorical.of(rng.choice(["red", "green", "blue", "grey"], rows, p=[0.5, 0.3, 0.15, 0.05]).tolist()),
    }
