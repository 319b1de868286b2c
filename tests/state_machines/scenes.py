"""What functions and jobs answer in the tests: the contracts' own payloads, and plans made by the real planners."""

from typing import Any

from muster.contracts.base import parse
from muster.contracts.deployment import Claim, DeploymentResult, HistoryRecord, Verification
from muster.contracts.evaluation import EvaluationResult, PrimaryScore
from muster.contracts.pipeline import (
    ApprovalDecision,
    BaselineComplete,
    BaselineNeedsCounts,
    EvidenceRef,
    PipelineRequest,
    RegisteredModel,
    SealedBaseline,
    SnapshotComplete,
    SnapshotNeedsHashes,
)
from muster.contracts.retraining import RetrainingDecision
from muster.plans import deployment, evaluation, training
from rehearsal.interpreter import TimeOut, Waiting
from tests.state_machines import scenes_batch, scenes_monitoring, scenes_nightly
from tests.unit import samples
from tests.unit.samples import PACKAGE, SETTINGS, digest

RUN = samples.run()
TRAINED = samples.training_result()
ENDPOINT = "muster-tumour"
EXECUTION = f"{samples.ARN}:states:{samples.REGION}:{samples.ACCOUNT}:execution:muster-deployment:one"


def complete() -> dict[str, Any]:
    return SnapshotComplete(snapshot=TRAINED.snapshot).payload()


def hash_needed() -> dict[str, Any]:
    job, uri = training.hash_job(
        RUN,
        samples.spec(),
        samples.policy(),
        SETTINGS,
        jobs_digest=digest("7"),
        listing_uri="s3://muster-work/runs/0123456789abcdef0123/hash/listing.json",
        data_bytes=10**9,
    )
    return SnapshotNeedsHashes(job=job, hashes_uri=uri).payload()


BASED = TRAINED.model_copy(update={"baseline": samples.baseline_ref()})


def counted() -> dict[str, Any]:
    return BaselineComplete(training=BASED).payload()


def count_needed() -> dict[str, Any]:
    job, uri = training.baseline_job(
        RUN,
        TRAINED.snapshot,
        samples.spec(),
        samples.policy(),
        SETTINGS,
        jobs_digest=digest("7"),
        plan_uri="s3://muster-work/runs/0123456789abcdef0123/plan/baseline_plan.json",
        key_uri="s3://muster-records/redaction/tumour/key",
    )
    return BaselineNeedsCounts(job=job, counts_uri=uri).payload()


def training_plan(**spec: Any) -> dict[str, Any]:
    return training.plan(RUN, TRAINED.snapshot, samples.spec(**spec), SETTINGS, jobs_digest=digest("7")).payload()


def evaluation_plan(*, champion: bool) -> dict[str, Any]:
    return evaluation.plan(
        RUN,
        TRAINED,
        samples.spec(),
        samples.policy(),
        SETTINGS,
        holdouts=samples.holdouts(),
        champion=samples.champion() if champion else None,
        jobs_digest=digest("7"),
    ).payload()


def judged(verdict: str = "passed", *, champion: str | None = None) -> dict[str, Any]:
    reports = "s3://muster-evidence/reports/tumour/0123456789abcdef0123"
    return EvaluationResult(
        verdict=verdict,
        reasons=(f"it {verdict}",),
        report_uri=f"{reports}/report.html",
        report_digest=digest("1"),
        evaluation_uri=f"{reports}/evaluation.json",
        evaluation_digest=digest("2"),
        primary=PrimaryScore(metric="auc", candidate=0.99),
        champion_package_arn=champion,
        holdouts={"reference": digest("8")},
    ).payload()


def evidence() -> dict[str, Any]:
    uri = f"s3://muster-evidence/evidence/tumour/{digest('f')}.json"
    return EvidenceRef(evidence_uri=uri, evidence_digest=digest("f")).payload()


def registered() -> dict[str, Any]:
    return RegisteredModel(package_arn=PACKAGE, package_group=ENDPOINT, version=1, **evidence()).payload()


