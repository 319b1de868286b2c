"""The `approval` workflow: ask, and wait until a person has answered in the registry, or the time is over.

Input ``{run, registered}``; output ``ApprovalDecision``.
"""

from state_machines.extension import Graph, Task
from state_machines.limits import APPROVAL_SECONDS
from state_machines.machine import machine
from state_machines.policies import ENTERED_AT, EXECUTION, Faults, function_retries, function_task, to


def build() -> Graph:
    """Return the state machine."""
    faults = Faults("approval")
    request = Task(
        "RequestApproval",
        comment="Keeps the task token, notifies the approvers, and waits for record_decision to send their answer.",
        resource="arn:${Partition}:states:::lambda:invoke.waitForTaskToken",
        parameters={
            "FunctionName": "${RequestApprovalFunctionArn}",
            "Payload": {
                "run.$": "$.run",
                "registered.$": "$.registered",
                "token.$": "$$.Task.Token",
                "requested_at.$": ENTERED_AT,
                "execution": EXECUTION,
            },
        },
        timeout_seconds_path="$.run.approval_wait_seconds",
        retry=function_retries(),
    )
    expire = function_task(
        "ExpireApproval",
        "ExpireApproval",
        {"run.$": "$.run", "registered.$": "$.registered", "expired_at.$": ENTERED_AT},
        comment="Nobody answered in time. An answer that was accepted in the same moment still counts.",
    )
    request.add_catch(to(expire, errors=("States.Timeout",)))
    faults.guard(request, expire)
    return machine(
        request,
        comment="Waits until a person, neither author nor starter, approves or rejects a model. Started by pipeline.",
        smallest_input='{"run": <output of resolve_request>, "registered": <output of registration>}',
        waits={"RequestApproval": APPROVAL_SECONDS},
    )
