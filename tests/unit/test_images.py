"""Framework images: the table, its look-up, and that it is what the SDK says."""

import importlib.util
import json
from pathlib import Path

import pytest

from muster import images
from muster.errors import ImageUnknown
from tests.unit import samples


def test_the_image_of_a_framework_in_govcloud():
    found = images.find("sagemaker-xgboost", "3.0-5", samples.REGION)
    assert found.uri == "414596584902.dkr.ecr.us-gov-west-1.amazonaws.com/sagemaker-xgboost:3.0-5"
    assert (found.account, found.repository, found.tag) == ("414596584902", "sagemaker-xgboost", "3.0-5")
    assert found.pinned(samples.IMAGE_DIGEST) == samples.IMAGE


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ("xgboost", "3.0-5", samples.REGION),
            "image.framework: found 'xgboost', wanted one of: sagemaker-scikit-learn, sagemaker-xgboost",
        ),
        (
            ("sagemaker-xgboost", "9", samples.REGION),
            "image.version of sagemaker-xgboost: found '9', wanted one of: 0.90-1",
        ),
        (("sagemaker-xgboost", "3.0-5", "mars-1"), "found no image in region mars-1"),
    ],
)
def test_an_unknown_image_is_refused_with_what_is_known(arguments, line):
    with pytest.raises(ImageUnknown) as caught:
        images.find(*arguments)
    assert line in str(caught.value)


def test_only_a_digest_pins():
    with pytest.raises(ImageUnknown, match="found the digest 'latest'"):
        images.find("sagemaker-xgboost", "3.0-5", samples.REGION).pinned("latest")


def test_the_table_has_both_govcloud_regions():
    for entry in images.table()["frameworks"].values():
        assert {"us-gov-west-1", "us-gov-east-1"} <= set(entry["registries"])


@pytest.mark.skipif(importlib.util.find_spec("sagemaker") is None, reason="the authoring group is not installed")
@pytest.mark.parametrize("repository", ["sagemaker-xgboost", "sagemaker-scikit-learn"])
def test_the_table_is_what_the_sdk_says(repository):
    # Given the SDK's own table, read without the SDK (importing it takes longer than all other tests of the rules;
    # `python -m state_machines --check` compares with image_uris itself)
    from state_machines.image_table import FRAMEWORKS

    assert set(images.table()["frameworks"]) == set(FRAMEWORKS)
    sdk = Path(importlib.util.find_spec("sagemaker").origin).parent / "image_uri_config"
    config = json.loads((sdk / f"{FRAMEWORKS[repository]}.json").read_text())
    training, inference = config["training"]["versions"], config["inference"]["versions"]
    known = {version for version in training.keys() & inference.keys() if training[version]["repository"] == repository}
    # Then versions and accounts are the same
    entry = images.table()["frameworks"][repository]
    again = "images.json differs from the SDK: run `make workflows` and commit"
    assert set(entry["tags"]) == known, again
    for version in known:
        assert {region: host.partition(".")[0] for region, host in entry["registries"].items()} == (
            training[version]["registries"]
        ), again
        assert entry["tags"][version].startswith(version), again
