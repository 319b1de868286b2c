"""How programs end: the first end counts, it reaches all frames, and it releases whoever waits there.

In moto a stopped or timed out execution goes on waiting for its token or job, and then ends FAILED because of the
error that the pruned state raises. AWS: StopExecution gives ABORTED at once, a top-level timeout TIMED_OUT.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rehearsal.patching import add, replace, wrap
from rehearsal.stepfunctions.runtime import current

_EVENT = ("self", "event_id", "source_event_id", "event_type", "timestamp", "event_details")
_LAST = ("ExecutionSucceeded", "ExecutionFailed", "ExecutionAborted", "ExecutionTimedOut")


def install() -> None:
    """Replace the setters of the program state, and the evaluation of a program."""
    from moto.stepfunctions.parser.asl.component import eval_component
    from moto.stepfunctions.parser.asl.component.program import program
    from moto.stepfunctions.parser.asl.eval.environment import Environment
    from moto.stepfunctions.parser.asl.eval.event import event_manager

    wrap(
        Environment,
        "__init__",
        _with_releases,
        (
            "self",
            "aws_execution_details",
            "execution_type",
            "context",
            "event_history_context",
            "cloud_watch_logging_session",
            "activity_store",
            "variable_store",
            "mock_test_case",
        ),
    )
    replace(Environment, "set_ended", _set_ended, ("self",))
    replace(Environment, "set_error", _set_error, ("self", "error"))
    replace(Environment, "set_timed_out", _set_timed_out, ("self",))
    replace(Environment, "set_stop", _set_stop, ("self", "stop_date", "cause", "error"))
    add(Environment, "rehearsal_finish", _finish)
    replace(program.Program, "eval", _eval_program, ("self", "env"))
    # AWS names the error in the history only, not in DescribeExecution.
    replace(program, "ExecutionTimedOutEventDetails", lambda: {"error": "States.Timeout"})
    replace(eval_component.EvalComponent, "eval", _eval, ("self", "env"))
    wrap(event_manager.EventManager, "_publish_history_event", _until_the_end, _EVENT)
    # Every failure is in the history, caught or not; moto also logs it as an error.
    logging.getLogger("moto.stepfunctions").setLevel(logging.CRITICAL)


def _until_the_end(original: Any) -> Any:
    """Keep out what threads that are still on their way write after the last event of a history."""

    def publish(self: Any, *args: Any, **kwargs: Any) -> None:
        history = self._history_event_list
        if not history or history[-1]["type"] not in _LAST:
            original(self, *args, **kwargs)

    return publish


def _with_releases(original: Any) -> Any:
    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        self.rehearsal_releases = []
        original(self, *args, **kwargs)

    return init


@contextmanager
def releasing(env: Any, release: Callable[[], None]) -> Iterator[None]:
    """Call `release` if the program of `env` ends while the block runs, or has ended before it."""
    with env._state_mutex:
        running = env.is_running()
        env.rehearsal_releases.append(release)
    try:
        if not running:
            release()
        yield
    finally:
        with env._state_mutex:
            env.rehearsal_releases.remove(release)


def _finish(self: Any, state: Any) -> bool:
    """Put `state` on this frame and all inside it that still run; False when this one had ended before."""
    from moto.stepfunctions.parser.asl.eval.program_state import ProgramRunning

    with self._state_mutex:
        if self._program_state is not None and not isinstance(self._program_state, ProgramRunning):
            return False
        self._program_state = state
        frames, releases = list(self._frames), list(self.rehearsal_releases)
    for frame in frames:
        frame.rehearsal_finish(state)
    self.program_state_event.set()  # and stays set: a wait that begins later ends at once
    for release in releases:
        release()
    return True


def _set_ended(self: Any) -> None:
    from moto.stepfunctions.parser.asl.eval.program_state import ProgramEnded

    self.rehearsal_finish(ProgramEnded())


def _set_error(self: Any, error: Any) -> None:
    from moto.stepfunctions.parser.asl.eval.program_state import ProgramError

    self.rehearsal_finish(ProgramError(error=error))


def _set_timed_out(self: Any) -> None:
    from moto.stepfunctions.parser.asl.eval.program_state import ProgramTimedOut

    self.rehearsal_finish(ProgramTimedOut())


def _set_stop(self: Any, stop_date: Any, cause: str | None, error: str | None) -> None:
    from moto.stepfunctions.parser.asl.eval.program_state import ProgramStopped

    self.rehearsal_finish(ProgramStopped(stop_date=stop_date, cause=cause, error=error))


def _eval_program(self: Any, env: Any) -> None:
    """Run a program in this thread; its TimeoutSeconds is a timer, not a thread to join."""
    from moto.stepfunctions.parser.asl.component.eval_component import EvalComponent

    with env._state_mutex:
        if env._program_state is None or env.is_running():
            env.next_state_name = self.start_at.start_at_name
    timer = None
    if self.timeout_seconds is not None:
        timer = current().clock.call_later(self.timeout_seconds.timeout_seconds, env.set_timed_out)
    try:
        if env.is_running():
            EvalComponent.eval(self, env)
        else:  # stopped before it began: the body writes the last event of the history
            self._eval_body(env)
    finally:
        if timer is not None:
            timer.cancel()


def _eval(self: Any, env: Any) -> None:
    """moto's own, without a log record that renders the whole component at each handled error."""
    if env.is_running():
        field = self._field_name()
        if field is not None:
            env.next_field_name = field
        self._eval_body(env)
