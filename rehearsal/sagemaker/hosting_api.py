"""CreateModel and CreateEndpointConfig with their relatives: what an endpoint is made of, kept as the request says."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from rehearsal.sagemaker import images, listing, registry, roles, s3
from rehearsal.sagemaker.api import Call, operation
from rehearsal.sagemaker.errors import NotRehearsed, ValidationException


class Record:
    """A model or an endpoint configuration: the request, and when it was made."""

    def __init__(self, request: dict[str, Any], arn: str, name: str, created: datetime) -> None:
        self.request = request
        self.arn, self.name = arn, name
        self.created = self.modified = created
        self.tags: list[dict[str, str]] = list(request.get("Tags", []))

    def members(self) -> dict[str, Any]:
        """Return the request as a Describe operation gives it back."""
        return {name: value for name, value in self.request.items() if name != "Tags"}


# ---- models


class Model(Record):
    """A model: one container's image, artifact and environment, and the role and network it gets."""

    @property
    def given(self) -> dict[str, Any]:
        """The container as the request defines it."""
        return self.request.get("PrimaryContainer") or self.request["Containers"][0]

    def container(self, backend: Any) -> dict[str, Any]:
        """Return the container to run, looked up in the registry when the request names a model package."""
        name = self.given.get("ModelPackageName")
        if not name:
            return self.given
        own = registry.find(backend, name).containers()[0]
        return {**own, "Environment": {**own.get("Environment", {}), **self.given.get("Environment", {})}}

    @property
    def isolated(self) -> bool:
        """EnableNetworkIsolation."""
        return bool(self.request.get("EnableNetworkIsolation"))


def find_model(backend: Any, name: str) -> Model:
    """Return a model; ValidationException as SageMaker words it when there is none."""
    found = backend._models.get(name)
    if found is None:
        raise ValidationException(f'Could not find model "{_arn(backend, "model", name)}".')
    return found


def _arn(backend: Any, kind: str, name: str) -> str:
    from rehearsal.host import current

    return current().arn("sagemaker", f"{kind}/{name}", region=backend.region_name)


@operation("CreateModel")
def create_model(call: Call) -> dict[str, Any]:
    """Check and keep a model."""
    name = call.params["ModelName"]
    arn = call.arn(f"model/{name}")
    if name in call.backend._models:
        raise ValidationException(f'Cannot create already existing model "{arn}".')
    if len(call.get("Containers", [])) > 1:
        raise NotRehearsed("a model of several containers")
    if not call.get("PrimaryContainer") and not call.get("Containers"):
        raise ValidationException("One of PrimaryContainer or Containers must be specified.")
    if not call.get("ExecutionRoleArn"):
        raise ValidationException("ExecutionRoleArn is required.")
    roles.check_assumable(call.host, call.params["ExecutionRoleArn"], arn)
    model = Model(dict(call.params), arn, name, call.host.clock.now())
    container = model.container(call.backend)
    _check_container(container)
    _check_artifact(call, container["ModelDataUrl"], call.params["ExecutionRoleArn"])
    call.backend._models[name] = model
    return {"ModelArn": arn}


def _check_container(container: dict[str, Any]) -> None:
    if container.get("Mode", "SingleModel") != "SingleModel" or "ModelDataSource" in container:
        raise NotRehearsed("a multi-model or uncompressed model container")
    if not container.get("Image"):
        raise ValidationException("The container definition has neither Image nor ModelPackageName.")
    try:
        image = images.find(container["Image"])
    except images.UnknownImage as error:
        raise ValidationException(f"Cannot find the requested image. {error}") from error
    if not container.get("ModelDataUrl"):
        raise NotRehearsed("a model without ModelDataUrl")
    if not container.get("Environment", {}).get("SAGEMAKER_PROGRAM"):
        raise NotRehearsed(f"the built-in algorithm of {image.name} (no SAGEMAKER_PROGRAM in Environment)")


def _check_artifact(call: Call, url: str, role: str) -> None:
    """CreateModel looks for the artifact with the model's role (texts as quoted in aws/sagemaker-python-sdk's issues)."""
    bucket, key = s3.split(url)
    try:
        roles.client(call.host, role, "s3").head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("404", "NoSuchKey", "NoSuchBucket"):
            raise ValidationException(f"Could not find model data at {url}.") from error
        raise ValidationException(
            f'Could not access model data at {url}. Please ensure that the role "{role}" exists and that its trust '
            'relationship policy allows the action "sts:AssumeRole" for the service principal "sagemaker.amazonaws.com". '
            f'Also ensure that the role has "s3:GetObject" permissions and that the object is located in {call.region}.'
        ) from error


