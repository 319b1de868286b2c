"""Binds the rehearsal's SageMaker operations to moto's HTTP layer.

An operation is a function of a `Call` that returns the response as a dict in botocore's shape. moto parses the
request and serialises the answer; its own SageMaker models are left out, because they keep only a part of what a
request says.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rehearsal import patching
from rehearsal.host import Host, current
from rehearsal.sagemaker import constraints, control


@dataclass
class Call:
    """One request.

    Attributes
    ----------
    params
        The request as botocore's shapes say, timestamps as datetime.
    backend
        moto's SageMaker backend of the account and region; its dictionaries hold the rehearsal's records, so that
        tagging and POST /moto-api/reset work on them.
    region
        The region that was addressed.
    """

    params: dict[str, Any]
    backend: Any
    region: str

    @property
    def host(self) -> Host:
        """The running rehearsal."""
        return current()

    def get(self, name: str, default: Any = None) -> Any:
        """Return a member of the request."""
        return self.params.get(name, default)

    def arn(self, resource: str) -> str:
        """Return the ARN of a SageMaker resource of this account and region."""
        return self.host.arn("sagemaker", resource, region=self.region)


Operation = Callable[[Call], dict[str, Any] | None]
OPERATIONS: dict[str, Operation] = {}


def operation(name: str) -> Callable[[Operation], Operation]:
    """Register a function as the API operation `name`."""

    def register(function: Operation) -> Operation:
        OPERATIONS[name] = function
        return function

    return register


def _method(name: str, function: Operation) -> Callable[[Any], Any]:
    """Make the method that moto's dispatcher calls."""
    from moto.core.responses import ActionResult, EmptyResult
    from moto.core.utils import get_service_model

    shape = get_service_model("sagemaker").operation_model(name).input_shape

    def answer(self: Any) -> Any:
        params = {key: value for key, value in self.params.items() if value is not None}
        control.refuse_if_ordered(name)
        constraints.check(params, shape)
        result = function(Call(params, self.sagemaker_backend, self.region))
        return EmptyResult() if result is None else ActionResult(result)

    return answer


def bind() -> None:
    """Put every registered operation into moto's response class.

    Raises
    ------
    RuntimeError
        When moto's class is not what the rehearsal was written for (see `patching`).
    """
    from moto.core.utils import camelcase_to_underscores
    from moto.sagemaker.responses import SageMakerResponse

    for name, function in OPERATIONS.items():
        method = camelcase_to_underscores(name)
        if method in MISSING_IN_MOTO:
            patching.add(SageMakerResponse, method, _method(name, function))
        else:
            patching.replace(SageMakerResponse, method, _method(name, function), ("self",))


#: What moto 5.2.5 lacks, so that an upgrade which brings one of them is noticed.
MISSING_IN_MOTO = frozenset(
    {
        "delete_model_package",
        "delete_model_package_group",
        "stop_training_job",
        "stop_transform_job",
        "update_endpoint",
    }
)
