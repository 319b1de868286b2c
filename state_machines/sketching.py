"""What `monitoring` and `batch_inference` share: counting the batches of a plan, judging what was counted, telling of drift.

Both read ``$.plan``, a ``MonitoringPlan`` that is ready. One batch is counted here; several by a Distributed Map, whose
children are Express executions. Plans and counts are in S3, so that a payload does not grow with the window.
"""

import math

from state_machines.extension import Choice, ChoiceRule, DistributedMap, State, Task
from state_machines.limits import EXPRESS_SECONDS, SKETCH_BATCHES, SKETCH_CONCURRENCY
from state_machines.policies import EXECUTION, Faults, Json, event_task, function_task

SKETCH_SECONDS = 180
"""Timeout of `sketch_batch`, which reads some tens of megabytes: with its margin less than an Express execution may take."""
ASSESS_SECONDS = 600
"""Timeout of `assess_window`, which adds up to ten thousand states."""
WAITS = {"SketchBatch": math.ceil(SKETCH_BATCHES / SKETCH_CONCURRENCY) * EXPRESS_SECONDS}
"""For `machine`: the longest time of all children, so many at a time."""

_PREFIX = "States.Format('monitoring/{}/%s', $.plan.watched.run)"
_BUCKET = "${WorkBucketName}"


def sketch(faults: Faults, then: State) -> State:
    """Return the state at which the counting of a plan's batches begins; `then` follows."""
    single = Choice("OneBatch?", comment="A small window is counted here; a large one by many, each a part of it.")
    here = _sketch_batch("SketchOneBatch", {"watched.$": "$.plan.watched", "number": 0}, result_path=None)
    many = DistributedMap(
        "SketchBatches",
        _sketch_batch("SketchBatch", {"watched.$": "$.watched", "number.$": "$.number"}),
        comment="An Express execution per batch, so many at a time; one that fails fails the run: no part is left out.",
        item_reader={
            "Resource": "arn:${Partition}:states:::s3:getObject",
            "ReaderConfig": {"InputType": "JSON"},
            "Parameters": {"Bucket": _BUCKET, "Key.$": _PREFIX % "batches.json"},
        },
        item_selector={"watched.$": "$.plan.watched", "number.$": "$$.Map.Item.Value.number"},
        max_concurrency=SKETCH_CONCURRENCY,
        tolerated_failure_percentage=0,
        label="SketchBatches",
        result_writer={
            "Resource": "arn:${Partition}:states:::s3:putObject",
            "Parameters": {"Bucket": _BUCKET, "Prefix.$": _PREFIX % "map"},
        },
        result_path=None,
    )
    single.add_choice(ChoiceRule.NumericEquals("$.plan.batches", 1), here)
    single.default_choice(many)
    here.next(then)
    many.next(then)
    faults.guard(here, many)
    return single


def _sketch_batch(state_id: str, parameters: Json, **fields: object) -> Task:
    return function_task(
        state_id,
        "SketchBatch",
        parameters,
        comment="Counts the files of a batch on the baseline's grid, and writes the counts to S3.",
        seconds=SKETCH_SECONDS,
        **fields,
    )


def assess(faults: Faults, *, quality: str | None = None, sample: str | None = None) -> Task:
    """Return the task that judges what was counted; its ``MonitoringOutcome`` comes to ``$.assessed``.

    Parameters
    ----------
    quality, sample
        Paths of the answers of `measure_quality` and of `sample_rows`; None when they were not asked.
    """
    asked: Json = {"quality": None, "sample": None}
    asked |= {"quality.$": quality} if quality else {}
    asked |= {"sample.$": sample} if sample else {}
    given = {name: value for name, value in asked.items() if f"{name}.$" not in asked}
    task = function_task(
        "AssessWindow",
        "AssessWindow",
        {"plan.$": "$.plan", **given, "execution": EXECUTION, "started_at.$": "$$.Execution.StartTime"},
        comment="Adds the counts, decides, confirms by the windows before, and writes report and metrics.",
        seconds=ASSESS_SECONDS,
        result_path="$.assessed",
    )
    faults.guard(task)
    return task


_TOLD = ("model", "evidence_uri", "features", "effects", "windows", "episode", "endpoint", "package_arn")


def announce_drift(faults: Faults, found: str) -> Task:
    """Return the task that puts ``DriftDetected``, from the ``MonitoringOutcome`` at the path `found`."""
    task = event_task(
        "AnnounceDrift",
        "DriftDetected",
        {
            "verdict": "drift",
            "window.$": f"States.Format('{{}}/{{}}', {found}.window.start, {found}.window.end)",
            **{f"{member}.$": f"{found}.{member}" for member in _TOLD},
        },
        comment="Once per episode. Retraining starts from this event.",
        result_path=None,
    )
    faults.guard(task)
    return task
