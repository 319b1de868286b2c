"""`nightly_evaluation`: what its functions and its job answer."""

from typing import Any

from muster import naming
from muster.contracts.base import parse
from muster.contracts.documents import DocumentRef
from muster.contracts.nightly import Asked, AskedHoldout, Nightly, NightlyOutcome, NightlyPlan
from muster.plans import evaluation
from tests.unit import samples
from tests.unit.samples import PACKAGE, SETTINGS, digest

ENDPOINT = "muster-tumour"
RUN = naming.run_id(
    f"arn:aws-us-gov:states:us-gov-west-1:123456789012:execution:{SETTINGS.prefix}-nightly_evaluation:one"
)
EVIDENCE = f"s3://muster-evidence/nightly/{ENDPOINT}/20261121T072000Z-{RUN}/"


def nightly(**changes: Any) -> Nightly:
    """Whom to ask what."""
    work = f"s3://{SETTINGS.work_bucket}/runs/{RUN}/"
    facts = {
        "run": RUN,
        "model": "tumour",
        "endpoint": ENDPOINT,
        "package_arn": PACKAGE,
        "evidence_digest": digest("e"),
        "config_name": f"{ENDPOINT}-0123456789ab",
        "spec": DocumentRef(uri=f"s3://muster-records/specs/{digest('5')}/spec.json", digest=digest("5")).payload(),
        "registered": DocumentRef(uri="s3://muster-evidence/reports/e.json", digest=digest("6")).payload(),
        "problem_type": "binary",
        "numbers": 1,
        "holdouts": {
            kind: AskedHoldout(digest=each.digest, uri=each.uri, rows=each.rows).payload()
            for kind, each in samples.holdouts().items()
        },
        "requests": 14,
        "turns": 12,
        "rows_per_request": 20,
        "requests_per_second": 5.0,
        "predictions": f"{work}predict/",
        "champion": f"{work}champion/",
        "report": f"{work}evaluate/",
        "work": f"{work}nightly/",
        "paired": True,
    }
    return parse(Nightly, {**facts, **changes})


def planned() -> dict[str, Any]:
    """`plan_nightly`."""
    found = nightly()
    job = evaluation.scoring_job(
        RUN,
        samples.spec(),
        samples.policy(),
        SETTINGS,
        snapshot=samples.training_result().snapshot,
        holdouts={kind: each.uri for kind, each in found.holdouts.items()},
        paired=True,
        image_uri=samples.run().image_uri,
        jobs_digest=digest("7"),
    )
    plan = {"reason": "260 rows to ask", "endpoint": ENDPOINT, "nightly": found.payload(), "evaluate": job.payload()}
    return parse(NightlyPlan, {"status": "ready", **plan}).payload()


def nothing_serves() -> dict[str, Any]:
    """`plan_nightly`, of an endpoint that Muster never deployed."""
    reason = f"endpoint {ENDPOINT}: found nothing that Muster deployed"
    return parse(NightlyPlan, {"status": "nothing_serves", "reason": reason, "endpoint": ENDPOINT}).payload()


def asked(status: str = "answered", **changes: Any) -> dict[str, Any]:
    """`question_endpoint`."""
    facts = {"status": status, "reason": "as it is", "next": 14, "turn": 1, "config_name": nightly().config_name}
    return parse(Asked, {**facts, **changes}).payload()


def judged(outcome: str = "unchanged", *, announce: bool = False) -> dict[str, Any]:
    """`judge_nightly`."""
    return parse(
        NightlyOutcome,
        {
            "outcome": outcome,
            "reasons": [f"auc on the reference holdout: it is {outcome}"],
            "model": "tumour",
            "endpoint": ENDPOINT,
            "package_arn": PACKAGE,
            "metrics": ["auc"] if outcome == "regressed" else [],
            "announce": announce,
            "report_uri": f"{EVIDENCE}report.html",
            "evidence_uri": f"{EVIDENCE}nightly.json",
        },
    ).payload()


def nightly_scene(
    *, turns: int = 1, status: str = "answered", outcome: str = "unchanged", announce: bool = False
) -> tuple[Any, dict[str, Any]]:
    """A request, and what everything that is called answers."""
    on_the_way = [asked("more", next=number, turn=number) for number in range(1, turns)]
    script = {
        "PlanNightly": planned(),
        "QuestionEndpoint": [*on_the_way, asked(status, turn=turns)],
        "Evaluate": {"ProcessingJobStatus": "Completed"},
        "JudgeNightly": judged(outcome, announce=announce),
        "AnnounceRegression": {"FailedEntryCount": 0, "Entries": []},
    }
    return {"endpoint": ENDPOINT}, script


SCENES = {
    "unchanged": nightly_scene(),
    "in turns, regressed": nightly_scene(turns=3, outcome="regressed", announce=True),
    "unavailable": nightly_scene(status="unavailable", outcome="unavailable"),
    "nothing serves": ({"endpoint": ENDPOINT}, {"PlanNightly": nothing_serves()}),
}
