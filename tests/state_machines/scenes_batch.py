"""`batch_inference`: what its functions and its job answer."""

from typing import Any

from muster import naming
from muster.contracts.base import parse
from muster.contracts.batch import BatchOutcome, StagedBatch
from muster.contracts.documents import DocumentRef
from muster.contracts.monitoring import MonitoringOutcome, MonitoringPlan, Watched
from muster.plans import batch
from tests.unit import samples
from tests.unit.samples import PACKAGE, SETTINGS, digest

RUN = naming.run_id(f"arn:aws-us-gov:states:us-gov-west-1:123456789012:execution:{SETTINGS.prefix}-batch_inference:one")
WINDOW = {"start": "2026-11-21T11:00:00Z", "end": "2026-11-21T12:00:00Z"}
WATCHED = parse(
    Watched,
    {
        "subject": "batch",
        "run": RUN,
        "model": "tumour",
        "endpoint": "muster-tumour",
        "package_arn": PACKAGE,
        "evidence_digest": digest("e"),
        "spec": DocumentRef(uri=f"s3://muster-records/specs/{digest('5')}/spec.json", digest=digest("5")).payload(),
        "baseline": samples.baseline_ref().payload(),
        "window": WINDOW,
        "work": f"s3://muster-work/monitoring/{RUN}/",
    },
)


def staged(status: str = "ready", reason: str = "30 rows in 1 objects") -> dict[str, Any]:
    """`stage_batch`, first call."""
    base = {"status": status, "reason": reason, "run": RUN, "model": "tumour", "prefix": "raw/tumour/batch/day/"}
    if status != "ready":
        return parse(StagedBatch, base).payload()
    job = batch.transform(
        SETTINGS, samples.spec().monitoring.batch, model_name="muster-tumour-0123456789ab", layout=digest("a"), run=RUN
    )
    more = {"watched": WATCHED.payload(), "transform": job.payload(), "inputs_digest": digest("a")}
    return parse(StagedBatch, {**base, **more, "rows": 30, "on_drift": "withhold"}).payload()


def collected(batches: int = 1) -> dict[str, Any]:
    """`stage_batch`, second call."""
    facts = {"reason": "30 rows", "endpoint": "muster-tumour", "batches": batches, "files": batches, "bytes": 9_000}
    return parse(MonitoringPlan, {"status": "ready", "watched": WATCHED.payload(), **facts}).payload()


def assessed(outcome: str = "none") -> dict[str, Any]:
    """`assess_window`."""
    prefix = f"s3://muster-evidence/monitoring/tumour/20261121T120000Z-{RUN}/"
    drift = {"episode": RUN, "features": ["age"], "effects": {"age": "KS 0.30"}, "windows": ["this batch"]}
    return parse(
        MonitoringOutcome,
        {
            "outcome": outcome,
            "reasons": [f"the batch is {outcome}"],
            "model": "tumour",
            "endpoint": "muster-tumour",
            "package_arn": PACKAGE,
            "window": WINDOW,
            "rows": 30,
            "report_uri": f"{prefix}report.html",
            "evidence_uri": f"{prefix}drift_report.json",
            "announce": outcome == "drift",
            **(drift if outcome == "drift" else {}),
        },
    ).payload()


def published(outcome: str = "published", verdict: str = "none") -> dict[str, Any]:
    """`publish_batch`."""
    target = f"s3://muster-data/predictions/tumour/{RUN}/"
    return parse(
        BatchOutcome,
        {
            "outcome": outcome,
            "reasons": ["as the spec says"],
            "run": RUN,
            "model": "tumour",
            "prefix": "raw/tumour/batch/day/",
            "rows": 30,
            "verdict": verdict,
            "package_arn": PACKAGE,
            "predictions_uri": None if outcome == "withheld" else f"{target}predictions.csv",
            "batch_uri": f"{target}batch.json",
            "report_uri": assessed()["report_uri"],
        },
    ).payload()


def batch_scene(
    *, status: str = "ready", batches: int = 1, verdict: str = "none", outcome: str = "published"
) -> tuple[Any, dict[str, Any]]:
    """A request, and what everything that is called answers."""
    script = {
        "StageBatch": staged(status),
        "Transform": {"TransformJobName": f"{RUN}-batch-0", "TransformJobStatus": "Completed"},
        "CollectAnswers": collected(batches),
        "SketchOneBatch": {"number": 0, "rows": 30, "poison": 0},
        "SketchBatches": [[{"number": number} for number in range(batches)]],
        "SketchBatch": {"number": 0, "rows": 30, "poison": 0},
        "AssessWindow": assessed(verdict),
        "PublishBatch": published(outcome, verdict),
        "AnnounceDrift": {"FailedEntryCount": 0, "Entries": []},
    }
    return {"model": "tumour", "prefix": "raw/tumour/batch/day/"}, script


SCENES = {
    "published": batch_scene(),
    "in many batches, withheld": batch_scene(batches=3, verdict="drift", outcome="withheld"),
    "nothing new": batch_scene(status="nothing_new"),
}
