"""Derive the model's data files from the Wisconsin diagnostic set, deterministically: ``python make_files.py``.

Reads ``wdbc.csv`` (569 rows) and writes, into this folder, six files with no row in common. What is measured and what
is simulated is told in README.md beside this file. Standard library only; ``random.Random.random`` is the one source
of chance because Python promises that its sequence never changes.
"""

import argparse
import csv
import hashlib
import math
import random
import statistics
import sys
from pathlib import Path

SOURCE_SHA256 = "fed3eb72d0575ef6192293f5093c6e801b1476b577d0386bf4455504522172ed"
SEED = 42
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
FEATURES = tuple(f"{shape}_{kind}" for kind in ("mean", "error", "worst") for shape in SHAPES)
CLASSES = ("malignant", "benign")  # the source's own coding: 0 and 1

# rows per file, and the share of them that the new scanner (B) made
FILES = {
    "part1": (130, 0.0),
    "part2": (100, 0.6),
    "holdout_reference": (130, 0.0),
    "holdout_recent": (160, 0.7),
    "batch": (30, 0.6),
    "batch_with_outliers": (19, 0.6),
}
UNLABELLED = ("batch", "batch_with_outliers")

# Scanner B reports in pixels, and its pixel size differs from slide to slide (scanner A: always 1). A reported value
# is the original times pixel_size ** exponent: lengths shrink as pixels grow, areas twice as fast, and coarser pixels
# smooth the contour away.
PIXEL_SIZES = (0.6, 0.8, 1.25, 1.6)
EXPONENTS = {
    "radius": -1.0,
    "perimeter": -1.0,
    "area": -2.0,
    "texture": -1.0,
    "smoothness": -0.7,
    "compactness": -0.7,
    "concavity": -0.7,
    "concave_points": -0.7,
    "fractal_dimension": -0.14,
    "symmetry": 0.0,
}
NOISE = 0.02  # standard deviation of scanner B's extra measurement noise, on the log scale


def main() -> None:
    """Write the six files into ``--output`` (this folder by default)."""
    here = Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=here, help="folder to write the files into")
    output = parser.parse_args().output
    originals = read_source(here / "wdbc.csv")
    chance = random.Random(SEED)
    for name, rows in deal(originals, chance).items():
        share = FILES[name][1]
        measured = [measure(row, scanner_of(share, chance), chance) for row in rows]
        if name == "batch":
            leave_fields_empty(measured)
        if name == "batch_with_outliers":
            spoil(measured)
        write(output / f"{name}.csv", measured, labelled=name not in UNLABELLED)


def read_source(path: Path) -> list[dict]:
    """Return one dict per source row: sample_id, diagnosis and the 30 features as floats."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != SOURCE_SHA256:
        sys.exit(f"{path}: sha256 is {digest}, expected {SOURCE_SHA256}; restore the committed file")
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))[1:]
    return [
        {
            "sample_id": f"WD{number:04d}",
            "diagnosis": CLASSES[int(row[30])],
            **dict(zip(FEATURES, map(float, row[:30]), strict=True)),
        }
        for number, row in enumerate(rows, start=1)
    ]


def deal(rows: list[dict], chance: random.Random) -> dict[str, list[dict]]:
    """Share the rows out to the files: each file gets its count, with the classes in the set's proportion."""
    total = sum(count for count, _ in FILES.values())
    hands: dict[str, list[dict]] = {name: [] for name in FILES}
    for label in CLASSES:
        members = shuffled([row for row in rows if row["diagnosis"] == label], chance)
        start = dealt = 0
        for name, (count, _) in FILES.items():
            dealt += count
            end = round(len(members) * dealt / total)
            hands[name] += members[start:end]
            start = end
    return {name: shuffled(hand, chance) for name, hand in hands.items()}


def shuffled(items: list, chance: random.Random) -> list:
    """Return the items in an order drawn from `chance` (``random.shuffle`` may change between Python versions)."""
    keys = [chance.random() for _ in items]
    return [items[index] for index in sorted(range(len(items)), key=keys.__getitem__)]


def scanner_of(share: float, chance: random.Random) -> str:
    """Return "B" with probability `share`, else "A"."""
    return "B" if chance.random() < share else "A"


def measure(row: dict, scanner: str, chance: random.Random) -> dict:
    """Return the row as the scanner would have reported it, with the simulated columns added."""
    site = "north" if chance.random() < 0.5 else "south"
    if scanner == "A":
        return {**row, "scanner": scanner, "site": site, "pixel_size": 1.0}
    pixel = PIXEL_SIZES[int(chance.random() * len(PIXEL_SIZES))]
    normal = statistics.NormalDist()
    reported = dict(row)
    for name in FEATURES:
        exponent = EXPONENTS[name.rsplit("_", 1)[0]]
        noise = normal.inv_cdf(min(max(chance.random(), 1e-9), 1 - 1e-9)) * NOISE
        reported[name] = row[name] * pixel**exponent * math.exp(noise)
    return {**reported, "scanner": scanner, "site": site, "pixel_size": pixel}


def leave_fields_empty(rows: list[dict]) -> None:
    """Empty the pixel size of every other scanner-B row: the labelled files have no such row."""
    for row in [row for row in rows if row["scanner"] == "B"][::2]:
        row["pixel_size"] = ""


def spoil(rows: list[dict]) -> None:
    """Put gross errors into every fourth row: a slipped decimal point, a sentinel value, a swapped sign."""
    for number, row in enumerate(rows[::4]):
        if number % 3 == 0:
            row["area_mean"] *= 1000
            row["area_worst"] *= 1000
        elif number % 3 == 1:
            row["texture_mean"] = row["texture_worst"] = -999.0
        else:
            row["radius_mean"] *= -1
            row["perimeter_mean"] *= -1


def write(path: Path, rows: list[dict], labelled: bool) -> None:
    """Write the rows as CSV, six significant digits, the label last."""
    columns = ["sample_id", "scanner", "site", "pixel_size", *FEATURES] + (["diagnosis"] if labelled else [])
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        for row in rows:
            writer.writerow([f"{row[c]:.6g}" if isinstance(row[c], float) else row[c] for c in columns])


if __name__ == "__main__":
    main()
