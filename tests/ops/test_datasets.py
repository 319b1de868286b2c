"""Holdouts are split so that a model's code never sees a label, and refused when a row is not what it should be."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muster.errors import DataRefused, NotFound
from ops.datasets import split_holdout
from ops.packaging import read_spec

ROOT = Path(__file__).resolve().parents[2]
MODEL = next(path.parent for path in sorted((ROOT / "models").glob("*/model.yaml")))
SPEC = read_spec(MODEL)
HEADER = f"{SPEC.row_id},a,{SPEC.target},b\n"
NO, YES = SPEC.classes or ("0", "1")


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "rows.csv"
    path.write_text(text)
    return path


def test_labels_leave_the_features(tmp_path: Path) -> None:
    # Given a labelled file ; When it is split ; Then the target's column and values are in labels.csv only
    frozen = split_holdout(SPEC, "reference", write(tmp_path, HEADER + f"r1,1,{YES},2\nr2,3,{NO},4\n"))
    assert frozen.files["features.csv"] == f"{SPEC.row_id},a,b\nr1,1,2\nr2,3,4\n".encode()
    assert frozen.files["labels.csv"] == f"{SPEC.row_id},label\nr1,{YES}\nr2,{NO}\n".encode()
    assert frozen.rows == 2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "wanted one named"),
        ("x,y\n1,2\n", f"wanted one named '{SPEC.row_id}'"),
        (HEADER, "found no rows"),
        (HEADER + f"r1,1,{YES}\n", "line 2: found 3 fields, wanted 4"),
        (HEADER + "r1,1,,2\n", f"line 2: {SPEC.target}: found ''"),
        (HEADER + f"r1,1,{YES},2\nr1,1,{NO},2\n", "line 3: .*'r1' twice"),
    ],
)
def test_a_wrong_file_is_refused_with_its_line(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(DataRefused, match=says):
        split_holdout(SPEC, "recent", write(tmp_path, text))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="gone.csv"):
        split_holdout(SPEC, "recent", tmp_path / "gone.csv")


@given(st.lists(st.tuples(st.text(alphabet='abc," ', max_size=6), st.sampled_from([YES, NO])), min_size=1, max_size=20))
def test_splitting_loses_no_row_and_no_value(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]
) -> None:
    # Given any values, quotes and commas included ; When split ; Then features and labels join to the same rows
    text = io.StringIO()
    csv.writer(text).writerows(
        [[SPEC.row_id, "a", SPEC.target], *([f"r{i}", value, label] for i, (value, label) in enumerate(rows))]
    )
    frozen = split_holdout(SPEC, "reference", write(tmp_path_factory.mktemp("rows"), text.getvalue()))
    features = list(csv.reader(io.StringIO(frozen.files["features.csv"].decode())))[1:]
    labels = dict(list(csv.reader(io.StringIO(frozen.files["labels.csv"].decode())))[1:])
    assert [(value, labels[row_id]) for row_id, value in features] == rows
