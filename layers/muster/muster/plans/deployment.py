"""Requests of the `deployment` and `rollback` workflows: model, endpoint configuration, alarms, the way to shift."""

from dataclasses import dataclass
from typing import Any

from muster import naming, rollout
from muster.contracts.deployment import DeploymentPlan, Expected, HistoryRecord
from muster.contracts.spec import ModelSpec
from muster.errors import ContractError
from muster.plans.fragments import vpc_config
from muster.settings import Settings

CODE_IN_MODEL = "/opt/ml/model/code"


@dataclass(frozen=True, kw_only=True)
class Servable:
    """An approved package, as registry and evidence agree on it. ``image_uri`` is pinned by digest."""

    package_arn: str
    evidence_digest: str
    run: str
    image_uri: str
    image_digest: str
    artifact_uri: str
    artifact_digest: str
    golden_uri: str


def container_environment(spec: ModelSpec) -> dict[str, str]:
    """Return the environment of the serving container: where its code is, and what the spec adds."""
    return {
        **spec.inference.environment,
        "SAGEMAKER_PROGRAM": spec.inference.entry_point,
        "SAGEMAKER_SUBMIT_DIRECTORY": CODE_IN_MODEL,
    }


def plan(
    package: Servable,
    spec: ModelSpec,
    settings: Settings,
    *,
    endpoint: str,
    previous_config: str | None,
    execution_arn: str,
    entered_at: str,
) -> DeploymentPlan:
    """Return the plan of a deployment.

    Parameters
    ----------
    package
        What to serve.
    endpoint
        Where; `previous_config` is what serves there now, None when there is no such endpoint yet.
    execution_arn, entered_at
        Make the names of this attempt unique.
    """
    config = naming.config_name(endpoint, package.package_arn, execution_arn, entered_at)
    alarms = rollout.alarms(settings.prefix, endpoint, config, spec, settings.topic_arn)
    tags = [{"Key": "muster:prefix", "Value": settings.prefix}, {"Key": "muster:run", "Value": package.run}]
    return DeploymentPlan(
        status="ready",
        endpoint=endpoint,
        endpoint_exists=previous_config is not None,
        config_name=config,
        previous_config=previous_config,
        model_request=_model_request(package, spec, settings, config, tags),
        config_request=_config_request(spec, settings, config, tags),
        alarms=alarms,
        deployment_config=rollout.deployment_config(spec.rollout, [each["AlarmName"] for each in alarms]),
        wait_steps=rollout.wait_steps(spec.rollout.maximum_seconds),
        golden_uri=package.golden_uri,
        expected=_expected(spec, config, package.image_digest),
        package_arn=package.package_arn,
        evidence_digest=package.evidence_digest,
        artifact_digest=package.artifact_digest,
        problem_type=spec.problem_type,
        classes=len(spec.classes or ()),
    )


def plan_back(
    target: HistoryRecord, spec: ModelSpec, settings: Settings, *, live_config: str, golden_uri: str
) -> DeploymentPlan:
    """Return the plan of a rollback: to a configuration that exists and has served.

    Traffic moves at once and no alarm can turn it round again: what serves now is what has to go.

    Parameters
    ----------
    target
        The deployment to go back to (`rollout.choose_last_good`).
    spec
        The spec that the target was deployed with.
    """
    if target.config_name is None or target.image_digest is None:
        raise ContractError(f"{target.endpoint}: history: found no configuration or image digest, wanted both")
    return DeploymentPlan(
        status="ready",
        endpoint=target.endpoint,
        endpoint_exists=True,
        config_name=target.config_name,
        previous_config=live_config,
        alarms=rollout.alarms(settings.prefix, target.endpoint, target.config_name, spec, settings.topic_arn),
        deployment_config=rollout.restoring_config(),
        wait_steps=rollout.wait_steps(rollout.RESTORE_SECONDS),
        golden_uri=golden_uri,
        expected=_expected(spec, target.config_name, target.image_digest),
        package_arn=target.package_arn,
        evidence_digest=target.evidence_digest,
        artifact_digest=target.artifact_digest,
        problem_type=spec.problem_type,
        classes=len(spec.classes or ()),
    )


def refused(endpoint: str, reason: str) -> DeploymentPlan:
    """Return the plan that nothing is to be done."""
    return DeploymentPlan(status="refused", reason=reason, endpoint=endpoint)


def _expected(spec: ModelSpec, config: str, image_digest: str) -> Expected:
    return Expected(
        config_name=config,
        image_digest=image_digest,
        variant=naming.VARIANT,
        weight=1.0,
        instance_count=spec.inference.instance_count,
    )


def _model_request(
    package: Servable, spec: ModelSpec, settings: Settings, name: str, tags: list[dict[str, str]]
) -> dict[str, Any]:
    return {
        "ModelName": name,
        "PrimaryContainer": {
            "Image": package.image_uri,
            "Mode": "SingleModel",
            "ModelDataUrl": package.artifact_uri,
            "Environment": container_environment(spec),
        },
        "ExecutionRoleArn": settings.endpoint_role_arn,
        "VpcConfig": vpc_config(settings),
        "EnableNetworkIsolation": True,
        "Tags": tags,
    }


def _config_request(spec: ModelSpec, settings: Settings, name: str, tags: list[dict[str, str]]) -> dict[str, Any]:
    request: dict[str, Any] = {
        "EndpointConfigName": name,
        "ProductionVariants": [
            {
                "VariantName": naming.VARIANT,
                "ModelName": name,
                "InitialInstanceCount": spec.inference.instance_count,
                "InstanceType": spec.inference.instance_type,
                "InitialVariantWeight": 1.0,
            }
        ],
        "KmsKeyId": settings.models_key_arn,
        "Tags": tags,
    }
    if spec.capture.active:
        request["DataCaptureConfig"] = {
            "EnableCapture": True,
            "InitialSamplingPercentage": spec.capture.sampling_percent,
            "DestinationS3Uri": naming.capture_uri(settings.capture_bucket),
            "KmsKeyId": settings.data_key_arn,
            "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
            # What is not listed is kept as base64, and an answer is JSON when the caller says nothing of its type.
            "CaptureContentTypeHeader": {
                "CsvContentTypes": [spec.inference.content_type],
                "JsonContentTypes": ["application/json"],
            },
        }
    return request
