"""Training and processing jobs: the container contract, results, failures, limits, spot."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator

import pytest
from botocore.exceptions import ClientError
from sagemaker_support import (
    BUCKET,
    IMAGE,
    Events,
    bucket,
    channel,
    code,
    members_of,
    object_in,
    processed,
    processing,
    trained,
    training,
    wait,
)

from rehearsal import Rehearsal, sagemaker

TRAIN = """
import argparse, json, os, pathlib
parser = argparse.ArgumentParser()
parser.add_argument("--max-depth", type=int)
parser.add_argument("--quick")
args = parser.parse_args()
rows = (pathlib.Path(os.environ["SM_CHANNEL_TRAIN"]) / "rows.csv").read_text().split()
import numpy, xgboost
data = numpy.array([[float(x) for x in row.split(",")] for row in rows])
model = xgboost.train({"max_depth": args.max_depth}, xgboost.DMatrix(data[:, 1:], label=data[:, 0]), 2)
model.save_model(os.path.join(os.environ["SM_MODEL_DIR"], "model.json"))
print("validation auc=0.75")
print("validation auc=0.875")
out = pathlib.Path(os.environ["SM_OUTPUT_DATA_DIR"])
(out / "seen.json").write_text(json.dumps({"quick": args.quick, "env": {k: v for k, v in os.environ.items()}}))
"""


@pytest.fixture(scope="module")
def sm_role(rehearsal: Rehearsal, role: Callable[..., str]) -> str:
    sagemaker.warm_up()
    return role("sm-jobs", "sagemaker.amazonaws.com")


@pytest.fixture
def rows(rehearsal: Rehearsal) -> str:
    text = "\n".join(f"{i % 2},{i},{i * 2}" for i in range(40))
    bucket(rehearsal).put_object(Bucket=BUCKET, Key="data/train/rows.csv", Body=text.encode())
    return f"s3://{BUCKET}/data/train"


@pytest.fixture(autouse=True)
def _no_orders() -> Iterator[None]:
    yield
    from rehearsal.sagemaker import control

    control.reset()


def test_a_training_job_in_script_mode_leaves_its_model_output_metrics_log_and_events(
    rehearsal: Rehearsal, sm_role: str, rows: str
) -> None:
    # Given a rule on training job events, and a script that reads its channel, hyperparameters and SM_* variables
    events = Events(rehearsal, "sm-train-events", {"detail-type": ["SageMaker Training Job State Change"]})
    request = training(
        rehearsal,
        "good",
        sm_role,
        TRAIN,
        HyperParameters={"max-depth": "3", "quick": "true"},
        InputDataConfig=[channel("train", rows)],
        AlgorithmSpecification={"MetricDefinitions": [{"Name": "auc", "Regex": r"validation auc=([0-9.]+)"}]},
        Environment={"PLACE": "/opt/ml/input/data/train"},
        Tags=[{"Key": "run", "Value": "r1"}],
    )
    # When it runs
    job = trained(rehearsal, request)
    # Then it is complete, and says when it was in which state
    assert job["TrainingJobStatus"] == job["SecondaryStatus"] == "Completed", (
        job["FailureReason"] + sagemaker.log_file("training", "good").read_text()
    )
    assert [each["Status"] for each in job["SecondaryStatusTransitions"]] == [
        "Starting",
        "Downloading",
        "Training",
        "Uploading",
        "Completed",
    ]
    assert job["TrainingTimeInSeconds"] == job["BillableTimeInSeconds"] >= 1
    # And the artifacts are where it says
    assert job["ModelArtifacts"]["S3ModelArtifacts"] == f"s3://{BUCKET}/out/good/output/model.tar.gz"
    assert set(members_of(object_in(rehearsal, job["ModelArtifacts"]["S3ModelArtifacts"]))) == {"model.json"}
    packed = members_of(object_in(rehearsal, f"s3://{BUCKET}/out/good/output/output.tar.gz"))
    seen = json.loads(packed["seen.json"])
    # And hyperparameters came as the toolkit passes them, /opt/ml as the job's folder
    assert seen["quick"] == "True"
    assert json.loads(seen["env"]["SM_HPS"]) == {"max-depth": 3, "quick": True}
    assert seen["env"]["SM_CHANNELS"] == '["code","train"]'
    assert seen["env"]["PLACE"] == seen["env"]["SM_CHANNEL_TRAIN"]
    assert seen["env"]["TRAINING_JOB_NAME"] == "good"
    assert "AWS_ACCESS_KEY_ID" not in seen["env"]  # it is isolated
    # And the last value of the metric, the log, the tags and the events are there
    assert [(each["MetricName"], each["Value"]) for each in job["FinalMetricDataList"]] == [("auc", 0.875)]
    logs = rehearsal.client("logs")
    group = "/aws/sagemaker/TrainingJobs"
    stream = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix="good/algo-1-")["logStreams"][0]
    lines = logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"])["events"]
    assert "validation auc=0.875" in [each["message"] for each in lines]
    assert "validation auc=0.875" in sagemaker.log_file("training", "good").read_text()
    assert rehearsal.client("sagemaker").list_tags(ResourceArn=job["TrainingJobArn"])["Tags"] == request["Tags"]
    told = [each["detail"] for each in events.all(5) if each["detail"]["TrainingJobName"] == "good"]
    assert {each["SecondaryStatus"] for each in told} == {
        "Starting",
        "Downloading",
        "Training",
        "Uploading",
        "Completed",
    }
    assert all(each["Tags"] == {"run": "r1"} for each in told)


def test_a_script_that_fails_has_its_words_in_the_log_and_the_toolkits_in_the_reason(
    rehearsal: Rehearsal, sm_role: str
) -> None:
    # Given a script that writes the failure file and raises
    script = "open('/dev/null').close()\nimport os\nraise ValueError('no rows in train')\n"
    # When it runs in script mode
    job = trained(rehearsal, training(rehearsal, "raises", sm_role, script, HyperParameters={"a": "1"}))
    # Then the reason is what AWS's toolkit writes, and the script's message is in the log
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"] == (
        'AlgorithmError: ExecuteUserScriptError:\nCommand "/miniconda3/bin/python3 -m train -a 1", exit code: 1'
    )
    log = sagemaker.log_file("training", "raises").read_text()
    assert "ValueError: no rows in train" in log
    assert "runpy" not in log


def test_an_entry_point_of_its_own_owns_the_failure_file(rehearsal: Rehearsal, sm_role: str) -> None:
    # Given a training job with ContainerEntrypoint, so that no toolkit is in between
    script = "import os, sys\nopen(sys.argv[1] + '/failure', 'w').write('labels missing in rows 1-3')\nsys.exit(3)\n"
    bucket(rehearsal).put_object(Bucket=BUCKET, Key="code/own/run.py", Body=script.encode())
    request = training(
        rehearsal,
        "own-entry",
        sm_role,
        "",
        AlgorithmSpecification={
            "ContainerEntrypoint": ["python3", "/opt/ml/input/data/own/run.py"],
            "ContainerArguments": ["/opt/ml/output"],
        },
        InputDataConfig=[channel("own", f"s3://{BUCKET}/code/own/")],
    )
    # When it fails
    job = trained(rehearsal, request)
    # Then the reason is its own
    assert job["FailureReason"] == "AlgorithmError: labels missing in rows 1-3, exit code: 3"


@pytest.mark.parametrize(
    ("name", "script", "words"),
    [
        ("lacks", "import duckdb\n", "No module named 'duckdb' in the image sagemaker-xgboost:3.0-5"),
        ("newer", "import tomllib\n", "it is not in Python 3.10"),
        ("host", "import rehearsal\n", "No module named 'rehearsal'"),
        ("absent", "import gevent\n", "though the image sagemaker-xgboost:3.0-5 has it"),
        (
            "net",
            "import urllib.request as u\nu.urlopen('http://127.0.0.1:9')\n",
            "EnableNetworkIsolation is on for training",
        ),
        (
            "dns",
            "import socket\nsocket.getaddrinfo('example.com', 443)\n",
            "EnableNetworkIsolation is on for training job",
        ),
        ("literal", "open('/opt/ml/model/x', 'w')\n", "the rehearsal has no container"),
        (
            "child",
            "import subprocess, sys\nsubprocess.run([sys.executable, '-c', 'import duckdb'], check=True)",
            "duckdb",
        ),
    ],
)
def test_a_job_sees_only_its_image_and_no_network(
    rehearsal: Rehearsal, sm_role: str, name: str, script: str, words: str
) -> None:
    job = trained(rehearsal, training(rehearsal, f"sandbox-{name}", sm_role, script))
    assert job["TrainingJobStatus"] == "Failed"
    assert words in sagemaker.log_file("training", f"sandbox-{name}").read_text()


def test_code_that_the_images_python_cannot_parse_is_refused(rehearsal: Rehearsal, sm_role: str) -> None:
    job = trained(rehearsal, training(rehearsal, "syntax", sm_role, "type X = int\n"))
    assert "SyntaxError in train.py, line 1" in job["FailureReason"]


def test_requirements_cannot_be_installed(rehearsal: Rehearsal, sm_role: str) -> None:
    request = training(rehearsal, "reqs", sm_role, "")
    code(rehearsal, "reqs", {"train.py": "", "requirements.txt": "duckdb"})
    assert "InstallModuleError" in trained(rehearsal, request)["FailureReason"]


def test_without_isolation_a_job_reaches_aws_with_its_role_and_nothing_else(rehearsal: Rehearsal, sm_role: str) -> None:
    # Given a job in a VPC without isolation
    script = (
        "import boto3, socket\n"
        "print('who', boto3.client('sts').get_caller_identity()['Arn'])\n"
        "socket.create_connection(('10.0.0.1', 80))\n"
    )
    request = training(rehearsal, "vpc", sm_role, script, EnableNetworkIsolation=False)
    request["VpcConfig"] = {"SecurityGroupIds": ["sg-12345678"], "Subnets": ["subnet-12345678"]}
    # When it calls AWS and then something else
    trained(rehearsal, request)
    # Then the first works, with the role's session, and the second does not
    log = sagemaker.log_file("training", "vpc").read_text()
    assert "assumed-role/sm-jobs/SageMaker" in log
    assert "Network is unreachable" in log


def test_what_the_role_may_not_read_fails_the_call_and_what_it_may_not_write_fails_the_job(
    rehearsal: Rehearsal, role: Callable[..., str]
) -> None:
    logs = ("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents")
    # Given a role that may not list the bucket
    blind = role("sm-blind", "sagemaker.amazonaws.com", "s3:GetObject", "s3:PutObject", *logs)
    with pytest.raises(ClientError) as caught:
        trained(rehearsal, training(rehearsal, "blind", blind, ""))
    # Then CreateTrainingJob says so
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    assert '"s3:ListBucket" permissions' in caught.value.response["Error"]["Message"]
    # And one that may list but not read fails while downloading
    listing = role("sm-list", "sagemaker.amazonaws.com", "s3:ListBucket", *logs)
    job = trained(rehearsal, training(rehearsal, "listing", listing, ""))
    assert job["FailureReason"].startswith(
        "ClientError: Data download failed:Unable to download object s3://sm-test/code"
    )
    # And one that may not write fails while uploading
    reader = role("sm-read", "sagemaker.amazonaws.com", "s3:ListBucket", "s3:GetObject", *logs)
    script = "import os\nopen(os.environ['SM_MODEL_DIR'] + '/m', 'w').write('m')\n"
    job = trained(rehearsal, training(rehearsal, "reader", reader, script))
    assert job["FailureReason"].startswith("ClientError: Failed to upload s3://sm-test/out/reader/output/model.tar.gz")


def test_requests_that_sagemaker_refuses(rehearsal: Rehearsal, sm_role: str, role: Callable[..., str]) -> None:
    sm = rehearsal.client("sagemaker")
    good = training(rehearsal, "refused", sm_role, "")
    other = role("sm-other", "lambda.amazonaws.com")
    bad: list[tuple[dict[str, object], str, str]] = [
        (
            {"TrainingJobName": "under_score"},
            "ValidationException",
            "at 'trainingJobName' failed to satisfy constraint",
        ),
        ({"RoleArn": other}, "ValidationException", "Could not assume role"),
        ({"EnableManagedSpotTraining": True}, "ValidationException", "Invalid MaxWaitTimeInSeconds"),
        (
            {"InputDataConfig": [channel("train", f"s3://{BUCKET}/nothing/")]},
            "ValidationException",
            "No S3 objects found",
        ),
        (
            {"ResourceConfig": {**good["ResourceConfig"], "InstanceType": "ml.huge"}},
            "ValidationException",
            "enum value set",
        ),
        ({"HyperParameters": {}}, "ValidationException", "built-in algorithm"),
        (
            {"AlgorithmSpecification": {"TrainingImage": IMAGE.replace("3.0-5", "9"), "TrainingInputMode": "File"}},
            "ValidationException",
            "no such tag or digest",
        ),
    ]
    for change, error, words in bad:
        with pytest.raises(ClientError) as caught:
            sm.create_training_job(**{**good, **change})
        assert caught.value.response["Error"]["Code"] == error, change
        assert words in caught.value.response["Error"]["Message"]
    # And a name is used once
    assert trained(rehearsal, good)["TrainingJobStatus"] == "Completed"
    with pytest.raises(ClientError, match="ResourceInUse"):
        sm.create_training_job(**good)
    with pytest.raises(ClientError, match="in status Completed"):
        sm.stop_training_job(TrainingJobName="refused")


def test_list_finds_jobs_by_name_and_status_in_pages(rehearsal: Rehearsal, sm_role: str) -> None:
    sm = rehearsal.client("sagemaker")
    for number in range(3):
        trained(rehearsal, training(rehearsal, f"page-{number}", sm_role, "" if number else "raise SystemExit(1)"))
    names = [
        each["TrainingJobName"]
        for page in sm.get_paginator("list_training_jobs").paginate(
            NameContains="page-", PaginationConfig={"PageSize": 2}
        )
        for each in page["TrainingJobSummaries"]
    ]
    assert names == ["page-2", "page-1", "page-0"]
    failed = sm.list_training_jobs(NameContains="page-", StatusEquals="Failed")["TrainingJobSummaries"]
    assert [each["TrainingJobName"] for each in failed] == ["page-0"]


def test_stop_and_time_limit_end_a_job_and_keep_its_model(rehearsal: Rehearsal, sm_role: str) -> None:
    sm = rehearsal.client("sagemaker")
    script = "import os, time\nopen(os.environ['SM_MODEL_DIR'] + '/m', 'w').write('m')\nprint('up')\ntime.sleep(60)\n"
    # Given one job that is stopped, and one that runs longer than it may
    sm.create_training_job(**training(rehearsal, "stopped", sm_role, script))
    sm.create_training_job(**training(rehearsal, "slow", sm_role, script, StoppingCondition={"MaxRuntimeInSeconds": 1}))
    while "up" not in sagemaker.log_file("training", "stopped").read_text():
        time.sleep(0.01)
    sm.stop_training_job(TrainingJobName="stopped")
    for name, secondary in (("stopped", "Stopped"), ("slow", "MaxRuntimeExceeded")):
        job = wait(lambda name=name: sm.describe_training_job(TrainingJobName=name), "TrainingJobStatus")
        assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", secondary)
        assert members_of(object_in(rehearsal, job["ModelArtifacts"]["S3ModelArtifacts"])) == {"m": b"m"}


CHECKPOINTED = """
import os, pathlib, time
place = pathlib.Path(os.environ.get("CKPT", "/nowhere"))
step = place / "step.txt"
done = int(step.read_text()) if step.exists() else 0
print("begins at", done)
(place / "new.tmp").write_text(str(done + 1)); os.replace(place / "new.tmp", step)
if done < 2:
    time.sleep(60)
