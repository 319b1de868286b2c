"""What `muster new` copies is a model that trains, passes its own gates, and keeps up with the reference model."""

import json

import jinja2
import pytest
import yaml

from muster.contracts.base import parse
from muster.contracts.spec import ModelSpec
from tests.jobs.workbench import ROOT, evaluate, holdout, plan, predict, prepare, snapshot, spec_of, train, write_json

SCAFFOLD = ROOT / "ops" / "scaffold"

pytestmark = pytest.mark.xdist_group("scaffold")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "first_try"
    loader = jinja2.FileSystemLoader(SCAFFOLD)
    environment = jinja2.Environment(loader=loader, keep_trailing_newline=True, undefined=jinja2.StrictUndefined)
    for name in environment.list_templates(filter_func=lambda each: "__pycache__" not in each):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(environment.get_template(name).render(name="first_try"))
    return folder


def test_the_spec_is_valid_and_named(model):
    spec = parse(ModelSpec, yaml.safe_load((model / "model.yaml").read_text()))
    assert (spec.name, spec.data.training) == ("first_try", "raw/first_try/training/")
    for path in model.rglob("*"):
        assert not path.is_file() or "{{" not in path.read_text()


@pytest.mark.parametrize("name", ["preprocess.py", "train.py", "inference.py"])
def test_the_scripts_are_those_of_the_reference_model(name):
    assert (SCAFFOLD / name).read_text() == (ROOT / "models" / "breast_cancer" / name).read_text()


def test_the_features_differ_in_their_names_only():
    ours, theirs = ((folder / "features.py").read_text() for folder in (SCAFFOLD, ROOT / "models" / "breast_cancer"))
    assert ours[ours.index("def matrix") :] == theirs[theirs.index("def matrix") :]


def test_it_trains_and_passes_its_gates(model, tmp_path):
    labelled = model / "data" / "holdout_reference.csv"
    holdout(tmp_path / "unlabelled", "reference", labelled, "row_id", "failed", unlabelled=True)
    digests = {"reference": holdout(tmp_path / "labelled", "reference", labelled, "row_id", "failed")}
    shot = snapshot(tmp_path / "shot", model / "data" / "part1.csv")
    prepare(model, shot, tmp_path).well()
    train(model, tmp_path).well()
    predict(tmp_path / "model.tar.gz", tmp_path / "unlabelled", tmp_path).well()
    spec = spec_of(model)
    plan_file = write_json(tmp_path / "plan.json", plan(spec, digests, shot, False, ["auc", "recall", "accuracy"]))
    evaluate(plan_file, tmp_path / "predictions", None, tmp_path / "labelled", shot, tmp_path).well()
    found = json.loads((tmp_path / "evaluation" / "evaluation.json").read_text())["candidate"]["reference"]
    for gate in spec["evaluation"]["gates"]:
        assert found["overall"][gate["metric"]]["low"] >= gate["min"], gate
    for each in found["slices"].values():
        assert each["metrics"]["auc"]["low"] >= spec["evaluation"]["slices"][0]["gates"][0]["min"]
    group = spec["evaluation"]["bias_groups"][0]
    assert found["bias"][group["column"]]["difference"]["high"] <= group["max_difference"]
