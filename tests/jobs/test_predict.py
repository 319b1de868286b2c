"""The prediction job, with small inference modules in place of a trained model."""

import json

import pytest

from tests.jobs.workbench import holdout, pack, predict, write_csv

GOOD = """
import json, os
def model_fn(model_dir):
    return json.load(open(os.path.join(model_dir, "weight.json")))
def input_fn(body, content_type):
    assert isinstance(body, bytearray) and content_type == "text/csv"
    return [[float(field) for field in line.split(",")] for line in body.decode().splitlines()]
def predict_fn(data, model):
    return [row[0] * model for row in data]
def output_fn(prediction, accept):
    assert accept == "text/csv"
    return "".join(f"{value}\\n" for value in prediction)
"""
EXPLAINED = GOOD + "def explain_fn(data, model): return ['x', 'y'], [[row[0] * -model, row[1]] for row in data]\n"
ROWS = [["id", "x", "y", "label"], ["r1", "1", "7", "no"], ["r2", "2", "8", "yes"], ["r3", "3", "9", "no"]]


@pytest.fixture
def job(tmp_path):
    def run(module=GOOD, unlabelled=True, rows=ROWS, **options):
        model = tmp_path / "model"
        (model / "code").mkdir(parents=True, exist_ok=True)
        (model / "weight.json").write_text("0.25")
        (model / "code" / "inference.py").write_text(module)
        artifact = pack(model, tmp_path / "model.tar.gz")
        holdouts = tmp_path / "holdouts"
        for kind in ("reference", "recent"):
            holdout(holdouts, kind, write_csv(tmp_path / "rows.csv", rows), "id", "label", unlabelled)
        return predict(artifact, holdouts, tmp_path / "job", **options)

    run.output = tmp_path / "job" / "predictions"
    return run


def test_every_holdout_is_predicted_row_by_row(job):
    job().well()
    for kind in ("reference", "recent"):
        text = (job.output / f"{kind}.csv").read_text()
        assert text == "row_id,prediction_0\nr1,0.25\nr2,0.5\nr3,0.75\n"
    assert not (job.output / "attributions.json").exists()


def test_rows_beyond_one_request_are_sent_in_several(job):
    rows = [ROWS[0]] + [[f"r{number}", str(number), "1", "no"] for number in range(1201)]
    module = GOOD.replace("    return [row[0] * model", "    assert len(data) <= 500\n    return [row[0] * model")
    job(module, rows=rows).well()
    assert len((job.output / "recent.csv").read_text().splitlines()) == 1202


def test_contributions_become_mean_absolute_importance(job):
    job(EXPLAINED).well()
    told = json.loads((job.output / "attributions.json").read_text())
    assert told["holdouts"]["recent"] == {"x": pytest.approx(0.5), "y": pytest.approx(8.0)}


@pytest.mark.parametrize(
    ("module", "line"),
    [
        (
            GOOD.replace("return [row[0] * model for row in data]", "raise ValueError('no scaler')"),
            "inference.py failed in predict_fn: ValueError: no scaler",
        ),
        (GOOD.replace("weight.json", "gone.json"), "inference.py failed in model_fn: FileNotFoundError:"),
        (
            "import no_such_module",
            "inference.py failed in import: ModuleNotFoundError: No module named 'no_such_module'",
        ),
        (GOOD.replace("def output_fn", "def other"), "inference.py does not define output_fn, which Muster's"),
        (
            GOOD.replace("row[0] * model for", "float('nan') for"),
            "inference.py, holdout recent: the prediction of row r1 is nan; expected a finite number",
        ),
        (
            GOOD.replace("for value in prediction)", "for value in prediction[1:])"),
            "inference.py, holdout recent: 2 lines for a request of 3 rows; one line per row is expected",
        ),
        (
            EXPLAINED.replace("['x', 'y']", "['x']"),
            "inference.py: explain_fn has to return names and a finite matrix, rows by names",
        ),
    ],
)
def test_a_failing_model_is_told_in_one_line(job, module, line):
    finished = job(module)
    assert finished.status == 1
    assert finished.message.startswith(line)
    assert finished.last_line == finished.message


def test_labels_in_reach_of_the_models_code_are_refused(job):
    message = job(unlabelled=False).message
    assert message == "holdout recent: labels.csv is mounted; a model's code must not see the labels that judge it"


def test_another_artifact_than_the_recorded_one_is_refused(job):
    assert job(digest="0" * 64).message.startswith("model: sha256 is ")


def test_changed_features_are_refused(job, tmp_path):
    job().well()
    write_csv(tmp_path / "holdouts" / "recent" / "features.csv", [["id", "x", "y"], ["r1", "1", "7"]])
    finished = predict(tmp_path / "model.tar.gz", tmp_path / "holdouts", tmp_path / "job")
    assert finished.message.startswith("holdout recent, features.csv: sha256 is ")


def test_other_content_types_and_missing_holdouts_are_refused(job, tmp_path):
    assert job(content_type="image/png").message == "content type image/png is not supported; predict.py sends text/csv"
    finished = predict(tmp_path / "model.tar.gz", tmp_path / "nothing", tmp_path / "job")
    assert finished.message.startswith("no <kind>/features.csv in ")


def test_the_models_own_modules_win_over_the_jobs(job, tmp_path):
    code = tmp_path / "model" / "code"
    code.mkdir(parents=True)
    (code / "evaluate.py").write_text("FACTOR = 0.5")
    (code / "hash_objects.py").write_text("FACTOR = 0.5")
    module = GOOD.replace("import json", "import json, evaluate, hash_objects").replace(
        "row[0] * model", "row[0] * evaluate.FACTOR * hash_objects.FACTOR"
    )
    job(module).well()
    assert "r2,0.5" in (job.output / "recent.csv").read_text()
