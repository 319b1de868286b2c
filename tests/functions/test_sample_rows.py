"""sample_rows."""

import csv
import io
from typing import Any

import numpy as np
import pytest

from checks import shapes
from muster import errors
from muster.contracts.base import parse
from muster.contracts.quality import LiveSample
from tests.functions.live_traffic import RUN, WATCHING, Rows, Traffic
from tests.functions.world import World, bucket

ROWS = Rows.drawn(500)
SAMPLE = f"s3://{bucket('work')}/monitoring/{RUN}/sample/live/features.csv"


@pytest.fixture
def traffic(world: World) -> Traffic:
    return Traffic(world)


def _sample(traffic: Traffic) -> tuple[dict[str, Any], list[list[str]]]:
    answer = traffic.world.call("sample_rows", traffic.event("sample_rows"))
    text = traffic.world.body(SAMPLE).decode() if answer["status"] == "ready" else ""
    return answer, list(csv.reader(io.StringIO(text)))


def test_a_sample_is_a_holdout_without_labels_and_a_job_that_explains_it(traffic: Traffic) -> None:
    traffic.window(ROWS.captured())
    answer, lines = _sample(traffic)
    parse(LiveSample, answer)
    # Then 60 different rows of the window are there, to the bit
    assert lines[0] == ["row_id", "radius", "age_band"]
    assert len(lines) == 61
    asked = {(float(radius), band) for radius, band in zip(ROWS.radius, ROWS.band, strict=True)}
    assert {(float(radius), band) for _, radius, band in lines[1:]} < asked
    # And the serving package's own image and artifact explain them
    (package,) = traffic.world.sagemaker.packages.values()
    container = package["InferenceSpecification"]["Containers"][0]
    job = answer["job"]
    assert job["image_uri"] == container["Image"]
    inputs = {each["InputName"]: each["S3Input"]["S3Uri"] for each in job["inputs"]}
    assert inputs["model"] == container["ModelDataUrl"]
    assert inputs["holdout-live"] == SAMPLE
    assert job["environment"]["SAGEMAKER_PROGRAM"] == "inference.py"
    assert job["outputs"][0]["S3Output"]["S3Uri"] + "attributions.json" == answer["attributions_uri"]


def test_the_sample_does_not_depend_on_how_the_files_are_cut(traffic: Traffic) -> None:
    lines = ROWS.captured().splitlines(keepends=True)
    traffic.window("".join(lines))
    whole = _sample(traffic)
    chance = np.random.default_rng(3).permutation(len(lines))
    traffic.window("".join(lines[n] for n in chance[:100]), "".join(lines[n] for n in chance[100:]))
    answer, rows = _sample(traffic)
    assert rows == whole[1]
    assert answer["rows"] == 60


def test_nobody_asked(world: World) -> None:
    traffic = Traffic(world, monitoring=WATCHING["monitoring"] | {"attribution": None})
    traffic.window(ROWS.captured())
    answer, _ = _sample(traffic)
    assert (answer["status"], answer["job"]) == ("skipped", None)


def test_too_few_rows_rank_by_chance(traffic: Traffic) -> None:
    traffic.window("".join(ROWS.captured().splitlines(keepends=True)[:49]))
    answer, _ = _sample(traffic)
    assert answer["status"] == "skipped"
    assert answer["reason"] == "49 rows in the window, wanted 50 at least"


def test_a_model_that_was_registered_without_attributions(traffic: Traffic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.functions.live_traffic.ATTRIBUTIONS", [])
    traffic.window(ROWS.captured())
    answer, _ = _sample(traffic)
    assert answer["status"] == "skipped"
    assert "no explain_fn when it was evaluated" in answer["reason"]


def test_what_cannot_be_read_and_muster_s_own_are_no_rows(traffic: Traffic) -> None:
    own = "".join(f"{ROWS.record(n, inference=f'muster-{n}')}\n" for n in range(100))
    traffic.window("{\n" * 100 + own)
    answer, _ = _sample(traffic)
    assert (answer["status"], answer["rows"]) == ("skipped", 0)


def test_a_package_that_is_gone_or_another(traffic: Traffic) -> None:
    traffic.window(ROWS.captured())
    (package,) = traffic.world.sagemaker.packages.values()
    package["CustomerMetadataProperties"]["evidence_digest"] = "0" * 64
    with pytest.raises(errors.DigestMismatch, match="found evidence 0000"):
        _sample(traffic)
    traffic.world.sagemaker.packages.clear()
    with pytest.raises(errors.NotFound, match="found none in the registry"):
        _sample(traffic)


def test_the_job_s_members_are_those_of_every_processing_job(traffic: Traffic) -> None:
    # The workflow's task, with its fixed members, is checked against SageMaker's model by `checks.requests`.
    traffic.window(ROWS.captured())
    job = _sample(traffic)[0]["job"]
    assert job["entrypoint"] == ["python3", "/opt/ml/processing/input/muster/predict.py"]
    for each in job["inputs"]:
        assert not shapes.problems("sagemaker", "CreateProcessingJob", _request(job) | {"ProcessingInputs": [each]})
    assert (job["instance_type"], job["max_runtime_seconds"]) == ("ml.m5.large", 1800)


def _request(job: dict[str, Any]) -> dict[str, Any]:
    machines = {"InstanceCount": job["instance_count"], "InstanceType": job["instance_type"]}
    return {
        "ProcessingJobName": "job",
        "RoleArn": "arn:aws-us-gov:iam::123456789012:role/job",
        "ProcessingResources": {"ClusterConfig": {**machines, "VolumeSizeInGB": job["volume_gb"]}},
        "AppSpecification": {
            "ImageUri": job["image_uri"],
            "ContainerEntrypoint": job["entrypoint"],
            "ContainerArguments": job["arguments"],
        },
        "ProcessingOutputConfig": {"Outputs": job["outputs"]},
        "Environment": job["environment"],
        "NetworkConfig": {"VpcConfig": job["vpc_config"]},
    }
