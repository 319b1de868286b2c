"""Batches, from files to predictions: the four data sets of the reference case, and what is not as it should be."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from typing import Any

import pytest

from muster import naming
from muster.aws.ledger_batches import Batches
from muster.contracts.base import parse
from muster.contracts.batch import BatchLineage
from muster.contracts.drift_report import DriftReport
from ops import datasets, executions, monitoring
from ops.console import NOT_REACHED, OK
from ops.executions import Ended
from tests.rehearsal.stage_support import MODEL, Site, one_line

pytestmark = pytest.mark.xdist_group("watched")
NAME = "batched"
FILES = ("part1.csv", "part2.csv", "batch.csv", "batch_with_outliers.csv")
BELOW = naming.batch_prefix(NAME)


@dataclass
class Batched:
    """A model that serves, and the batches that it has predicted."""

    package: str
    arns: dict[str, str]
    ended: dict[str, Ended]


def _start(site: Site, **request: Any) -> str:
    return executions.start(site.olga, "batch_inference", {"model": NAME, **request})


@pytest.fixture(scope="module")
def batched(site: Site) -> Batched:
    """Deploy a model that withholds on drift, and let it predict each of the reference case's files, all at once."""
    changes = {"monitoring.min_rows": 100, "monitoring.batch.on_drift": "withhold"}
    approval = site.pending(site.run(NAME, changes))
    site.answer(site.alex, approval.package_arn)
    assert site.deployment(approval.package_arn).outcome == "deployed"
    datasets.put_files(site.sam, BELOW, [MODEL / "data" / file for file in FILES])
    started = {file: _start(site, prefix=BELOW + file) for file in FILES}
    return Batched(approval.package_arn, started, {file: site.ended(arn) for file, arn in started.items()})


def _read(site: Site, uri: str) -> bytes:
    bucket, key = naming.split_s3_uri(uri)
    return bytes(site.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())


def test_a_batch_like_the_training_data_is_published(site: Site, batched: Batched) -> None:
    # Given the rows that the model was trained on, labels and all, when they are predicted
    done = batched.ended["part1.csv"]
    assert (done.outcome, done.output.get("verdict")) == ("published", "none"), done
    # Then each row has a probability under its id, in the order of the file
    header, *rows = csv.reader(io.StringIO(_read(site, done.output["predictions_uri"]).decode()))
    with (MODEL / "data" / "part1.csv").open() as file:
        wanted = [row["sample_id"] for row in csv.DictReader(file)]
    assert header == ["row_id", "prediction"]
    assert [row[0] for row in rows] == wanted
    assert all(0.0 <= float(row[1]) <= 1.0 for row in rows)
    # The answers are those of the endpoint.
    with (MODEL / "data" / "part1.csv").open() as file:
        first = next(csv.DictReader(file))
    body = ",".join(value for name, value in first.items() if name not in ("sample_id", "diagnosis"))
    answer = site.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=site.endpoint(NAME), ContentType="text/csv", Accept="text/csv", Body=body.encode()
    )
    assert float(answer["Body"].read()) == float(rows[0][1])


def test_drift_withholds_the_predictions_and_is_announced_once(site: Site, batched: Batched) -> None:
    # Given rows of a scanner that the model has never seen, when they are predicted
    done = batched.ended["part2.csv"]
    assert (done.outcome, done.output.get("verdict")) == ("withheld", "drift"), done
    # Then nothing is published, the report says what has moved, and one event asked for a retrain
    assert done.output["predictions_uri"] is None
    lineage = parse(BatchLineage, json.loads(_read(site, done.output["batch_uri"])))
    report = parse(DriftReport, json.loads(_read(site, f"{lineage.evidence_uri}")))
    assert (report.outcome, report.watched.package_arn) == ("drift", batched.package)
    assert b"scanner" in _read(site, done.output["report_uri"])
    site.settled()
    asked = [
        each
        for each in site.executions_of("retraining", model=NAME)
        if json.loads(site.client("stepfunctions").describe_execution(executionArn=each)["input"])["cause"] == "drift"
    ]
    assert len(asked) == 1


@pytest.mark.parametrize("file", ["batch.csv", "batch_with_outliers.csv"])
def test_a_batch_too_small_to_judge_is_published_and_says_so(site: Site, batched: Batched, file: str) -> None:
    done = batched.ended[file]
    assert (done.outcome, done.output.get("verdict")) == ("published", "insufficient"), done
    assert "could not be judged" in done.output["reasons"][0]
    rows = list(csv.DictReader(io.StringIO(_read(site, done.output["predictions_uri"]).decode())))
    assert len(rows) == done.output["rows"] == {"batch.csv": 30, "batch_with_outliers.csv": 19}[file]


