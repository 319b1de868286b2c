"""Whatever is wrong with what a person gives: one clear line that names it, and nothing is left half done.

The runs that fail late fail side by side: they are started together, and each test waits for its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from muster.errors import ContractError, DataRefused, NotFound, PolicyViolation, Refused
from ops import datasets, executions
from ops.packaging import read_spec
from tests.rehearsal.stage_support import MODEL, Site, Started, one_line

pytestmark = pytest.mark.xdist_group("stage")


# -- what is refused before anything is written ------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("spec", "error", "words"),
    [
        ({"rollout.wait_seconds": 10}, PolicyViolation, ["rollout.wait_seconds", "spec has 10", "at least 60"]),
        (
            {"training.instance_type": "ml.p4d.24xlarge"},
            PolicyViolation,
            ["training.instance_type", "ml.p4d.24xlarge", "ml.m5.large"],
        ),
        ({"trainig": {}}, ContractError, ["model.yaml", "trainig", "unknown field"]),
        (
            {"training.hyperparameters.seed": None, "training.max_runtime_seconds": "an hour"},
            ContractError,
            ["max_runtime_seconds", "'an hour'"],
        ),
        ({"name": "another"}, ContractError, ["name", "'another'"]),
        ({"training.entry_point": "fit.py"}, NotFound, ["entry_point", "'fit.py'"]),
    ],
    ids=["below-the-floor", "instance-not-allowed", "unknown-field", "wrong-type", "other-name", "missing-file"],
)
def test_publishing_a_wrong_spec(site: Site, spec: dict[str, Any], error: type[Exception], words: list[str]) -> None:
    # Given a model whose model.yaml is wrong in one place, when it is published, then the line names field and value ...
    folder = site.write("wrong_spec", spec)
    with pytest.raises(error) as caught:
        site.publish(folder)
    one_line(str(caught.value), *words)
    # ... and nothing was published.
    assert site.ledger.get("MODEL#wrong_spec", "PUBLICATION") is None


def test_publishing_malformed_yaml(site: Site) -> None:
    folder = site.write("malformed", files={"model.yaml": lambda text: text + "\nclasses: [benign, malignant\n"})
    with pytest.raises(ContractError) as caught:
        site.publish(folder)
    one_line(str(caught.value), "model.yaml, line", "malformed YAML")


def test_publishing_a_dirty_tree(site: Site) -> None:
    # Given committed code and one change that is not, when it is published, then the file is named.
    folder = site.write("dirty")
    (folder / "train.py").write_text((folder / "train.py").read_text() + "# one more idea\n")
    with pytest.raises(Refused) as caught:
        site.publish(folder)
    one_line(str(caught.value), "train.py", "not committed")
    assert site.ledger.get("MODEL#dirty", "PUBLICATION") is None


def test_putting_bad_files(site: Site, tmp_path: Path) -> None:
    # Given an empty file, a file that is not there and a holdout without its target, when they are put, then no object is.
    spec = read_spec(site.write("bad_files"))
    empty = tmp_path / "empty.csv"
    empty.touch()
    with pytest.raises(DataRefused) as caught:
        datasets.put_files(site.sam, spec.data.training, [MODEL / "data" / "part1.csv", empty])
    one_line(str(caught.value), "empty.csv", "empty file")
    with pytest.raises(NotFound) as gone:
        datasets.put_files(site.sam, spec.data.training, [tmp_path / "none.csv"])
    one_line(str(gone.value), "none.csv", "not found")
    with pytest.raises(DataRefused) as unlabelled:
        datasets.put_holdout(site.sam, spec, "reference", MODEL / "data" / "batch.csv")
    one_line(str(unlabelled.value), "batch.csv", "diagnosis")
    listed = site.client("s3").list_objects_v2(Bucket=site.all.buckets["data"], Prefix=spec.data.training)
    assert listed["KeyCount"] == 0
    assert site.ledger.get("MODEL#bad_files", "HOLDOUT#reference") is None


# -- what a start is refused for ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("request_", "error", "words"),
    [
        ({"model": "nobody_knows"}, "NotFound", ["model", "'nobody_knows'", "muster publish"]),
        ({"model": "nobody_knows", "spec_digets": "0" * 64}, "ContractError", ["spec_digets", "unknown field"]),
        ({"model": 7}, "ContractError", ["model", "7"]),
        ({}, "ContractError", ["model"]),
    ],
    ids=["unknown-model", "unknown-field", "wrong-type", "no-model"],
)
def test_starting_with_a_wrong_request(site: Site, request_: dict[str, Any], error: str, words: list[str]) -> None:
    ended = site.ended(executions.start(site.dana, "pipeline", request_))
    assert (ended.status, ended.error) == ("FAILED", error)
    one_line(ended.cause, *words)


# -- what a run ends with ----------------------------------------------------------------------------------------------
@dataclass
class Case:
    """One thing that is wrong, and the line that it has to end with."""

    error: str
    words: list[str]
    spec: dict[str, Any] = field(default_factory=dict)
    files: dict[str, Callable[[str], str]] = field(default_factory=dict)
    training: bool = True
    holdout: bool = True
    spoil: Callable[[Site, Started, ExitStack], None] | None = None


def _raise(where: str, line: str) -> Callable[[str], str]:
    """Return a change that raises where a script has a line."""
    return lambda text: text.replace(where, f"{line}\n    {where}", 1)


def _in_data(name: str, body: Callable[[], bytes]) -> Callable[[Site, Started, ExitStack], None]:
    def spoil(site: Site, started: Started, _: ExitStack) -> None:
        key = f"raw/{started.model}/training/{name}"
        site.client("s3").put_object(Bucket=site.all.buckets["data"], Key=key, Body=body())

    return spoil


def _unreadable(site: Site, started: Started, stack: ExitStack) -> None:
    """Deny Muster the data, as the policy of a bucket's owner may."""
    s3, bucket = site.client("s3"), site.all.buckets["data"]
    before = s3.get_bucket_policy(Bucket=bucket)["Policy"]
    policy = json.loads(before)
    policy["Statement"].append(
        {
            "Sid": "NotYours",
            "Effect": "Deny",
            "Principal": "*",
            "Action": ["s3:GetObject", "s3:GetObjectVersion"],
            "Resource": f"arn:aws-us-gov:s3:::{bucket}/raw/{started.model}/*",
        }
    )
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
    stack.callback(s3.put_bucket_policy, Bucket=bucket, Policy=before)


