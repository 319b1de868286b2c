"""Map Runs: a Map state in distributed mode reads its items, runs an Express child for each, and writes their results.

moto runs the items as iterations of the parent, counts no failure, and writes a manifest without results. AWS: each child
is an execution with an ARN, input and context of its own; more failures than tolerated end the state with
States.ExceedToleratedFailureThreshold, and the children that still run are stopped
(https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html).
"""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from rehearsal.patching import wrap
from rehearsal.stepfunctions import map_results
from rehearsal.stepfunctions.distributed import Settings
from rehearsal.stepfunctions.ending import releasing
from rehearsal.stepfunctions.integrations import Aborted
from rehearsal.stepfunctions.runtime import RuntimeThread, current
from rehearsal.stepfunctions.timing import execution_data

#: Children that run at the same time when the state says nothing. AWS's own limit is 10,000; here each is a thread.
MOST_AT_ONCE = 1000
#: Seconds that an Express workflow may take ("Service quotas": maximum execution time 5 minutes).
EXPRESS_SECONDS = 300.0
_ITEMS_FAILED, _NO_ARRAY = "States.ItemReaderFailed", "States.Runtime"
_EXCEEDED = "States.ExceedToleratedFailureThreshold"


def install() -> None:
    """Take Map states in distributed mode out of moto's hands."""
    from moto.stepfunctions.parser.asl.component.state.exec.state_map.state_map import StateMap

    wrap(StateMap, "_eval_execution", _eval_execution, ("self", "env"))


def _eval_execution(original: Any) -> Any:
    def eval_execution(self: Any, env: Any) -> None:
        settings = getattr(self, "rehearsal_settings", None)
        if settings is None:
            original(self, env)
        else:
            env.stack.append(MapRun(self, env, settings).go())

    return eval_execution


class Child:
    """One child execution.

    Attributes
    ----------
    name, arn
        As AWS makes them for an Express child: the Map Run's label is part of the state machine's name.
    status
        PENDING, RUNNING, or how it ended.
    """

    def __init__(self, run: MapRun, given: Any) -> None:
        self.given, self.status = given, "PENDING"
        self.name = str(uuid.uuid4())
        machine = run.record.map_state_machine_arn
        self.machine = machine
        self.arn = f"{machine.replace(':stateMachine:', ':express:')}:{self.name}:{uuid.uuid4()}"
        self.started: datetime | None = None
        self.stopped: datetime | None = None
        self.output: Any = None
        self.error: str | None = None
        self.cause: str | None = None
        self._run = run
        self._env: Any = None

    def execute(self) -> None:
        """Run to the end, in this thread."""
        clock = current().clock
        self.started = clock.now()
        self.status = "RUNNING"
        self._env = env = self._environment()
        timer = clock.call_later(EXPRESS_SECONDS, env.set_timed_out)
        try:
            if self._run.stopping:
                self.stop()
            self._run.state.iteration_component._get_iteration_program().eval(env)
        finally:
            timer.cancel()
        self._end(env)

    def stop(self) -> None:
        """End it, if it runs."""
        if self._env is not None:
            self._env.set_stop(stop_date=None, cause=None, error=None)

    def _environment(self) -> Any:
        from moto.stepfunctions.parser.asl.eval.environment import Environment
        from moto.stepfunctions.parser.asl.eval.event.event_manager import EventHistoryContext

        parent = self._run.env
        role = parent.aws_execution_details.role_arn
        return Environment(
            aws_execution_details=parent.aws_execution_details,
            execution_type="EXPRESS",
            context={  # type: ignore[typeddict-item]  # State and Task are added when there is one, as in moto
                "Execution": execution_data(self.arn, self.name, role, self.started, self.given),
                "StateMachine": {"Id": self.machine, "Name": self.machine.rpartition(":")[2]},
            },
            event_history_context=EventHistoryContext.of_program_start(),
            cloud_watch_logging_session=None,
            activity_store={},
        )

    def _end(self, env: Any) -> None:
        from moto.stepfunctions.parser.asl.eval.program_state import ProgramEnded, ProgramError, ProgramTimedOut

        state = env.program_state()
        self.stopped = current().clock.now()
        if isinstance(state, ProgramEnded):
            self.status, self.output = "SUCCEEDED", env.states.get_input()
        elif isinstance(state, ProgramTimedOut):
            self.status, self.error = "TIMED_OUT", "States.Timeout"
        elif isinstance(state, ProgramError):
            told = state.error or {}
            self.status, self.error, self.cause = "FAILED", told.get("error"), told.get("cause")
        else:
            self.status = "ABORTED"


