"""ECR: digests of the framework images in AWS's registries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from rehearsal import Rehearsal
from rehearsal.sagemaker.images import known

AWS = "414596584902"
IMAGE = next(image for image in known() if image.repository == "sagemaker-xgboost")
BY_TAG = {"imageTag": IMAGE.tag}


@pytest.fixture
def ecr(rehearsal: Rehearsal) -> Any:
    return rehearsal.client("ecr")


def test_a_tag_of_a_framework_image_has_a_digest(ecr: Any) -> None:
    answer = ecr.batch_get_image(registryId=AWS, repositoryName=IMAGE.repository, imageIds=[BY_TAG])
    assert answer["failures"] == []
    (image,) = answer["images"]
    assert image["imageId"] == {"imageTag": IMAGE.tag, "imageDigest": IMAGE.digest}
    assert (image["registryId"], image["repositoryName"]) == (AWS, IMAGE.repository)
    (detail,) = ecr.describe_images(registryId=AWS, repositoryName=IMAGE.repository, imageIds=[BY_TAG])["imageDetails"]
    assert (detail["imageDigest"], detail["imageTags"]) == (IMAGE.digest, [IMAGE.tag])
    by_digest = {"imageDigest": IMAGE.digest}
    assert ecr.describe_images(registryId=AWS, repositoryName=IMAGE.repository, imageIds=[by_digest])["imageDetails"]


def test_an_image_that_is_not_there(ecr: Any) -> None:
    wanted: dict[str, Any] = {
        "registryId": AWS,
        "repositoryName": IMAGE.repository,
        "imageIds": [{"imageTag": "0.0-0"}],
    }
    with pytest.raises(ecr.exceptions.ImageNotFoundException) as caught:
        ecr.describe_images(**wanted)
    assert caught.value.response["Error"]["Message"] == (
        "The image with imageId {imageDigest:'null', imageTag:'0.0-0'} does not exist within the repository with name "
        f"'{IMAGE.repository}' in the registry with id '{AWS}'"
    )
    answer = ecr.batch_get_image(**wanted)
    assert answer["images"] == []
    assert [failure["failureCode"] for failure in answer["failures"]] == ["ImageNotFound"]


@pytest.mark.parametrize("where", [{"registryId": AWS, "repositoryName": "none"}, {"repositoryName": IMAGE.repository}])
def test_a_repository_that_is_not_there(ecr: Any, where: dict[str, str]) -> None:
    for call in (ecr.describe_images, ecr.batch_get_image):
        with pytest.raises(ecr.exceptions.RepositoryNotFoundException):
            call(**where, imageIds=[BY_TAG])


def test_another_regions_registry_has_it_not_here(ecr: Any) -> None:
    with pytest.raises(ecr.exceptions.RepositoryNotFoundException, match="does not exist in the registry"):
        ecr.batch_get_image(registryId="999999999999", repositoryName=IMAGE.repository, imageIds=[BY_TAG])


def test_reading_it_needs_the_permission(rehearsal: Rehearsal, role: Callable[..., str]) -> None:
    answers = []
    for name, action in (("ecr-yes", "ecr:BatchGetImage"), ("ecr-no", "ecr:DescribeImages")):
        keys = rehearsal.host.iam.assume(role(name, "lambda.amazonaws.com", action), "lambda.amazonaws.com", "fn")
        try:
            rehearsal.client("ecr", keys).batch_get_image(
                registryId=AWS, repositoryName=IMAGE.repository, imageIds=[BY_TAG]
            )
            answers.append("")
        except ClientError as error:
            answers.append(error.response["Error"]["Code"])
    assert answers == ["", "AccessDeniedException"]


def test_the_own_registry_is_motos(ecr: Any) -> None:
    ecr.create_repository(repositoryName="own-images")
    assert ecr.describe_images(repositoryName="own-images")["imageDetails"] == []