def _in_work(site: Site, run: str, file: str) -> str:
    listed = site.client("s3").list_objects_v2(Bucket=site.all.buckets["work"], Prefix=f"runs/{run}/")["Contents"]
    return next(str(each["Key"]) for each in listed if each["Key"].endswith(f"/{file}"))


def _without_artifact(site: Site, started: Started, stack: ExitStack) -> None:
    """Take the training job's artifact away before it is sealed."""

    def act(_: str) -> None:
        key = _in_work(site, started.run, "model.tar.gz")
        site.client("s3").delete_object(Bucket=site.all.buckets["work"], Key=key)

    stack.enter_context(site.on_state(f"training:{started.run}-*", "SealArtifact", act))


def _report_with(change: Callable[[dict[str, Any]], object]) -> Callable[[Site, Started, ExitStack], None]:
    """Change the evaluation job's report before it is judged."""

    def spoil(site: Site, started: Started, stack: ExitStack) -> None:
        def act(_: str) -> None:
            s3, place = (
                site.client("s3"),
                {"Bucket": site.all.buckets["work"], "Key": _in_work(site, started.run, "evaluation.json")},
            )
            report = json.loads(s3.get_object(**place)["Body"].read())
            change(report)
            s3.put_object(**place, Body=json.dumps(report).encode())

        stack.enter_context(site.on_state(f"evaluation:{started.run}-*", "JudgeCandidate", act))

    return spoil


def _overlapping() -> bytes:
    return b"\n".join((MODEL / "data" / "holdout_reference.csv").read_bytes().splitlines()[:3]) + b"\n"


