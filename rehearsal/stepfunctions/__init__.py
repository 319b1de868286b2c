"""Step Functions: moto's interpreter of the Amazon States Language, and one module for each thing that it lacks.

`runtime` says what a run stands on, `timing` puts all waits on the clock, `ending` makes programs end once and at once,
`attempts` times, retries and catches, `integrations`, `jobs` and `nested` call and wait, `tokens` gives out and takes
task tokens, `distributed`, `map_runs` and `map_results` are Distributed Map, `shapes` and `names` speak AWS's dialects, `executions` and `api` are the service around it.
"""

from __future__ import annotations

import sys
import threading
import time
from types import ModuleType
from typing import Any

from rehearsal.host import Host

_installed = False


def install(host: Host) -> None:
    """Turn moto's interpreter on, install the extensions, and end running executions when the host stops."""
    from moto.core.config import default_user_config

    default_user_config["stepfunctions"] = {"execute_state_machine": True}
    install_interpreter()
    host.on_stop.append(_stop_all)


def install_interpreter() -> None:
    """Install the extensions, once per process; enough for `rehearsal.interpreter`, which needs no host."""
    global _installed
    if _installed:
        return
    _leave_out_batch()
    from rehearsal.stepfunctions import (
        api,
        attempts,
        choices,
        clients,
        copying,
        ending,
        executions,
        integrations,
        jobs,
        jsonpaths,
        map_runs,
        one_backend,
        parsing,
        shapes,
        timing,
        tokens,
        validation,
    )

    for module in (
        one_backend,
        parsing,
        jsonpaths,
        copying,
        timing,
        ending,
        attempts,
        choices,
        shapes,
        clients,
        integrations,
        jobs,
        map_runs,
        tokens,
        executions,
        validation,
        api,
    ):
        module.install()
    _installed = True


def transitions(execution_arn: str) -> int:
    """Return how many state transitions AWS would bill for an execution: states entered, and retries."""
    from rehearsal.stepfunctions.runtime import host_runtime

    return host_runtime().transitions[execution_arn]


def _leave_out_batch() -> None:
    """Put an empty class where moto's task class for AWS Batch would be: importing that pulls in EC2, for a second.

    A state machine with a ``batch:*`` resource is refused, because the class says that it supports no parameters.
    """
    name = "moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_batch"
    if name in sys.modules:
        return

    class Stub(ModuleType):
        def __getattr__(self, attribute: str) -> Any:
            if attribute != "StateTaskServiceBatch":
                raise AttributeError(attribute)
            return _batch_class()

    sys.modules[name] = Stub(name)


def _batch_class() -> type:
    class StateTaskServiceBatch:
        def __init__(self) -> None:
            raise ValueError("batch:* resources are not rehearsed")

    return StateTaskServiceBatch


def _stop_all() -> None:
    """End the executions that still run, so that their threads leave moto's state alone."""
    from rehearsal.stepfunctions.executions import running

    ended = []
    for execution in running():
        done = threading.Event()
        execution.rehearsal_watch(done.set)
        execution.exec_worker.env.set_stop(stop_date=None, error=None, cause="the rehearsal has stopped")
        ended.append(done)
    deadline = time.monotonic() + 2.0
    for done in ended:
        done.wait(max(0.0, deadline - time.monotonic()))
