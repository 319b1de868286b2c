"""The reference model: what its README says comes out, comes out; and its scripts resume and fail as they should."""

import csv
import importlib.util
import json
import re
import shutil
import sys
from pathlib import Path

import pytest

from tests.jobs.workbench import ROOT, evaluate, holdout, plan, predict, prepare, snapshot, spec_of, train, write_json

MODEL = ROOT / "models" / "breast_cancer"
DATA = MODEL / "data"
OVERLAYS = ROOT / "models" / "breast_cancer" / "demo"
METRICS = ["auc", "average_precision", "accuracy", "f1", "precision", "recall", "brier", "log_loss"]
FILES = ("part1", "part2", "holdout_reference", "holdout_recent", "batch", "batch_with_outliers")

pytestmark = pytest.mark.xdist_group("breast_cancer")


class Story:
    """Trained versions of the model and what the evaluation job says of them."""

    def __init__(self, folder):
        self.folder, self.digests = folder, {}
        for kind in ("reference", "recent"):
            labelled = DATA / f"holdout_{kind}.csv"
            holdout(folder / "unlabelled", kind, labelled, "sample_id", "diagnosis", unlabelled=True)
            self.digests[kind] = holdout(folder / "labelled", kind, labelled, "sample_id", "diagnosis")
        self.train("first", MODEL, "part1")
        self.train("retrained", MODEL, "part1", "part2")
        self.train("fails_live", overlaid("fails_live", folder), "part1", "part2")
        self.train("misses_gate", overlaid("misses_gate", folder), "part1", "part2")

    def train(self, name, model, *parts):
        folder = self.folder / name
        shot = snapshot(folder / "shot", *(DATA / f"{part}.csv" for part in parts))
        prepare(model, shot, folder).well()
        train(model, folder).well()
        predict(folder / "model.tar.gz", self.folder / "unlabelled", folder).well()

    def evaluated(self, name, champion, kinds=("reference", "recent")):
        folder = self.folder / name
        digests = {kind: self.digests[kind] for kind in kinds}
        document = plan(spec_of(MODEL), digests, folder / "shot", champion is not None, METRICS)
        predictions = self.folder / champion / "predictions" if champion else None
        plan_file = write_json(folder / "plan.json", document)
        evaluate(
            plan_file, folder / "predictions", predictions, self.folder / "labelled", folder / "shot", folder
        ).well()
        return json.loads((folder / "evaluation" / "evaluation.json").read_text())


def overlaid(name, folder):
    """Return a folder of the model with an overlay's files on top."""
    target = folder / "overlaid" / name
    shutil.copytree(MODEL, target, ignore=shutil.ignore_patterns("data", "__pycache__"))
    for path in (OVERLAYS / name).glob("*.*"):
        shutil.copy(path, target)
    return target


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    return Story(tmp_path_factory.mktemp("story"))


def misses(report):
    """Return the gates of model.yaml that the report misses, judged on the unfavourable ends."""
    spec = spec_of(MODEL)["evaluation"]
    gates, sliced, group = spec["gates"], spec["slices"][0], spec["bias_groups"][0]
    found = []
    for kind, measured in report["candidate"].items():
        found += [(kind, g["metric"]) for g in gates if measured["overall"][g["metric"]]["low"] < g["min"]]
        large = {name: each for name, each in measured["slices"].items() if each["rows"] >= sliced["min_rows"]}
        bound = sliced["gates"][0]["min"]
        found += [(kind, name) for name, each in large.items() if each["metrics"]["auc"]["low"] < bound]
        if measured["bias"][group["column"]]["difference"]["high"] > group["max_difference"]:
            found.append((kind, group["column"]))
    return found


def test_the_first_model_passes_its_gates_on_the_reference_holdout(story):
    report = story.evaluated("first", None, kinds=("reference",))
    assert misses(report) == []
    assert report["candidate"]["reference"]["overall"]["auc"]["value"] == pytest.approx(0.9949, abs=0.002)


