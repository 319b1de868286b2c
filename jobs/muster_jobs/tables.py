"""Read what the jobs read: holdouts, labels and predictions, each row checked and named when it is wrong."""

import csv
import hashlib
import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from muster_jobs.digests import check_digest, read_json
from muster_jobs.failure import JobError, several


@dataclass(frozen=True)
class Features:
    """The rows of a holdout as a model gets to see them.

    Attributes
    ----------
    kind
        ``reference`` or ``recent``.
    columns
        Names of the fields of `rows`: the file's columns without the row id.
    ids
        Row ids, unique.
    rows
        Fields as text.
    """

    kind: str
    columns: list[str]
    ids: list[str]
    rows: list[list[str]]

    def column(self, name: str) -> np.ndarray:
        """Return one column as an array of text; JobError when the holdout does not have it."""
        if name not in self.columns:
            raise JobError(
                f"holdout {self.kind}: column {name} is missing; the columns are {several(self.columns, 40)}"
            )
        position = self.columns.index(name)
        return np.array([row[position] for row in self.rows], dtype=object)


def kinds_in(folder: Path) -> list[str]:
    """Return the kinds of holdout that are mounted in `folder`, by name."""
    return sorted(path.parent.name for path in folder.glob("*/features.csv"))


def read_features(folder: Path, kind: str) -> Features:
    """Read ``<folder>/<kind>/features.csv``; its first column is the row id."""
    what = f"holdout {kind}"
    header, rows = read_csv(folder / kind / "features.csv", what)
    if len(header) < 2:
        raise JobError(f"{what}: features.csv has {len(header)} column; expected a row id and at least one feature")
    ids = [row[0] for row in rows]
    check_unique(ids, what)
    return Features(kind, header[1:], ids, [row[1:] for row in rows])


def read_labels(folder: Path, features: Features) -> list[str]:
    """Read ``<folder>/<kind>/labels.csv`` (row id, label) and return the labels in the order of the features."""
    what = f"holdout {features.kind}"
    header, rows = read_csv(folder / features.kind / "labels.csv", what)
    if len(header) != 2:
        raise JobError(f"{what}: labels.csv has {len(header)} columns; expected row id and label")
    check_unique([row[0] for row in rows], f"{what}, labels.csv")
    labels = dict(rows)
    check_same_rows(list(labels), features.ids, f"{what}, labels.csv")
    return [labels[row_id] for row_id in features.ids]


def check_holdout(folder: Path, kind: str, digest: str) -> None:
    """Raise JobError unless the holdout's three files are the ones that its digest stands for."""
    what = f"holdout {kind}"
    check_digest(folder / kind / "manifest.json", digest, f"{what}, manifest.json")
    manifest = read_json(folder / kind / "manifest.json", what)
    check_digest(folder / kind / "features.csv", manifest["features_sha256"], f"{what}, features.csv")
    check_digest(folder / kind / "labels.csv", manifest["labels_sha256"], f"{what}, labels.csv")


def read_predictions(path: Path, features: Features, columns: int, who: str) -> np.ndarray:
    """Read a prediction job's ``<kind>.csv``.

    Parameters
    ----------
    path
        The file: a header, then row id and `columns` numbers per row.
    features
        The holdout that was predicted.
    columns
        How many numbers the problem type asks for.
    who
        ``candidate`` or ``champion``, for the line.

    Returns
    -------
    numpy.ndarray
        Shape (rows, columns), in the order of the holdout.

    Raises
    ------
    JobError
        When rows are missing, unknown or there twice, or a prediction is no finite number.
    """
    what = f"{who}, holdout {features.kind}"
    header, rows = read_csv(path, what)
    if len(header) != columns + 1:
        raise JobError(f"{what}: {len(header) - 1} numbers per row; expected {columns} for this problem type")
    ids = [row[0] for row in rows]
    check_unique(ids, what)
    check_same_rows(ids, features.ids, what)
    by_id = {row[0]: [finite_number(text, row[0], what) for text in row[1:]] for row in rows}
    return np.array([by_id[row_id] for row_id in features.ids]).reshape(len(features.ids), columns)


def finite_number(text: str, row_id: str, what: str) -> float:
    """Return a prediction as a number; JobError names the row when it is none, or NaN, or infinite."""
    try:
        value = float(text)
    except ValueError:
        raise JobError(f"{what}: the prediction of row {row_id} is {text[:40]!r}; expected a number") from None
    if not math.isfinite(value):
        raise JobError(f"{what}: the prediction of row {row_id} is {text}; expected a finite number")
    return value


def read_csv(path: Path, what: str) -> tuple[list[str], list[list[str]]]:
    """Return header and rows of a CSV file; JobError for no file, no row, a column twice or a ragged line."""
    if not path.is_file():
        raise JobError(f"{what}: {path} is missing")
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file)
        header = next(reader, [])
        check_unique(header, f"{what}, header of {path.name}")
        rows = []
        for row in reader:
            if len(row) != len(header):
                raise JobError(
                    f"{what}: {path.name}, line {reader.line_num}: {len(row)} fields; expected {len(header)}"
                )
            rows.append(row)
    if not rows:
        raise JobError(f"{what}: {path.name} has no row")
    return header, rows


def check_unique(names: list[str], what: str) -> None:
    """Raise JobError when a name is there twice."""
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise JobError(f"{what}: {several(twice)} there more than once")


def check_same_rows(found: list[str], wanted: list[str], what: str) -> None:
    """Raise JobError unless both name the same rows, in whatever order."""
    have, want = set(found), set(wanted)
    if missing := [row_id for row_id in wanted if row_id not in have]:
        raise JobError(f"{what}: {len(found)} rows; expected {len(wanted)}; missing: {several(missing)}")
    if strange := [row_id for row_id in found if row_id not in want]:
        raise JobError(f"{what}: {len(found)} rows; expected {len(wanted)}; unknown: {several(strange)}")


def content_digest(fields: list[str]) -> bytes:
    """Return a digest of a row's content that does not depend on how its numbers are written (1, 1.0, 1e0)."""
    return hashlib.blake2b("\x1f".join(map(canonical_field, fields)).encode(), digest_size=16).digest()


def canonical_field(text: str) -> str:
    """Return a number in one spelling, anything else stripped of outer blanks."""
    try:
        return repr(float(text) + 0.0)  # adding 0.0 turns -0.0 into 0.0
    except ValueError:
        return text.strip()
