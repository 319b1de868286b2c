"""Bad holdouts, labels and predictions end in one line that names the row."""

import numpy as np
import pytest

from muster_jobs.failure import JobError, several
from muster_jobs.scores import encode_truth, make_scores
from muster_jobs.tables import content_digest, read_csv, read_features, read_labels, read_predictions
from tests.jobs.workbench import write_csv

FEATURES = [["row_id", "x"], ["r1", "1"], ["r2", "2"], ["r3", "3"]]


@pytest.fixture
def features(tmp_path):
    write_csv(tmp_path / "recent" / "features.csv", FEATURES)
    return read_features(tmp_path, "recent")


def test_rows_are_joined_by_id_and_not_by_order(tmp_path, features):
    write_csv(tmp_path / "recent" / "labels.csv", [["row_id", "label"], ["r3", "c"], ["r1", "a"], ["r2", "b"]])
    write_csv(tmp_path / "p.csv", [["row_id", "prediction_0"], ["r2", "0.2"], ["r3", "0.3"], ["r1", "0.1"]])
    assert read_labels(tmp_path, features) == ["a", "b", "c"]
    assert read_predictions(tmp_path / "p.csv", features, 1, "candidate").tolist() == [[0.1], [0.2], [0.3]]


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        ([["r1", "0.1"], ["r3", "0.3"]], "candidate, holdout recent: 2 rows; expected 3; missing: r2"),
        (
            [["r1", "0.1"], ["r2", "0.2"], ["r3", "0.3"], ["r9", "0.3"]],
            "candidate, holdout recent: 4 rows; expected 3; unknown: r9",
        ),
        ([["r1", "0.1"], ["r1", "0.2"]], "candidate, holdout recent: r1 there more than once"),
        (
            [["r1", "0.1"], ["r2", "nan"], ["r3", "0.3"]],
            "candidate, holdout recent: the prediction of row r2 is nan; expected a finite number",
        ),
        (
            [["r1", "0.1"], ["r2", "benign"], ["r3", "0.3"]],
            "candidate, holdout recent: the prediction of row r2 is 'benign'; expected a number",
        ),
    ],
)
def test_wrong_predictions(tmp_path, features, rows, line):
    write_csv(tmp_path / "p.csv", [["row_id", "prediction_0"], *rows])
    with pytest.raises(JobError) as error:
        read_predictions(tmp_path / "p.csv", features, 1, "candidate")
    assert str(error.value) == line


def test_the_number_of_predictions_per_row_is_that_of_the_problem_type(tmp_path, features):
    write_csv(tmp_path / "p.csv", [["row_id", "prediction_0"], ["r1", "0.1"], ["r2", "0.2"], ["r3", "0.3"]])
    with pytest.raises(JobError, match="1 numbers per row; expected 3 for this problem type"):
        read_predictions(tmp_path / "p.csv", features, 3, "champion")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "thing: {path} has no row"),
        ("a,b\n", "thing: {path} has no row"),
        ("a,b\n1\n", "thing: {path}, line 2: 1 fields; expected 2"),
        ("a,a\n1,2\n", "thing, header of {path}: a there more than once"),
    ],
)
def test_malformed_files(tmp_path, text, line):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(JobError) as error:
        read_csv(tmp_path / "t.csv", "thing")
    assert str(error.value) == line.format(path="t.csv")


def test_labels_that_are_no_class_and_no_number():
    with pytest.raises(JobError, match=r"holdout recent: the label is not one of no, yes in row r2 \('maybe'\)"):
        encode_truth(["yes", "maybe"], ["r1", "r2"], "binary", ("no", "yes"), "holdout recent")
    with pytest.raises(JobError, match=r"holdout recent: the label is no finite number in row r1 \(''\), r2 \('inf'\)"):
        encode_truth(["", "inf", "3"], ["r1", "r2", "r3"], "regression", (), "holdout recent")


def test_predictions_that_are_no_probabilities():
    with pytest.raises(JobError, match=r"candidate: the prediction is no probability \(0 to 1\) in row r2"):
        make_scores("binary", ("a", "b"), np.zeros(2), np.array([[0.1], [1.2]]), ["r1", "r2"], "candidate")
    with pytest.raises(JobError, match="candidate: the probabilities of the classes do not add up to 1 in row r1"):
        make_scores("multiclass", ("a", "b", "c"), np.zeros(1), np.array([[0.1, 0.2, 0.3]]), ["r1"], "candidate")


def test_content_does_not_depend_on_how_numbers_are_written():
    assert content_digest(["1", "-0", "a "]) == content_digest(["1.0", "0", "a"])
    assert content_digest(["1", "2"]) != content_digest(["12", ""])


def test_long_lists_are_cut():
    assert several([str(number) for number in range(1, 13)]) == "1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 2 more"