@pytest.mark.parametrize(("file", "status"), [("part1.csv", OK), ("part2.csv", NOT_REACHED)])
def test_the_command_says_what_became_of_a_batch(
    site: Site, batched: Batched, file: str, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert monitoring.follow(site.olga, batched.arns[file]) == status
    shown = " ".join(capsys.readouterr().out.split())
    done = batched.ended[file].output
    assert f"{done['outcome']}: the predictions are {done['outcome']}" in shown
    assert f"predictions: {done['predictions_uri'] or 'withheld'}" in shown


def test_the_lineage_leads_from_the_predictions_to_the_inputs_and_the_model(site: Site, batched: Batched) -> None:
    done = batched.ended["batch.csv"]
    lineage = parse(BatchLineage, json.loads(_read(site, done.output["batch_uri"])))
    (read,) = lineage.inputs
    data = site.client("s3").get_object(Bucket=site.all.buckets["data"], Key=read.key, VersionId=read.version_id)
    assert data["ContentLength"] == read.bytes
    job = site.client("sagemaker").describe_transform_job(TransformJobName=lineage.transform_job)
    assert (job["TransformJobStatus"], job["ModelName"]) == ("Completed", lineage.sagemaker_model)
    live = site.endpoints.live(site.endpoint(NAME))
    assert live is not None
    assert (lineage.package_arn, lineage.evidence_digest) == (live.package_arn, live.evidence_digest)
    assert {each.run for each in Batches(site.ledger).history(NAME)} >= {lineage.run}


def test_the_same_file_again_is_nothing_new(site: Site, batched: Batched) -> None:
    again = site.ended(_start(site, prefix=f"{BELOW}batch.csv"))
    assert again.outcome == "nothing_new"
    assert batched.ended["batch.csv"].output["batch_uri"] in again.output["reasons"][0]


def test_another_header_is_refused_in_one_line_before_any_job(site: Site, batched: Batched) -> None:
    text = (MODEL / "data" / "batch.csv").read_text().replace("radius_mean", "radius", 1)
    key = f"{BELOW}wrong/header.csv"
    site.client("s3").put_object(Bucket=site.all.buckets["data"], Key=key, Body=text.encode())
    ended = site.ended(_start(site, prefix=f"{BELOW}wrong/"))
    assert (ended.status, ended.error) == ("FAILED", "DataRefused")
    one_line(ended.cause or "", "header.csv", "radius_mean")


def test_a_failed_transform_job_tells_the_models_own_words(site: Site, batched: Batched) -> None:
    # Given a batch with a word where the model wants a number, when it is predicted
    header, first = (MODEL / "data" / "batch.csv").read_text().splitlines()[:2]
    fields = first.split(",")
    fields[header.split(",").index("radius_mean")] = "wide"
    key = f"{BELOW}words.csv"
    site.client("s3").put_object(
        Bucket=site.all.buckets["data"], Key=key, Body=f"{header}\n{','.join(fields)}\n".encode()
    )
    ended = site.ended(_start(site, prefix=key))
    # Then the execution fails with what the model said
    assert ended.status == "FAILED"
    one_line(ended.cause or "", "wide")


def test_a_schedule_takes_the_next_batch_that_nobody_has_tried(site: Site, batched: Batched) -> None:
    # Given a folder that came while nobody asked, when the sweep of all models comes round
    rows = (MODEL / "data" / "batch.csv").read_text()
    site.client("s3").put_object(Bucket=site.all.buckets["data"], Key=f"{BELOW}night/rows.csv", Body=rows.encode())

    def taken() -> Ended | None:
        swept = site.ended(executions.start(site.all, "sweep", {"workflow": "batch_inference"}))
        assert swept.outcome == "swept", swept
        asked = [site.ended(each) for each in site.executions_of("batch_inference", model=NAME, prefix=None)]
        return next((each for each in asked if each.outcome == "published"), None)

    # Then, after a quarter of an hour of quiet, it is predicted
    found = site.until(taken, "the batch to be taken")
    assert (found.output["prefix"], found.output["rows"]) == (f"{BELOW}night/", 30)


def test_nobody_was_denied(site: Site, batched: Batched) -> None:
    assert site.denied() == []