def decided(decision: str = "approved") -> dict[str, Any]:
    return ApprovalDecision(
        decision=decision,
        package_arn=PACKAGE,
        evidence_digest=digest("f"),
        approver=None if decision == "expired" else "alex",
        decided_at=samples.NOW,
        reason=f"{decision}, after reading the report",
    ).payload()


def job(name: str, **members: Any) -> dict[str, Any]:
    """What ``.sync`` returns of a training job, as far as it matters."""
    return {"TrainingJobName": name, "TrainingJobStatus": "Completed", "SecondaryStatus": "Completed", **members}


def claimed(**members: Any) -> dict[str, Any]:
    return Claim(
        status="claimed",
        endpoint=ENDPOINT,
        model="tumour",
        package_arn=PACKAGE,
        evidence_digest=digest("f"),
        lease_expires_at=samples.NOW,
        **members,
    ).payload()


def claim_refused(reason: str) -> dict[str, Any]:
    return Claim(status="refused", reason=reason, endpoint=ENDPOINT, package_arn=PACKAGE).payload()


def deployment_plan(*, previous: str | None = "muster-tumour-old", **spec: Any) -> dict[str, Any]:
    package = deployment.Servable(
        package_arn=PACKAGE,
        evidence_digest=digest("f"),
        run=RUN.run,
        image_uri=RUN.image_uri,
        image_digest=RUN.image_digest,
        artifact_uri=TRAINED.artifact.uri,
        artifact_digest=TRAINED.artifact.digest,
        golden_uri=RUN.golden_uri,
    )
    return deployment.plan(
        package,
        samples.spec(**spec),
        SETTINGS,
        endpoint=ENDPOINT,
        previous_config=previous,
        execution_arn=EXECUTION,
        entered_at=samples.NOW.isoformat(),
    ).payload()


def plan_refused(reason: str) -> dict[str, Any]:
    return deployment.refused(ENDPOINT, reason).payload()


def rollback_plan() -> dict[str, Any]:
    """Back from the newest configuration to the one before it."""
    target = parse(
        HistoryRecord,
        {
            "workflow": "deployment",
            "at": "2026-11-20T12:00:00.000Z",
            "execution_arn": EXECUTION,
            "endpoint": ENDPOINT,
            "config_name": "muster-tumour-old",
            "package_arn": PACKAGE,
            "evidence_digest": digest("f"),
            "artifact_digest": digest("e"),
            "image_digest": RUN.image_digest,
            "outcome": "deployed",
        },
    )
    plan = deployment.plan_back(
        target, samples.spec(), SETTINGS, live_config="muster-tumour-new", golden_uri=RUN.golden_uri
    )
    return plan.payload()


def endpoint(status: str = "InService", config: str | None = "muster-tumour-new", **members: Any) -> dict[str, Any]:
    """DescribeEndpoint; no configuration's name while the first one is being created."""
    name = {"EndpointConfigName": config} if config else {}
    return {
        "EndpointName": ENDPOINT,
        "EndpointArn": f"{samples.ARN}:sagemaker:{samples.REGION}:{samples.ACCOUNT}:endpoint/{ENDPOINT}",
        "EndpointStatus": status,
        "CreationTime": "2026-11-21T12:00:00.000Z",
        "LastModifiedTime": "2026-11-21T12:00:00.000Z",
        **name,
        **members,
    }


def verified(verdict: str) -> dict[str, Any]:
    return Verification(verdict=verdict, reasons=(f"it is {verdict}",)).payload()


def recorded(parameters: dict[str, Any]) -> dict[str, Any]:
    """record_deployment: the outcome that its facts say."""
    event = parameters["Payload"]
    verification, plan = event["verification"], event["plan"]
    refused = plan is not None and plan["status"] == "refused"
    outcome = "refused" if refused or verification is None else verification["verdict"]
    return DeploymentResult(
        outcome=outcome,
        endpoint=event["claim"]["endpoint"],
        config_name=plan and plan["config_name"],
        reasons=tuple(verification["reasons"]) if verification else (),
    ).payload()


