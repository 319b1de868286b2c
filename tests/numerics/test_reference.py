"""Baseline documents: what traffic is counted by, the model's answers in it, and the files in Model Monitor's formats."""

import io
import json

import numpy as np
import pytest

from muster.contracts.base import parse
from muster.contracts.monitoring import BaselineDocument
from muster_numerics.answers import free, with_answers
from muster_numerics.columns import Categorical, Numeric
from muster_numerics.data_quality import quality_findings
from muster_numerics.decide import Rules, decide
from muster_numerics.formats_registered import data_files, quality_files
from muster_numerics.quality import Problem
from muster_numerics.redaction import Redaction
from muster_numerics.reference import labels, reference
from muster_numerics.sketch import observe
from muster_numerics.table_baseline import count_features
from muster_numerics.table_rows import TableError
from tests.numerics.test_table_baseline import HEADER, KEY, files, table

ROWS = 400
RNG = np.random.default_rng(11)
SIZES, COLOURS = RNG.normal(size=ROWS).round(4).tolist(), RNG.choice(["red", "green"], ROWS).tolist()


def features(redaction, **more):
    """Return the features' document."""
    rows = [
        [f"r{number}", str(size), colour, "yes"]
        for number, (size, colour) in enumerate(zip(SIZES, COLOURS, strict=True))
    ]
    counts = count_features(table([HEADER, *rows]), [], redaction, time_ordered=False)
    return parse(
        BaselineDocument,
        {
            "schema": 1,
            "model": "any",
            "snapshot_digest": "d" * 64,
            "time_ordered": False,
            "controlled": sorted(redaction.controlled - {"label"}),
            "redaction_key": {"uri": "s3://records/redaction/any/key", "digest": "e" * 64} if redaction.key else None,
            **counts,
            **more,
        },
    ).payload()


def predicted(*columns):
    """Return the prediction job's file."""
    header = ["row_id", *(f"prediction_{index}" for index in range(len(columns)))]
    return files([header, *([f"h{number}", *row] for number, row in enumerate(zip(*columns, strict=True)))])[0][1]


def joined(redaction=None, *, problem="binary", classes=("no", "yes"), columns=(), request=("colour", "size")):
    redaction = redaction or Redaction()
    columns = columns or ([f"{number / 200:.3f}" for number in range(200)],)
    made = features(redaction)
    more = with_answers(
        made,
        predicted(*columns),
        request=request,
        problem_type=problem,
        classes=classes,
        target="label",
        redaction=redaction,
    )
    return parse(BaselineDocument, {**made, **more}).payload()


def test_traffic_like_the_training_data_is_counted_without_any_finding():
    found = reference(json.loads(json.dumps(joined(), sort_keys=True)))
    assert [field.name for field in found.schema.features] == ["colour", "size"]  # the holdout's order, not the data's
    assert list(found.baseline.columns) == ["colour", "size", "prediction", "predicted_label"]
    asked = {"colour": Categorical.of(COLOURS), "size": Numeric.of(np.array(SIZES))}
    said = {"prediction": Numeric.of(np.linspace(0, 0.995, ROWS))}
    window = observe(found.columns(asked, said), found.baseline.grid)
    assert not quality_findings(window, found.baseline, 0.01, 0.01)
    assert decide(window, found.baseline, Rules()).verdict == "none"
    # When answers move, score and label say so
    window = observe(found.columns(asked, {"prediction": Numeric.of(np.full(ROWS, 0.9))}), found.baseline.grid)
    assert decide(window, found.baseline, Rules()).verdict == "drift"
    assert window.columns["predicted_label"].levels == (0, ROWS)


def test_labels_are_those_of_the_evaluation():
    binary = labels({"prediction": Numeric.of([0.49, 0.5, np.nan])}, ("no", "yes"))
    assert binary.values == ["no", "yes", None]
    several = {name: Numeric.of(values) for name, values in {"a": [0.5, 0.2, 0.1], "b": [0.3, 0.7, np.nan]}.items()}
    assert labels(several, ("a", "b")).values == ["a", "b", None]


def test_answers_of_several_classes_are_named_by_them():
    columns = (["0.2"] * 9 + ["0.6"], ["0.5"] * 9 + ["0.2"], ["0.3"] * 9 + ["0.2"])
    found = joined(problem="multiclass", classes=("a", "b", "c"), columns=columns)
    assert [each["name"] for each in found["predictions"]] == ["prediction_a", "prediction_b", "prediction_c"]
    assert reference(found).baseline.columns["predicted_label"].grid.levels == ("b", "a")


def test_a_regression_has_a_value_and_no_label():
    found = joined(problem="regression", classes=(), columns=(["1.5", "-3e9"],))
    assert (found["label"], found["classes"]) == (None, [])
    assert list(reference(found).baseline.columns) == ["colour", "size", "prediction"]


