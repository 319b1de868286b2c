"""Optimized integration of SageMaker: request-response for all, ``.sync`` for training, processing and transform jobs.

moto forwards any SageMaker call and refuses ``.sync``. The result of ``.sync`` is what Describe returns; a job that
ends in any other way than Completed fails the task with States.TaskFailed and that JSON as cause
(https://docs.aws.amazon.com/step-functions/latest/dg/connect-sagemaker.html; that this holds for Stopped is not written
there: it is taken to be no success).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from rehearsal import host as hosts
from rehearsal.clock import ClockEvent
from rehearsal.patching import wrap
from rehearsal.stepfunctions.names import failed
from rehearsal.stepfunctions.runtime import current
from rehearsal.stepfunctions.shapes import jsonable, operation_model


@dataclass(frozen=True)
class Kind:
    """One kind of job: how boto3 and the API spell it, and the EventBridge rule that Step Functions keeps for it."""

    noun: str  # training_job
    name: str  # TrainingJobName
    status: str  # TrainingJobStatus
    rule: str


#: By API action. Rules: https://docs.aws.amazon.com/step-functions/latest/dg/sagemaker-iam.html
KINDS = {
    "createtrainingjob": Kind(
        "training_job", "TrainingJobName", "TrainingJobStatus", "StepFunctionsGetEventsForSageMakerTrainingJobsRule"
    ),
    "createprocessingjob": Kind(
        "processing_job",
        "ProcessingJobName",
        "ProcessingJobStatus",
        "StepFunctionsGetEventsForSageMakerProcessingJobsRule",
    ),
    "createtransformjob": Kind(
        "transform_job", "TransformJobName", "TransformJobStatus", "StepFunctionsGetEventsForSageMakerTransformJobsRule"
    ),
}

#: Request-response actions of the optimized integration (same page).
ACTIONS = frozenset(
    {
        *KINDS,
        "createendpoint",
        "createendpointconfig",
        "createhyperparametertuningjob",
        "createlabelingjob",
        "createmodel",
        "updateendpoint",
    }
)


def install() -> None:
    """Give ``sagemaker:*`` resources a task class of their own."""
    from moto.stepfunctions.parser.asl.component.state.exec.state_task import state_task_factory

    wrap(state_task_factory, "state_task_service_for", _factory, ("service_name",))


def _factory(original: Any) -> Any:
    def state_task_service_for(service_name: str) -> Any:
        from rehearsal.stepfunctions.nested import task_class as nested_task

        if service_name == "sagemaker":
            return task_class()()
        return nested_task()() if service_name == "states" else original(service_name)

    return state_task_service_for


@lru_cache(maxsize=1)
def task_class() -> type:
    """Return the class of SageMaker's tasks; made late because importing its base class costs a second."""
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.resource import ResourceCondition
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_callback import (
        StateTaskServiceCallback,
    )

    class SageMakerTask(StateTaskServiceCallback):
        """A Task state with an ``arn:<partition>:states:::sagemaker:<action>`` resource."""

        def __init__(self) -> None:
            super().__init__(supported_integration_patterns={ResourceCondition.Sync})

        def _get_supported_parameters(self) -> set[str] | None:
            action = self.resource.api_action.lower()
            if action not in ACTIONS or (self.resource.condition is not None and action not in KINDS):
                return None  # from_state_props refuses the resource
            return set(operation_model("sagemaker", action).input_shape.members)

        def _eval_service_task(
            self, env: Any, resource_runtime_part: Any, normalised_parameters: dict[str, Any], state_credentials: Any
        ) -> None:
            client = current().client("sagemaker", resource_runtime_part.region, state_credentials.role_arn)
            response = getattr(client, self._get_boto_service_action())(**normalised_parameters)
            response.pop("ResponseMetadata", None)
            env.stack.append(response)

        def rehearsal_job(self, env: Any, place: Any, parameters: dict[str, Any], credentials: Any, _: Any) -> Any:
            kind = KINDS[self.resource.api_action.lower()]
            client = current().client("sagemaker", place.region, credentials.role_arn)
            return SageMakerJob(self, env, kind, parameters[kind.name], client)

    return SageMakerTask


class SageMakerJob:
    """A job that a ``.sync`` task waits for: `rehearsal.sagemaker` tells the host's listeners when it ends."""

    def __init__(self, task: Any, env: Any, kind: Kind, name: str, client: Any) -> None:
        self._task, self._env, self._kind, self._name, self._client = task, env, kind, name, client
        self._host = hosts.current()
        self.ended: ClockEvent | None = self._host.clock.event()
        self._host.listeners.append(self._heard)

    def _heard(self, event: dict[str, Any]) -> None:
        if event["kind"] == "job" and event["name"] == self._name and self.ended is not None:
            self.ended.set()

    def over(self) -> bool:
        """Ask the store in this process: an API call each half second would cost more than the job."""
        if self.ended is not None:
            self.ended.clear()
        over = job_status(self._kind, self._name) not in ("InProgress", "Stopping")
        if over:
            self.close()
        return over

    def close(self) -> None:
        """Stop listening."""
        if self._heard in self._host.listeners:
            self._host.listeners.remove(self._heard)

    def _describe(self) -> dict[str, Any]:
        """Describe as the role: Step Functions' documented policies allow it, and need it."""
        answer = getattr(self._client, f"describe_{self._kind.noun}")(**{self._kind.name: self._name})
        answer.pop("ResponseMetadata", None)
        result: dict[str, Any] = jsonable(answer, milliseconds=True)
        return result

    def result(self) -> dict[str, Any]:
        """Return the description of a completed job; any other end fails the task."""
        description = self._describe()
        if description[self._kind.status] == "Completed":
            return description
        raise task_failed(self._task, self._env, description)

    def cancel(self) -> None:
        """Stop the job, as the role."""
        self.close()
        getattr(self._client, f"stop_{self._kind.noun}")(**{self._kind.name: self._name})


def job_status(kind: Kind, name: str) -> str:
    """Return the status of a job in the store that `rehearsal.sagemaker` keeps in moto's backend."""
    from moto.sagemaker.models import sagemaker_backends

    host = hosts.current()
    status: str = getattr(sagemaker_backends[host.account][host.region], f"{kind.noun}s")[name].status
    return status


def task_failed(task: Any, env: Any, description: dict[str, Any]) -> Exception:
    """Return the failure of a ``.sync`` task: States.TaskFailed, with the description as JSON in Cause."""
    return failed(task, env, "States.TaskFailed", json.dumps(description, separators=(",", ":")))
