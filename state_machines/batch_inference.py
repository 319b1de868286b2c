"""The `batch_inference` workflow: predict a batch with the model that serves, judge its rows, publish or withhold.

Input ``BatchRequest``; output ``BatchOutcome``, or why there was nothing to do.
"""

from state_machines.extension import Choice, Graph, Pass, State
from state_machines.jobs import transform_task
from state_machines.limits import JOB_START_SECONDS, PROCESSING_SECONDS
from state_machines.machine import machine
from state_machines.policies import EXECUTION, Faults, equals, function_task
from state_machines.sketching import WAITS, announce_drift, assess, sketch

_STARTED = {**EXECUTION, "started_at.$": "$$.Execution.StartTime"}
_FOUND = "$.assessed"


def build() -> Graph:
    """Return the state machine."""
    faults = Faults("batch_inference")
    stage = function_task(
        "StageBatch",
        "StageBatch",
        {"request.$": "$", "execution": _STARTED},
        comment="Pins the batch's objects, checks their header and the model that serves, and lays out the rows.",
        seconds=900,
        result_selector={"staged.$": "$", "run": {"run.$": "$.run"}},
    )
    ready = Choice("Ready?", comment="Nothing new, or no model that may predict: an outcome, with its reason.")
    nothing = Pass(
        "NothingDone",
        parameters={
            "outcome.$": "$.staged.status",
            "reasons.$": "States.Array($.staged.reason)",
            "run.$": "$.run.run",
            "model.$": "$.staged.model",
            "prefix.$": "$.staged.prefix",
        },
    )
    transform = transform_task(
        "Transform", "batch", "$.staged.transform", comment="The endpoint's own model predicts the rows, isolated."
    )
    collect = function_task(
        "CollectAnswers",
        "StageBatch",
        {"staged.$": "$.staged", "execution": _STARTED},
        comment="Pins the job's outputs and packs them for the workers that count.",
        seconds=900,
        result_path="$.plan",
    )
    judge = assess(faults)

    stage.next(ready)
    ready.add_choice(equals("$.staged.status", "ready"), transform)
    ready.default_choice(nothing)
    transform.next(collect)
    collect.next(sketch(faults, judge))
    judge.next(_publish(faults))
    faults.guard(stage, transform, collect)
    return machine(
        stage,
        comment="Predicts a batch with the model that serves, and judges its rows as traffic is judged. Started by a "
        "schedule, or by hand.",
        smallest_input='{"model": "<name under models/>"}',
        waits={**WAITS, "Transform": PROCESSING_SECONDS + JOB_START_SECONDS},
    )


def _publish(faults: Faults) -> State:
    """Predictions first, then the event: who hears of drift finds them published, flagged or withheld."""
    publish = function_task(
        "PublishBatch",
        "PublishBatch",
        {
            "staged.$": "$.staged",
            "plan.$": "$.plan",
            "found.$": _FOUND,
            "transform_job.$": "$.job.name",
            "execution": _STARTED,
        },
        comment="Predictions, lineage and the ledger's entry; on drift as the spec says.",
        seconds=900,
        result_path="$.published",
    )
    drifted = Choice("Drift?", comment="One drifting batch is an episode of its own.")
    done = Pass("Done", input_path="$.published")
    announce = announce_drift(faults, _FOUND)
    publish.next(drifted)
    drifted.add_choice(equals(f"{_FOUND}.announce", True), announce)
    drifted.default_choice(done)
    announce.next(done)
    faults.guard(publish)
    return publish
