"""All of the interpreter's waits, threads and timestamps go through the clock.

moto sleeps with time.sleep, Event.wait and Thread.join, cuts waits to whole seconds, and reads the machine's clock.
"""

from __future__ import annotations

import importlib
from types import SimpleNamespace
from typing import Any

from rehearsal.patching import replace, wrap
from rehearsal.stepfunctions.runtime import THREADING, ClockDatetime, RuntimeThread, current, iso

_ASL = "moto.stepfunctions.parser.asl."
_THREADED = (
    "eval.environment",
    "component.state.exec.state_map.iteration.inline_iteration_component",
    "component.state.exec.state_map.iteration.job",
    "component.state.exec.state_map.iteration.itemprocessor.map_run_record",
    "component.state.exec.state_parallel.branch_worker",
    "component.state.exec.state_parallel.branches_decl",
)
_DATED = (
    "component.state.exec.state_map.iteration.itemprocessor.map_run_record",
    "component.state.exec.state_parallel.branches_decl",
    "component.state.wait.wait_function.timestamp",
    "eval.event.event_manager",
)


def install() -> None:
    """Replace the modules ``threading`` and ``datetime`` where moto's interpreter uses them, and its waits."""
    import datetime

    from moto.stepfunctions import models
    from moto.stepfunctions.parser import models as parser_models
    from moto.stepfunctions.parser.asl.component.common.retry.jitter_strategy_decl import JitterStrategyDecl
    from moto.stepfunctions.parser.asl.component.common.retry.retrier_decl import RetrierDecl
    from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import WaitFunction
    from moto.stepfunctions.parser.backend import execution, execution_worker

    dates = SimpleNamespace(datetime=ClockDatetime, timezone=datetime.timezone, timedelta=datetime.timedelta)
    for name in _THREADED:
        replace(importlib.import_module(_ASL + name), "threading", THREADING)
    for name in _DATED:
        replace(importlib.import_module(_ASL + name), "datetime", dates)
    replace(execution, "datetime", dates)
    replace(parser_models, "datetime", dates)
    replace(execution_worker, "Thread", RuntimeThread)
    replace(models, "utcnow", lambda: current().clock.now().replace(tzinfo=None), ())
    replace(WaitFunction, "_wait_interval", _wait_interval, ("self", "env", "wait_seconds"))
    replace(RetrierDecl, "_eval_body", _retry, ("self", "env"))
    replace(JitterStrategyDecl, "_eval_body", _jitter, ("self", "env"))
    _install_context()


def _wait_interval(_: Any, env: Any, wait_seconds: float) -> None:
    """Wait; the end of the program, such as StopExecution, ends it early."""
    if wait_seconds > 0:
        env.program_state_event.wait(wait_seconds)


def _retry(self: Any, env: Any) -> None:
    """moto's own text, with the wait on the clock and a word to who watches."""
    from moto.stepfunctions.parser.asl.component.common.retry.max_attempts_decl import MaxAttemptsOutcome
    from moto.stepfunctions.parser.asl.component.common.retry.retrier_outcome import RetrierOutcome

    error = env.stack[-1].error_name
    self.error_equals.eval(env)
    if not env.stack.pop():
        env.stack.append(RetrierOutcome.Skipped)
        return
    self.max_attempts.eval(env=env)
    if env.stack.pop() == MaxAttemptsOutcome.EXHAUSTED:
        env.stack.append(RetrierOutcome.Failed)
        return
    self.interval_seconds.eval(env=env)
    self.backoff_rate.eval(env=env)
    self.max_delay_seconds.eval(env=env)
    self.jitter_strategy.eval(env=env)
    seconds: float = env.stack.pop()
    current().retried(env, env.next_state_name, error, seconds)
    env.program_state_event.wait(seconds)
    env.stack.append(RetrierOutcome.Executed)


def _jitter(self: Any, env: Any) -> None:
    if self.jitter_strategy.name == "FULL":
        env.stack.append(current().jitter(env.stack.pop()))


def _install_context() -> None:
    """Context object as AWS documents it: ISO times with milliseconds, RetryCount from the start, RedriveCount.

    https://docs.aws.amazon.com/step-functions/latest/dg/input-output-contextobject.html
    """
    from moto.stepfunctions.parser.asl.component.state import state

    replace(state, "StateData", _state_data)
    wrap(state.CommonStateField, "_eval_body", _entered, ("self", "env"))


def _entered(original: Any) -> Any:
    def eval_body(self: Any, env: Any) -> None:
        current().entered(env, self.name, self.state_type.name)
        original(self, env)

    return eval_body


def _state_data(**members: Any) -> dict[str, Any]:
    return {"EnteredTime": iso(current().clock.now()), "Name": members["Name"], "RetryCount": 0}


def execution_data(arn: str, name: str, role_arn: str, start: Any, data: Any) -> dict[str, Any]:
    """Return the member Execution of the context object."""
    return {
        "Id": arn,
        "Input": data,
        "Name": name,
        "RoleArn": role_arn,
        "StartTime": iso(start),
        "RedriveCount": 0,
    }
