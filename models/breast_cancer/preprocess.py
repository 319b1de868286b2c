"""Prepare the snapshot for training: check the rows, make the features, split off a validation set.

Runs in a SageMaker Processing job, started by Muster's run_entry_point.py:
``preprocess.py --input DIR --output DIR --spec spec.json``. It reads every ``*.csv`` below the input folder and writes

- ``train/rows.csv``       one column per feature, then ``label`` (0 or 1)
- ``train/schema.json``    what inference needs to know: the columns of a request, and the classes
- ``validation/rows.csv``  as train; one row in five, chosen by a hash of its id, so that a row never changes sides
"""

import argparse
import csv
import hashlib
import json
import sys
import traceback
from pathlib import Path

import features
import numpy as np

VALIDATION_SHARE = 0.2


def main() -> None:
    """Read, check, split and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--input", type=Path, required=True, help="folder of the snapshot's data")
    parser.add_argument("--output", type=Path, required=True, help="folder to write train/ and validation/ into")
    parser.add_argument("--spec", type=Path, required=True, help="the model's spec as JSON")
    arguments = parser.parse_args()
    spec = json.loads(arguments.spec.read_text(encoding="utf-8"))
    columns, rows = read_rows(arguments.input)
    for name in (spec["row_id"], spec["target"]):
        if name not in columns:
            raise ValueError(f"column {name} is missing; the columns are {', '.join(columns)}")
    ids = [row[columns.index(spec["row_id"])] for row in rows]
    labels = encode_labels([row[columns.index(spec["target"])] for row in rows], ids, spec["classes"])
    table = np.column_stack([features.matrix(columns, rows), labels])
    held_back = np.array([is_validation(row_id) for row_id in ids])
    for name, part in (("train", table[~held_back]), ("validation", table[held_back])):
        if set(part[:, -1]) != {0.0, 1.0}:
            raise ValueError(f"the {name} part has {len(part)} rows but not both classes; more data is needed")
        write(arguments.output / name / "rows.csv", part)
    schema = {
        "request_columns": [name for name in columns if name not in (spec["row_id"], spec["target"])],
        "classes": spec["classes"],
    }
    (arguments.output / "train" / "schema.json").write_text(json.dumps(schema, indent=1), encoding="utf-8")
    print(f"{len(rows)} rows: {np.sum(~held_back)} to train on, {np.sum(held_back)} to validate with")


def read_rows(folder: Path) -> tuple[list[str], list[list[str]]]:
    """Return the header that all files share, and their rows in the order of the file names."""
    files = sorted(folder.rglob("*.csv"))
    if not files:
        raise ValueError(f"no .csv file in {folder}")
    columns: list[str] = []
    rows: list[list[str]] = []
    for path in files:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            header = next(reader, [])
            columns = columns or header
            if header != columns:
                raise ValueError(
                    f"{path.name} has other columns than {files[0].name}: {sorted(set(header) ^ set(columns))}"
                )
            for row in reader:
                if len(row) != len(columns):
                    raise ValueError(f"{path.name}, line {reader.line_num}: {len(row)} fields; expected {len(columns)}")
                rows.append(row)
    if not rows:
        raise ValueError(f"the files {', '.join(path.name for path in files)} have no rows")
    return columns, rows


def encode_labels(labels: list[str], ids: list[str], classes: list[str]) -> np.ndarray:
    """Return 0 or 1 per row; ValueError names the first row whose label is not a class of the spec."""
    for row_id, label in zip(ids, labels, strict=True):
        if label not in classes:
            raise ValueError(f"row {row_id}: label {label!r} is not one of {', '.join(classes)}")
    return np.array([classes.index(label) for label in labels], dtype=float)


def is_validation(row_id: str) -> bool:
    """Say whether the row validates: the same answer for the same row, whatever else the snapshot holds."""
    return int(hashlib.sha256(row_id.encode()).hexdigest()[:8], 16) / 16**8 < VALIDATION_SHARE


def write(path: Path, table: np.ndarray) -> None:
    """Write the numbers so that reading them back gives the same bits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*features.FEATURES, "label"])
        writer.writerows(table.tolist())


if __name__ == "__main__":
    try:
        main()
    except Exception as error:
        traceback.print_exc()
        sys.exit(f"preprocess.py failed: {type(error).__name__}: {error}")
