"""The `sweep` workflow: start one execution of a workflow for everything that serves.

Input ``SweepRequest``; output ``{outcome: swept, workflow, executions}``. Nobody waits for what is started. A name comes
of the execution's input and the hour, so that what is started twice is started once.
"""

import math

from state_machines.extension import Graph, Map, Pass, State, Task
from state_machines.limits import API_SECONDS, SWEPT
from state_machines.machine import machine
from state_machines.policies import ENTERED_AT, Faults, execution_retries, function_task, to

_AT_ONCE = 5
"""StartExecution is throttled at a few per second."""


def build() -> Graph:
    """Return the state machine."""
    faults = Faults("sweep")
    listing = function_task(
        "ListEndpoints",
        "ListEndpoints",
        {"request.$": "$", "entered_at.$": ENTERED_AT},
        comment="The endpoints of the ledger that serve, or their models; for monitoring those that can be watched.",
        seconds=300,
        result_selector={"sweep.$": "$"},
    )
    starting = Map(
        "StartExecutions",
        _start(),
        comment="One execution each.",
        items_path="$.sweep.inputs",
        item_selector={
            "arn.$": "$.sweep.state_machine_arn",
            "input.$": "$$.Map.Item.Value",
            "suffix.$": "$.sweep.suffix",
        },
        max_concurrency=_AT_ONCE,
        result_path=None,
    )
    swept = Pass(
        "Swept",
        parameters={
            "outcome": "swept",
            "workflow.$": "$.sweep.workflow",
            "executions.$": "States.ArrayLength($.sweep.inputs)",
        },
    )
    listing.next(starting)
    starting.next(swept)
    faults.guard(listing, starting)
    return machine(
        listing,
        comment="Starts a workflow for every endpoint of the ledger. Started by a schedule.",
        smallest_input='{"workflow": "monitoring"}',
        # So many take turns, each with its retries.
        waits={"StartExecution": math.ceil(SWEPT / _AT_ONCE) * 4 * API_SECONDS},
    )


def _start() -> State:
    start = Task(
        "StartExecution",
        comment="Started twice in an hour is started once.",
        resource="arn:${Partition}:states:::states:startExecution",
        parameters={
            "StateMachineArn.$": "$.arn",
            "Name.$": "States.Format('{}-{}', States.Hash(States.JsonToString($.input), 'MD5'), $.suffix)",
            "Input.$": "$.input",
        },
        timeout_seconds=API_SECONDS,
        retry=execution_retries(),
    )
    there = Pass("StartedAlready", comment="By an earlier try, or another sweep of the hour.")
    start.add_catch(to(there, errors=("StepFunctions.ExecutionAlreadyExistsException",)))
    return start