class MapRun:
    """One run of a Map state in distributed mode.

    Parameters
    ----------
    state
        moto's Map state.
    env
        Environment of the state's attempt.
    settings
        What moto's grammar cannot read of it.
    """

    def __init__(self, state: Any, env: Any, settings: Settings) -> None:
        from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.itemprocessor import map_run_record

        self.state, self.env, self._settings = state, env, settings
        state.max_concurrency_decl.eval(env=env)
        self._at_once = env.stack.pop() or MOST_AT_ONCE
        context = env.states.context_object.context_object_data
        self._machine = context["StateMachine"]["Id"]
        self.record = map_run_record.MapRunRecord(
            state_machine_arn=self._machine,
            execution_arn=context["Execution"]["Id"],
            max_concurrency=self._at_once,
            tolerated_failure_count=settings.count or 0,
            tolerated_failure_percentage=float(settings.percentage or 0),
            label=state.label.label if state.label else None,
        )
        self.children: list[Child] = []
        self.stopping = False
        self._lock = threading.Lock()
        self._finished = current().clock.event()
        self._waiting: Iterator[Child] = iter(())
        self._workers = 0

    def go(self) -> Any:
        """Run to the end and return the state's result.

        Raises
        ------
        FailureEventException
            When items cannot be read, too many children fail, or results cannot be written.
        Aborted
            When the parent has ended meanwhile.
        """
        from moto.stepfunctions.parser.api import MapRunStatus
        from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEventException

        given = None if self.state.item_reader else self._given()
        self._tell("MapStateStarted", mapStateStartedEventDetails={"length": len(given or [])})
        self.env.map_run_record_pool_manager.add(self.record)
        self._tell("MapRunStarted", mapRunStartedEventDetails={"mapRunArn": self.record.map_run_arn})
        try:
            result = self._run(given)
        except Aborted:
            self.record.set_stop(MapRunStatus.ABORTED)
            raise
        except FailureEventException as failure:
            error, cause = failure.extract_error_cause_pair() or (None, None)
            self._tell("MapRunFailed", mapRunFailedEventDetails={"error": error, "cause": cause})
            self.record.set_stop(MapRunStatus.FAILED)
            raise
        self._tell("MapRunSucceeded")
        self.record.set_stop(MapRunStatus.SUCCEEDED)
        self._tell("MapStateSucceeded")
        return result

    def _tell(self, event: str, **details: Any) -> None:
        from moto.stepfunctions.parser.api import HistoryEventType

        self.env.event_manager.add_event(
            context=self.env.event_history_context,
            event_type=HistoryEventType(event),
            event_details=details or None,
        )

    def _run(self, given: list[Any] | None) -> Any:
        current().may_start_children(self, self._machine)
        items = self._items() if given is None else given
        self.children = [Child(self, each) for each in self._selected(items)]
        self._execute()
        if not self.env.is_running():
            raise Aborted
        failed = [each for each in self.children if each.status in ("FAILED", "TIMED_OUT")]
        result = map_results.written(self) if self.state.result_writer else [each.output for each in self.children]
        if self._settings.exceeded(len(failed), len(self.children)):
            first = f"{failed[0].error}: {failed[0].cause}"
            raise self.failure(_EXCEEDED, f"The specified tolerated failure threshold was exceeded ({first})")
        return result

    # ---- items

    def _given(self) -> list[Any]:
        """Return the items that the state's input holds."""
        self.state.items_path.eval(env=self.env)
        items = self.env.stack.pop()
        if not isinstance(items, list):
            raise self.failure(_NO_ARRAY, f"Map state input must be an array but was: {type(items).__name__}")
        return items

    def _items(self) -> list[Any]:
        """Read the data set: one object that holds a JSON array."""
        reader = self.state.item_reader
        reader.parargs.eval(env=self.env)
        parameters = self.env.stack.pop()
        reader.reader_config.eval(env=self.env)
        most = self.env.stack.pop()["MaxItemsValue"]
        place = f"s3://{parameters['Bucket']}/{parameters['Key']}"
        try:
            items = json.loads(current().read_items(self, parameters))
        except ValueError as error:
            raise self.failure(_ITEMS_FAILED, f"{place} is no JSON: {error}") from None
        if not isinstance(items, list):
            raise self.failure(_ITEMS_FAILED, f"{place} holds no JSON array at its top level")
        return items[:most] if most else items

    def _selected(self, items: list[Any]) -> Iterator[Any]:
        """Yield the children's inputs: the items, or what ItemSelector makes of each."""
        if self.state.item_selector is None:
            yield from items
            return
        given = self.env.states.get_input()
        for index, item in enumerate(items):
            frame = self.env.open_frame()
            try:
                frame.states.context_object.context_object_data["Map"] = {"Item": {"Index": index, "Value": item}}
                frame.states.reset(input_value=given)
                frame.stack.append(given)
                self.state.item_selector.eval(frame)
                yield frame.stack[-1]
            finally:
                self.env.delete_frame(frame)

    # ---- children

    def _execute(self) -> None:
        """Run all children, so many at once as the state allows, and wait for the last."""
        self._waiting = iter(self.children)
        self._workers = min(self._at_once, len(self.children), MOST_AT_ONCE)
        self._count("total", len(self.children))
        if not self.children:
            return
        with releasing(self.env, self._stop):
            for number in range(self._workers):
                RuntimeThread(target=self._work, name=f"{self.state.name}-{number}").start()
            self._finished.wait()

    def _work(self) -> None:
        while (child := self._next()) is not None:
            child.execute()
            self._ended(child)
        with self._lock:
            self._workers -= 1
            last = self._workers == 0
        if last:
            self._finished.set()

    def _next(self) -> Child | None:
        with self._lock:
            return None if self.stopping else next(self._waiting, None)

    def _ended(self, child: Child) -> None:
        kind = {"SUCCEEDED": "succeeded", "TIMED_OUT": "timed_out", "ABORTED": "aborted"}.get(child.status, "failed")
        self._count(kind, 1)
        failed = sum(getattr(self.record.item_counter, each).get() for each in ("failed", "timed_out"))
        if self._settings.exceeded(failed, len(self.children)):
            self._stop()

    def _stop(self) -> None:
        """Start no more children, and end those that run."""
        with self._lock:
            self.stopping = True
        for child in self.children:
            if child.status == "RUNNING":
                child.stop()

    def _count(self, kind: str, number: int) -> None:
        for counter in (self.record.item_counter, self.record.execution_counter):
            getattr(counter, kind).count(number)

    def failure(self, error: str, cause: str) -> Exception:
        """Return the exception with which the Map Run fails under a given name."""
        from moto.stepfunctions.parser.api import HistoryEventType
        from moto.stepfunctions.parser.asl.component.common.error_name.error_name import ErrorName
        from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import (
            FailureEvent,
            FailureEventException,
        )

        return FailureEventException(
            FailureEvent(
                env=self.env,
                error_name=ErrorName(error),  # type: ignore[abstract]  # it declares no abstract method
                event_type=HistoryEventType.MapRunFailed,
                event_details={"mapRunFailedEventDetails": {"error": error, "cause": cause}},  # type: ignore[typeddict-item]
            )
        )
