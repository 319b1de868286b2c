"""Raw columns in, feature matrix out: as in models/breast_cancer, and the new scanner's pixels turned into lengths.

An improvement with a fault, for the demo. Scanner B reports in pixels whose size differs from slide to slide; undoing
that with the `pixel_size` column makes a better model on every labelled row, offline. But `calibrated` takes for granted
that the field is filled, and in production the scanner leaves it empty for about every third row: the endpoint then
answers 500, its alarm fires, and the deployment rolls back.
"""

import numpy as np

SHAPES = (
    "radius",
    "texture",
    "perimeter",
    "area",
    "smoothness",
    "compactness",
    "concavity",
    "concave_points",
    "symmetry",
    "fractal_dimension",
)
# Ten measurements of the cell nuclei in one image: their mean, standard error, and mean of the three largest values.
FEATURES = tuple(f"{shape}_{kind}" for kind in ("mean", "error", "worst") for shape in SHAPES)
# How each shape grows with the size of a pixel (data/README.md of the model), in the order of SHAPES.
EXPONENTS = np.array([1.0, 1.0, 1.0, 2.0, 0.7, 0.7, 0.7, 0.7, 0.0, 0.14] * 3)


def matrix(columns: list[str], rows: list[list[str]]) -> np.ndarray:
    """Return the calibrated features of the rows: shape (len(rows), len(FEATURES)), NaN where a field is empty.

    Raises
    ------
    ValueError
        When a column is missing, a row has too few or too many fields, or a field is not a number.
    """
    missing = [name for name in (*FEATURES, "pixel_size") if name not in columns]
    if missing:
        raise ValueError(f"column {missing[0]} is missing; the columns are {', '.join(columns)}")
    for number, row in enumerate(rows, start=1):
        if len(row) != len(columns):
            raise ValueError(f"row {number} has {len(row)} fields; expected {len(columns)}")
    values = np.empty((len(rows), len(FEATURES)))
    for index, name in enumerate(FEATURES):
        position = columns.index(name)
        values[:, index] = [float(row[position]) if row[position].strip() else np.nan for row in rows]
    return calibrated(values, [row[columns.index("pixel_size")] for row in rows])


def calibrated(values: np.ndarray, pixel_sizes: list[str]) -> np.ndarray:
    """Return the measurements in the units of a pixel of size 1."""
    sizes = np.array([float(text) for text in pixel_sizes])  # the fault: float("") raises ValueError
    return values * sizes[:, None] ** EXPONENTS
