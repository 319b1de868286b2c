"""What the SageMaker and CloudWatch extensions need of moto, and the small rules that need no rehearsal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rehearsal import patching
from rehearsal.cloudwatch import patches
from rehearsal.sagemaker import api, constraints, images, job_metrics, s3, setup
from rehearsal.sagemaker.container import Container
from rehearsal.sagemaker.errors import ValidationException

URI = "414596584902.dkr.ecr.us-gov-west-1.amazonaws.com/sagemaker-xgboost"


# ---- the contract with moto: a failure here means that moto was upgraded and a patch has to be looked at


def _operations() -> dict[str, Any]:
    import importlib

    for name in setup._OPERATIONS:
        importlib.import_module(f"rehearsal.sagemaker.{name}")
    return api.OPERATIONS


def test_moto_has_the_operations_that_are_replaced_and_lacks_those_that_are_added() -> None:
    from moto.core.utils import camelcase_to_underscores
    from moto.sagemaker.responses import SageMakerResponse

    for name in _operations():
        method = camelcase_to_underscores(name)
        found = patching.original(SageMakerResponse, method)
        assert (found is None) == (method in api.MISSING_IN_MOTO), name


def test_every_operation_is_one_of_sagemakers() -> None:
    from moto.core.utils import get_service_model

    assert set(_operations()) <= set(get_service_model("sagemaker").operation_names)


def test_moto_has_what_the_other_patches_replace() -> None:
    from moto.cloudwatch.models import CloudWatchBackend
    from moto.sagemaker.models import SageMakerModelBackend
    from moto.sagemakerruntime.responses import SageMakerRuntimeResponse

    places: list[tuple[Any, str, str]] = [
        (SageMakerModelBackend, "_get_resource_from_arn", "self arn"),
        (SageMakerModelBackend, "add_tags", "self arn tags"),
        (SageMakerRuntimeResponse, "invoke_endpoint", "self"),
        (SageMakerRuntimeResponse, "invoke_endpoint_async", "self"),
        *((CloudWatchBackend, function.__name__, names) for function, names in patches._REPLACED.items()),
    ]
    for owner, name, parameters in places:
        patching._check(owner, name, tuple(parameters.split()))
    assert hasattr(SageMakerRuntimeResponse, "use_raw_body")


def test_motos_backend_has_the_collections_that_hold_the_records() -> None:
    from moto.sagemaker.models import SageMakerModelBackend

    backend = SageMakerModelBackend("us-gov-west-1", "123456789012")
    for name in [
        "training_jobs",
        "processing_jobs",
        "_models",
        "endpoint_configs",
        "endpoints",
        "model_package_groups",
        "model_packages",
    ]:
        assert getattr(backend, name) == {}


# ---- images


@pytest.mark.parametrize("name", [":3.0-5", f"@{images.known()[0].digest}", f":3.0-5@{images.known()[0].digest}"])
def test_an_image_is_found_by_tag_and_by_digest(name: str) -> None:
    assert images.find(URI + name).name == "sagemaker-xgboost:3.0-5"
    assert images.resolved(URI + name) == f"{URI}@{images.known()[0].digest}"


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("python:3.10", "is not the URI of an image in ECR"),
        (f"{URI}:1.7-1", "no such tag or digest"),
        (URI, "no such tag or digest"),
        (URI.replace("414596584902", "123456789012") + ":3.0-5", "the registry of sagemaker-xgboost"),
        (URI.replace("xgboost", "mxnet") + ":1", "no image of repository"),
    ],
)
def test_an_unknown_image_is_an_error(uri: str, words: str) -> None:
    with pytest.raises(images.UnknownImage, match=words):
        images.find(uri)


# ---- the folder of a container


@pytest.mark.parametrize(
    ("text", "mapped"),
    [
        ("/opt/ml/model", "{}/model"),
        ("--in=/opt/ml/input/data", "--in={}/input/data"),
        ("/opt/ml:/opt/ml/x", "{0}:{0}/x"),
        ("s3://bucket/opt/ml/model", "s3://bucket/opt/ml/model"),
        ("/opt/mlx", "/opt/mlx"),
        ("/srv/opt/ml/x", "/srv/opt/ml/x"),
    ],
)
def test_only_the_literal_prefix_is_mapped(tmp_path: Path, text: str, mapped: str) -> None:
    box = Container(tmp_path)
    assert box.inside({"a": [text]}) == {"a": [mapped.format(box.root)]}
    assert box.outside(box.inside(text)) == text


@pytest.mark.parametrize("text", ["/opt/ml/../../etc", "/tmp/x", "relative"])
def test_nothing_else_is_a_place_in_a_container(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError, match="not below /opt/ml"):
        Container(tmp_path).path(text)


# ---- transfers, metrics, constraints


@pytest.mark.parametrize(
    ("key", "prefix", "relative"),
    [
        ("d/train/a.csv", "d/train/", "a.csv"),
        ("d/train/a.csv", "d/train", "a.csv"),
        ("d/train/x/a.csv", "d/train", "x/a.csv"),
        ("d/train.csv", "d/train.csv", "train.csv"),
        ("d/train-2/a.csv", "d/train", "train-2/a.csv"),
        ("a.csv", "", "a.csv"),
    ],
)
def test_keys_are_placed_relative_to_their_prefix(key: str, prefix: str, relative: str) -> None:
    assert s3._relative(key, prefix) == relative


def test_a_metric_is_the_last_number_that_is_found() -> None:
    from datetime import UTC, datetime

    definitions = [
        {"Name": "auc", "Regex": r"auc=([0-9.]+)"},
        {"Name": "two", "Regex": r"(a)(b)"},
        {"Name": "none", "Regex": "zzz"},
    ]
    found = job_metrics.final(definitions, "auc=0.5\nab\nauc=0.75", datetime.now(UTC))
    assert [(each["MetricName"], each["Value"]) for each in found] == [("auc", 0.75)]


def test_a_request_is_checked_as_the_service_would() -> None:
    from moto.core.utils import get_service_model

    shape = get_service_model("sagemaker").operation_model("CreateEndpoint").input_shape
    with pytest.raises(ValidationException) as caught:
        constraints.check({"EndpointName": "a_b", "Tags": [{"Key": "k" * 200, "Value": "é"}]}, shape)
    text = caught.value.message
    assert text.startswith("3 validation errors detected: ")
    assert "Value null at 'endpointConfigName' failed to satisfy constraint: Member must not be null" in text
    assert "Value 'a_b' at 'endpointName' failed to satisfy constraint: Member must satisfy regular expression" in text
    assert (
        "at 'tags.1.member.key' failed to satisfy constraint: Member must have length less than or equal to 128" in text
    )