CASES = {
    "no_data": Case("DataRefused", ["raw/no_data/training/", "no object", "muster data put"], training=False),
    "empty_object": Case(
        "DataRefused", ["raw/empty_object/training/part2.csv", "empty object"], spoil=_in_data("part2.csv", bytes)
    ),
    "unreadable": Case("DataRefused", ["raw/unreadable/training/part1.csv", "unreadable"], spoil=_unreadable),
    "no_holdout": Case("HoldoutMissing", ["reference holdout", "'no_holdout'"], holdout=False),
    "bad_preprocess": Case(
        "AlgorithmError",
        ["preprocess.py failed", "ValueError: the scanner of row 17 is unknown"],
        files={"preprocess.py": _raise("spec = json.loads", 'raise ValueError("the scanner of row 17 is unknown")')},
    ),
    "bad_train": Case(
        "AlgorithmError",
        ["train.py failed: ValueError: no luck with 130 rows"],
        files={"train.py": _raise("train = read_channel", 'raise ValueError("no luck with 130 rows")')},
    ),
    "no_artifact": Case("ArtifactMissing", ["no model.tar.gz", "SM_MODEL_DIR"], spoil=_without_artifact),
    "predicts_nan": Case(
        "AlgorithmError",
        ["inference.py, holdout reference", "nan"],
        files={
            "inference.py": lambda text: text.replace(
                "[float(value) for value in prediction]", '[float("nan") for _ in prediction]'
            )
        },
    ),
    "overlap": Case(
        "AlgorithmError",
        ["holdout reference", "2 rows", "training snapshot", "WD"],
        spoil=_in_data("more.csv", _overlapping),
    ),
    "metric_missing": Case(
        "ReportInvalid",
        ["auc"],
        spoil=_report_with(lambda report: report["candidate"]["reference"]["overall"].pop("auc")),
    ),
}


@pytest.fixture(scope="module")
def runs(site: Site) -> Iterator[dict[str, Started]]:
    """One run for each case, all started."""
    with ExitStack() as stack:
        started = {}
        for name, case in CASES.items():
            folder = site.write(name, case.spec, case.files)
            site.put_data(folder, training=case.training, holdout=case.holdout)
            site.publish(folder)
            started[name] = site.named(name, f"spoilt-{name}")
            if case.spoil:
                case.spoil(site, started[name], stack)
            site.start(name, f"spoilt-{name}")
        yield started


@pytest.mark.parametrize("name", CASES)
def test_a_run_that_cannot_be(site: Site, runs: dict[str, Started], name: str) -> None:
    # Given a run with one thing wrong, when it ends, then one line says what, as `muster status` shows it ...
    ended = site.ended(runs[name].arn)
    assert ended.status == "FAILED"
    one_line(ended.cause, *CASES[name].words)
    assert ended.error == CASES[name].error
    # ... and there is no job, package, approval, lease or endpoint; the run's record has the error.
    site.nothing_half_done(runs[name])


def test_a_spec_that_got_past_publishing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a publisher whose own tool does not ask the floor, when their model runs, then the run asks it.
    folder = site.write("loose", {"rollout.wait_seconds": 10})
    site.put_data(folder)
    with monkeypatch.context() as patched:
        patched.setattr("ops.publishing.publication.check", lambda *_: None)
        site.publish(folder)
    ended = site.ended(site.start("loose").arn)
    assert ended.error == "PolicyViolation"
    one_line(ended.cause, "rollout.wait_seconds", "spec has 10", "at least 60")


def test_a_bucket_without_versions(site: Site, runs: dict[str, Started]) -> None:
    # Given a published model, when somebody suspends the versioning of the data bucket, then nobody puts or uses data.
    for started in runs.values():
        site.ended(started.arn)  # they need the versions
    folder = site.write("unversioned")
    site.put_data(folder)
    site.publish(folder)
    place = {"Bucket": site.all.buckets["data"]}
    site.client("s3").put_bucket_versioning(**place, VersioningConfiguration={"Status": "Suspended"})
    try:
        with pytest.raises(DataRefused) as caught:
            datasets.put_files(site.sam, "raw/unversioned/training/", [MODEL / "data" / "part2.csv"])
        started = site.start("unversioned")
        ended = site.ended(started.arn)
    finally:
        site.client("s3").put_bucket_versioning(**place, VersioningConfiguration={"Status": "Enabled"})
    one_line(str(caught.value), place["Bucket"], "versioning")
    assert ended.error == "DataRefused"
    one_line(ended.cause, place["Bucket"], "versioning")
    site.nothing_half_done(started)


def test_no_role_lacked_a_permission(site: Site) -> None:
    # Given all that happened above, when the calls of Muster's roles are looked at, then only the spoilt data was denied.
    assert [each for each in site.denied() if "/raw/unreadable/" not in each] == []
