"""AWS::Lambda::Function, LayerVersion, Permission, EventInvokeConfig, EventSourceMapping, Version and Alias."""

from __future__ import annotations

import re
from typing import Any

from .. import assets
from ..kinds import Kind, Made
from ..work import Work

_CONFIGURATION = (
    "Architectures",
    "DeadLetterConfig",
    "Description",
    "Environment",
    "EphemeralStorage",
    "Handler",
    "LoggingConfig",
    "MemorySize",
    "Role",
    "Runtime",
    "Timeout",
    "VpcConfig",
)
_CONFIGURATION_TEXT = " ".join(_CONFIGURATION)
_ONLY_AT_CREATION = ("Architectures",)
_COLD = "there is no host underneath whose runtime version, start or signature it could change"
#: SAM's build methods whose result is what `pip install --target` and a copy of the folder make.
_PYTHON = re.compile(r"^python(3\.\d+|-uv)$")


# ---- functions


def _function_code(work: Work) -> bytes:
    code = work.get("Code")
    if not isinstance(code, dict):
        raise work.error("is missing", "Code")
    for key in code:
        if key not in ("S3Bucket", "S3Key", "ZipFile"):
            raise work.error("is not handled in the rehearsal: a function is a folder with Python code", f"Code.{key}")
    if "ZipFile" in code:
        return assets.inline(str(code["ZipFile"]))
    return work.content("Code")


def _configuration(work: Work) -> dict[str, Any]:
    params = work.only(*_CONFIGURATION)
    params["Layers"] = work.get("Layers") or []
    if work.get("KmsKeyArn"):
        params["KMSKeyArn"] = work.get("KmsKeyArn")
    if work.get("TracingConfig"):
        params["TracingConfig"] = work.get("TracingConfig")
    return params


def _create_function(work: Work) -> Made:
    name = work.name("FunctionName", 64)
    params = {"FunctionName": name, "Code": {"ZipFile": _function_code(work)}, **_configuration(work)}
    if work.tags():
        params["Tags"] = work.tags()
    made = work.call("lambda", "create_function", params)
    _reserve(work, name)
    return Made(name, {"Arn": made["FunctionArn"]})


def _update_function(work: Work, made: Made) -> Made:
    name = made.physical_id
    if name != work.name("FunctionName", 64):
        raise work.error("has changed, which replaces the function: start the rehearsal anew", "FunctionName")
    work.call("lambda", "update_function_code", {"FunctionName": name, "ZipFile": _function_code(work)}, "Code")
    changes = {key: value for key, value in _configuration(work).items() if key not in _ONLY_AT_CREATION}
    changes.setdefault("Environment", {"Variables": {}})
    work.call("lambda", "update_function_configuration", {"FunctionName": name, **changes})
    _reserve(work, name)
    return made


def _reserve(work: Work, name: str) -> None:
    reserved = work.get("ReservedConcurrentExecutions")
    if reserved is not None:
        work.call(
            "lambda",
            "put_function_concurrency",
            {"FunctionName": name, "ReservedConcurrentExecutions": reserved},
            "ReservedConcurrentExecutions",
        )


# ---- layers


def _layer_content(work: Work) -> bytes:
    """Return the layer's zip file; a folder that `sam build` would build gets the ``python/`` that it would give it."""
    content = work.get("Content")
    for key in content if isinstance(content, dict) else ():
        if key not in ("S3Bucket", "S3Key"):
            raise work.error("is not handled in the rehearsal", f"Content.{key}")
    method = work.metadata.get("BuildMethod")
    folder = work.file("Content")
    if method is None or (folder / "python").is_dir():
        return work.content("Content")
    # Its Makefile installs the pinned packages; here they come from this process, as for a python3.x method.
    made = method == "makefile" and (folder / "Makefile").is_file()
    if not (made or _PYTHON.match(str(method))):
        raise work.error(
            f"cannot be built by {method!r} in the rehearsal: use makefile or a python3.x method", "Content"
        )
    return work.content("Content", "python/")


def _publish_layer(work: Work) -> Made:
    params = {
        "LayerName": work.name("LayerName", 140),
        "Content": {"ZipFile": _layer_content(work)},
        **work.only("CompatibleArchitectures", "CompatibleRuntimes", "Description", "LicenseInfo"),
    }
    arn = work.call("lambda", "publish_layer_version", params)["LayerVersionArn"]
    return Made(arn, {"LayerVersionArn": arn})


# ---- what belongs to functions


