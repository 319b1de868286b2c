"""A bench to run jobs on: the folders that SageMaker would mount, and the scripts in forked processes.

Importing XGBoost takes seconds, so scripts run in forks of a process that has it already, as in the rehearsal. That is
multiprocessing's fork server: unlike a test runner it has no threads, of which a fork would get the locks only.
"""

import csv
import hashlib
import io
import json
import multiprocessing
import os
import runpy
import sys
import tarfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
JOBS = ROOT / "jobs"
PREFIX = "raw/any/training/"

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["numpy", "scipy.sparse", "xgboost", "yaml"])


@dataclass(frozen=True)
class Finished:
    """A script that has ended."""

    status: int
    stdout: str
    stderr: str
    message: str
    seconds: float

    @property
    def last_line(self) -> str:
        return self.stderr.strip().splitlines()[-1] if self.stderr.strip() else ""

    def well(self) -> "Finished":
        assert self.status == 0, self.stderr
        return self


def run(script: Path, *arguments: object, folder: Path, env: Mapping[str, str] | None = None) -> Finished:
    """Run a script in a fork and wait for it; `folder` is its /opt/ml."""
    folder.mkdir(parents=True, exist_ok=True)
    out, err = folder / "stdout.txt", folder / "stderr.txt"
    (folder / "output" / "message").unlink(missing_ok=True)
    variables = {"SAGEMAKER_BASE_DIR": str(folder), **(env or {})}
    started = time.monotonic()
    child = _FORKS.Process(target=_inside, args=(script, [str(each) for each in arguments], out, err, variables))
    child.start()
    child.join()
    message = folder / "output" / "message"
    return Finished(
        child.exitcode,
        out.read_text(),
        err.read_text(),
        message.read_text() if message.exists() else "",
        time.monotonic() - started,
    )


def _inside(script: Path, arguments: list[str], out: Path, err: Path, env: dict[str, str]) -> None:
    """Be the script's process."""
    os.environ.update(env)
    sys.argv[:] = [str(script), *arguments]
    sys.path.insert(0, str(script.parent))
    sys.dont_write_bytecode = True
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    for stream, path in ((1, out), (2, err)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream)
    runpy.run_path(str(script), run_name="__main__")


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_json(path: Path, value: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, sort_keys=True, separators=(",", ":")))
    return path


def spec_of(model: Path) -> dict:
    """Return a model's spec as `muster publish` would write it."""
    return yaml.safe_load((model / "model.yaml").read_text())


