"""The `monitoring` workflow."""

from state_machines.limits import EXPRESS_SECONDS, SKETCH_BATCHES, SKETCH_CONCURRENCY
from state_machines.sketching import SKETCH_SECONDS
from tests.state_machines.harness import broken, definition, execute, transitions
from tests.state_machines.scenes_monitoring import (
    ENDPOINT,
    RUN,
    assessed,
    measured,
    monitoring_scene,
    nothing_to_count,
    planned,
    sampled,
)
from tests.unit.samples import policy


def test_a_small_window_is_counted_in_place() -> None:
    trace = execute("monitoring", *monitoring_scene())
    assert trace.output == assessed()
    assert "SketchBatches" not in trace.states
    assert trace.parameters("SketchOneBatch")[0]["Payload"] == {"watched": planned()["watched"], "number": 0}
    assert transitions(trace) == 10


def test_a_large_window_is_counted_by_many() -> None:
    trace = execute("monitoring", *monitoring_scene(batches=3))
    assert trace.output == assessed()
    assert "SketchOneBatch" not in trace.states
    read = trace.parameters("SketchBatches")[0]
    assert read["Key"] == f"monitoring/{RUN}/batches.json"
    sent = [each["Payload"] for each in trace.parameters("SketchBatch")]
    assert sorted(each["number"] for each in sent) == [0, 1, 2]
    assert all(each["watched"] == planned()["watched"] for each in sent)


def test_a_batch_that_fails_fails_the_run() -> None:
    input_, script = monitoring_scene(batches=3)
    trace = execute("monitoring", input_, {**script, "SketchBatch": broken("NotFound", "a file has gone")})
    assert trace.status == "FAILED"
    assert trace.error == "States.ExceedToleratedFailureThreshold"
    assert "AssessWindow" not in trace.states


def test_nothing_to_count_is_an_outcome() -> None:
    trace = execute("monitoring", *nothing_to_count())
    assert trace.status == "SUCCEEDED"
    assert trace.output == {"outcome": "insufficient", "endpoint": ENDPOINT, "reasons": ["no captured file"]}


def test_the_judge_is_given_what_was_found_and_when_the_run_began() -> None:
    trace = execute("monitoring", *monitoring_scene(attribution="ready"))
    sent = trace.parameters("AssessWindow")[0]["Payload"]
    assert sent["plan"] == planned(attribution=True)
    assert (sent["quality"], sent["sample"]) == (measured(), sampled())
    assert sent["execution"]["arn"].endswith("muster-monitoring:one")
    assert sent["started_at"].startswith("2026-01-01T00:00:00")
    job = trace.parameters("ExplainRows")[0]
    assert job["ProcessingJobName"].startswith(f"{RUN}-predict-")
    without = execute("monitoring", *monitoring_scene()).parameters("AssessWindow")[0]["Payload"]
    assert without["sample"] is None


def test_a_sample_that_was_not_taken_starts_no_job() -> None:
    trace = execute("monitoring", *monitoring_scene(attribution="skipped"))
    assert "ExplainRows" not in trace.states
    assert trace.parameters("AssessWindow")[0]["Payload"]["sample"]["status"] == "skipped"


def test_an_explanation_that_fails_does_not_hold_back_the_verdict() -> None:
    from muster.contracts.base import parse
    from muster.contracts.quality import LiveSample

    input_, script = monitoring_scene(attribution="ready")
    trace = execute("monitoring", input_, {**script, "ExplainRows": broken("AlgorithmError", "explain_fn raised")})
    assert trace.status == "SUCCEEDED"
    sample = parse(LiveSample, trace.parameters("AssessWindow")[0]["Payload"]["sample"])
    assert (sample.status, sample.rows) == ("skipped", sampled()["rows"])
    assert "failed" in sample.reason


def test_only_what_is_to_be_announced_is() -> None:
    from muster.contracts.base import parse
    from muster.contracts.events import DriftDetected, QualityRegressed

    quiet = execute("monitoring", *monitoring_scene(outcome="drift"))
    assert not {"AnnounceDrift", "AnnounceQuality"} & set(quiet.states)
    loud = execute("monitoring", *monitoring_scene(outcome="drift", announce=True, regressed=True))
    drift, worse = (loud.parameters(each)[0]["Entries"][0] for each in ("AnnounceDrift", "AnnounceQuality"))
    assert (drift["DetailType"], worse["DetailType"]) == ("DriftDetected", "QualityRegressed")
    told = parse(DriftDetected, drift["Detail"])
    assert told.window == "2026-11-21T11:00:00.000Z/2026-11-21T12:00:00.000Z"
    assert (told.episode, len(told.features), told.endpoint) == (told.window, 20, ENDPOINT)
    assert parse(QualityRegressed, worse["Detail"]).metrics == ("auc",)


def test_children_end_before_an_express_execution_must_and_are_as_many_as_the_policy_allows() -> None:
    state = definition("monitoring")["States"]["SketchBatches"]
    assert SKETCH_SECONDS < state["ItemProcessor"]["States"]["SketchBatch"]["TimeoutSeconds"] < EXPRESS_SECONDS
    assert state["MaxConcurrency"] == SKETCH_CONCURRENCY
    assert policy().monitoring.max_batches <= SKETCH_BATCHES