def _permit(work: Work) -> Made:
    statement = work.name(longest=100)
    params = {
        "StatementId": statement,
        **work.only(
            "Action", "FunctionName", "Principal", "SourceArn", "SourceAccount", "EventSourceToken", "PrincipalOrgID"
        ),
    }
    work.call("lambda", "add_permission", params)
    return Made(statement)


def _put_invoke_config(work: Work) -> Made:
    name, qualifier = work.get("FunctionName"), work.get("Qualifier")
    if qualifier != "$LATEST":
        raise work.error(f"is {qualifier!r}; the rehearsal has $LATEST only", "Qualifier")
    params = {
        "FunctionName": name,
        **work.only("MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig"),
    }
    work.call("lambda", "put_function_event_invoke_config", params)
    return Made(work.name())


def _update_invoke_config(work: Work, _: Made) -> Made:
    # moto keeps every configuration that it was ever given and answers with the first.
    work.call("lambda", "delete_function_event_invoke_config", {"FunctionName": work.get("FunctionName")})
    return _put_invoke_config(work)


_SOURCE = ("BatchSize", "Enabled", "EventSourceArn", "FilterCriteria", "FunctionName", "FunctionResponseTypes")


def _map_source(work: Work) -> Made:
    if ":sqs:" not in str(work.get("EventSourceArn")):
        raise work.error("is no SQS queue; the rehearsal polls no other source", "EventSourceArn")
    made = work.call("lambda", "create_event_source_mapping", work.only(*_SOURCE))
    arn = work.host.arn("lambda", f"event-source-mapping:{made['UUID']}")
    return Made(made["UUID"], {"Id": made["UUID"], "EventSourceMappingArn": arn})


def _publish_version(work: Work) -> Made:
    made = work.call("lambda", "publish_version", work.only("FunctionName", "Description", "CodeSha256"))
    function = ":".join(made["FunctionArn"].split(":")[:7])  # without a qualifier, whether moto adds it or not
    arn = f"{function}:{made['Version']}"
    return Made(arn, {"Version": made["Version"], "FunctionArn": arn})


def _create_alias(work: Work) -> Made:
    made = work.call("lambda", "create_alias", work.only("FunctionName", "FunctionVersion", "Name", "Description"))
    return Made(made["AliasArn"], {"AliasArn": made["AliasArn"]})


KINDS = [
    Kind(
        "AWS::Lambda::Function",
        _create_function,
        f"Code FunctionName KmsKeyArn Layers ReservedConcurrentExecutions Tags TracingConfig {_CONFIGURATION_TEXT}",
        {
            "CodeSigningConfigArn": _COLD,
            "RuntimeManagementConfig": _COLD,
            "SnapStart": _COLD,
            "PackageType": "a function is a zip file; an image is refused where its Code is read",
            "RecursiveLoop": "loops are not looked for",
        },
        required="Code Role",
        update=_update_function,
        source=_function_code,
    ),
    Kind(
        "AWS::Lambda::LayerVersion",
        _publish_layer,
        "CompatibleArchitectures CompatibleRuntimes Content Description LayerName LicenseInfo",
        required="Content",
        update=lambda work, _: _publish_layer(work),
        source=_layer_content,
    ),
    Kind(
        "AWS::Lambda::Permission",
        _permit,
        "Action EventSourceToken FunctionName Principal PrincipalOrgID SourceAccount SourceArn",
        required="Action FunctionName Principal",
    ),
    Kind(
        "AWS::Lambda::EventInvokeConfig",
        _put_invoke_config,
        "DestinationConfig FunctionName MaximumEventAgeInSeconds MaximumRetryAttempts Qualifier",
        required="FunctionName Qualifier",
        update=_update_invoke_config,
    ),
    Kind(
        "AWS::Lambda::EventSourceMapping",
        _map_source,
        " ".join(_SOURCE),
        {
            "MaximumBatchingWindowInSeconds": "messages are handed over as they arrive",
            "ScalingConfig.MaximumConcurrency": "one batch of a queue is handed over at a time",
            "Tags": "nothing reads them",
        },
        required="FunctionName EventSourceArn",
    ),
    Kind("AWS::Lambda::Version", _publish_version, "CodeSha256 Description FunctionName", required="FunctionName"),
    Kind(
        "AWS::Lambda::Alias",
        _create_alias,
        "Description FunctionName FunctionVersion Name",
        required="FunctionName FunctionVersion Name",
    ),
]