# ---- whole runs: input, and what every task answers. Each is one way through a workflow.
Scene = tuple[dict[str, Any], dict[str, Any]]

_RUN = RUN.payload()
_TRAINED = TRAINED.payload()
_DEPLOYMENT = {"model_package_arn": PACKAGE, "evidence_digest": digest("f"), "model": "tumour", "run": RUN.run}
_ROLLBACK = {"endpoint": ENDPOINT, "reason": "patients are misread"}


def training_scene(
    *, hashed: bool = False, spot: bool = True, spot_ends: Any = None, counted_by_job: bool = False
) -> Scene:
    """Training; `spot_ends` is how the job on spot ends, when it does not complete."""
    script = {
        "SnapshotData": hash_needed() if hashed else complete(),
        "HashObjects": {"ProcessingJobName": "hash"},
        "SealSnapshot": complete(),
        "PlanTraining": training_plan(training__spot__enabled=spot),
        "Prepare": {"ProcessingJobName": "prepare"},
        "TrainOnSpot": spot_ends or job("on-spot"),
        "TrainOnDemand": job("on-demand"),
        "SealArtifact": _TRAINED,
        "MakeBaseline": count_needed() if counted_by_job else counted(),
        "CountData": {"ProcessingJobName": "baseline"},
        "SealCounts": counted(),
    }
    return {"run": _RUN}, script


def evaluation_scene(*, champion: bool = True) -> Scene:
    script = {
        "PlanEvaluation": evaluation_plan(champion=champion),
        "PredictCandidate": {"ProcessingJobName": "predict"},
        "PredictChampion": {"ProcessingJobName": "champion"},
        "Evaluate": {"ProcessingJobName": "evaluate"},
        "JudgeCandidate": judged(champion=PACKAGE if champion else None),
    }
    return {"run": _RUN, "training": _TRAINED}, script


def registration_scene() -> Scene:
    script = {
        "SealBaseline": SealedBaseline(baseline=samples.baseline_ref()).payload(),
        "AssembleEvidence": evidence(),
        "RegisterModel": registered(),
    }
    return {"run": _RUN, "training": BASED.payload(), "evaluation": judged()}, script


def approval_scene(*, answer: Any = None) -> Scene:
    script = {"RequestApproval": answer or Waiting(3600, decided()), "ExpireApproval": decided("expired")}
    return {"run": _RUN, "registered": registered()}, script


def child(output: dict[str, Any]) -> dict[str, Any]:
    """What ``startExecution.sync:2`` returns: DescribeExecution with its output parsed."""
    return {"ExecutionArn": EXECUTION, "Name": "child", "Status": "SUCCEEDED", "Input": {}, "Output": output}


def pipeline_scene(*, verdict: str = "passed", decision: str = "approved") -> Scene:
    script = {
        "ResolveRequest": _RUN,
        "Train": child(_TRAINED),
        "Evaluate": child(judged(verdict)),
        "Register": child(registered()),
        "Approve": child(decided(decision)),
        "AnnounceApproved": {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]},
        "AnnounceOutcome": {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]},
    }
    return {"model": "tumour"}, script


def deployment_scene(
    *, first: bool = False, verdict: str = "deployed", restored: str = "rolled_back", looks: int = 3, **spec: Any
) -> Scene:
    """A deployment; `first` when there is no endpoint yet, `looks` how often it is looked at before it has settled."""
    plan = deployment_plan(previous=None if first else "muster-tumour-old", **spec)
    going = endpoint("Creating", None) if first else endpoint("Updating", "muster-tumour-old")
    script = {
        "ClaimEndpoint": claimed(),
        "PlanDeployment": plan,
        "CreateModel": {"ModelArn": "arn:model"},
        "CreateEndpointConfig": {"EndpointConfigArn": "arn:config"},
        "CreateCapturingConfig": {"EndpointConfigArn": "arn:config"},
        "PutAlarm": {},
        "PutPercentileAlarm": {},
        "CreateEndpoint": {"EndpointArn": "arn:endpoint"},
        "VerifyDeployment": verified(verdict),
        **_switching(going, looks, plan["config_name"], restored),
    }
    return _DEPLOYMENT, script