def test_the_retrained_model_is_not_worse_on_the_reference_set_and_better_on_the_recent(story):
    report = story.evaluated("retrained", "first")
    assert misses(report) == []
    reference, recent = (report["comparison"][kind]["overall"]["auc"] for kind in ("reference", "recent"))
    assert reference["low"] == pytest.approx(-0.0078, abs=0.004)  # the margin is -0.02
    assert recent["p_better"] < 0.0005
    assert report["candidate"]["recent"]["overall"]["auc"]["value"] == pytest.approx(0.9683, abs=0.005)
    assert report["champion"]["recent"]["overall"]["auc"]["value"] == pytest.approx(0.8767, abs=0.005)
    assert report["comparison"]["reference"]["slices"]["scanner=A"]["auc"]["low"] > -0.02
    assert report["attributions"][0]["feature"] == "concave_points_worst"


def test_the_model_that_fails_live_is_really_better_offline(story):
    report = story.evaluated("fails_live", "retrained")
    assert misses(report) == []
    assert report["comparison"]["reference"]["overall"]["auc"]["low"] > -0.012
    assert report["comparison"]["recent"]["overall"]["auc"]["p_better"] < 0.01


def test_the_model_that_misses_its_gate_misses_it_clearly(story):
    report = story.evaluated("misses_gate", "retrained")
    assert ("reference", "auc") in misses(report)
    assert report["candidate"]["reference"]["overall"]["auc"]["low"] < 0.86  # the gate is 0.90


# -- serving -----------------------------------------------------------------------------------------------------------
@pytest.fixture
def served(story, monkeypatch):
    """Return a function that answers a request as the endpoint of a version would."""

    def load(name):
        code = story.folder / name / "model" / "code"
        monkeypatch.syspath_prepend(str(code))
        for module in ("inference", "features"):
            monkeypatch.delitem(sys.modules, module, raising=False)
        import inference

        model = inference.model_fn(str(code.parent))

        def answer(body, content_type="text/csv", accept="text/csv"):
            rows = inference.input_fn(bytearray(body.encode()), content_type)
            return inference.output_fn(inference.predict_fn(rows, model), accept)

        return answer

    yield load
    for module in ("inference", "features"):
        sys.modules.pop(module, None)


@pytest.mark.parametrize("name", ["first", "retrained", "fails_live"])
def test_golden_records_are_answered_in_their_range(served, name):
    answer = served(name)
    for line in (MODEL / "golden.jsonl").read_text().splitlines():
        record = json.loads(line)
        assert record["expect"]["low"] <= float(answer(record["body"])) <= record["expect"]["high"], record["name"]


def live_rows():
    rows = list(csv.reader((DATA / "batch.csv").open()))[1:]
    return [",".join(row[1:]) + "\n" for row in rows]


def test_live_rows_with_an_empty_field_are_answered_but_not_by_the_model_that_fails_live(served):
    answer = served("retrained")
    assert all(0 < float(answer(row)) < 1 for row in live_rows())
    answer = served("fails_live")
    failed = 0
    for row in live_rows():
        try:
            answer(row)
        except ValueError:
            failed += 1
    assert (failed, len(live_rows())) == (9, 30)


def test_rows_in_one_request_get_the_answers_that_they_get_alone(served):
    answer, rows = served("retrained"), live_rows()[:7]
    assert answer("".join(rows)).split() == [answer(row).strip() for row in rows]


def test_an_answer_can_be_json(served):
    answer = served("retrained")
    told = json.loads(answer(live_rows()[0], accept="application/json"))
    assert told == {"predictions": [float(answer(live_rows()[0]))]}


@pytest.mark.parametrize(
    ("body", "content_type", "line"),
    [
        ("1,2,3\n", "text/csv", "row 1 has 3 fields; expected 33"),
        ("A,north,1," + "," * 29 + "x\n", "text/csv", "row 1, column fractal_dimension_worst: 'x' is not a number"),
        ("\n", "text/csv", "the request has no row"),
        ("{}", "application/json", "content type application/json is not supported; send text/csv"),
    ],
)
def test_bad_requests_say_what_is_wrong(served, body, content_type, line):
    answer = served("retrained")
    with pytest.raises(ValueError, match=f"^{re.escape(line)}$"):
        answer(body, content_type=content_type)