"""


def test_a_spot_job_resumes_from_its_checkpoint_after_interruptions(rehearsal: Rehearsal, sm_role: str) -> None:
    # Given a spot job that is interrupted twice, each time after a checkpoint
    sagemaker.interrupt_next("spot-*", times=2, after_checkpoint=True)
    request = training(
        rehearsal,
        "spot-job",
        sm_role,
        CHECKPOINTED,
        EnableManagedSpotTraining=True,
        StoppingCondition={"MaxRuntimeInSeconds": 3600, "MaxWaitTimeInSeconds": 7200},
        CheckpointConfig={"S3Uri": f"s3://{BUCKET}/checkpoints/spot-job"},
        Environment={"CKPT": "/opt/ml/checkpoints"},
    )
    # When it runs
    job = trained(rehearsal, request)
    # Then it went on where it was
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    log = sagemaker.log_file("training", "spot-job").read_text()
    assert [line for line in log.splitlines() if line.startswith("begins")] == [
        "begins at 0",
        "begins at 1",
        "begins at 2",
    ]
    statuses = [each["Status"] for each in job["SecondaryStatusTransitions"]]
    assert statuses.count("Interrupted") == 2
    assert job["BillableTimeInSeconds"] <= job["TrainingTimeInSeconds"]
    assert object_in(rehearsal, f"s3://{BUCKET}/checkpoints/spot-job/step.txt") == b"3"


def test_a_spot_job_that_waits_too_long_for_capacity_ends(rehearsal: Rehearsal, sm_role: str) -> None:
    sagemaker.interrupt_next("waits", times=9)
    request = training(
        rehearsal,
        "waits",
        sm_role,
        "import time\ntime.sleep(60)\n",
        EnableManagedSpotTraining=True,
        StoppingCondition={"MaxRuntimeInSeconds": 45, "MaxWaitTimeInSeconds": 45},
    )
    job = trained(rehearsal, request)
    assert job["TrainingJobStatus"] == "Stopped"
    assert job["SecondaryStatus"] in ("MaxWaitTimeExceeded", "MaxRuntimeExceeded")


def test_a_job_without_capacity_fails_as_aws_says_and_refusals_can_be_ordered(
    rehearsal: Rehearsal, sm_role: str
) -> None:
    sagemaker.fail_capacity_next("full")
    job = trained(rehearsal, training(rehearsal, "full", sm_role, ""))
    assert job["FailureReason"].startswith("CapacityError: Unable to provision requested ML compute capacity.")
    sagemaker.refuse_next("CreateTrainingJob", "ResourceLimitExceeded", "The account-level service limit is 0")
    with pytest.raises(ClientError, match="ResourceLimitExceeded"):
        trained(rehearsal, training(rehearsal, "limit", sm_role, ""))


PROCESS = """
import json, os, pathlib, sys
config = json.loads(pathlib.Path(sys.argv[2]).read_text())
data = pathlib.Path(config["ProcessingInputs"][1]["S3Input"]["LocalPath"])
out = pathlib.Path(sys.argv[1])
(out / "sub").mkdir()
(out / "sub" / "names.json").write_text(json.dumps(sorted(p.relative_to(data).as_posix() for p in data.rglob("*.csv"))))
pathlib.Path(os.environ["MESSAGES"]).joinpath("message").write_text("looked at the rows")
"""


def test_a_processing_job_reads_a_manifest_and_uploads_its_output(
    rehearsal: Rehearsal, sm_role: str, rows: str
) -> None:
    # Given a manifest that names one object, and a script that is told its places by arguments
    s3 = bucket(rehearsal)
    s3.put_object(Bucket=BUCKET, Key="data/b/x.csv", Body=b"1")
    s3.put_object(Bucket=BUCKET, Key="data/b/y.csv", Body=b"2")
    s3.put_object(
        Bucket=BUCKET, Key="m/one.manifest", Body=json.dumps([{"prefix": f"s3://{BUCKET}/data/"}, "b/x.csv"]).encode()
    )
    place = {
        "S3Uri": f"s3://{BUCKET}/m/one.manifest",
        "LocalPath": "/opt/ml/processing/input/data",
        "S3DataType": "ManifestFile",
        "S3InputMode": "File",
    }
    events = Events(rehearsal, "sm-proc-events", {"detail-type": ["SageMaker Processing Job State Change"]})
    request = processing(
        rehearsal,
        "prepare",
        sm_role,
        PROCESS,
        ProcessingInputs=[{"InputName": "data", "S3Input": place}],
        AppSpecification={
            "ContainerArguments": ["/opt/ml/processing/output", "/opt/ml/config/processingjobconfig.json"]
        },
        Environment={"MESSAGES": "/opt/ml/output"},
    )
    # When it runs
    job = processed(rehearsal, request)
    # Then its output, message and event are there
    assert job["ProcessingJobStatus"] == "Completed", (
        job["FailureReason"] + sagemaker.log_file("training", "good").read_text()
    )
    assert job["ExitMessage"] == "looked at the rows"
    assert json.loads(object_in(rehearsal, f"s3://{BUCKET}/processed/prepare/sub/names.json")) == ["b/x.csv"]
    assert "Completed" in [each["detail"]["ProcessingJobStatus"] for each in events.all(3)]


def test_a_processing_job_that_fails_uploads_nothing(rehearsal: Rehearsal, sm_role: str) -> None:
    script = "import sys\nopen(sys.argv[1] + '/half.txt', 'w').write('half')\nraise RuntimeError('boom')\n"
    arguments = {"ContainerArguments": ["/opt/ml/processing/output"]}
    job = processed(rehearsal, processing(rehearsal, "fails", sm_role, script, AppSpecification=arguments))
    assert job["FailureReason"] == "AlgorithmError: See job logs for more information"
    assert "RuntimeError: boom" in sagemaker.log_file("processing", "fails").read_text()
    assert "Contents" not in bucket(rehearsal).list_objects_v2(Bucket=BUCKET, Prefix="processed/fails")
    # And input that is not there is the customer's fault
    request = processing(rehearsal, "no-input", sm_role, "")
    request["ProcessingInputs"][0]["S3Input"]["S3Uri"] = f"s3://{BUCKET}/nothing/"
    assert processed(rehearsal, request)["FailureReason"].startswith("ClientError: No S3 objects found under S3 URL")


def test_another_program_than_python_runs_with_the_same_python(rehearsal: Rehearsal, sm_role: str) -> None:
    request = processing(rehearsal, "shell", sm_role, "print('in python')\n")
    request["AppSpecification"]["ContainerEntrypoint"] = [
        "sh",
        "-c",
        "python3 /opt/ml/processing/input/code/run.py && exit 4",
    ]
    job = processed(rehearsal, request)
    assert job["ProcessingJobStatus"] == "Failed"
    assert "in python" in sagemaker.log_file("processing", "shell").read_text()