@operation("DescribeModel")
def describe_model(call: Call) -> dict[str, Any]:
    """Return a model."""
    model = find_model(call.backend, call.params["ModelName"])
    return {
        **model.members(),
        "ModelArn": model.arn,
        "CreationTime": model.created,
        "EnableNetworkIsolation": model.isolated,
    }


@operation("DeleteModel")
def delete_model(call: Call) -> None:
    """Forget a model; a fleet that runs it goes on."""
    del call.backend._models[find_model(call.backend, call.params["ModelName"]).name]


@operation("ListModels")
def list_models(call: Call) -> dict[str, Any]:
    """Return summaries, newest first."""

    def summary(model: Model) -> dict[str, Any]:
        return {"ModelName": model.name, "ModelArn": model.arn, "CreationTime": model.created}

    return listing.page(call, "Models", call.backend._models.values(), summary)


# ---- endpoint configurations


class EndpointConfig(Record):
    """An endpoint configuration."""

    @property
    def variants(self) -> list[dict[str, Any]]:
        """Production variants, defaults filled in."""
        return [{"InitialVariantWeight": 1.0, **variant} for variant in self.request["ProductionVariants"]]

    @property
    def names(self) -> list[str]:
        """Names of the variants, sorted."""
        return sorted(variant["VariantName"] for variant in self.variants)


def find_config(backend: Any, name: str) -> EndpointConfig:
    """Return an endpoint configuration; ValidationException as SageMaker words it when there is none."""
    found = backend.endpoint_configs.get(name)
    if found is None:
        raise ValidationException(f'Could not find endpoint configuration "{_arn(backend, "endpoint-config", name)}".')
    return found


@operation("CreateEndpointConfig")
def create_endpoint_config(call: Call) -> dict[str, Any]:
    """Check and keep an endpoint configuration."""
    name = call.params["EndpointConfigName"]
    arn = call.arn(f"endpoint-config/{name}")
    if name in call.backend.endpoint_configs:
        raise ValidationException(f'Cannot create already existing endpoint configuration "{arn}".')
    for member in ("AsyncInferenceConfig", "ShadowProductionVariants", "ExplainerConfig"):
        if call.get(member):
            raise NotRehearsed(f"CreateEndpointConfig with {member}")
    seen = set()
    for variant in call.params["ProductionVariants"]:
        if variant["VariantName"] in seen:
            raise ValidationException(f"Duplicate variant name {variant['VariantName']}.")
        seen.add(variant["VariantName"])
        if "ServerlessConfig" in variant or not variant.get("ModelName"):
            raise NotRehearsed("a serverless or inference component variant")
        if not variant.get("InstanceType") or not variant.get("InitialInstanceCount"):
            raise ValidationException("InstanceType and InitialInstanceCount are required for a production variant.")
        find_model(call.backend, variant["ModelName"])
    config = EndpointConfig(dict(call.params), arn, name, call.host.clock.now())
    call.backend.endpoint_configs[name] = config
    return {"EndpointConfigArn": arn}


@operation("DescribeEndpointConfig")
def describe_endpoint_config(call: Call) -> dict[str, Any]:
    """Return an endpoint configuration."""
    config = find_config(call.backend, call.params["EndpointConfigName"])
    return {
        **config.members(),
        "EndpointConfigArn": config.arn,
        "CreationTime": config.created,
        "ProductionVariants": config.variants,
    }


@operation("DeleteEndpointConfig")
def delete_endpoint_config(call: Call) -> None:
    """Forget an endpoint configuration, even one in use, as SageMaker does."""
    del call.backend.endpoint_configs[find_config(call.backend, call.params["EndpointConfigName"]).name]


@operation("ListEndpointConfigs")
def list_endpoint_configs(call: Call) -> dict[str, Any]:
    """Return summaries, newest first."""

    def summary(config: EndpointConfig) -> dict[str, Any]:
        return {
            "EndpointConfigName": config.name,
            "EndpointConfigArn": config.arn,
            "CreationTime": config.created,
        }

    return listing.page(call, "EndpointConfigs", call.backend.endpoint_configs.values(), summary)
