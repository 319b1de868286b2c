"""CreateEndpoint, UpdateEndpoint, DeleteEndpoint and their relatives, and what SageMaker refuses at once."""

from __future__ import annotations

from typing import Any

from rehearsal.sagemaker import deployment, lifetime, listing
from rehearsal.sagemaker.api import Call, operation
from rehearsal.sagemaker.endpoints import Endpoint
from rehearsal.sagemaker.errors import NotRehearsed, ValidationException
from rehearsal.sagemaker.hosting_api import find_config

_BUSY = ("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting")


def _found(call: Call) -> Endpoint:
    name = call.params["EndpointName"]
    found = call.backend.endpoints.get(name)
    if found is None:
        raise ValidationException(f'Could not find endpoint "{call.arn(f"endpoint/{name}")}".')
    return found


def _free(endpoint: Endpoint) -> None:
    if endpoint.status in _BUSY:
        raise ValidationException(f'Cannot update in-progress endpoint "{endpoint.arn}".')


@operation("CreateEndpoint")
def create_endpoint(call: Call) -> dict[str, Any]:
    """Start an endpoint."""
    name = call.params["EndpointName"]
    arn = call.arn(f"endpoint/{name}")
    if name in call.backend.endpoints:
        raise ValidationException(f'Cannot create already existing endpoint "{arn}".')
    config = find_config(call.backend, call.params["EndpointConfigName"])
    endpoint = Endpoint(call.host, call.backend, dict(call.params), config, arn)
    if endpoint.last_deployment:
        deployment.check(call, endpoint, config, endpoint.last_deployment)
    call.backend.endpoints[name] = endpoint
    endpoint.become("Creating")
    lifetime.thread(call.host, endpoint.create, name=f"endpoint-{name}")
    return {"EndpointArn": arn}


@operation("UpdateEndpoint")
def update_endpoint(call: Call) -> dict[str, Any]:
    """Start a blue/green deployment."""
    endpoint = _found(call)
    config = find_config(call.backend, call.params["EndpointConfigName"])
    policy = call.get("DeploymentConfig")
    if call.get("RetainDeploymentConfig"):
        if policy:
            raise ValidationException("DeploymentConfig and RetainDeploymentConfig cannot both be specified.")
        policy = endpoint.last_deployment
    with endpoint.lock:
        _free(endpoint)
        if endpoint.status == "Failed":
            raise ValidationException(
                f'Cannot update endpoint "{endpoint.arn}" in status Failed; it can only be deleted.'
            )
        find_config(
            call.backend, endpoint.config.name
        )  # the one in use must still exist (terraform-provider-aws #40048)
        if config.name == endpoint.config.name:
            raise ValidationException(
                f'Cannot update endpoint "{endpoint.arn}" to the endpoint configuration that it has.'
            )
        deployment.check(call, endpoint, config, policy)
        retained = _retained(call, endpoint)
        run = deployment.Deployment(endpoint, config, policy, retained)
        endpoint.status = "Updating"
    run.begin()
    return {"EndpointArn": endpoint.arn}


def _retained(call: Call, endpoint: Endpoint) -> dict[str, tuple[float, int]]:
    """Return weight and count per variant that RetainAllVariantProperties carries over."""
    if not call.get("RetainAllVariantProperties"):
        return {}
    excluded = {item["VariantPropertyType"] for item in call.get("ExcludeRetainedVariantProperties", [])}
    if excluded - {"DataCaptureConfig"}:
        raise NotRehearsed("ExcludeRetainedVariantProperties of weights or counts")
    return {name: (fleet.weight, fleet.instances) for name, fleet in endpoint.blue.items()}


@operation("UpdateEndpointWeightsAndCapacities")
def update_weights(call: Call) -> dict[str, Any]:
    """Change weights and instance counts of the variants that serve."""
    endpoint = _found(call)
    with endpoint.lock:
        _free(endpoint)
        for wanted in call.params["DesiredWeightsAndCapacities"]:
            fleet = endpoint.blue.get(wanted["VariantName"])
            if fleet is None:
                raise ValidationException(f"Could not find variant {wanted['VariantName']} of {endpoint.arn}.")
        endpoint.status = "Updating"

    def apply() -> None:
        endpoint.become("Updating")
        with endpoint.lock:
            for wanted in call.params["DesiredWeightsAndCapacities"]:
                fleet = endpoint.blue[wanted["VariantName"]]
                fleet.weight = float(wanted.get("DesiredWeight", fleet.weight))
                fleet.instances = int(wanted.get("DesiredInstanceCount", fleet.instances))
        endpoint.become("InService")

    lifetime.thread(call.host, apply, name=f"endpoint-{endpoint.name}")
    return {"EndpointArn": endpoint.arn}


@operation("DescribeEndpoint")
def describe_endpoint(call: Call) -> dict[str, Any]:
    """Return an endpoint."""
    return _found(call).describe()


@operation("ListEndpoints")
def list_endpoints(call: Call) -> dict[str, Any]:
    """Return summaries, newest first."""
    return listing.page(call, "Endpoints", call.backend.endpoints.values(), Endpoint.summary)


@operation("DeleteEndpoint")
def delete_endpoint(call: Call) -> None:
    """End an endpoint."""
    endpoint = _found(call)
    with endpoint.lock:
        _free(endpoint)
        endpoint.status = "Deleting"
    endpoint.become("Deleting")
    lifetime.thread(call.host, endpoint.delete, name=f"endpoint-{endpoint.name}")
