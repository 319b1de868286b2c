"""The `batch_inference` workflow."""

import re

import pytest

from muster.contracts.base import parse
from muster.contracts.batch import BatchOutcome
from muster.contracts.events import DriftDetected
from rehearsal.interpreter import TimeOut
from tests.state_machines.harness import broken, execute, function_calls, transitions
from tests.state_machines.scenes_batch import RUN, assessed, batch_scene, published


def test_a_batch_is_predicted_judged_and_published() -> None:
    # Given a batch that is like the training data
    input_, script = batch_scene()
    # When the workflow runs
    trace = execute("batch_inference", input_, script)
    # Then a job of the run predicts it, one function counts it, and the output is the contract's
    assert trace.states == [
        "StageBatch",
        "Ready?",
        "Transform",
        "CollectAnswers",
        "OneBatch?",
        "SketchOneBatch",
        "AssessWindow",
        "PublishBatch",
        "Drift?",
        "Done",
    ]
    assert trace.output == published()
    assert parse(BatchOutcome, trace.output).outcome == "published"
    assert (transitions(trace), function_calls(trace)) == (10, 5)
    (job,) = trace.parameters("Transform")
    assert re.fullmatch(RUN + r"-batch-[0-9a-f]{32}", job["TransformJobName"])
    # The model never sees the row id, and it comes back with the answer.
    assert job["DataProcessing"] == {"InputFilter": "$[1:]", "JoinSource": "Input", "OutputFilter": "$"}
    assert job["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"].startswith("s3://muster-work/batches/")
    (given,) = trace.parameters("PublishBatch")
    assert given["Payload"]["transform_job"] == f"{RUN}-batch-0"


def test_drift_is_announced_once_after_the_predictions_are_withheld() -> None:
    # Given a batch in three parts that has drifted
    input_, script = batch_scene(batches=3, verdict="drift", outcome="withheld")
    # When the workflow runs
    trace = execute("batch_inference", input_, script)
    # Then each part is counted, and the event is what its contract says
    assert len(trace.parameters("SketchBatch")) == 3
    assert trace.states[-4:] == ["PublishBatch", "Drift?", "AnnounceDrift", "Done"]
    (entry,) = trace.parameters("AnnounceDrift")[0]["Entries"]
    event = parse(DriftDetected, entry["Detail"])
    found = assessed("drift")
    assert (event.features, event.effects, event.episode) == (("age",), found["effects"], RUN)
    assert event.window == f"{found['window']['start']}/{found['window']['end']}"
    assert trace.output["outcome"] == "withheld"


@pytest.mark.parametrize("status", ["nothing_new", "refused"])
def test_nothing_to_do_is_an_outcome_with_its_reason(status: str) -> None:
    input_, script = batch_scene(status=status)
    trace = execute("batch_inference", input_, script)
    assert trace.states == ["StageBatch", "Ready?", "NothingDone"]
    assert (trace.status, trace.output["outcome"]) == ("SUCCEEDED", status)
    assert trace.output["reasons"] == [script["StageBatch"]["reason"]]


@pytest.mark.parametrize("verdict", ["inconclusive", "insufficient", "warn"])
def test_only_drift_is_announced(verdict: str) -> None:
    trace = execute("batch_inference", *batch_scene(verdict=verdict))
    assert "AnnounceDrift" not in trace.states
    assert trace.output["verdict"] == verdict


def test_a_job_that_takes_longer_than_the_spec_allows_is_a_failure() -> None:
    input_, script = batch_scene()
    trace = execute("batch_inference", input_, {**script, "Transform": TimeOut()})
    assert (trace.status, trace.error) == ("FAILED", "States.Timeout")


def test_a_part_that_cannot_be_counted_fails_the_batch() -> None:
    # Given three parts, none of which may be left out
    input_, script = batch_scene(batches=3)
    trace = execute("batch_inference", input_, {**script, "SketchBatch": broken("DataRefused", "no such file")})
    assert (trace.status, trace.error) == ("FAILED", "States.ExceedToleratedFailureThreshold")
    assert "PublishBatch" not in trace.states