def test_a_controlled_target_hides_the_classes_and_the_answers():
    redaction = Redaction(frozenset({"label", "colour"}), KEY)
    columns = (["0.2"] * 3, ["0.5"] * 3, ["0.3"] * 3)
    found = joined(redaction, problem="multiclass", classes=("ill", "well", "dead"), columns=columns)
    assert [each["name"] for each in found["predictions"]] == ["prediction_0", "prediction_1", "prediction_2"]
    assert set(found["controlled"]) == {"colour", "predicted_label", "prediction_0", "prediction_1", "prediction_2"}
    written = json.dumps([data_files(found, KEY), found["columns"]])
    for word in ("ill", "well", "dead", "red", "green"):
        assert f'"{word}"' not in written
    counted = data_files(found, KEY)["statistics.json"]["features"]
    assert counted[2]["numerical_statistics"]["mean"] == "NaN"
    read = reference(found, KEY)
    assert read.redaction.controlled == set(found["controlled"])
    assert read.schema.controlled == read.redaction.controlled - {"predicted_label"}


def test_columns_that_a_request_lacks_are_not_part_of_the_model_s_baseline():
    found = joined(request=("size",))
    assert list(reference(found).baseline.columns) == ["size", "prediction", "predicted_label"]
    with pytest.raises(
        TableError, match="reference holdout: found column 'shape', wanted columns of the training data"
    ):
        joined(request=("size", "shape"))


def test_a_feature_s_name_is_not_taken_twice():
    assert free(["prediction"], ["prediction", "x"]) == ["prediction_"]
    assert free(["a", "b"], ["b", "a_"]) == ["a__", "b__"]


@pytest.mark.parametrize(
    ("columns", "line"),
    [
        (([],), "found no row"),
        ((["0.1"], ["0.9"]), "found the columns row_id, prediction_0, prediction_1, wanted row_id, prediction_0"),
        ((["0.1", "x"],), "found a prediction that is no number, wanted 0 rows"),
        ((["0.1", ""],), "found a prediction that is no number, wanted 2 rows of numbers"),
    ],
)
def test_predictions_of_another_form_are_refused(columns, line):
    with pytest.raises(TableError, match=line):
        joined(columns=columns)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"predictions": []}, "it counts features only, wanted predictions too"),
        ({"columns": {"version": 9, "columns": {}}}, "version: expected 1, got 9"),
        ({"features": [{"name": "size", "kind": "number"}]}, "found a difference in colour"),
        ({"controlled": ["colour"]}, "redaction: the key has 0 bytes"),
    ],
)
def test_a_document_that_does_not_fit_is_refused(change, line):
    with pytest.raises(ValueError, match=line):
        reference({**joined(), **change})


def test_model_monitor_s_files_of_the_data_list_the_columns_in_order():
    found = data_files(joined())
    names = [each["name"] for each in found["statistics.json"]["features"]]
    assert names == ["colour", "size", "prediction", "predicted_label"]
    assert found["statistics.json"]["dataset"] == {"item_count": ROWS}
    assert [each["name"] for each in found["constraints.json"]["features"]] == names
    assert found["constraints.json"]["features"][0]["string_constraints"]["domains"]


def test_registered_quality_is_written_by_model_monitor_s_names_with_the_interval_s_worse_end():
    overall = {
        "auc": {"value": 0.9, "low": 0.85, "high": 0.95},
        "brier": {"value": 0.1, "low": 0.05, "high": 0.2},
        "recall": {"value": None, "low": None, "high": None},
    }
    found = quality_files(overall, Problem("binary", ("no", "yes")), 300, 0.95, "2026-11-21T12:00:00.000Z")
    written = found["model_quality_statistics.json"]
    assert written["dataset"]["item_count"] == 300
    metrics = written["binary_classification_metrics"]
    assert metrics["auc"] == {"value": 0.9, "standard_deviation": pytest.approx(0.1 / (2 * 1.959964), rel=1e-5)}
    assert metrics["recall"] == {"value": "NaN", "standard_deviation": "NaN"}
    assert "brier" not in metrics  # Model Monitor knows no such figure
    constraints = found["model_quality_constraints.json"]["binary_classification_constraints"]
    assert constraints == {"auc": {"threshold": 0.85, "comparison_operator": "LessThanThreshold"}}
    overall = {"rmse": {"value": 2.0, "low": 1.5, "high": 2.5}}
    found = quality_files(overall, Problem("regression"), 300, 0.95, "2026-11-21T12:00:00.000Z")
    assert found["model_quality_constraints.json"]["regression_constraints"] == {
        "rmse": {"threshold": 2.5, "comparison_operator": "GreaterThanThreshold"}
    }


def test_nothing_is_read_of_an_empty_holdout():
    with pytest.raises(TableError, match="found no header"):
        with_answers(
            features(Redaction()),
            lambda: io.BytesIO(b""),
            request=("size",),
            problem_type="regression",
            classes=(),
            target="label",
            redaction=Redaction(),
        )
