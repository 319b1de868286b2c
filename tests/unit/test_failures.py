"""From nested JSON to the one line that a person needs."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muster import failures
from muster.failures import Explained, LogPlace

TRAINING = {
    "TrainingJobName": "0123456789abcdef0123-train-ff",
    "TrainingJobStatus": "Failed",
    "SecondaryStatus": "Failed",
    "InputDataConfig": [{"ChannelName": "train"}],
}
PROCESSING = {"ProcessingJobName": "0123456789abcdef0123-prepare-ff", "ProcessingJobStatus": "Failed"}
NO_CAPACITY = (
    "CapacityError: Unable to provision requested ML compute capacity. Please retry with another instance type."
)
NOT_ALLOWED = "User: arn:aws-us-gov:sts::1:assumed-role/x/y is not authorized to perform: sagemaker:CreateTrainingJob"
LAMBDA = {"errorMessage": "tumour: target: found 7, wanted text", "errorType": "ContractError", "stackTrace": ["..."]}


def child(cause, error="States.TaskFailed", name="muster-training"):
    """The Cause of a failed child execution (states:startExecution.sync:2)."""
    output = {"ExecutionArn": f"arn:aws-us-gov:states:::execution:{name}:one", "Status": "FAILED"}
    return json.dumps({**output, "Cause": cause, "Error": error, "Input": "{}"})


def failed_training(reason):
    return json.dumps({**TRAINING, "FailureReason": reason})


@pytest.mark.parametrize(
    ("error", "cause", "wanted"),
    [
        # A function's own error: its class name, its line.
        (
            "PolicyViolation",
            json.dumps({**LAMBDA, "errorType": "PolicyViolation"}),
            ("PolicyViolation", "tumour: target: found 7, wanted text", "input"),
        ),
        ("ContractError", json.dumps(LAMBDA), ("ContractError", "tumour: target: found 7, wanted text", "input")),
        ("KeyError", json.dumps({"errorMessage": "'x'", "errorType": "KeyError"}), ("KeyError", "'x'", "other")),
        # A processing job: the message of Muster's job code or of the author's script.
        (
            "States.TaskFailed",
            json.dumps(
                {
                    **PROCESSING,
                    "FailureReason": "AlgorithmError: , exit code: 1",
                    "ExitMessage": "preprocess.py failed: ValueError: column 'radius' is missing",
                }
            ),
            ("AlgorithmError", "preprocess.py failed: ValueError: column 'radius' is missing", "job"),
        ),
        # A training job whose toolkit passes the script's standard error on.
        (
            "States.TaskFailed",
            failed_training(
                "AlgorithmError: ExecuteUserScriptError:\nExitCode 1\n"
                'ErrorMessage "Traceback (most recent call last):\n'
                '  File "train.py", line 3\nValueError: bad label 7\n"\n'
                'Command "/miniconda3/bin/python3 -m train", exit code: 1'
            ),
            ("AlgorithmError", "ValueError: bad label 7", "job"),
        ),
        (
            "States.TaskFailed",
            failed_training("ClientError: No S3 objects found under S3 URL x"),
            ("ClientError", "No S3 objects found under S3 URL x", "job"),
        ),
        # A child of a child.
        (
            "States.TaskFailed",
            child(child(failed_training("AlgorithmError: train.py failed: ValueError: bad label 7, exit code: 1"))),
            ("AlgorithmError", "train.py failed: ValueError: bad label 7", "job"),
        ),
        (
            "States.TaskFailed",
            child(json.dumps(LAMBDA), "ContractError"),
            ("ContractError", "tumour: target: found 7, wanted text", "input"),
        ),
        # What a child says after it has explained its own failure.
        ("States.TaskFailed", child("3 rows overlap", "HoldoutOverlap"), ("HoldoutOverlap", "3 rows overlap", "input")),
        # Capacity, in its several forms.
        (
            "States.TaskFailed",
            failed_training(NO_CAPACITY),
            (
                "CapacityError",
                NO_CAPACITY,
                "capacity",
            ),
        ),
        (
            "States.TaskFailed",
            json.dumps({**TRAINING, "TrainingJobStatus": "Stopped", "SecondaryStatus": "MaxWaitTimeExceeded"}),
            ("MaxWaitTimeExceeded", "the job ended Stopped and gave no reason", "capacity"),
        ),
        (
            "States.TaskFailed",
            json.dumps({**TRAINING, "TrainingJobStatus": "Stopped", "SecondaryStatus": "Interrupted"}),
            ("Interrupted", "the job ended Stopped and gave no reason", "capacity"),
        ),
        (
            "SageMaker.ResourceLimitExceededException",
            "The account-level service limit 'ml.m5.xlarge for spot training job usage' is 0 Instances",
            (
                "SageMaker.ResourceLimitExceededException",
                "The account-level service limit 'ml.m5.xlarge for spot training job usage' is 0 Instances",
                "capacity",
            ),
        ),
        # Stopped by a person is not capacity.
        (
            "States.TaskFailed",
            json.dumps({**TRAINING, "TrainingJobStatus": "Stopped", "SecondaryStatus": "Stopped"}),
            ("Stopped", "the job ended Stopped and gave no reason", "job"),
        ),
        (
            "States.TaskFailed",
            json.dumps({**TRAINING, "TrainingJobStatus": "Stopped", "SecondaryStatus": "MaxRuntimeExceeded"}),
            ("MaxRuntimeExceeded", "the job ended Stopped and gave no reason", "timeout"),
        ),
        # Permissions, timeouts, the rest.
        (
            "SageMaker.AmazonSageMakerException",
            NOT_ALLOWED,
            (
                "SageMaker.AmazonSageMakerException",
                NOT_ALLOWED,
                "permission",
            ),
        ),
        ("States.Timeout", "", ("States.Timeout", "States.Timeout without a message", "timeout")),
        (
            "Sandbox.Timedout",
            json.dumps({"errorMessage": "RequestId: x Error: Task timed out after 60.00 seconds"}),
            ("Sandbox.Timedout", "RequestId: x Error: Task timed out after 60.00 seconds", "timeout"),
        ),
        (None, None, ("Unknown", "Unknown without a message", "other")),
        ("Boom", "not { json", ("Boom", "not { json", "other")),
        ("Boom", "[1, 2]", ("Boom", "[1, 2]", "other")),
        ("Boom", "{}", ("Boom", "{}", "other")),
    ],
)
def test_the_root_line_reaches_the_person(error, cause, wanted):
    assert failures.explain(error, cause) == Explained(*wanted)


def test_a_script_that_sagemaker_silenced_is_read_from_its_log():
    # Given the XGBoost image, whose toolkit reports the command and not the script's words
    silent = failed_training(
        'AlgorithmError: ExecuteUserScriptError:\nCommand "/miniconda3/bin/python3 -m train --eta 0.1", exit code: 1'
    )
    found = failures.explain("States.TaskFailed", child(silent))
    # Then the explanation says where they are
    assert found.log == LogPlace("/aws/sagemaker/TrainingJobs", "0123456789abcdef0123-train-ff/")
    assert found.cause.startswith("the script failed and SageMaker does not pass its message on (Command ")
    assert found.kind == "job"
    # And takes them when somebody has looked
    log = [
        "[10] train-auc=0.9",
        "Traceback (most recent call last):",
        "ValueError: bad label 7",
        "train.py failed: ValueError: bad label 7",
        "",
        "2026-11-21 12:00:00,000 sagemaker-containers ERROR    ExecuteUserScriptError:",
        'Command "/miniconda3/bin/python3 -m train --eta 0.1"',
    ]
    told = failures.with_log(found, log)
    assert (told.error, told.cause, told.log) == ("AlgorithmError", "train.py failed: ValueError: bad label 7", None)


@pytest.mark.parametrize(
    ("log", "cause"),
    [(["a", "KeyError: 'x'", "b"], "KeyError: 'x'"), (["killed", " "], "killed")],
)
def test_the_last_word_of_a_log(log, cause):
    found = Explained("AlgorithmError", "?", "job", LogPlace("g", "s"))
    assert failures.with_log(found, log).cause == cause


def test_an_empty_log_changes_nothing():
    found = Explained("AlgorithmError", "?", "job", LogPlace("g", "s"))
    assert failures.with_log(found, ["", 'Command "x"']) == found


def test_a_script_that_talks_of_interruptions_is_not_capacity():
    reason = "AlgorithmError: train.py failed: InterruptedError: system call, exit code: 1"
    assert failures.explain("States.TaskFailed", failed_training(reason)).kind == "job"


words = st.from_regex(r"\A[a-z]{1,12}( [a-z]{1,12}){0,6}\Z")


@given(words, st.integers(0, 8), st.sampled_from(["job", "lambda", "plain"]))
def test_the_innermost_message_survives_any_depth_of_nesting(message, depth, kind):
    cause = {
        "job": failed_training(f"AlgorithmError: {message}, exit code: 1"),
        "lambda": json.dumps({"errorMessage": message, "errorType": "ContractError"}),
        "plain": message,
    }[kind]
    for _ in range(depth):
        cause = child(cause)
    assert failures.explain("States.TaskFailed", cause).cause == message


@given(st.none() | st.text(), st.none() | st.text())
def test_it_never_fails_itself_and_always_says_one_bounded_line(error, cause):
    found = failures.explain(error, cause)
    assert found.cause.strip()
    assert len(found.cause) <= 1000
    assert len(found.cause.splitlines()) == 1


json_data = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["Cause", "Error", "errorMessage", "FailureReason", "TrainingJobStatus"]), inner
        )
    ),
    max_leaves=10,
)


@given(json_data)
def test_no_json_makes_it_fail(data):
    assert failures.explain("States.TaskFailed", json.dumps(data)).cause


def test_of_the_children_of_a_distributed_map_it_says_where_their_errors_are() -> None:
    found = failures.explain(
        "States.ExceedToleratedFailureThreshold", "The specified tolerated failure threshold was exceeded"
    )
    assert found.error == "States.ExceedToleratedFailureThreshold"
    assert found.cause.startswith(
        "The specified tolerated failure threshold was exceeded: each child's own error is in"
    )
