"""Raw columns in, feature matrix out: the one piece of feature code, for training and for inference.

`preprocess.py` and `inference.py` both call `matrix`, so a row cannot mean one thing in training and another in
production. An empty field becomes NaN, which XGBoost handles as "missing".
"""

import numpy as np

# Your features: columns of the training files. Leave out the row id, the target, and what production cannot know.
FEATURES = ("temperature", "vibration", "load")


def matrix(columns: list[str], rows: list[list[str]]) -> np.ndarray:
    """Return the features of the rows.

    Parameters
    ----------
    columns : list of str
        The name of each field of a row; columns that are no feature are ignored.
    rows : list of list of str
        The fields as text.

    Returns
    -------
    numpy.ndarray
        Shape (len(rows), len(FEATURES)), dtype float64, NaN where a field is empty.

    Raises
    ------
    ValueError
        When a feature's column is missing, a row has too few or too many fields, or a field is not a number.
    """
    missing = [name for name in FEATURES if name not in columns]
    if missing:
        raise ValueError(f"column {missing[0]} is missing; the columns are {', '.join(columns)}")
    for number, row in enumerate(rows, start=1):
        if len(row) != len(columns):
            raise ValueError(f"row {number} has {len(row)} fields; expected {len(columns)}")
    positions = [columns.index(name) for name in FEATURES]
    values = np.empty((len(rows), len(FEATURES)))
    for index, (name, position) in enumerate(zip(FEATURES, positions, strict=True)):
        values[:, index] = [number_of(row[position], name, at) for at, row in enumerate(rows, start=1)]
    return values


def number_of(text: str, name: str, at: int) -> float:
    """Return the field as a number, NaN for an empty one; ValueError names the row and the column."""
    if not text.strip():
        return float("nan")
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"row {at}, column {name}: {text!r} is not a number") from None
