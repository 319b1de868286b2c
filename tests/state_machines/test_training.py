"""The `training` workflow."""

import re

from rehearsal.interpreter import TaskFailure
from tests.state_machines.harness import broken, execute, function_calls, transitions
from tests.state_machines.scenes import (
    BASED,
    RUN,
    complete,
    count_needed,
    hash_needed,
    job,
    training_plan,
    training_scene,
)

CAPACITY = {"error": "CapacityError", "cause": "no spot capacity", "kind": "capacity"}
NO_FALL_BACK = training_plan(training__spot__fall_back_to_on_demand=False)


def test_trains_on_spot_on_a_snapshot_that_the_function_could_hash() -> None:
    # Given a small training set, and a spec that allows spot
    input_, script = training_scene()
    # When it trains
    trace = execute("training", input_, script)
    # Then it does so in eleven transitions, four functions and two jobs, and its output is the contract's
    assert trace.states == [
        "SnapshotData",
        "SnapshotComplete?",
        "PlanTraining",
        "Prepare",
        "SpotAllowed?",
        "TrainOnSpot",
        "SpotRanOut?",
        "SealArtifact",
        "MakeBaseline",
        "BaselineComplete?",
        "Trained",
    ]
    assert trace.output == BASED.payload()
    assert (transitions(trace), function_calls(trace)) == (11, 4)


def test_data_too_many_for_a_function_are_counted_by_a_job() -> None:
    # Given training data that the function will not count
    input_, script = training_scene(counted_by_job=True)
    # When a model is trained on them
    trace = execute("training", input_, script)
    # Then a job of the run counts them, and the function is told where the counts are
    assert trace.states[-5:] == ["MakeBaseline", "BaselineComplete?", "CountData", "SealCounts", "Trained"]
    assert re.fullmatch(RUN.run + r"-baseline-[0-9a-f]{32}", trace.parameters("CountData")[0]["ProcessingJobName"])
    assert trace.parameters("SealCounts")[0]["Payload"]["counts_uri"] == count_needed()["counts_uri"]
    assert trace.output == BASED.payload()


def test_a_large_set_is_hashed_by_a_job_and_then_sealed() -> None:
    # Given a training set too large for a function
    input_, script = training_scene(hashed=True)
    # When it trains
    trace = execute("training", input_, script)
    # Then a job hashes it, the function is told where the hashes are, and what it seals is planned with
    assert trace.states[:5] == ["SnapshotData", "SnapshotComplete?", "HashObjects", "SealSnapshot", "PlanTraining"]
    assert trace.parameters("SealSnapshot")[0]["Payload"]["hashes_uri"] == hash_needed()["hashes_uri"]
    assert trace.parameters("PlanTraining")[0]["Payload"]["snapshot"] == complete()["snapshot"]
    assert trace.status == "SUCCEEDED"


def test_a_spec_without_spot_trains_on_demand() -> None:
    trace = execute("training", *training_scene(spot=False))
    request = trace.parameters("TrainOnDemand")[0]
    assert "TrainOnSpot" not in trace.states
    assert request["EnableManagedSpotTraining"] is False
    assert "MaxWaitTimeInSeconds" not in request["StoppingCondition"]


def test_spot_waits_no_longer_than_the_spec_says_and_keeps_checkpoints() -> None:
    trace = execute("training", *training_scene())
    request = trace.parameters("TrainOnSpot")[0]
    assert request["EnableManagedSpotTraining"] is True
    assert request["StoppingCondition"] == {"MaxRuntimeInSeconds": 3600, "MaxWaitTimeInSeconds": 7200}
    assert request["CheckpointConfig"]["LocalPath"] == "/opt/ml/checkpoints"


def test_lost_capacity_falls_back_to_on_demand_once_from_the_same_checkpoints() -> None:
    # Given a spot job that fails for want of capacity, and a spec that allows on demand
    input_, script = training_scene(spot_ends=broken("States.TaskFailed", '{"FailureReason": "CapacityError"}'))
    # When the failure is explained as that
    trace = execute("training", input_, {**script, "ExplainSpotFailure": CAPACITY})
    # Then the job runs once on demand, under another name, with the same checkpoints, and that one is sealed
    assert trace.status == "SUCCEEDED"
    spot, demand = trace.parameters("TrainOnSpot")[0], trace.parameters("TrainOnDemand")[0]
    assert demand["CheckpointConfig"] == spot["CheckpointConfig"]
    assert demand["TrainingJobName"] != spot["TrainingJobName"]
    assert trace.parameters("SealArtifact")[0]["Payload"]["training_job_name"] == "on-demand"


