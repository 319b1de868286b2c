"""Let a model predict the holdouts, exactly as its endpoint would, in a SageMaker Processing job.

The artifact is checked, unpacked and its inference module imported; rows go through model_fn, input_fn, predict_fn and
output_fn as AWS's XGBoost container calls them: the body as a bytearray, CSV without header and row id. Labels are not
in this job: the model's code cannot see them, and computes no metric.

Written per holdout: ``<kind>.csv`` (row_id, prediction_0, ...); and, when the module has
``explain_fn(data, model) -> (names, matrix)``, ``attributions.json`` with the mean absolute contribution per feature.
"""

import argparse
import csv
import importlib
import io
import os
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from muster_jobs.archives import unpack
from muster_jobs.digests import check_digest, read_json, write_json
from muster_jobs.failure import JobError, run_job
from muster_jobs.tables import Features, finite_number, kinds_in, read_features

ROWS_PER_REQUEST = 500
"""An endpoint takes 6 MB per request (InvokeEndpoint); 500 rows stay below that up to 12 kB a row."""


def main() -> None:
    """Unpack the model and predict every holdout that is mounted."""
    arguments = parse_arguments()
    if arguments.content_type != "text/csv":
        raise JobError(f"content type {arguments.content_type} is not supported; predict.py sends text/csv")
    check_digest(arguments.model, arguments.model_digest, "model")
    kinds = kinds_in(arguments.holdouts)
    if not kinds:
        raise JobError(f"no <kind>/features.csv in {arguments.holdouts}; mount at least the reference holdout")
    with tempfile.TemporaryDirectory() as folder:
        unpack(arguments.model, Path(folder))
        served = Served(Path(folder), arguments.entry_point)
        contributions = {}
        for kind in kinds:
            check_mounted(arguments.holdouts, kind)
            features = read_features(arguments.holdouts, kind)
            predictions, contributions[kind] = predict(served, features, arguments.content_type)
            write_predictions(arguments.output / f"{kind}.csv", features, predictions)
            print(f"holdout {kind}: {len(predictions)} rows predicted")
        if served.explain_fn:
            write_json(arguments.output / "attributions.json", {"schema": 1, "holdouts": contributions})


def parse_arguments() -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--model", type=Path, required=True, help="model.tar.gz")
    parser.add_argument("--model-digest", required=True, help="sha256 of --model")
    parser.add_argument("--holdouts", type=Path, required=True, help="folder with <kind>/features.csv, without labels")
    parser.add_argument("--content-type", required=True, help="what input_fn gets: text/csv")
    parser.add_argument("--output", type=Path, required=True, help="folder for the predictions")
    parser.add_argument("--entry-point", default=os.environ.get("SAGEMAKER_PROGRAM", "inference.py"))
    return parser.parse_args()


def check_mounted(folder: Path, kind: str) -> None:
    """Raise JobError when labels are in reach of the model's code, or the rows are not those of the manifest."""
    if (folder / kind / "labels.csv").exists():
        raise JobError(f"holdout {kind}: labels.csv is mounted; a model's code must not see the labels that judge it")
    manifest = folder / kind / "manifest.json"
    if manifest.exists():
        digest = read_json(manifest, f"holdout {kind}")["features_sha256"]
        check_digest(folder / kind / "features.csv", digest, f"holdout {kind}, features.csv")


class Served:
    """The model's inference module with its model loaded; every failure in it names the function.

    Parameters
    ----------
    folder
        The unpacked artifact, with the module in ``code/``.
    entry_point
        The module's file name.
    """

    def __init__(self, folder: Path, entry_point: str) -> None:
        self.entry_point = entry_point
        code = folder / "code"
        if not (code / entry_point).is_file():
            raise JobError(f"code/{entry_point} is not in the model's artifact; train.py has to copy it there")
        # First on the path, so that the model's own modules win over anything of the same name.
        sys.path.insert(0, str(code))
        module: ModuleType = self.call("import", importlib.import_module, Path(entry_point).stem)
        missing = [name for name in ("model_fn", "input_fn", "predict_fn", "output_fn") if not hasattr(module, name)]
        if missing:
            raise JobError(f"{entry_point} does not define {', '.join(missing)}, which Muster's prediction job calls")
        self.module = module
        self.explain_fn = getattr(module, "explain_fn", None)
        self.model = self.call("model_fn", module.model_fn, str(folder))

    def call(self, name: str, function: Callable[..., Any], *values: Any) -> Any:
        """Call a function of the module; JobError with its own error when it raises."""
        try:
            return function(*values)
        except Exception as error:
            traceback.print_exc()
            raise JobError(f"{self.entry_point} failed in {name}: {type(error).__name__}: {error}") from error

    def answer(self, rows: list[list[str]], content_type: str) -> tuple[list[str], Any]:
        """Return the lines of the answer to one request, and what input_fn made of it."""
        data = self.call("input_fn", self.module.input_fn, bytearray(as_csv(rows).encode()), content_type)
        prediction = self.call("predict_fn", self.module.predict_fn, data, self.model)
        result = self.call("output_fn", self.module.output_fn, prediction, content_type)
        body = result[0] if isinstance(result, tuple) else result
        text = body if isinstance(body, str) else bytes(body).decode("utf-8")
        return [line for line in text.splitlines() if line.strip()], data

    def explain(self, data: Any) -> tuple[list[str], np.ndarray]:
        """Return feature names and contributions of the rows that input_fn made `data` of."""
        names, matrix = self.call("explain_fn", self.explain_fn, data, self.model)
        values = np.asarray(matrix, dtype=float)
        if values.ndim != 2 or values.shape[1] != len(names) or not np.isfinite(values).all():
            raise JobError(f"{self.entry_point}: explain_fn has to return names and a finite matrix, rows by names")
        return list(names), values


def predict(served: Served, features: Features, content_type: str) -> tuple[list[list[float]], dict[str, float]]:
    """Return the predictions of all rows, and the mean absolute contribution of each feature (empty without any)."""
    predictions: list[list[float]] = []
    totals: dict[str, float] = {}
    what = f"{served.entry_point}, holdout {features.kind}"
    for start in range(0, len(features.rows), ROWS_PER_REQUEST):
        rows = features.rows[start : start + ROWS_PER_REQUEST]
        ids = features.ids[start : start + ROWS_PER_REQUEST]
        lines, data = served.answer(rows, content_type)
        if len(lines) != len(rows):
            raise JobError(
                f"{what}: {len(lines)} lines for a request of {len(rows)} rows; one line per row is expected"
            )
        for row_id, line in zip(ids, lines, strict=True):
            predictions.append([finite_number(text, row_id, what) for text in line.split(",")])
        if served.explain_fn:
            names, matrix = served.explain(data)
            for name, total in zip(names, np.abs(matrix).sum(axis=0), strict=True):
                totals[name] = totals.get(name, 0.0) + float(total)
    widths = {len(row) for row in predictions}
    if len(widths) > 1:
        raise JobError(f"{what}: rows have {min(widths)} to {max(widths)} numbers; each needs as many")
    return predictions, {name: total / len(predictions) for name, total in totals.items()}


def as_csv(rows: list[list[str]]) -> str:
    """Return the body of a request: no header, one row per line."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def write_predictions(path: Path, features: Features, predictions: list[list[float]]) -> None:
    """Write row_id, prediction_0, ... so that reading them back gives the same bits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["row_id", *(f"prediction_{number}" for number in range(len(predictions[0])))])
        writer.writerows([row_id, *map(repr, row)] for row_id, row in zip(features.ids, predictions, strict=True))


if __name__ == "__main__":
    run_job("predict.py", main)
