"""One attempt of a Task state: token, call, and the wait for a token or a job.

moto waits by polling with time.sleep, knows no ``.sync`` for SageMaker, and keeps no job of an aborted task from running
on. Here a wait ends when the thing waited for says so; a task that is aborted cancels its job, as AWS does
(https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html, "Run a Job"): when the execution is
stopped or times out, and when another branch or iteration has failed. That a task's own timeout cancels the job is not
documented, so here it does not: product code has to stop what it no longer wants.
"""

from __future__ import annotations

import logging
from contextlib import ExitStack
from typing import Any, Protocol

from botocore.exceptions import ClientError

from rehearsal.clock import FOREVER, ClockEvent
from rehearsal.patching import replace, wrap
from rehearsal.stepfunctions.copying import fast_copy
from rehearsal.stepfunctions.ending import releasing
from rehearsal.stepfunctions.runtime import current, execution_of

logger = logging.getLogger(__name__)

#: How often a job is looked at when it cannot say itself that it has ended, in seconds.
POLL_SECONDS = 0.5


class Job(Protocol):
    """Something that a ``.sync`` task has started."""

    #: Set by the job when it ends; None when it has to be asked.
    ended: ClockEvent | None

    def over(self) -> bool:
        """Whether it has ended."""

    def result(self) -> Any:
        """Return the task's result, or raise FailureEventException."""

    def cancel(self) -> None:
        """Stop it, because its task is aborted."""


class Aborted(Exception):
    """The program of the task has ended; nobody looks at the task any more."""


def install() -> None:
    """Replace the evaluation of service tasks."""
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service import (
        StateTaskService,
    )
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_callback import (
        StateTaskServiceCallback,
    )
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.state_task_lambda import StateTaskLambda

    replace(StateTaskService, "_eval_execution", _eval_execution, ("self", "env"))
    replace(StateTaskServiceCallback, "_eval_body", _eval_body, ("self", "env"))
    replace(
        StateTaskServiceCallback,
        "_eval_integration_pattern",
        _eval_integration_pattern,
        ("self", "env", "resource_runtime_part", "normalised_parameters", "state_credentials"),
    )
    wrap(StateTaskLambda, "_eval_execution", _bare_lambda, ("self", "env"))


def _bare_lambda(original: Any) -> Any:
    """A Task whose resource is a function's ARN: scripted like any other, or moto's own."""

    def eval_execution(self: Any, env: Any) -> None:
        if current().scripted:
            env.stack.append(current().answer(self, env, _whole_parameters(self, env)))
        else:
            original(self, env)

    return eval_execution


def _eval_body(self: Any, env: Any) -> None:
    """Check the pattern once; tokens are made per attempt (`_eval_execution`), not per state."""
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service import (
        StateTaskService,
    )

    if self._is_integration_pattern():
        self._assert_integration_pattern_is_supported()
    StateTaskService._eval_body(self, env)


def _waits_for_token(task: Any) -> bool:
    return task.resource.condition == "waitForTaskToken"


def _eval_execution(self: Any, env: Any) -> None:
    """Evaluate the parameters, call the service or the script, and wait if the resource says so."""
    runtime = current()
    self.resource.eval(env=env)
    place = env.stack.pop()
    with ExitStack() as attempt:
        if _waits_for_token(self):
            token = runtime.tokens.open(execution_of(env), self.name)
            attempt.callback(token.close)
            attempt.enter_context(releasing(env, token.close))
            env.states.context_object.context_object_data["Task"] = {"Token": token.value}
        parameters = _whole_parameters(self, env)
        credentials = self._eval_state_credentials(env=env)
        env.rehearsal_parameters = parameters
        self._before_eval_execution(
            env=env, resource_runtime_part=place, raw_parameters=parameters, state_credentials=credentials
        )
        ready = fast_copy(parameters)
        if runtime.scripted:
            env.stack.append(runtime.answer(self, env, ready))
        else:
            self._normalise_parameters(ready)
            self._eval_service_task(
                env=env, resource_runtime_part=place, normalised_parameters=ready, state_credentials=credentials
            )
            self._normalise_response(env.stack[-1])
        self._after_eval_execution(
            env=env, resource_runtime_part=place, normalised_parameters=ready, state_credentials=credentials
        )


def _whole_parameters(task: Any, env: Any) -> dict[str, Any]:
    """Evaluate the parameters. moto stops in the middle when another branch has failed: half a request must not be sent."""
    parameters: dict[str, Any] = task._eval_parameters(env=env)
    if not env.is_running():
        raise Aborted
    return parameters


def _eval_integration_pattern(
    self: Any, env: Any, resource_runtime_part: Any, normalised_parameters: dict[str, Any], state_credentials: Any
) -> None:
    """Put the answer to the token, or the result of the job, in the place of what the call returned."""
    submitted = env.stack.pop()
    if _waits_for_token(self):
        env.stack.append(_await_token(self, env))
    elif current().scripted:  # the script has given the job's result already
        env.stack.append(submitted)
    else:
        job = self.rehearsal_job(env, resource_runtime_part, normalised_parameters, state_credentials, submitted)
        env.stack.append(_await_job(env, job))


def _await_token(task: Any, env: Any) -> Any:
    """Wait for SendTaskSuccess or SendTaskFailure, as long as heartbeats come and the attempt lasts."""
    from moto.stepfunctions.parser.asl.eval.callback.callback import (
        CallbackOutcomeFailure,
        CallbackOutcomeFailureError,
        HeartbeatTimeoutError,
    )

    token = current().tokens.get(env.states.context_object.context_object_data["Task"]["Token"])
    assert token is not None
    heartbeat = None
    if task.heartbeat:
        task.heartbeat.eval(env=env)
        heartbeat = env.stack.pop()
    try:
        answer = token.wait(heartbeat)
    except TimeoutError as error:
        raise HeartbeatTimeoutError() from error
    if answer is None:
        raise Aborted
    if not answer.success:
        raise CallbackOutcomeFailureError(CallbackOutcomeFailure(token.value, answer.error, answer.cause))
    return answer.output


def _await_job(env: Any, job: Job) -> Any:
    """Wait until the job has ended; cancel it when the task is aborted."""
    clock = current().clock
    changed = job.ended or clock.event()
    changed_or_poll = POLL_SECONDS if job.ended is None else FOREVER
    with releasing(env, changed.set):
        while not job.over():
            if not env.is_running():
                if not getattr(env, "rehearsal_timed_out", False):
                    _cancel(job)
                raise Aborted
            clock.sleep(changed_or_poll, changed)
    return job.result()


def _cancel(job: Job) -> None:
    try:
        job.cancel()
    except ClientError as error:  # best effort, as in AWS; the job may have ended meanwhile
        logger.warning("an aborted task could not cancel its job: %s", error)