def pack(folder: Path, archive: Path) -> Path:
    """Make a .tar.gz of a folder's files."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive, "w:gz") as tar:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts and "data" not in path.relative_to(folder).parts:
                tar.add(path, path.relative_to(folder).as_posix())
    return archive


def snapshot(folder: Path, *files: Path) -> Path:
    """Make the folder of a snapshot of these files."""
    entries = []
    for path in sorted(files):
        target = folder / "data" / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
        size = target.stat().st_size
        entries.append({"key": PREFIX + path.name, "version_id": "v1", "sha256": sha256(target), "bytes": size})
    write_json(folder / "manifest.json", {"schema": 1, "model": "any", "prefix": PREFIX, "objects": entries})
    return folder


def holdout(folder: Path, kind: str, labelled: Path, row_id: str, target: str, unlabelled: bool = False) -> str:
    """Make ``folder/kind`` of a labelled CSV and return its digest; without labels, as a prediction job gets it."""
    rows = list(csv.reader(io.StringIO(labelled.read_text())))
    header, at, label = rows[0], rows[0].index(row_id), rows[0].index(target)
    columns = [name for name in header if name not in (row_id, target)]
    features = [["row_id", *columns]] + [[row[at]] + [row[header.index(name)] for name in columns] for row in rows[1:]]
    place = folder / kind
    write_csv(place / "features.csv", features)
    write_csv(place / "labels.csv", [["row_id", "label"]] + [[row[at], row[label]] for row in rows[1:]])
    manifest = {
        "schema": 1,
        "model": "any",
        "kind": kind,
        "rows": len(rows) - 1,
        "columns": columns,
        "features_sha256": sha256(place / "features.csv"),
        "labels_sha256": sha256(place / "labels.csv"),
    }
    write_json(place / "manifest.json", manifest)
    if unlabelled:
        (place / "labels.csv").unlink()
    return sha256(place / "manifest.json")


def write_csv(path: Path, rows: list[list[str]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
    return path


def prepare(model: Path, shot: Path, folder: Path, spec: dict | None = None) -> Finished:
    """Run the preprocessing job; its output is ``folder/prepared``."""
    code = pack(model, folder / "sourcedir.tar.gz")
    spec = spec or spec_of(model)
    spec_file = write_json(folder / "spec.json", spec)
    arguments = ["--code", code, "--code-digest", sha256(code), "--entry-point", spec["preprocess"]["entry_point"]]
    arguments += ["--manifest", shot / "manifest.json", "--snapshot-digest", sha256(shot / "manifest.json")]
    arguments += ["--data", shot / "data", "--spec", spec_file, "--output", folder / "prepared"]
    return run(JOBS / "run_entry_point.py", *arguments, folder=folder)


def train(model: Path, folder: Path, hyperparameters: Mapping[str, object] | None = None, **env: str) -> Finished:
    """Run the training job on ``folder/prepared``; its artifact is ``folder/model.tar.gz``."""
    if hyperparameters is None:
        hyperparameters = spec_of(model)["training"]["hyperparameters"]
    variables = {
        "SM_CHANNEL_TRAIN": str(folder / "prepared" / "train"),
        "SM_CHANNEL_VALIDATION": str(folder / "prepared" / "validation"),
        "SM_MODEL_DIR": str(folder / "model"),
    }
    arguments = [text for name, value in hyperparameters.items() for text in (f"--{name}", value)]
    finished = run(model / "train.py", *arguments, folder=folder, env={**variables, **env})
    if finished.status == 0:
        pack(folder / "model", folder / "model.tar.gz")
    return finished


def predict(artifact: Path, holdouts: Path, folder: Path, **options: str) -> Finished:
    """Run the prediction job; its output is ``folder/predictions``."""
    arguments = ["--model", artifact, "--model-digest", options.get("digest", sha256(artifact)), "--holdouts", holdouts]
    arguments += ["--content-type", options.get("content_type", "text/csv"), "--output", folder / "predictions"]
    return run(JOBS / "predict.py", *arguments, folder=folder)


def plan(spec: dict, digests: dict[str, str], shot: Path, champion: bool, metrics: list[str]) -> dict:
    """Return an evaluation plan (contract EvaluationPlan)."""
    return {
        "schema": 1,
        "run": "0123456789abcdef0123",
        "model": spec["name"],
        "problem_type": spec["problem_type"],
        "target": spec["target"],
        "classes": spec.get("classes"),
        "row_id": spec["row_id"],
        "evaluation": spec["evaluation"],
        "metrics": metrics,
        "holdouts": digests,
        "snapshot_digest": sha256(shot / "manifest.json"),
        "candidate_artifact_digest": "a" * 64,
        "champion_artifact_digest": "b" * 64 if champion else None,
        "seed": 7,
    }


def evaluate(
    plan_file: Path, candidate: Path, champion: Path | None, holdouts: Path, shot: Path, folder: Path
) -> Finished:
    """Run the evaluation job; its output is ``folder/evaluation``."""
    arguments: list[object] = ["--plan", plan_file, "--candidate", candidate, "--holdouts", holdouts]
    arguments += ["--champion", champion] if champion else []
    arguments += ["--snapshot", shot, "--output", folder / "evaluation"]
    return run(JOBS / "evaluate.py", *arguments, folder=folder)
