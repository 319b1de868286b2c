"""The `retraining` workflow: may this model be retrained now? Then start the pipeline, and say so either way.

Input ``RetrainingRequest``; output ``{outcome: started|suppressed, model, reason, pipeline_execution_arn}``.
"""

from state_machines.extension import Choice, Graph, Pass, Retrier, Task
from state_machines.limits import API_SECONDS
from state_machines.machine import machine
from state_machines.policies import (
    ENTERED_AT,
    EXECUTION,
    Faults,
    Json,
    equals,
    execution_retries,
    function_task,
    short_retries,
)


def _in_a_crowd() -> Retrier:
    """Spread wishes that come at once over minutes: retraining can wait that long, and every wish has to be answered.

    The governor has 5 concurrent executions. Of a thousand wishes at the same moment the retries of any function, which
    come within seconds, would lose most; these lose none while an answer takes up to a second (a test simulates it).
    """
    return Retrier(
        error_equals=["Lambda.TooManyRequestsException"],
        interval_seconds=120,
        max_attempts=5,
        backoff_rate=2.0,
        max_delay_seconds=900,
        jitter_strategy="FULL",
    )


def build() -> Graph:
    """Return the state machine."""
    faults = Faults("retraining")
    govern = function_task(
        "GovernRetraining",
        "GovernRetraining",
        {"request.$": "$", "execution": EXECUTION, "entered_at.$": ENTERED_AT},
        comment="One conditional write enforces one at a time, cooldown and budgets; every refusal is recorded.",
        result_selector={"decision.$": "$"},
    )
    govern.retries.insert(0, _in_a_crowd())  # the first retrier that knows an error is the one that counts
    govern.add_retry(short_retries("Conflict"))  # others were faster, five times in a row
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
