"""`muster data put`: training data and batches go to the data bucket, holdouts are frozen by digest.

A holdout is split here into features and labels, so that a model's code, which only ever sees the features, cannot see what
it is judged by.
"""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from muster import digests, naming
from muster.aws.ledger import Ledger
from muster.aws.s3 import ObjectStore
from muster.contracts.base import iso
from muster.contracts.spec import ModelSpec
from muster.errors import DataRefused, NotFound
from ops.installation import Installation
from ops.publishing import person_of_caller, records_store

Kind = Literal["reference", "recent"]
KINDS: tuple[Kind, ...] = ("reference", "recent")


@dataclass(frozen=True)
class Holdout:
    """A labelled set, split and named by its digest."""

    digest: str
    rows: int
    files: dict[str, bytes]


def put_files(installation: Installation, prefix: str, files: Sequence[Path]) -> list[str]:
    """Copy files below a prefix of the data bucket, with a checksum that S3 verifies and keeps; return their URIs.

    Raises
    ------
    NotFound, DataRefused
        Before anything is written: a file that is not there or is empty, a bucket that keeps no versions.
    """
    for path in files:
        if not path.is_file():
            raise NotFound(f"{path}: not found, wanted a file")
        if path.stat().st_size == 0:
            raise DataRefused(f"{path}: found an empty file, wanted rows")
    bucket = installation.buckets["data"]
    store = ObjectStore(installation.client("s3"))
    if not store.versioned(bucket):
        raise DataRefused(f"bucket {bucket}: found no versioning, wanted it on: data without versions cannot be pinned")
    uris = [naming.s3_uri(bucket, prefix + path.name) for path in files]
    for uri, path in zip(uris, files, strict=True):
        store.write(
            uri, path.read_bytes(), "text/csv" if path.suffix == ".csv" else "application/octet-stream", locked=False
        )
    return uris


def split_holdout(spec: ModelSpec, kind: Kind, path: Path) -> Holdout:
    """Split a labelled CSV file into features and labels.

    Raises
    ------
    NotFound, DataRefused
        No such file; no header, row id or target column; no rows; a row with another number of fields; a label that is
        empty or none of the spec's classes; a row id twice.
    """
    if not path.is_file():
        raise NotFound(f"{path}: not found, wanted a labelled CSV file")
    header, *rows = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8")))) or [[]]
    rows = [row for row in rows if row]
    for column in (spec.row_id, spec.target):
        if column not in header:
            raise DataRefused(f"{path}: found columns {', '.join(header) or '(none)'}, wanted one named {column!r}")
    if not rows:
        raise DataRefused(f"{path}: found no rows, wanted labelled rows below the header")
    _check_rows(spec, path, header, rows)
    at_id, at_target = header.index(spec.row_id), header.index(spec.target)
    kept = [index for index in range(len(header)) if index not in (at_id, at_target)]
    features = _csv(
        [[header[at_id], *(header[i] for i in kept)], *([row[at_id], *(row[i] for i in kept)] for row in rows)]
    )
    labels = _csv([[spec.row_id, "label"], *([row[at_id], row[at_target]] for row in rows)])
    manifest = digests.canonical(
        {
            "schema": 1,
            "model": spec.name,
            "kind": kind,
            "rows": len(rows),
            "columns": [header[at_id], *(header[i] for i in kept)],
            "features_sha256": digests.sha256(features),
            "labels_sha256": digests.sha256(labels),
        }
    )
    files = {"features.csv": features, "labels.csv": labels, "manifest.json": manifest}
    return Holdout(digests.sha256(manifest), len(rows), files)


def _check_rows(spec: ModelSpec, path: Path, header: list[str], rows: list[list[str]]) -> None:
    seen: set[str] = set()
    at_id, at_target = header.index(spec.row_id), header.index(spec.target)
    for number, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise DataRefused(f"{path}, line {number}: found {len(row)} fields, wanted {len(header)} as in the header")
        label = row[at_target]
        if spec.classes and label not in spec.classes:
            raise DataRefused(
                f"{path}, line {number}: {spec.target}: found {label!r}, wanted {' or '.join(spec.classes)}"
            )
        if not spec.classes and not _is_number(label):
            raise DataRefused(f"{path}, line {number}: {spec.target}: found {label!r}, wanted a number")
        if row[at_id] in seen:
            raise DataRefused(f"{path}, line {number}: {spec.row_id}: found {row[at_id]!r} twice, wanted each row once")
        seen.add(row[at_id])


def _is_number(text: str) -> bool:
    try:
        return float(text) == float(text)  # NaN is not equal to itself
    except ValueError:
        return False


def put_holdout(installation: Installation, spec: ModelSpec, kind: Kind, path: Path) -> Holdout:
    """Freeze a holdout under its digest and point the model at it; the pointer moves only when every file is there."""
    holdout = split_holdout(spec, kind, path)
    prefix = naming.holdout_prefix(spec.name, holdout.digest)
    store, bucket = records_store(installation), installation.buckets["records"]
    for name, data in holdout.files.items():
        media = "application/json" if name.endswith(".json") else "text/csv"
        store.write(naming.s3_uri(bucket, prefix + name), data, media, locked=True)
    pointer = {
        "digest": holdout.digest,
        "uri": naming.s3_uri(bucket, prefix),
        "rows": holdout.rows,
        "put_by": person_of_caller(installation),
        "put_at": iso(datetime.now(UTC)),
    }
    Ledger(installation.client("dynamodb"), installation.ledger).put(f"MODEL#{spec.name}", f"HOLDOUT#{kind}", pointer)
    return holdout


def _csv(rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
