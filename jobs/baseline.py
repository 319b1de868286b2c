"""Count the training data for monitoring, in a SageMaker Processing job: for data that are too many for a function.

Reads the snapshot's CSV files, each row twice, and writes ``counts.json``: rows, fields with their kinds, and what each
column looks like. Memory does not depend on the number of rows.
"""

import argparse
from functools import partial
from pathlib import Path

from muster_jobs.digests import check_digest, read_json, write_json
from muster_jobs.failure import JobError, run_job
from muster_jobs.overlap import check_snapshot
from muster_numerics.redaction import Redaction
from muster_numerics.table_baseline import count_features
from muster_numerics.table_rows import Table, TableError


def main() -> None:
    """Check, count, write."""
    arguments = parse_arguments()
    plan = read_json(arguments.plan, "baseline plan")
    check_snapshot(arguments.snapshot, arguments.snapshot_digest)
    key = b""
    if plan["redaction_key_digest"]:
        check_digest(arguments.key, plan["redaction_key_digest"], "redaction key")
        key = arguments.key.read_bytes()
    try:
        counts = count_features(
            Table(files_of(arguments.snapshot), plan["row_id"], plan["target"]),
            plan["categorical"],
            Redaction(frozenset(plan["controlled"]), key),
            time_ordered=plan["time_ordered"],
        )
    except TableError as error:
        raise JobError(str(error)) from None
    write_json(arguments.output / "counts.json", counts)
    print(f"counted {counts['rows']} rows of {len(counts['features'])} features")


def parse_arguments() -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--snapshot", type=Path, required=True, help="folder with the snapshot's manifest and data/")
    parser.add_argument("--snapshot-digest", required=True, help="sha256 of the manifest")
    parser.add_argument("--plan", type=Path, required=True, help="baseline_plan.json")
    parser.add_argument("--key", type=Path, required=True, help="what controlled words are digested with, if any are")
    parser.add_argument("--output", type=Path, required=True, help="folder for counts.json")
    return parser.parse_args()


def files_of(snapshot: Path) -> list:
    """Return name and opener of the snapshot's CSV files, in the order of the manifest."""
    manifest = read_json(snapshot / "manifest.json", "snapshot manifest")
    names = [entry["key"][len(manifest["prefix"]) :] for entry in manifest["objects"]]
    return [(name, partial((snapshot / "data" / name).open, "rb")) for name in names if name.endswith(".csv")]


if __name__ == "__main__":
    run_job("baseline.py", main)
