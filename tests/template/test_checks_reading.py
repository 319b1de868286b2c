"""What the checks stand on: lines of YAML and JSON, and botocore's shapes with values that only a run knows."""

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.validate import ParamValidator
from broken_tree import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st

from checks import shapes
from checks.located import read
from checks.requests import api_of
from checks.tree import Tree, tasks

KEYS = st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=1, max_size=8)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(10**9), 10**9)
    | st.text(st.characters(max_codepoint=0xD7FF, categories=("L", "N", "P", "S", "Zs")), max_size=12)
)
DOCUMENTS = st.dictionaries(
    KEYS,
    st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3)),
    min_size=1,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("documents")


@settings(max_examples=60)
@given(document=DOCUMENTS)
def test_json_is_read_as_json_with_the_line_of_each_key(folder: Path, document: dict[str, Any]) -> None:
    # Given any JSON document as the workflows are rendered ; When it is read with lines
    text = json.dumps(document, indent=2, ensure_ascii=False)
    (folder / "any.json").write_text(text, encoding="utf-8")
    located = read(folder, Path("any.json"))
    # Then the data is the same, and on the line of each key stands that key
    assert located.data == document
    lines = text.splitlines()
    for place, number in located.lines.items():
        if place and isinstance(place[-1], str):
            assert lines[number - 1].strip().startswith(json.dumps(place[-1]))


def test_a_template_is_read_with_its_short_tags_and_their_lines(tmp_path: Path) -> None:
    text = "Resources:\n  Key:\n    Value: !Sub\n      - ${A}\n      - A: !GetAtt Key.Arn.x\n    Date: 2012-10-17\n    Ref: !Ref Key\n"
    (tmp_path / "t.yaml").write_text(text)
    located = read(tmp_path, Path("t.yaml"))
    assert located.data["Resources"]["Key"] == {
        "Value": {"Fn::Sub": ["${A}", {"A": {"Fn::GetAtt": ["Key", "Arn.x"]}}]},
        "Date": "2012-10-17",
        "Ref": {"Ref": "Key"},
    }
    assert located.line("Resources", "Key", "Value", "Fn::Sub", 1, "A") == 5
    assert located.line("Resources", "Key", "Nothing", "Below") == 2  # what is not there has the line above it


def test_what_is_no_yaml_is_said(tmp_path: Path) -> None:
    (tmp_path / "t.yaml").write_text("a: [")
    with pytest.raises(ValueError, match=r"t\.yaml: found .* wanted YAML or JSON"):
        read(tmp_path, Path("t.yaml"))


OPERATIONS = sorted(
    {
        api
        for document in Tree(ROOT).definitions.values()
        for state in tasks(document)
        if (api := api_of(str(state.body["Resource"]))) is not None
    }
)


@pytest.mark.parametrize(("service", "operation"), OPERATIONS)
def test_an_unknown_value_stands_for_a_valid_one_and_hides_nothing_else(service: str, operation: str) -> None:
    # Given a request of which only the required members are there, none of them known
    shape = shapes._model(service).operation_model(operation).input_shape
    request: dict[str, Any] = dict.fromkeys(shape.required_members, shapes.UNKNOWN)
    # Then it has no problem ; and a missing or an unknown member has, as botocore says it
    assert shapes.problems(service, operation, request) == []
    assert shapes.problems(service, operation, {**request, "Nonsense": 1})
    for member in request:
        left = {name: value for name, value in request.items() if name != member}
        filled = shapes._filled(shape, left)
        assert ParamValidator().validate(filled, shape).has_errors()
        assert any(member in problem for problem in shapes.problems(service, operation, left))


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({"ProcessingJobName": "a" * 64}, "found 64 characters, wanted 1 to 63"),
        ({"ProcessingJobName": "a_b"}, "found 'a_b', wanted"),
        ({"StoppingCondition": {"MaxRuntimeInSeconds": 777601}}, "found 777601, wanted 1 to 777600"),
        ({"ProcessingInputs": [{"InputName": "x"}] * 11}, "found 11 entries, wanted 0 to 10"),
        ({"Tags": [{"Key": "k", "Value": shapes.UNKNOWN}] * 51}, "found 51 entries, wanted 0 to 50"),
    ],
)
def test_what_botocore_leaves_out_is_checked(value: dict[str, Any], problem: str) -> None:
    required = ("ProcessingJobName", "ProcessingResources", "AppSpecification", "RoleArn")
    request = {**dict.fromkeys(required, shapes.UNKNOWN), **value}
    assert any(problem in each for each in shapes.problems("sagemaker", "CreateProcessingJob", request))
