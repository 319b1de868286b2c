"""Model Monitor's files: what Muster writes has the examples' members and types, and what people write is read."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from muster_numerics import formats_constraints, formats_quality, formats_violations
from muster_numerics.baseline import Baseline, make_baseline
from muster_numerics.columns import Categorical, Columns, Numeric
from muster_numerics.decide import Decision, decide
from muster_numerics.formats_constraints import Constraint, Constraints
from muster_numerics.formats_quality import QualityConstraint, QualityViolation, Times
from muster_numerics.formats_statistics import statistics
from muster_numerics.ground_truth import Judged
from muster_numerics.quality import Problem, Quality, measure
from muster_numerics.redaction import Redaction
from muster_numerics.sketch import State, observe

TIMES = Times("2026-10-01T00:00:00Z", "2026-10-01T01:00:00Z", "2026-10-01T02:00:00Z")
OPEN = Redaction()


def example(name: str) -> Any:
    return json.loads((Path(__file__).parent / "formats" / name).read_text())


def shape(found: Any, *optional: str) -> Any:
    """Return the members and types of a document: all entries of a list as one, and without the members given."""
    if isinstance(found, dict):
        return {key: shape(value, *optional) for key, value in found.items() if key not in optional}
    if isinstance(found, list):
        return [json.loads(each) for each in sorted({json.dumps(shape(value, *optional)) for value in found})]
    return "number" if isinstance(found, (int, float)) and not isinstance(found, bool) else type(found).__name__


def training(rows: int = 961) -> Columns:
    """Return columns as those of the examples: whole ages, densities in words, and margins."""
    chance = np.random.default_rng(2)
    density: list[str | None] = chance.choice(["1", "2", "3", "4"], rows, p=[0.03, 0.06, 0.9, 0.01]).tolist()
    gaps = rows * 70 // 961
    density[:gaps] = [None] * gaps
    age = np.round(chance.normal(55, 14, rows))
    age[:5] = np.nan
    return {"age": Numeric.of(age), "density": Categorical.of(density), "margin": Numeric.of(chance.normal(size=rows))}


BASELINE = make_baseline(training())


def written_statistics(baseline: Baseline, redaction: Redaction = OPEN) -> Any:
    columns = {name: profile.counts for name, profile in baseline.columns.items()}
    return json.loads(json.dumps(statistics(baseline.grid, columns, 961, redaction), allow_nan=False))


def test_statistics_have_the_example_s_members():
    # Given the statistics of a baseline with whole numbers and words
    baseline = make_baseline({name: column for name, column in training().items() if name != "margin"})
    # Then they have all that the example has, except the sketch, which Muster has no use for
    assert shape(written_statistics(baseline)) == shape(example("statistics.json"), "sketch")


def test_statistics_are_those_of_the_data():
    age, density, margin = written_statistics(BASELINE)["features"]
    values = training()["age"].values[5:]
    found = age["numerical_statistics"]
    assert (age["inferred_type"], density["inferred_type"], margin["inferred_type"]) == (
        "Integral",
        "String",
        "Fractional",
    )
    assert found["common"] == {"num_present": 956, "num_missing": 5}
    assert [found[name] for name in ("mean", "sum", "std_dev", "min", "max")] == pytest.approx(
        [values.mean(), values.sum(), values.std(), values.min(), values.max()]
    )
    assert sum(each["count"] for each in found["distribution"]["kll"]["buckets"]) == 956
    words = density["string_statistics"]
    assert words["common"] == {"num_present": 891, "num_missing": 70}
    assert words["distinct_count"] == 4
    assert words["distribution"]["categorical"]["buckets"][0]["value"] == "3"


def test_a_column_without_values_is_written():
    baseline = make_baseline({"empty": Numeric.of([np.nan] * 9), "none": Categorical.of([None] * 9)})
    empty, none = written_statistics(baseline)["features"]
    assert empty["inferred_type"] == "Unknown"
    assert empty["numerical_statistics"]["mean"] == "NaN"
    assert none["string_statistics"]["distinct_count"] == 0
    formats_constraints.from_json(formats_constraints.to_json(formats_constraints.suggested(baseline, OPEN)))


def test_new_words_of_a_window_are_counted():
    window = observe({"density": Categorical.of(["3", "5", "5"])}, {"density": BASELINE.grid["density"]})
    found = statistics({"density": BASELINE.grid["density"]}, window.columns, 3, OPEN)["features"][0]
    assert found["string_statistics"]["distribution"]["categorical"]["buckets"] == [
        {"value": "5", "count": 2},
        {"value": "3", "count": 1},
    ]


def test_controlled_numbers_are_counted_and_not_told():
    found = written_statistics(BASELINE, Redaction(frozenset({"age"}), b"k" * 16))["features"][0][
        "numerical_statistics"
    ]
    assert found["common"] == {"num_present": 956, "num_missing": 5}
    assert {found[name] for name in ("mean", "sum", "std_dev", "min", "max")} == {"NaN"}
    assert found["distribution"]["kll"]["buckets"] == []
    masked = formats_constraints.suggested(BASELINE, Redaction(frozenset({"age"}), b"k" * 16))
    assert masked.features[0].non_negative is None


def test_constraints_have_the_example_s_members():
    baseline = make_baseline({name: column for name, column in training().items() if name != "margin"})
    made = formats_constraints.suggested(baseline, OPEN)
    assert shape(formats_constraints.to_json(made)) == shape(example("constraints.json"), "monitoring_config_overrides")
    assert made.features[0] == Constraint("age", "Integral", 956 / 961, non_negative=True)
    assert made.features[1].domains == ("3", "2", "1", "4")


def test_both_spellings_of_a_column_s_own_settings_are_read():
    # Given the example, which has the SDK's spelling, and one with that of AWS's page
    sdk = example("constraints.json")
    page = json.loads(json.dumps(sdk).replace("monitoring_config_overrides", "monitoringConfigOverrides"))
    # When both are read, Then they say the same, and are written in the SDK's
    assert formats_constraints.from_json(sdk) == formats_constraints.from_json(page)
    assert (
        formats_constraints.from_json(page).features[1].overrides["distribution_constraints"]["comparison_threshold"]
        == 0.2
    )
    assert formats_constraints.to_json(formats_constraints.from_json(page)) == sdk


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"features": None}, "features: found NoneType"),
        ({"features": [{"name": "a"}]}, "feature 0: wanted name"),
        (
            {"features": [{"name": "a", "inferred_type": "Int", "completeness": 1}]},
            "feature a: inferred_type: found 'Int'",
        ),
        ({"features": [{"name": "a", "inferred_type": "String", "completeness": 2}]}, "completeness: found 2"),
        (
            {
                "features": [
                    {
                        "name": "a",
                        "inferred_type": "String",
                        "completeness": 1,
                        "monitoringConfigOverrides": {},
                        "monitoring_config_overrides": {},
                    }
                ]
            },
            "wanted one of them",
        ),
    ],
)
def test_constraints_of_another_form_are_refused(change, text):
    with pytest.raises(ValueError, match=text):
        formats_constraints.from_json(example("constraints.json") | change)


def test_constraints_without_settings_take_model_monitor_s():
    assert formats_constraints.from_json({"features": []}) == Constraints(())


def drifted() -> Decision:
    """Return the decision over a window in which everything is wrong."""
    chance = np.random.default_rng(3)
    age = chance.normal(75, 5, 900)
    columns: Columns = {
        "age": Numeric.of(age),
        "density": Categorical.of([None] * 300 + ["9"] * 300 + ["3"] * 300),
        "extra": Numeric.of(age),
    }
    return decide(observe(columns, BASELINE.grid), BASELINE)


def test_violations_have_the_example_s_members_and_checks():
    # Given a window with drift, missing values, new words, wrong types, a missing and an extra column
    found = formats_violations.violations(drifted())
    # Then each is named by Model Monitor's check
    checks = {(each.feature_name, each.constraint_check_type) for each in found}
    assert checks >= {
        ("margin", "missing_column_check"),
        ("extra", "extra_column_check"),
        ("age", "data_type_check"),
        ("age", "baseline_drift_check"),
        ("density", "completeness_check"),
        ("density", "categorical_values_check"),
    }
    written = formats_violations.to_json(found)
    assert shape(written) == shape(example("constraint_violations.json"))
    assert formats_violations.from_json(written) == found
    assert all(each.description.startswith(each.feature_name) for each in found)


def test_the_example_s_violations_are_read():
    found = formats_violations.from_json(example("constraint_violations.json"))
    assert {each.constraint_check_type for each in found} <= set(formats_violations.CHECKS)
    assert len(found) == 5


@pytest.mark.parametrize(
    ("found", "text"),
    [
        ({}, "violations: found NoneType"),
        ({"violations": [{"feature_name": "a"}]}, "violation 0: wanted"),
        (
            {"violations": [{"feature_name": "a", "constraint_check_type": "x", "description": ""}]},
            "constraint_check_type: found 'x'",
        ),
    ],
)
def test_violations_of_another_form_are_refused(found, text):
    with pytest.raises(ValueError, match=text):
        formats_violations.from_json(found)


def test_nothing_decided_and_nothing_found_are_no_violations():
    assert formats_violations.violations(decide(observe(training(400), BASELINE.grid), BASELINE)) == ()
    assert formats_violations.violations(decide(State(columns={}), BASELINE)) == ()


def quality(rows: int = 400, flipped: float = 0.0) -> Quality:
    """Return the quality of a binary model, of which a share of answers is turned round."""
    chance = np.random.default_rng(7)
    truth = chance.random(rows) < 0.4
    scores = np.clip(0.3 + 0.4 * truth + chance.normal(0, 0.15, rows), 0, 1)
    scores = np.where(chance.random(rows) < flipped, 1 - scores, scores)
    labels = tuple(np.where(truth, "yes", "no").tolist())
    return measure(Judged(labels, scores[:, None], {}, rows, 0, 0, 0), Problem("binary", ("no", "yes")), least_rows=100)


def test_quality_statistics_have_the_example_s_members():
    for rows in (192, 400):
        found = formats_quality.statistics(quality(rows), TIMES)
        ours, theirs = (
            found["binary_classification_metrics"],
            example("model_quality_statistics.json")["binary_classification_metrics"],
        )
        assert ours.keys() == theirs.keys()
        assert found["dataset"].keys() == example("model_quality_statistics.json")["dataset"].keys()
        json.dumps(found, allow_nan=False)
    # With fewer than 200 rows there is no standard deviation, as in the example
    small = formats_quality.statistics(quality(192), TIMES)
    assert shape(small) == shape(example("model_quality_statistics.json"))
    assert ours["recall"]["standard_deviation"] == pytest.approx(0.02, abs=0.02)


def test_quality_statistics_of_several_classes_and_of_numbers():
    predicted = np.eye(3).repeat(100, axis=0)
    labels = tuple("abc"[index] for index in range(3) for _ in range(100))
    three = measure(Judged(labels, predicted, {}, 300, 0, 0, 0), Problem("multiclass", ("a", "b", "c")), least_rows=1)
    found = formats_quality.statistics(three, TIMES)["multiclass_classification_metrics"]
    # The names of "Model quality metrics and Amazon CloudWatch monitoring", developer guide
    names = ["accuracy", "weighted_recall", "weighted_precision", "weighted_f0_5", "weighted_f1", "weighted_f2"]
    assert found.keys() == {"confusion_matrix", *names, *(f"{name}_best_constant_classifier" for name in names)}
    assert found["confusion_matrix"]["a"] == {"a": 100, "b": 0, "c": 0}
    numbers = measure(Judged(("1", "2"), np.array([[1.0], [3.0]]), {}, 2, 0, 0, 0), Problem("regression"), least_rows=1)
    assert formats_quality.statistics(numbers, TIMES)["regression_metrics"].keys() == {"mae", "mse", "rmse", "r2"}


def test_insufficient_quality_is_written_without_figures():
    found = formats_quality.statistics(quality(50), TIMES)
    assert found == {"version": 0.0, "dataset": {"item_count": 50} | vars(TIMES)}


def test_quality_constraints_are_the_intervals_unfavourable_ends():
    base = quality(400)
    made = {each.metric: each for each in formats_quality.suggested(base)}
    assert made["auc"] == QualityConstraint("auc", base.figures["auc"].low, "LessThanThreshold")
    assert made["false_positive_rate"].comparison_operator == "GreaterThanThreshold"
    written = formats_quality.constraints_to_json(formats_quality.suggested(base), "binary")
    assert shape(written) == shape(example("model_quality_constraints.json"))
    assert formats_quality.constraints_from_json(written, "binary") == formats_quality.suggested(base)


def test_the_example_s_quality_constraints_are_read():
    found = formats_quality.constraints_from_json(example("model_quality_constraints.json"), "binary")
    assert formats_quality.constraints_to_json(found, "binary") == example("model_quality_constraints.json")


def test_a_constraint_is_violated_only_by_the_whole_interval():
    # Given the constraints of a good model
    constraints = formats_quality.suggested(quality(2000))
    # When as good a window, one that is a little worse with few rows, and a bad one are held against them
    same, few, bad = quality(2000), quality(110, flipped=0.03), quality(2000, flipped=0.3)
    # Then the bad one violates them
    assert formats_quality.violations(same, constraints) == ()
    assert formats_quality.violations(few, constraints) == ()
    found = formats_quality.violations(bad, constraints)
    assert {each.metric_name for each in found} >= {"auc", "recall", "precision", "false_positive_rate"}
    written = formats_quality.violations_to_json(found)
    assert shape(written) == shape(example("model_quality_constraint_violations.json"))
    assert formats_quality.violations(quality(50), constraints) == ()


def test_a_violation_says_what_was_found():
    bad = quality(2000, flipped=0.3)
    (found,) = formats_quality.violations(bad, (QualityConstraint("auc", 0.86, "LessThanThreshold"),))
    auc = bad.figures["auc"]
    text = f"Metric auc with {auc.value:.4g} ({auc.low:.4g} to {auc.high:.4g}) was LessThanThreshold '0.86'"
    assert found == QualityViolation("LessThanThreshold", text, "auc")


@pytest.mark.parametrize(
    ("found", "text"),
    [
        ({}, "binary_classification_constraints: found NoneType"),
        ({"binary_classification_constraints": {"auc": {"threshold": "high"}}}, "auc: wanted a threshold"),
    ],
)
def test_quality_constraints_of_another_form_are_refused(found, text):
    with pytest.raises(ValueError, match=text):
        formats_quality.constraints_from_json(found, "binary")