def test_a_quota_is_waited_for_and_then_lost_capacity() -> None:
    # Given that no instances may be started, for longer than three tries
    full = TaskFailure("SageMaker.ResourceLimitExceededException", "quota")
    input_, script = training_scene(spot_ends=full)
    trace = execute("training", input_, {**script, "ExplainSpotFailure": CAPACITY})
    # Then it falls back
    assert [each.wait for each in trace.retries] == [60, 120, 240]
    assert trace.states[-5:-3] == ["TrainOnDemand", "SealArtifact"]


def test_a_spot_job_that_waited_too_long_is_stopped_and_falls_back() -> None:
    # Given a job that SageMaker stopped because no capacity came; Step Functions may call that a success
    input_, script = training_scene(spot_ends=job("on-spot", SecondaryStatus="MaxWaitTimeExceeded"))
    trace = execute("training", input_, script)
    assert trace.states[-7:-3] == ["TrainOnSpot", "SpotRanOut?", "TrainOnDemand", "SealArtifact"]


def test_without_leave_to_fall_back_lost_capacity_is_a_failure() -> None:
    input_, script = training_scene(spot_ends=broken("States.TaskFailed"))
    trace = execute("training", input_, {**script, "PlanTraining": NO_FALL_BACK, "ExplainSpotFailure": CAPACITY})
    assert (trace.status, trace.error, trace.cause) == ("FAILED", "CapacityError", "no spot capacity")
    assert "TrainOnDemand" not in trace.states


def test_without_leave_to_fall_back_a_stopped_job_goes_to_be_sealed_and_is_refused_there() -> None:
    stopped = job("on-spot", SecondaryStatus="MaxWaitTimeExceeded")
    input_, script = training_scene(spot_ends=stopped)
    refusal = broken("ArtifactMissing", "the job was stopped")
    trace = execute("training", input_, {**script, "PlanTraining": NO_FALL_BACK, "SealArtifact": refusal})
    assert (trace.status, trace.error) == ("FAILED", "ArtifactMissing")


def test_a_training_script_that_fails_is_not_tried_on_demand_and_its_message_reaches_the_person() -> None:
    # Given a training script that raises
    input_, script = training_scene(spot_ends=broken("States.TaskFailed", "{...}"))
    said = {"error": "ValueError", "cause": "column scanner is missing", "kind": "job"}
    # When the failure is explained as the job's own
    trace = execute("training", input_, {**script, "ExplainSpotFailure": said})
    # Then nothing is trained again, nothing is explained twice, and the person reads the script's words
    assert (trace.status, trace.error, trace.cause) == ("FAILED", "ValueError", "column scanner is missing")
    assert "TrainOnDemand" not in trace.states
    assert "ExplainFailure" not in trace.states


def test_a_spot_failure_that_cannot_be_explained_is_shown_as_reported() -> None:
    input_, script = training_scene(spot_ends=broken("States.TaskFailed", "raw"))
    trace = execute("training", input_, {**script, "ExplainSpotFailure": broken("Worse")})
    assert (trace.status, trace.error, trace.cause) == ("FAILED", "States.TaskFailed", "raw")


def test_names_of_jobs_begin_with_the_run_and_differ_on_every_attempt() -> None:
    # Given a job that is throttled once when it is created
    input_, script = training_scene()
    throttled = TaskFailure("SageMaker.AmazonSageMakerException", "rate exceeded")
    trace = execute("training", input_, {**script, "Prepare": [throttled, {"ProcessingJobName": "p"}]})
    # Then both names are the run's, neutral, short enough, and not the same
    names = [each["ProcessingJobName"] for each in trace.parameters("Prepare")]
    assert len(set(names)) == 2
    for name in [*names, trace.parameters("TrainOnSpot")[0]["TrainingJobName"]]:
        assert re.fullmatch(RUN.run + r"-(prepare|train)-[0-9a-f]{32}", name)
        assert len(name) <= 63
