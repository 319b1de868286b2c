"""Runs one rendered state machine against scripted tasks in virtual time, and says all that happened.

For tests of state machines: moto's interpreter with the rehearsal's extensions, no network, no server. Work takes no
time; waits, timeouts and retries take what they say, on a clock that jumps. A run takes a few milliseconds.

Examples
--------
>>> trace = run(
...     {"StartAt": "Ask", "States": {"Ask": {"Type": "Task", "Resource": "arn:${Partition}:states:::lambda:invoke",
...      "Parameters": {"FunctionName": "${Ask}", "Payload.$": "$"}, "OutputPath": "$.Payload", "End": true}}},
...     {"n": 1},
...     {"Ask": {"Payload": {"n": 2}}},
...     {"Partition": "aws-us-gov", "Ask": "arn:aws-us-gov:lambda:us-gov-west-1:123456789012:function:ask"},
... )  # doctest: +SKIP
>>> trace.output  # doctest: +SKIP
{'n': 2}
"""

from __future__ import annotations

import json
import math
import re
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from rehearsal.clock import FOREVER, Clock
from rehearsal.coverage import Coverage, table
from rehearsal.host import ACCOUNT, PARTITION, REGION
from rehearsal.stepfunctions import install_interpreter
from rehearsal.stepfunctions.runtime import Runtime, RuntimeThread
from rehearsal.stepfunctions.tokens import Answer
from rehearsal.trace import After, Call, Retry, TaskFailure, TimeOut, Trace, Visit, Waiting

if TYPE_CHECKING:
    from rehearsal.stepfunctions.map_runs import MapRun

__all__ = [
    "After",
    "Call",
    "Coverage",
    "Retry",
    "TaskFailure",
    "TimeOut",
    "Trace",
    "Visit",
    "Waiting",
    "render",
    "run",
    "table",
]

#: Virtual time begins here: 2026-01-01T00:00:00Z.
START = 1767225600.0
#: Real seconds after which a run is given up: something waits that nobody wakes.
GIVE_UP = 30.0


#: ``(resource without "arn:<partition>:states:::", state, parameters, attempt) -> outcome``
Script = Callable[[str, str, dict[str, Any], int], Any]


def run(
    definition: Mapping[str, Any],
    input: Any,  # noqa: A002 - the States Language's word
    integrations: Script | Mapping[str, Any],
    substitutions: Mapping[str, str] | None = None,
    context: Mapping[str, Mapping[str, Any]] | None = None,
) -> Trace:
    """Run a state machine to its end and return what happened.

    Parameters
    ----------
    definition
        The parsed ASL document, as rendered.
    input
        Input of the execution.
    integrations
        What tasks answer. Either a function of resource, state name, parameters and attempt; or a table whose keys are
        state names, resources (``lambda:invoke``) or ``*``, looked up in this order, and whose values are an outcome, a
        list with one outcome for each call, or a function of the parameters. An outcome is the task's result (for
        ``lambda:invoke`` with its Payload, for ``.sync`` what Describe returns), `TaskFailure`, `TimeOut`, `After`, or,
        for ``.waitForTaskToken``, `Waiting`. An ItemReader is a call of its Map state, with resource ``s3:getObject``;
        its outcome is what the object holds: ``{"Each": [[{"number": 0}, {"number": 1}]]}`` is one call and two items.
    substitutions
        Values for ``${Name}`` in the definition.
    context
        Members to replace in ``Execution`` and ``StateMachine`` of the context object.

    Raises
    ------
    ValueError
        When the definition is not a state machine that AWS would accept.
    LookupError
        When a task has no entry in the table, or more calls than its list has outcomes.
    Exception
        Whatever a function of the script raises, except TaskFailure.
    """
    install_interpreter()
    text = render(definition, substitutions or {})
    _check(text)
    scripted = Scripted(_script(integrations))
    try:
        return _Run(scripted, text, input, context or {}).go()
    finally:
        scripted.clock.close()


def render(definition: Mapping[str, Any], substitutions: Mapping[str, str]) -> str:
    """Return the definition as text with ``${Name}`` replaced.

    Raises
    ------
    ValueError
        When a substitution is missing or unused.
    """
    text = json.dumps(definition)
    used = set(re.findall(r"\$\{([A-Za-z0-9_]+)\}", text))
    if used != set(substitutions):
        missing, unused = sorted(used - set(substitutions)), sorted(set(substitutions) - used)
        raise ValueError(f"substitutions: missing {missing}, unused {unused}")
    for name, value in substitutions.items():
        text = text.replace(f"${{{name}}}", json.dumps(value)[1:-1])
    return text


_checked: set[str] = set()


def _check(text: str) -> None:
    from rehearsal.stepfunctions.validation import problems

    if text in _checked:
        return
    found = problems(text)
    if found:
        raise ValueError("; ".join(f"{each.code}: {each.message} at {each.location}" for each in found))
    _checked.add(text)


