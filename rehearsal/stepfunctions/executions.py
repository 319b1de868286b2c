"""Starting, finding, watching and stopping executions.

moto calls every unnamed execution "None", copies a naive clock, starts them where a stop may find no environment yet,
and cannot stop one that waits.
"""

from __future__ import annotations

import copy
import json
import re
import uuid
from collections.abc import Callable
from typing import Any

from rehearsal.patching import add, replace
from rehearsal.stepfunctions import events
from rehearsal.stepfunctions.runtime import HostRuntime, RuntimeThread, current, host_runtime
from rehearsal.stepfunctions.timing import execution_data

#: Characters that an execution's name may not have: API reference, StartExecution, name.
_BAD_NAME = re.compile(r"[\s<>{}\[\]?*\"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f]")


def install() -> None:
    """Replace start and stop, and the end of an execution."""
    from moto.stepfunctions.models import StateMachine
    from moto.stepfunctions.parser.backend.execution import BaseExecutionWorkerCommunication, Execution
    from moto.stepfunctions.parser.models import StepFunctionsParserBackend as Backend

    replace(
        Backend,
        "start_execution",
        _start_execution,
        ("self", "state_machine_arn", "name", "execution_input", "trace_header"),
    )
    replace(StateMachine, "stop_execution", _stop_by_machine, ("self", "execution_arn"))
    replace(Execution, "start", _start, ("self",))
    replace(Execution, "stop", _stop, ("self", "stop_date", "error", "cause"))
    replace(BaseExecutionWorkerCommunication, "terminated", _terminated, ("self",))
    add(Execution, "rehearsal_watch", _watch)


def find(arn: str) -> Any:
    """Return moto's record of an execution.

    Raises
    ------
    ExecutionDoesNotExist
        When there is none (moto's class).
    """
    from moto.stepfunctions.parser.models import stepfunctions_parser_backends

    host = host_runtime().host
    return stepfunctions_parser_backends[host.account][arn.split(":")[3]].describe_execution(arn)


def _runtime() -> HostRuntime:
    """Return the runtime of this thread, which outlives the host's being the current one."""
    runtime = current()
    assert isinstance(runtime, HostRuntime)
    return runtime


def running() -> list[Any]:
    """Return all executions that have not ended."""
    from moto.stepfunctions.parser.models import stepfunctions_parser_backends

    host = host_runtime().host
    machines = stepfunctions_parser_backends[host.account][host.region].state_machines
    return [each for machine in machines for each in machine.executions if not each.rehearsal_over]


def _start_execution(
    self: Any,
    state_machine_arn: str,
    name: str | None = None,
    execution_input: str | None = None,
    trace_header: str | None = None,
) -> Any:
    """Start, or return the running execution of the same name and input."""
    from moto.stepfunctions.parser.backend.execution import Execution

    from rehearsal.stepfunctions.api_errors import InvalidExecutionInput, InvalidName

    runtime = host_runtime()
    machine = self.describe_state_machine(state_machine_arn)
    text = "{}" if execution_input is None else execution_input
    if name is None:
        name = str(uuid.uuid4())
    elif not 1 <= len(name) <= 80 or _BAD_NAME.search(name):
        raise InvalidName(f"Invalid Name: '{name}'")
    try:
        json.loads(text)
    except ValueError as error:
        raise InvalidExecutionInput(f"Invalid State Machine Execution Input: '{error}'") from None
    with runtime.starting:  # two starts with one name must not both find nothing
        existing = machine._handle_name_input_idempotency(name, text)
        if existing is not None:
            return existing
        # The copy is moto's: a later update of the machine must not change this execution.
        snapshot = copy.deepcopy(machine, {id(machine.executions): [], id(machine.backend): machine.backend})
        execution = Execution(
            name=name,
            sm_type=snapshot.sm_type,
            role_arn=snapshot.roleArn,
            exec_arn=f"arn:{self.partition}:states:{self.region_name}:{self.account_id}:execution:{snapshot.name}:{name}",
            account_id=self.account_id,
            region_name=self.region_name,
            state_machine=snapshot,
            start_date=runtime.clock.now(),
            cloud_watch_logging_session=None,
            input_data=text,
            trace_header=trace_header,
            activity_store={},
        )
        execution.rehearsal_over = False
        execution.rehearsal_watchers = []
        machine.executions.append(execution)
    execution.start()
    return execution