# -- training ----------------------------------------------------------------------------------------------------------
def test_an_interrupted_training_resumes_and_ends_with_the_same_model(story, tmp_path):
    shutil.copytree(story.folder / "first" / "prepared", tmp_path / "prepared")
    checkpoints = {"checkpoint_dir": tmp_path / "checkpoints", "scale_pos_weight": 3}
    train(MODEL, tmp_path, {**checkpoints, "num_round": 110}).well()
    whole = (tmp_path / "model" / "model.json").read_bytes()
    saved = sorted((tmp_path / "checkpoints").glob("*.json"))
    assert [path.stem.rpartition("-")[2] for path in saved] == ["000050", "000100"]

    resumed = train(MODEL, tmp_path, {**checkpoints, "num_round": 110}).well()
    assert "resuming from the checkpoint of round 100" in resumed.stdout
    first, second = (json.loads(each)["learner"] for each in (whole, (tmp_path / "model" / "model.json").read_bytes()))
    trees = [each["gradient_booster"]["model"]["trees"] for each in (first, second)]
    assert [len(each) for each in trees] == [110, 110]
    for one, same in zip(*trees, strict=True):
        assert one["base_weights"] == pytest.approx(same["base_weights"], abs=1e-4)

    other = train(MODEL, tmp_path, {**checkpoints, "num_round": 110, "eta": 0.2}).well()
    assert "resuming" not in other.stdout


def test_metric_lines_can_be_read_by_a_metric_definition(story, tmp_path):
    shutil.copytree(story.folder / "first" / "prepared", tmp_path / "prepared")
    told = train(MODEL, tmp_path).well().stdout
    values = re.findall(r"validation-auc=([0-9.eE+-]+)", told)
    assert len(values) == 8
    assert all(0.8 < float(value) <= 1 for value in values)


@pytest.mark.parametrize(
    ("hyperparameters", "line"),
    [
        ({"max_dept": 3}, "train.py failed: ValueError: hyperparameter max_dept is unknown; known are max_depth, eta,"),
        ({"eta": 0}, "train.py failed: ValueError: hyperparameter eta is 0.0; see train.py --help for its range"),
        ({"num_round": 0}, "train.py failed: ValueError: hyperparameter num_round is 0;"),
    ],
)
def test_wrong_hyperparameters_end_the_job_at_once(story, tmp_path, hyperparameters, line):
    finished = train(MODEL, tmp_path, hyperparameters)
    assert finished.status == 1
    assert finished.last_line.startswith(line)


def test_missing_channels_are_named(tmp_path):
    finished = train(MODEL, tmp_path)
    assert "rows.csv is missing; preprocess.py writes it" in finished.last_line


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (
            lambda text: text.replace("radius_mean", "radius"),
            "column radius_mean is missing; the columns are sample_id,",
        ),
        (lambda text: text.replace("malignant", "unclear"), "label 'unclear' is not one of benign, malignant"),
        (lambda text: text.replace(",9.731,", ",n/a,"), "row 1, column radius_mean: 'n/a' is not a number"),
        (lambda text: text.splitlines()[0] + "\n", "the files part1.csv have no rows"),
        (lambda text: text.replace("diagnosis", "outcome"), "column diagnosis is missing"),
    ],
)
def test_bad_training_data_ends_in_one_line(tmp_path, change, line):
    changed = tmp_path / "part1.csv"
    changed.write_text(change((DATA / "part1.csv").read_text()))
    finished = prepare(MODEL, snapshot(tmp_path / "shot", changed), tmp_path)
    assert finished.status == 1
    assert finished.message.startswith("preprocess.py failed: ValueError: ")
    assert line in finished.message


# -- data --------------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def make_files():
    found = importlib.util.spec_from_file_location("make_files", DATA / "make_files.py")
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def test_the_committed_files_are_what_the_script_makes(make_files, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["make_files.py", "--output", str(tmp_path)])
    make_files.main()
    for name in FILES:
        assert (tmp_path / f"{name}.csv").read_bytes() == (DATA / f"{name}.csv").read_bytes(), name


def test_no_two_files_share_a_row():
    ids = [row[0] for name in FILES for row in list(csv.reader((DATA / f"{name}.csv").open()))[1:]]
    assert len(ids) == len(set(ids)) == 569


def test_labelled_rows_have_no_empty_field_and_batches_no_label():
    for name in FILES:
        header, *rows = list(csv.reader((DATA / f"{name}.csv").open()))
        assert (header[-1] == "diagnosis") == (not name.startswith("batch"))
        assert any("" in row for row in rows) == (name == "batch")


def test_another_source_is_refused(make_files, tmp_path):
    Path(tmp_path / "wdbc.csv").write_text("1,2\n")
    with pytest.raises(SystemExit, match="restore the committed file"):
        make_files.read_source(tmp_path / "wdbc.csv")
