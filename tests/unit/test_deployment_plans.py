"""Plans of deployments: model, configuration, alarms and the way back are valid requests that expect what they ask for."""

import json

import pytest

from checks.shapes import problems
from muster import naming
from muster.contracts.base import parse
from muster.contracts.deployment import HistoryRecord
from muster.errors import ContractError
from muster.plans import deployment
from tests.unit import samples

KEY = samples.SETTINGS.models_key_arn

PACKAGE = deployment.Servable(
    package_arn=samples.PACKAGE,
    evidence_digest=samples.digest("f"),
    run="0123456789abcdef0123",
    image_uri=samples.IMAGE,
    image_digest=samples.IMAGE_DIGEST,
    artifact_uri=samples.training_result().artifact.uri,
    artifact_digest=samples.training_result().artifact.digest,
    golden_uri=samples.run().golden_uri,
)


def deployment_plan(spec=None, previous="muster-tumour-old"):
    return deployment.plan(
        PACKAGE,
        spec or samples.spec(),
        samples.SETTINGS,
        endpoint="muster-tumour",
        previous_config=previous,
        execution_arn="arn:execution",
        entered_at="2026-11-21T12:00:00.000Z",
    )


@pytest.mark.parametrize("capture", [True, False])
def test_every_request_of_a_deployment_is_valid(capture):
    found = deployment_plan(samples.spec(capture__enabled=capture))
    assert problems("sagemaker", "CreateModel", found.model_request) == []
    assert problems("sagemaker", "CreateEndpointConfig", found.config_request) == []
    for alarm in found.alarms:
        assert problems("cloudwatch", "PutMetricAlarm", alarm) == []
    update = {
        "EndpointName": found.endpoint,
        "EndpointConfigName": found.config_name,
        "DeploymentConfig": found.deployment_config,
    }
    assert problems("sagemaker", "UpdateEndpoint", update) == []
    assert ("DataCaptureConfig" in found.config_request) is capture


def test_a_deployment_serves_the_sealed_artifact_in_the_pinned_image_isolated():
    found = deployment_plan()
    container = found.model_request["PrimaryContainer"]
    assert container["ModelDataUrl"].endswith(f"artifacts/{samples.digest('e')}/model.tar.gz")
    assert container["Image"] == samples.IMAGE
    assert container["Environment"] == {
        "SAGEMAKER_PROGRAM": "inference.py",
        "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
    }
    assert found.model_request["EnableNetworkIsolation"] is True
    assert found.config_request["KmsKeyId"] == KEY
    [variant] = found.config_request["ProductionVariants"]
    assert (variant["VariantName"], variant["ModelName"]) == (naming.VARIANT, found.model_request["ModelName"])


def test_the_plan_expects_what_it_asks_for():
    found = deployment_plan()
    assert found.expected.config_name == found.config_name == found.config_request["EndpointConfigName"]
    assert (found.expected.image_digest, found.expected.weight) == (samples.IMAGE_DIGEST, 1.0)
    assert found.expected.instance_count == 2
    watched = [each["AlarmName"] for each in found.deployment_config["AutoRollbackConfiguration"]["Alarms"]]
    assert watched == [each["AlarmName"] for each in found.alarms]


def test_a_first_deployment_has_nothing_before_it():
    found = deployment_plan(previous=None)
    assert (found.endpoint_exists, found.previous_config) == (False, None)


def test_a_plan_stays_far_below_the_limit_of_a_state():
    spec = samples.spec(rollout__maximum_seconds=28800)
    assert len(json.dumps(deployment_plan(spec).payload())) < 8 * 1024


def history(**changes) -> HistoryRecord:
    return parse(
        HistoryRecord,
        {
            "workflow": "deployment",
            "at": samples.NOW.isoformat(),
            "execution_arn": "e",
            "endpoint": "muster-tumour",
            "config_name": "muster-tumour-0123456789ab",
            "image_digest": samples.IMAGE_DIGEST,
            "outcome": "deployed",
            **changes,
        },
    )


def back(record):
    golden = samples.run().golden_uri
    return deployment.plan_back(record, samples.spec(), samples.SETTINGS, live_config="bad", golden_uri=golden)


def test_the_way_back_makes_nothing_new():
    found = back(history())
    assert (found.model_request, found.config_request) == (None, None)
    assert (found.config_name, found.previous_config) == ("muster-tumour-0123456789ab", "bad")
    update = {"EndpointName": "e", "EndpointConfigName": found.config_name, "DeploymentConfig": found.deployment_config}
    assert problems("sagemaker", "UpdateEndpoint", update) == []


@pytest.mark.parametrize("field", ["config_name", "image_digest"])
def test_the_way_back_needs_a_true_record(field):
    with pytest.raises(ContractError, match="found no configuration or image digest"):
        back(history(**{field: None}))


def test_a_refusal_is_a_plan_too():
    found = deployment.refused("muster-tumour", "already deployed")
    assert (found.status, found.reason, found.alarms) == ("refused", "already deployed", ())