def rollback_scene(*, verdict: str = "rolled_back", restored: str = "rolled_back", looks: int = 3) -> Scene:
    going = endpoint("Updating", "muster-tumour-new")
    script = {
        "ClaimEndpoint": claimed(),
        "PlanRollback": rollback_plan(),
        "PutAlarm": {},
        "PutPercentileAlarm": {},
        "VerifyDeployment": verified(verdict),
        **_switching(going, looks, "muster-tumour-old", restored),
    }
    return _ROLLBACK, script


def _switching(going: dict[str, Any], looks: int, config: str, restored: str) -> dict[str, Any]:
    settles = [*[going] * (looks - 1), endpoint("InService", config)]
    return {
        "UpdateEndpoint": {"EndpointArn": "arn:endpoint"},
        "RestorePrevious": {"EndpointArn": "arn:endpoint"},
        "DeleteEndpoint": {},
        "DescribeEndpoint": [*settles, endpoint("Updating"), *[endpoint()] * 3],
        "VerifyRestore": verified(restored),
        "RecordDeployment": recorded,
        "RecordRolledBack": recorded,
        "RecordRefusal": recorded,
        "RecordFault": {},
    }


def retraining_scene(*, decision: str = "started") -> Scene:
    request = {"model": "tumour", "cause": "manual"}
    answer = RetrainingDecision(
        decision=decision,
        reason=f"{decision}: the cooldown is over" if decision == "started" else "suppressed: one is in flight",
        model="tumour",
        pipeline_name="retraining-0123456789abcdef0123456789abcdef" if decision == "started" else None,
        pipeline_input=PipelineRequest(model="tumour", trigger="manual") if decision == "started" else None,
    )
    pipeline = EXECUTION.replace("deployment", "pipeline")
    return request, {
        "GovernRetraining": answer.payload(),
        "StartPipeline": {"ExecutionArn": pipeline, "StartDate": "2026-11-21T12:00:00.000Z"},
    }


SCENES: dict[str, dict[str, Scene]] = {
    "pipeline": {
        "approved": pipeline_scene(),
        "rejected": pipeline_scene(decision="rejected"),
        "gate missed": pipeline_scene(verdict="failed_gate"),
    },
    "training": {
        "on spot": training_scene(),
        "hashed and counted by jobs, on demand": training_scene(hashed=True, spot=False, counted_by_job=True),
    },
    "evaluation": {"with a champion": evaluation_scene(), "the first": evaluation_scene(champion=False)},
    "registration": {"registered": registration_scene()},
    "approval": {"answered": approval_scene(), "expired": approval_scene(answer=TimeOut())},
    "deployment": {
        "updated": deployment_scene(),
        "the first, with capture": deployment_scene(first=True, capture__enabled=True),
        "restored": deployment_scene(verdict="unhealthy"),
        "deleted": deployment_scene(first=True, verdict="unhealthy"),
        "not restored": deployment_scene(verdict="unhealthy", restored="unhealthy"),
        "refused": (_DEPLOYMENT, {**deployment_scene()[1], "PlanDeployment": plan_refused("not approved")}),
    },
    "rollback": {
        "rolled back": rollback_scene(),
        "restored": rollback_scene(verdict="unhealthy"),
        "refused": (_ROLLBACK, {**rollback_scene()[1], "PlanRollback": plan_refused("no history")}),
    },
    "retraining": {"started": retraining_scene(), "suppressed": retraining_scene(decision="suppressed")},
    "batch_inference": scenes_batch.SCENES,
    "monitoring": scenes_monitoring.MONITORING,
    "sweep": scenes_monitoring.SWEEP,
    "nightly_evaluation": scenes_nightly.SCENES,
}
"""Ways through each workflow that together call every task but those that only faults lead to."""
