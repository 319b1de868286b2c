"""A regression model goes through preparation, training, prediction and evaluation like any other."""

import json

import pytest

from muster.contracts.base import parse
from muster.contracts.evaluation import EvaluationReport
from tests.jobs.workbench import ROOT, evaluate, holdout, plan, predict, prepare, snapshot, spec_of, train, write_json

MODEL = ROOT / "tests" / "fixtures" / "models" / "pump_energy"

pytestmark = pytest.mark.xdist_group("pump_energy")


def test_a_regression_model_end_to_end(tmp_path):
    digests = {}
    for kind in ("reference", "recent"):
        labelled = MODEL / "data" / f"holdout_{kind}.csv"
        holdout(tmp_path / "unlabelled", kind, labelled, "reading", "power", unlabelled=True)
        digests[kind] = holdout(tmp_path / "labelled", kind, labelled, "reading", "power")
    for name, parts in (("champion", ["part1"]), ("candidate", ["part1", "part2"])):
        folder = tmp_path / name
        shot = snapshot(folder / "shot", *(MODEL / "data" / f"{part}.csv" for part in parts))
        prepare(MODEL, shot, folder).well()
        train(MODEL, folder).well()
        predict(folder / "model.tar.gz", tmp_path / "unlabelled", folder).well()
    document = plan(spec_of(MODEL), digests, folder / "shot", True, ["rmse", "mae", "r2"])
    plan_file = write_json(tmp_path / "plan.json", document)
    champion = tmp_path / "champion" / "predictions"
    evaluate(plan_file, folder / "predictions", champion, tmp_path / "labelled", folder / "shot", folder).well()

    report = parse(EvaluationReport, json.loads((folder / "evaluation" / "evaluation.json").read_text()))
    recent = report.candidate["recent"]
    assert recent.overall["r2"].low > 0.95
    assert recent.slices["series=R"].metrics["r2"].low > 0.95
    assert recent.bias["plant"].difference.value >= 0
    assert report.comparison["recent"].overall["r2"].p_better < 0.01
    assert report.comparison["recent"].overall["rmse"].difference > 0
    assert report.attributions[0].feature == "hydraulic_power"
    assert "Predictions and residuals" in (folder / "evaluation" / "report.html").read_text()
