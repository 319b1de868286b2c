"""`monitoring` and `sweep`: what their functions and jobs answer."""

from typing import Any

from muster import naming
from muster.contracts.base import parse
from muster.contracts.monitoring import MonitoringOutcome, MonitoringPlan, Sweep, Watched
from muster.contracts.quality import LiveSample, QualityResult
from muster.monitoring import insufficient
from muster.plans import evaluation
from tests.unit import samples
from tests.unit.samples import PACKAGE, SETTINGS, digest

ENDPOINT = "muster-tumour"
STATES = f"{samples.ARN}:states:{samples.REGION}:{samples.ACCOUNT}"
RUN = naming.run_id(f"{STATES}:execution:{SETTINGS.prefix}-monitoring:one")
WINDOW = {"start": "2026-11-21T11:00:00.000Z", "end": "2026-11-21T12:00:00.000Z"}
WATCHED = parse(
    Watched,
    {
        "subject": "endpoint",
        "run": RUN,
        "model": "tumour",
        "endpoint": ENDPOINT,
        "package_arn": PACKAGE,
        "evidence_digest": digest("e"),
        "spec": {"uri": f"s3://muster-records/specs/{digest('5')}/spec.json", "digest": digest("5")},
        "baseline": samples.baseline_ref().payload(),
        "window": WINDOW,
        "work": f"s3://muster-work/monitoring/{RUN}/",
    },
)


def planned(*, batches: int = 1, attribution: bool = False) -> dict[str, Any]:
    return MonitoringPlan(
        status="ready",
        reason="3 files",
        endpoint=ENDPOINT,
        watched=WATCHED,
        batches=batches,
        files=3,
        bytes=9_000,
        gaps=tuple(f"2026-11-{day:02}T01:00Z to 2026-11-{day:02}T02:00Z" for day in range(1, 22)),
        attribution=attribution,
    ).payload()


def sampled(status: str = "ready") -> dict[str, Any]:
    """`sample_rows`; its job is that of a candidate's prediction, which has the same members."""
    if status == "skipped":
        return LiveSample(status="skipped", reason="too few rows").payload()
    job = evaluation.plan(
        samples.run(),
        samples.training_result(),
        samples.spec(),
        samples.policy(),
        SETTINGS,
        holdouts=samples.holdouts(),
        champion=None,
        jobs_digest=digest("7"),
    ).candidate
    uri = f"{WATCHED.work}attributions/attributions.json"
    return LiveSample(status="ready", reason="500 rows", rows=500, job=job, attributions_uri=uri).payload()


def measured(status: str = "measured") -> dict[str, Any]:
    uri = f"{WATCHED.work}quality/quality.json"
    return parse(
        QualityResult, {"status": status, "uri": uri, "metrics": ["auc"], "reasons": ["auc is as it was"]}
    ).payload()


def assessed(outcome: str = "none", *, announce: bool = False, regressed: bool = False) -> dict[str, Any]:
    """`assess_window`, with as many words as it may say."""
    from muster.reasons import LONGEST, MOST, told

    prefix = f"s3://muster-evidence/monitoring/{ENDPOINT}/20261121T120000Z-{RUN}/"
    features = [f"feature_{number:02}" for number in range(20)]
    return parse(
        MonitoringOutcome,
        {
            "outcome": outcome,
            "reasons": list(told(["x" * LONGEST] * (MOST + 1), "the report")),
            "model": "tumour",
            "endpoint": ENDPOINT,
            "package_arn": PACKAGE,
            "window": WINDOW,
            "rows": 5_000,
            "report_uri": f"{prefix}report.html",
            "evidence_uri": f"{prefix}drift_report.json",
            "announce": announce,
            "episode": "2026-11-21T11:00:00.000Z/2026-11-21T12:00:00.000Z" if announce else None,
            "features": features if announce else [],
            "effects": dict.fromkeys(features, "y" * 160) if announce else {},
            "windows": ["2026-11-21T11:00:00.000Z/2026-11-21T12:00:00.000Z"] * 3 if announce else [],
            "quality": "regressed" if regressed else "measured",
            "announce_quality": regressed,
            "quality_metrics": ["auc"] if regressed else [],
            "quality_reasons": ["auc 0.91 to 0.93, registered 0.96 to 0.99"] if regressed else [],
        },
    ).payload()


def monitoring_scene(
    *,
    batches: int = 1,
    attribution: str | None = None,
    outcome: str = "none",
    announce: bool = False,
    regressed: bool = False,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """A window; `attribution` is the status of the sample, None when nobody asks for one."""
    script = {
        "PlanWindow": planned(batches=batches, attribution=attribution is not None),
        "SketchOneBatch": {"number": 0, "rows": 5_000, "poison": 0},
        "SketchBatches": [[{"number": number} for number in range(batches)]],
        "SketchBatch": {"number": 0, "rows": 5_000, "poison": 0},
        "SampleRows": sampled(attribution or "skipped"),
        "ExplainRows": {"ProcessingJobName": "explain"},
        "MeasureQuality": measured("regressed" if regressed else "measured"),
        "AssessWindow": assessed(outcome, announce=announce, regressed=regressed),
        "AnnounceDrift": {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]},
        "AnnounceQuality": {"FailedEntryCount": 0, "Entries": [{"EventId": "2"}]},
    }
    return {"endpoint": ENDPOINT}, script


def nothing_to_count() -> tuple[dict[str, Any], dict[str, Any]]:
    input_, script = monitoring_scene()
    return input_, {**script, "PlanWindow": insufficient(ENDPOINT, "no captured file").payload()}


def sweep_scene(*endpoints: str) -> tuple[dict[str, Any], dict[str, Any]]:
    listed = Sweep(
        workflow="monitoring",
        state_machine_arn=f"{STATES}:stateMachine:{SETTINGS.prefix}-monitoring",
        suffix="20261121T12",
        inputs=tuple({"endpoint": each} for each in endpoints),
    )
    started = {
        "ExecutionArn": f"{STATES}:execution:{SETTINGS.prefix}-monitoring:x",
        "StartDate": "2026-11-21T12:00:00Z",
    }
    return {"workflow": "monitoring"}, {"ListEndpoints": listed.payload(), "StartExecution": started}


MONITORING = {
    "one batch, no drift": monitoring_scene(),
    "many batches, drift, worse answers": monitoring_scene(
        batches=3, attribution="ready", outcome="drift", announce=True, regressed=True
    ),
    "nothing to explain": monitoring_scene(attribution="skipped", outcome="suspected"),
    "nothing to count": nothing_to_count(),
}
SWEEP = {"two endpoints": sweep_scene("muster-a", "muster-b")}