def _script(integrations: Script | Mapping[str, Any]) -> Callable[[Call], Any]:
    """Return one function of the call for either form of script."""
    if callable(integrations):
        return lambda call: integrations(call.resource, call.state, call.parameters, call.attempt)

    def look_up(call: Call) -> Any:
        for key in (call.state, call.resource, "*"):
            if key in integrations:
                entry = integrations[key]
                break
        else:
            raise LookupError(f"nothing is scripted for state {call.state!r} ({call.resource})")
        if callable(entry) and not isinstance(entry, type):
            return entry(call.parameters)
        if isinstance(entry, list):
            if call.visit >= len(entry):
                raise LookupError(f"state {call.state!r} is called {call.visit + 1} times, {len(entry)} are scripted")
            return entry[call.visit]
        return entry

    return look_up


class Scripted(Runtime):
    """A runtime without AWS: tasks do what the script says, and the trace keeps what happens."""

    scripted = True

    def __init__(self, script: Callable[[Call], Any]) -> None:
        super().__init__(Clock(math.inf, work_rate=0, settle=0, start=START))
        self.trace = Trace()
        self.mistake: BaseException | None = None  # of the script; the run raises it
        self.root: Any = None
        self._script = script
        self._visits: Counter[str] = Counter()
        self._lock = threading.Lock()

    @property
    def elapsed(self) -> float:
        """Virtual seconds since the start."""
        return round(self.clock.time() - START, 6)

    def jitter(self, seconds: float) -> float:
        """Return the longest wait: a test wants the same one each time."""
        return seconds

    # ---- tasks

    def may_start_children(self, run: MapRun, machine: str) -> None:
        """Nobody's rights are asked for here."""

    def read_items(self, run: MapRun, parameters: dict[str, Any]) -> str:
        """Return what the script says is in the object that an ItemReader names; a TaskFailure fails the state."""
        _, outcome = self._called(run.state.name, run.env, "s3:getObject", parameters)
        if isinstance(outcome, TaskFailure):
            raise run.failure(outcome.error, outcome.cause)
        return json.dumps(outcome)

    def write_results(self, run: MapRun, bucket: str, key: str, text: str) -> None:
        """Nothing is written."""

    def answer(self, task: Any, env: Any, parameters: dict[str, Any]) -> Any:
        """Do what the script says for one call."""
        resource = task.resource.resource_arn.split(":::", 1)[-1]
        return self._happen(task, env, *self._called(task.name, env, resource, parameters))

    def _called(self, state: str, env: Any, resource: str, parameters: dict[str, Any]) -> tuple[Call, Any]:
        """Keep a call and return it with its outcome."""
        with self._lock:
            visit = self._visits[state]
            self._visits[state] += 1
        attempt = env.states.context_object.context_object_data["State"]["RetryCount"]
        call = Call(state, resource, json.loads(json.dumps(parameters)), attempt, visit, self.elapsed)
        self.trace.calls.append(call)
        try:
            return call, self._script(call)
        except TaskFailure as failure:
            return call, failure
        except BaseException as mistake:
            self.give_up(mistake)
            raise

    def give_up(self, mistake: BaseException) -> None:
        """End the run because of a mistake in the script."""
        self.mistake = self.mistake or mistake
        self.root.set_stop(stop_date=None, cause=None, error=None)

    def _happen(self, task: Any, env: Any, call: Call, outcome: Any) -> Any:
        if isinstance(outcome, After):
            self._pass_time(env, outcome.seconds)
            return self._happen(task, env, call, outcome.outcome)
        if isinstance(outcome, TimeOut):
            self._pass_time(env, FOREVER)
        if isinstance(outcome, TaskFailure):
            from rehearsal.stepfunctions.names import failed

            raise failed(task, env, outcome.error, outcome.cause)
        with_token = call.resource.endswith(".waitForTaskToken")
        if isinstance(outcome, Waiting) and not with_token:
            mistake = LookupError(f"state {call.state!r} ({call.resource}) waits for no token")
            self.give_up(mistake)
            raise mistake
        if with_token:
            self._hand_out(env, outcome if isinstance(outcome, Waiting) else Waiting(0.0, outcome))
            return {}
        return json.loads(json.dumps(outcome))

    def _pass_time(self, env: Any, seconds: float) -> None:
        from rehearsal.stepfunctions.ending import releasing
        from rehearsal.stepfunctions.integrations import Aborted

        ended = self.clock.event()
        with releasing(env, ended.set):
            self.clock.sleep(seconds, ended)
        if not env.is_running():
            raise Aborted

    def _hand_out(self, env: Any, waiting: Waiting) -> None:
        token = self.tokens.get(env.states.context_object.context_object_data["Task"]["Token"])
        assert token is not None
        for moment in waiting.beats:
            self.clock.call_later(moment, token.beat)
        if waiting.after is None:
            return
        given = waiting.answer
        if isinstance(given, TaskFailure):
            answer = Answer(False, None, given.error, given.cause)
        else:
            answer = Answer(True, json.loads(json.dumps(given)))
        if waiting.after <= 0:
            token.send(answer)
        else:
            self.clock.call_later(waiting.after, lambda: token.send(answer))

    # ---- what happens

    def entered(self, env: Any, name: str, kind: str) -> None:
        """Keep a visit."""
        super().entered(env, name, kind)
        size = len(json.dumps(env.states.get_input(), ensure_ascii=False).encode())
        self.trace.visits.append(Visit(name, kind, self.elapsed, size))

    def retried(self, env: Any, name: str, error: str, wait: float) -> None:
        """Keep a retry."""
        super().retried(env, name, error, wait)
        self.trace.retries.append(Retry(name, error, wait, self.elapsed))

    def chose(self, env: Any, name: str, branch: int | str) -> None:  # noqa: ARG002
        """Keep the branch of a Choice."""
        self.trace.choices.append((name, branch))

    def caught(self, env: Any, name: str, error: str, catcher: int) -> None:  # noqa: ARG002
        """Keep a catch."""
        self.trace.catches.append((name, error, catcher))

    def failed(self, env: Any, name: str, error: str, cause: str) -> None:  # noqa: ARG002
        """Keep a failed attempt."""
        self.trace.failures.append((name, error, cause))


