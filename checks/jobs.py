"""What runs a model's code is isolated, encrypted, in the VPC and bounded in time.

GovCloud lacks the AWS Config rules that look for it afterwards (sagemaker-model-isolation-enabled, -model-in-vpc), so
the requests themselves are looked at, filled as in `checks.requests`.
"""

from collections.abc import Iterator
from typing import Any

from checks.examples import examples
from checks.findings import Finding, Result, result
from checks.requests import Request, api_of, requests
from checks.shapes import Unknown
from checks.tree import Tree, tasks

_LITERAL_TRUE = "true, written down"
_GIVEN = "a value"
_NETWORK = {"EnableNetworkIsolation": _LITERAL_TRUE, "EnableInterContainerTrafficEncryption": _LITERAL_TRUE}
_VPC = {"VpcConfig.Subnets": _GIVEN, "VpcConfig.SecurityGroupIds": _GIVEN}

_WANTED: dict[str, dict[str, str]] = {
    "CreateProcessingJob": {
        **{f"NetworkConfig.{name}": wanted for name, wanted in (_NETWORK | _VPC).items()},
        "ProcessingResources.ClusterConfig.VolumeKmsKeyId": _GIVEN,
        "ProcessingOutputConfig.KmsKeyId": _GIVEN,
        "StoppingCondition.MaxRuntimeInSeconds": _GIVEN,
        "RoleArn": _GIVEN,
        "Tags": _GIVEN,
    },
    "CreateTrainingJob": {
        **_NETWORK,
        **_VPC,
        "ResourceConfig.VolumeKmsKeyId": _GIVEN,
        "OutputDataConfig.KmsKeyId": _GIVEN,
        "StoppingCondition.MaxRuntimeInSeconds": _GIVEN,
        "RoleArn": _GIVEN,
        "Tags": _GIVEN,
    },
    # Isolated, in the VPC and under a role as its model is; bounded by the task's timeout (`checks.waits`).
    "CreateTransformJob": {
        "ModelName": _GIVEN,
        "TransformResources.VolumeKmsKeyId": _GIVEN,
        "TransformOutput.KmsKeyId": _GIVEN,
        "Tags": _GIVEN,
    },
    "CreateModel": {
        "EnableNetworkIsolation": _LITERAL_TRUE,
        **_VPC,
        "ExecutionRoleArn": _GIVEN,
        "Tags": _GIVEN,
    },
    "CreateEndpointConfig": {"KmsKeyId": _GIVEN, "Tags": _GIVEN},
}
_RUNS_NOTHING = ("CreateEndpoint",)
"""Creates nothing but what its configuration and model say."""
_WHEN_GIVEN = {"DataCaptureConfig": "DataCaptureConfig.KmsKeyId"}


def check(tree: Tree) -> Result:
    """Find requests that create a job, a model or an endpoint configuration without one of these."""
    found: list[Finding] = []
    count = 0
    plans = list(examples(tree))
    for workflow, document in tree.definitions.items():
        for state in tasks(document):
            service, operation = api_of(str(state.body.get("Resource"))) or ("", "")
            if service != "sagemaker" or not operation.startswith("Create") or operation in _RUNS_NOTHING:
                continue
            count += 1
            if operation not in _WANTED:
                message = (
                    f"{state.where}: found {operation}, wanted one of those that this check knows: {', '.join(_WANTED)}"
                )
                found.append(Finding(document.path, state.line("Resource"), message))
            for request in requests(state, [each for each in plans if each.workflow == workflow]):
                found += _missing(request)
    return result(f"{count} states that create jobs, models and endpoint configurations", found)


def _missing(request: Request) -> Iterator[Finding]:
    wanted = dict(_WANTED.get(request.operation, {}))
    wanted.update({inner: _GIVEN for outer, inner in _WHEN_GIVEN.items() if outer in request.parameters})
    for path, what in wanted.items():
        value = _member(request.parameters, path)
        if value is not True if what is _LITERAL_TRUE else not (value or isinstance(value, Unknown)):
            state, first = request.state, path.partition(".")[0]
            spelled = first if first in state.body["Parameters"] else f"{first}.$"
            line = state.line("Parameters", spelled, *path.split(".")[1:])
            message = f"{state.where}: found {path} {value!r}, wanted {what}"
            yield Finding(state.document.path, line, message)


def _member(request: Any, path: str) -> Any:
    for name in path.split("."):
        if not isinstance(request, dict):
            return request if isinstance(request, Unknown) else None
        request = request.get(name)
    return request