def _start(self: Any) -> None:
    """Make program and environment first, so that whoever stops or reads finds them; then run."""
    from moto.stepfunctions.parser.api import ExecutionStatus
    from moto.stepfunctions.parser.asl.eval.environment import Environment
    from moto.stepfunctions.parser.asl.eval.event.event_manager import EventHistoryContext
    from moto.stepfunctions.parser.backend.execution import ExecutionWorker

    runtime = host_runtime()
    worker = self._get_start_execution_worker()
    assert isinstance(worker, ExecutionWorker)
    machine = self.state_machine
    context = {
        "Execution": execution_data(self.exec_arn, self.name, self.role_arn, self.start_date, self.input_data),
        "StateMachine": {"Id": machine.arn, "Name": machine.name},
    }
    worker.env = Environment(
        aws_execution_details=self._get_start_aws_execution_details(),
        execution_type=machine.sm_type,
        context=context,
        event_history_context=EventHistoryContext.of_program_start(),
        cloud_watch_logging_session=None,
        activity_store=self._activity_store,
    )
    program = worker._get_evaluation_entrypoint()
    self.exec_worker = worker
    self.exec_status = ExecutionStatus.RUNNING
    events.status_changed(runtime.host, self)
    RuntimeThread(target=_run, args=(self, program), runtime=runtime, name=f"execution-{self.name}").start()


def _run(execution: Any, program: Any) -> None:
    """The thread of an execution."""
    from moto.stepfunctions.parser.api import HistoryEventType
    from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails
    from moto.stepfunctions.parser.utils import TMP_THREADS

    env = execution.exec_worker.env
    env.event_manager.add_event(
        context=env.event_history_context,
        event_type=HistoryEventType.ExecutionStarted,
        event_details=EventDetails(
            executionStartedEventDetails={
                "input": execution.execution_input,
                "inputDetails": {"truncated": False},
                "roleArn": execution.role_arn,
            }
        ),
        update_source_event_id=False,
    )
    program.eval(env)
    execution.exec_worker._execution_communication.terminated()
    TMP_THREADS.clear()  # moto keeps every thread for its tests


def _terminated(self: Any) -> None:
    """Give the execution its final status, tell EventBridge, and wake who waits for it."""
    from moto.stepfunctions.parser.asl.eval.program_state import ProgramStopped

    execution, runtime = self.execution, _runtime()
    # moto's own reflection sets status and output; it reads the machine's clock, which is replaced in that module.
    self._reflect_execution_status()
    state = execution.exec_worker.env.program_state()
    if isinstance(state, ProgramStopped):
        execution.error, execution.cause = state.error, state.cause
    with runtime.starting:
        execution.rehearsal_over = True
        watchers, execution.rehearsal_watchers = execution.rehearsal_watchers, []
    events.status_changed(runtime.host, execution)
    for watcher in watchers:
        watcher()


def _watch(self: Any, callback: Callable[[], None]) -> None:
    """Call `callback` when the execution has ended; at once when it has."""
    with _runtime().starting:
        if not self.rehearsal_over:
            self.rehearsal_watchers.append(callback)
            return
    callback()


def _stop(self: Any, stop_date: Any, error: str | None, cause: str | None) -> None:
    """Stop, and return when the execution has its final status."""
    done = _runtime().clock.event()
    self.rehearsal_watch(done.set)
    self.exec_worker.env.set_stop(stop_date=stop_date, error=error, cause=cause)
    done.wait()


def _stop_by_machine(self: Any, execution_arn: str, error: str | None = None, cause: str | None = None) -> Any:
    """moto's stop_execution, with the error and cause that the caller gives."""
    from moto.stepfunctions.exceptions import ExecutionDoesNotExist

    execution = next((each for each in self.executions if each.execution_arn == execution_arn), None)
    if execution is None:
        raise ExecutionDoesNotExist(f"Execution Does Not Exist: '{execution_arn}'")
    execution.stop(stop_date=host_runtime().clock.now(), error=error, cause=cause)
    return execution