class _Run:
    """One run: builds program and environment, runs them in a thread of the runtime, and reads the end."""

    def __init__(self, scripted: Scripted, text: str, data: Any, context: Mapping[str, Mapping[str, Any]]) -> None:
        self._scripted, self._text, self._data, self._context = scripted, text, data, context

    def go(self) -> Trace:
        thread = RuntimeThread(target=self._run, runtime=self._scripted, name="interpreter")
        thread.start()
        thread.join(GIVE_UP)
        trace = self._scripted.trace
        if self._scripted.mistake is not None:
            raise self._scripted.mistake
        if thread.is_alive():
            raise RuntimeError(f"the run hangs; last states: {trace.states[-5:]}")
        return trace

    def _run(self) -> None:
        from rehearsal.stepfunctions.parsing import parse

        try:
            program = parse(self._text)[0]
            self._scripted.root = env = self._environment()
            program.eval(env)
            self._scripted.trace.seconds = self._scripted.elapsed
            self._read(env)
        except BaseException as error:
            self._scripted.mistake = self._scripted.mistake or error

    def _environment(self) -> Any:
        from moto.stepfunctions.parser.asl.eval.environment import Environment
        from moto.stepfunctions.parser.asl.eval.evaluation_details import AWSExecutionDetails
        from moto.stepfunctions.parser.asl.eval.event.event_manager import EventHistoryContext

        from rehearsal.stepfunctions.timing import execution_data

        base = f"arn:{PARTITION}:states:{REGION}:{ACCOUNT}"
        role = f"arn:{PARTITION}:iam::{ACCOUNT}:role/interpreter"
        name = "00000000-0000-4000-8000-000000000000"
        data = json.loads(json.dumps(self._data))
        execution = execution_data(f"{base}:execution:machine:{name}", name, role, self._scripted.clock.now(), data)
        machine = {"Id": f"{base}:stateMachine:machine", "Name": "machine"}
        unknown = self._context.keys() - {"Execution", "StateMachine"}
        if unknown:
            raise ValueError(f"context: only Execution and StateMachine can be given, got {sorted(unknown)}")
        return Environment(
            aws_execution_details=AWSExecutionDetails(account=ACCOUNT, region=REGION, role_arn=role),
            execution_type="STANDARD",
            context={
                "Execution": {**execution, **self._context.get("Execution", {})},
                "StateMachine": {**machine, **self._context.get("StateMachine", {})},
            },
            event_history_context=EventHistoryContext.of_program_start(),
            cloud_watch_logging_session=None,
            activity_store={},
        )

    def _read(self, env: Any) -> None:
        from moto.stepfunctions.parser.asl.eval.program_state import ProgramEnded, ProgramError, ProgramTimedOut

        trace, state = self._scripted.trace, env.program_state()
        if isinstance(state, ProgramEnded):
            trace.status, trace.output = "SUCCEEDED", env.states.get_input()
        elif isinstance(state, ProgramTimedOut):
            trace.status = "TIMED_OUT"
        elif isinstance(state, ProgramError):
            details: Mapping[str, Any] = state.error or {}
            trace.status, trace.error, trace.cause = "FAILED", details.get("error"), details.get("cause")
        else:
            trace.status = "ABORTED"
