"""Tells who watches which rule of a Choice was taken; the evaluation is moto's."""

from __future__ import annotations

from typing import Any

from rehearsal.patching import replace
from rehearsal.stepfunctions.runtime import current


def install() -> None:
    """Replace the evaluation of Choice states."""
    from moto.stepfunctions.parser.asl.component.state.choice.state_choice import StateChoice

    replace(StateChoice, "_eval_state", _eval_state, ("self", "env"))


def _eval_state(self: Any, env: Any) -> None:
    """Take the first rule that holds, else the default; without one, States.NoChoiceMatched as AWS names it."""
    for index, rule in enumerate(self.choices_decl.rules):
        rule.eval(env)
        if env.stack.pop() is True:
            current().chose(env, self.name, index)
            env.stack.append(rule.next_stmt.name)
            return
    if self.default_state is None:
        raise _no_match(self, env)
    current().chose(env, self.name, "default")
    env.stack.append(self.default_state.state_name)


def _no_match(self: Any, env: Any) -> Exception:
    from moto.stepfunctions.parser.api import ExecutionFailedEventDetails, HistoryEventType
    from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import (
        FailureEvent,
        FailureEventException,
    )
    from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
    from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import StatesErrorNameType
    from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails

    kind = StatesErrorNameType.StatesNoChoiceMatched
    return FailureEventException(
        FailureEvent(
            env=env,
            error_name=StatesErrorName(typ=kind),
            event_type=HistoryEventType.ExecutionFailed,
            event_details=EventDetails(
                executionFailedEventDetails=ExecutionFailedEventDetails(
                    error=kind.to_name(),
                    cause=f"An error occurred while executing the state '{self.name}'. "
                    "Failed to transition out of the state. The state does not point to a next state.",
                )
            ),
        )
    )
