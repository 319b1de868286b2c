"""One attempt of a Task, Parallel or Map state with its timeout, and what follows a failed one: retry, catch, fail.

moto's text with three changes: the timeout is the clock's; the end of the program ends the state in silence instead of
as one more error; failures of AWS calls get the names that Step Functions gives them (`rehearsal.stepfunctions.names`).
"""

from __future__ import annotations

from typing import Any

from rehearsal.patching import replace
from rehearsal.stepfunctions import names
from rehearsal.stepfunctions.copying import fast_copy
from rehearsal.stepfunctions.ending import releasing
from rehearsal.stepfunctions.runtime import RuntimeThread, current


def install() -> None:
    """Replace the evaluation of states that do work."""
    from moto.stepfunctions.parser.asl.component.common.catch.catch_decl import CatchDecl
    from moto.stepfunctions.parser.asl.component.common.error_name import error_equals_decl
    from moto.stepfunctions.parser.asl.component.state.exec.execute_state import ExecutionState

    replace(ExecutionState, "_evaluate_with_timeout", _evaluate_with_timeout, ("self", "env"))
    replace(ExecutionState, "_eval_state", _eval_state, ("self", "env"))
    replace(error_equals_decl.ErrorEqualsDecl, "_eval_body", _error_equals, ("self", "env"))
    _any_error_names()
    replace(CatchDecl, "_eval_body", _catch, ("self", "env"))


def _catch(self: Any, env: Any) -> None:
    """Take the first catcher that matches, and tell who watches which one it was."""
    from moto.stepfunctions.parser.asl.component.common.catch.catch_outcome import CatchOutcome
    from moto.stepfunctions.parser.asl.component.common.catch.catcher_outcome import CatcherOutcomeCaught

    failed, state = env.stack[-1].error_name, env.next_state_name
    for index, catcher in enumerate(self.catchers):
        catcher.eval(env)
        if isinstance(env.stack.pop(), CatcherOutcomeCaught):
            current().caught(env, state, (failed.error_name if failed else None) or "", index)
            env.stack.append(CatchOutcome.Caught)
            return
    env.stack.append(CatchOutcome.NotCaught)


def _any_error_names() -> None:
    """Let a failure that carries a States.* name pass: moto turns it into a ValueError about custom names.

    It comes from a branch or iteration, from a Fail state that hands on a caught error, or from SendTaskFailure.
    """
    from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration import iteration_worker
    from moto.stepfunctions.parser.asl.component.state.exec.state_parallel import branches_decl
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import state_task_service_callback
    from moto.stepfunctions.parser.asl.component.state.fail import state_fail

    for module in (branches_decl, iteration_worker, state_fail, state_task_service_callback):
        replace(module, "CustomErrorName", _any_error_name)


def _any_error_name(error_name: str | None) -> Any:
    from moto.stepfunctions.parser.asl.component.common.error_name.error_name import ErrorName

    return ErrorName(error_name)  # type: ignore[abstract]  # it declares no abstract method


def _error_equals(self: Any, env: Any) -> None:
    """Match an error name, with the rules of the reserved names.

    https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html: States.ALL matches neither
    States.Runtime nor States.DataLimitExceeded; States.Runtime is never retried or caught; States.TaskFailed matches
    all but States.Timeout.
    """
    failed = env.stack.pop()
    error = failed.error_name if failed is not None else None
    wanted = {name.error_name for name in self.error_names}
    if error == "States.Runtime":
        matches = False
    elif error in wanted:
        matches = True
    elif error == "States.DataLimitExceeded":
        matches = False
    else:
        matches = "States.ALL" in wanted or ("States.TaskFailed" in wanted and error != "States.Timeout")
    env.stack.append(matches)


def _evaluate_with_timeout(self: Any, env: Any) -> None:
    """Evaluate one attempt in a frame and thread of its own, for as long as its timeout allows."""
    from moto.stepfunctions.parser.asl.component.common.timeouts.timeout import EvalTimeoutError

    self.timeout.eval(env=env)
    seconds = env.stack.pop()
    frame = env.open_frame()
    frame.states.reset(input_value=env.states.get_input())
    frame.stack = fast_copy(env.stack)
    attempt = _Attempt(self, frame)
    with releasing(env, attempt.ended.set):
        attempt.start()
        attempt.ended.wait(seconds)
    frame.rehearsal_timed_out = env.is_running() and not attempt.over
    frame.set_ended()
    env.close_frame(frame)
    if not env.is_running():
        return
    if attempt.error is not None:
        raise attempt.error
    if not attempt.done:
        raise EvalTimeoutError()
    env.stack.append(attempt.output)
    _take_result(self, env, attempt.output)


def _take_result(self: Any, env: Any, output: Any) -> None:
    """Result, Assign, ResultSelector and ResultPath, as in moto."""
    if not self._is_language_query_jsonpath():
        env.states.set_result(output)
    if self.assign_decl:
        self.assign_decl.eval(env=env)
    if self.result_selector:
        self.result_selector.eval(env=env)
    if self.result_path:
        self.result_path.eval(env)
    else:
        env.states.reset(input_value=env.stack.pop())


class _Attempt:
    """The thread of one attempt; it may outlive its timeout, and nobody looks at it any more then."""

    def __init__(self, state: Any, frame: Any) -> None:
        self.ended = current().clock.event()
        self.done = False
        self.over = False
        self.output: Any = None
        self.error: Exception | None = None
        self._state, self._frame = state, frame

    def start(self) -> None:
        RuntimeThread(target=self._run, name=f"state-{self._state.name}").start()

    def _run(self) -> None:
        try:
            self._state._eval_execution(self._frame)
            self.output = self._frame.stack[-1] if self._frame.stack else None
            self.done = self._frame.is_running()
        except Exception as error:
            if self._frame.is_running():
                self.error = error
        finally:
            self.over = True
            self.ended.set()


def _eval_state(self: Any, env: Any) -> None:
    """Try until the state succeeds, is caught, or fails the program."""
    from moto.stepfunctions.parser.asl.component.common.catch.catch_outcome import CatchOutcome
    from moto.stepfunctions.parser.asl.component.common.retry.retry_outcome import RetryOutcome

    env.states.context_object.context_object_data["State"]["RetryCount"] = 0
    while env.is_running():
        try:
            self._evaluate_with_timeout(env)
            return
        except Exception as error:
            if not env.is_running():
                return
            failure = names.failure_event(self, env, error)
            env.event_manager.add_event(
                context=env.event_history_context, event_type=failure.event_type, event_details=failure.event_details
            )
            output = self._construct_error_output_value(failure_event=failure)
            current().failed(env, self.name, output["Error"], output["Cause"])
            env.states.set_error_output(output)
            env.states.set_result(output)
            if self.retry and self._handle_retry(env=env, failure_event=failure) == RetryOutcome.CanRetry:
                continue
            if self.catch and env.is_running():
                self._handle_catch(env=env, failure_event=failure)
                if env.stack[-1] == CatchOutcome.Caught:
                    return
            self._handle_uncaught(env=env, failure_event=failure)
