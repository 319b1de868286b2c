"""What a function's execution environment contains: variables, code, layers, and the credentials of its role."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Any

from rehearsal.host import Host
from rehearsal.iam.errors import AccessDenied

from .code import CodeStore, layer_paths
from .errors import ServiceError
from .sandbox import Setup

_SERVICE = "lambda.amazonaws.com"
_REPOSITORY = Path(__file__).resolve().parents[2]


def setup(host: Host, function: Any, store: CodeStore) -> Setup:
    """Return what an execution environment of a function is made of.

    Parameters
    ----------
    host
        The rehearsal.
    function
        moto's record of the function.
    store
        Where code is unpacked.

    Raises
    ------
    ServiceError
        When its code is no zip file.
    """
    from moto.awslambda.models import lambda_backends

    backend = lambda_backends[function.account_id][function.region]
    try:
        task = store.folder(function.code_bytes)
        layers = [store.folder(backend.layers_versions_by_arn(layer["Arn"]).code_bytes) for layer in function.layers]
    except zipfile.BadZipFile as error:
        raise ServiceError(
            502, "InvalidZipFileException", f"Lambda could not unzip the deployment package: {error}"
        ) from error
    return Setup(
        handler=str(function.handler),
        memory=int(function.memory_size),
        task=task,
        layers=tuple(layer_paths(layers)),
        variables=tuple(sorted(_variables(host, function, task).items())),
    )


def _variables(host: Host, function: Any, task: Path) -> dict[str, str]:
    """Return the function's own variables and Lambda's reserved ones, which win.

    Source: AWS Lambda Developer Guide, "Working with Lambda environment variables", defined runtime environment
    variables. There is no X-Ray daemon, so tracing is off.
    """
    own = {str(name): str(value) for name, value in (function.environment_vars or {}).items()}
    logging = getattr(function, "logging_config", None) or {}
    if logging.get("LogFormat") == "JSON":
        own["AWS_LAMBDA_LOG_FORMAT"] = "JSON"
        own["AWS_LAMBDA_LOG_LEVEL"] = str(logging.get("ApplicationLogLevel", "INFO"))
    return {
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "PATH": os.environ.get("PATH", os.defpath),
        "POWERTOOLS_TRACE_DISABLED": "1",
        **own,
        "AWS_DEFAULT_REGION": function.region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": host.endpoint,
        "AWS_USE_FIPS_ENDPOINT": "false",  # botocore refuses FIPS together with an endpoint that is given
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.run_time}",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_size),
        "AWS_LAMBDA_FUNCTION_NAME": function.function_name,
        "AWS_LAMBDA_FUNCTION_VERSION": str(function.version),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_REGION": function.region,
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
        "LAMBDA_TASK_ROOT": str(task),
        "REHEARSAL_IMPORT_ROOT": str(_REPOSITORY),  # the worker takes it out of sys.path, and away
        "_HANDLER": str(function.handler),
    }


def credentials(host: Host, function: Any) -> dict[str, str]:
    """Return the environment variables with the credentials of the function's role.

    Raises
    ------
    ServiceError
        When Lambda cannot assume the role, or the role cannot use the key of the function's environment.
    """
    if host.iam is None:  # a rehearsal of Lambda alone
        return {"AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none", "AWS_SESSION_TOKEN": "none"}  # nosec B105 # no keys
    try:
        keys = host.iam.assume(function.role, _SERVICE, function.function_name, source_arn=function.function_arn)
    except AccessDenied as error:
        text = f"The role defined for the function cannot be assumed by Lambda. {error}"
        raise ServiceError(403, "AccessDeniedException", text) from error
    if function.kms_key_arn and function.environment_vars:
        try:
            host.iam.require_key(function.role, function.kms_key_arn, "lambda")
        except AccessDenied as error:
            text = (
                "Lambda was unable to decrypt the environment variables because KMS access was denied. Please check "
                f"the function's KMS key settings. KMS Exception: AccessDeniedException KMS Message: {error}"
            )
            raise ServiceError(502, "KMSAccessDeniedException", text) from error
    return keys
