"""The `retraining` workflow: may this model be retrained now? Then start the pipeline, and say so either way.

Input ``RetrainingRequest``; output ``{outcome: started|suppressed, model, reason, pipeline_execution_arn}``.
"""

from state_machines.extension import Choice, Graph, Pass, Task
from state_machines.limits import API_SECONDS
from state_machines.machine import machine
from state_machines.policies import ENTERED_AT, EXECUTION, Faults, Json, equals, execution_retries, function_task


def build() -> Graph:
    """Return the state machine."""
    faults = Faults("retraining")
    govern = function_task(
        "GovernRetraining",
        "GovernRetraining",
        {"request.$": "$", "execution": EXECUTION, "entered_at.$": ENTERED_AT},
        comment="One conditional write enforces cooldown, daily budget and one at a time; every refusal is recorded.",
        result_selector={"decision.$": "$"},
    )
    allowed = Choice("Started?", comment="Suppressed is an outcome, with its reason.")
    start = Task(
        "StartPipeline",
        comment="The name comes from this execution: started twice is started once. Nobody waits for it here.",
        resource="arn:${Partition}:states:::states:startExecution",
        parameters={
            "StateMachineArn": "${PipelineStateMachineArn}",
            "Name.$": "$.decision.pipeline_name",
            "Input.$": "$.decision.pipeline_input",
        },
        result_selector={"arn.$": "$.ExecutionArn"},
        result_path="$.pipeline",
        timeout_seconds=API_SECONDS,
        retry=execution_retries(),
    )
    facts: Json = {"model.$": "$.decision.model", "reason.$": "$.decision.reason"}
    started = Pass("Started", parameters={"outcome": "started", **facts, "pipeline_execution_arn.$": "$.pipeline.arn"})
    suppressed = Pass("Suppressed", parameters={"outcome": "suppressed", **facts, "pipeline_execution_arn": None})

    govern.next(allowed)
    allowed.add_choice(equals("$.decision.decision", "started"), start)
    allowed.default_choice(suppressed)
    start.next(started)
    faults.guard(govern, start)
    return machine(
        govern,
        comment="Starts the pipeline again when drift, new data, a schedule or a person asks, within limits.",
        smallest_input='{"model": "<name under models/>", "cause": "manual"}',
    )
