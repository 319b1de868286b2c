"""Find rows of a holdout that the model was trained on: content decides, ids and number formats do not."""

from pathlib import Path

from muster_jobs.digests import check_digest, read_json
from muster_jobs.failure import JobError, several
from muster_jobs.tables import Features, content_digest, read_csv


def overlapping_rows(features: Features, snapshot: Path) -> list[str]:
    """Return the ids of the holdout's rows whose content is in the snapshot too.

    Parameters
    ----------
    features
        The holdout.
    snapshot
        Folder with ``manifest.json`` and ``data/``, the snapshot's CSV files.

    Raises
    ------
    JobError
        When a file of the snapshot lacks a column of the holdout: then nothing can be said.
    """
    rows_by_content: dict[bytes, list[str]] = {}
    for row_id, row in zip(features.ids, features.rows, strict=True):
        rows_by_content.setdefault(content_digest(row), []).append(row_id)
    found: list[str] = []
    for path in sorted((snapshot / "data").rglob("*.csv")):
        name = f"snapshot file {path.relative_to(snapshot / 'data').as_posix()}"
        header, rows = read_csv(path, name)
        if missing := [column for column in features.columns if column not in header]:
            raise JobError(
                f"{name} has no column {several(missing)}, which holdout {features.kind} has; "
                "without it, trained rows cannot be told from the holdout's"
            )
        positions = [header.index(column) for column in features.columns]
        for row in rows:
            found += rows_by_content.pop(content_digest([row[position] for position in positions]), [])
    order = {row_id: position for position, row_id in enumerate(features.ids)}
    return sorted(found, key=order.__getitem__)


def check_disjoint(features: Features, snapshot: Path) -> None:
    """Raise JobError naming the rows of the holdout that are in the training snapshot."""
    if rows := overlapping_rows(features, snapshot):
        one = len(rows) == 1
        raise JobError(
            f"holdout {features.kind}: {len(rows)} {'row is' if one else 'rows are'} also in the training snapshot: "
            f"{'row' if one else 'rows'} {several(rows)}; remove {'it' if one else 'them'} from the training data "
            "or put another holdout"
        )


def check_snapshot(snapshot: Path, digest: str) -> None:
    """Raise JobError unless the folder holds the snapshot of this digest, bit for bit."""
    check_digest(snapshot / "manifest.json", digest, "snapshot manifest")
    manifest = read_json(snapshot / "manifest.json", "snapshot manifest")
    for entry in manifest["objects"]:
        path = snapshot / "data" / entry["key"][len(manifest["prefix"]) :]
        check_digest(path, entry["sha256"], f"snapshot, {entry['key']}")
