"""What the endpoint and Muster's prediction job run: rows in, probability of the second class out.

The four functions of SageMaker's framework containers, and one of Muster's own, `explain_fn`, for the report. A
request is CSV without a header, its fields in the order of the training files without row id and target. The answer is
one probability per line (``text/csv``) or ``{"predictions": [...]}`` (``application/json``).
"""

import csv
import io
import json
from pathlib import Path

import features
import numpy as np
import xgboost as xgb


class Model:
    """The booster, and the columns of the requests that it was trained for."""

    def __init__(self, folder: Path) -> None:
        schema = json.loads((folder / "schema.json").read_text(encoding="utf-8"))
        self.columns: list[str] = schema["request_columns"]
        self.booster = xgb.Booster({"nthread": 1}, model_file=folder / "model.json")

    def matrix(self, rows: list[list[str]]) -> xgb.DMatrix:
        """Return the features of the rows, made by the code that made them for training."""
        values = features.matrix(self.columns, rows)
        return xgb.DMatrix(values, feature_names=list(features.FEATURES), nthread=1)


def model_fn(model_dir: str) -> Model:
    """Load the model that train.py saved."""
    return Model(Path(model_dir))


def input_fn(request_body: str | bytes | bytearray, content_type: str) -> list[list[str]]:
    """Return the rows of a CSV request as text fields; ValueError tells what is wrong with it."""
    if content_type.split(";")[0].strip() != "text/csv":
        raise ValueError(f"content type {content_type} is not supported; send text/csv")
    text = request_body if isinstance(request_body, str) else bytes(request_body).decode("utf-8")
    rows = [row for row in csv.reader(io.StringIO(text)) if row]
    if not rows:
        raise ValueError("the request has no row")
    return rows


def predict_fn(data: list[list[str]], model: Model) -> np.ndarray:
    """Return the probability of the second class for each row."""
    return model.booster.predict(model.matrix(data))


def output_fn(prediction: np.ndarray, accept: str) -> str:
    """Return the answer as CSV or, when the caller asks for it, as JSON."""
    values = [float(value) for value in prediction]
    kind = accept.split(";")[0].strip()
    if kind == "application/json":
        return json.dumps({"predictions": values})
    if kind == "text/csv":
        return "".join(f"{value!r}\n" for value in values)
    raise ValueError(f"answers of type {accept} are not supported; accept text/csv or application/json")


def explain_fn(data: list[list[str]], model: Model) -> tuple[list[str], np.ndarray]:
    """Return the feature names and each row's contributions to the log-odds (TreeSHAP), without the bias term."""
    return list(features.FEATURES), model.booster.predict(model.matrix(data), pred_contribs=True)[:, :-1]
