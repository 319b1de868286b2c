"""An installation and the plans of its runs, as the ``plan_*`` functions would return them: for requests to be filled with.

The specs are those of `models/`, each as it is and with everything optional the other way round; run, snapshot and
training result are those of `events/`. Nothing here is deployed.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from checks.tree import Tree
from muster import images, naming
from muster.contracts.base import parse
from muster.contracts.batch import StagedBatch
from muster.contracts.deployment import HistoryRecord
from muster.contracts.documents import BaselineRef, DocumentRef
from muster.contracts.evaluation import Champion, EvaluationResult, HoldoutKind, HoldoutRef, PrimaryScore
from muster.contracts.monitoring import MonitoringPlan, Watched, Window
from muster.contracts.nightly import Asked, AskedHoldout, Nightly, NightlyPlan
from muster.contracts.pipeline import Run, SnapshotRef, TrainingResult
from muster.contracts.policy import Policy
from muster.contracts.quality import LiveSample
from muster.contracts.spec import ModelSpec
from muster.contracts.spec_monitoring import AttributionSpec, CaptureSpec
from muster.contracts.spec_terms import MAX_ENVIRONMENT_BYTES, MAX_HYPERPARAMETERS_BYTES
from muster.plans import attribution, batch, deployment, evaluation, training
from muster.reasons import LONGEST, MOST, told
from muster.settings import Settings

_REGION, _ACCOUNT, _ARN = "us-gov-west-1", "123456789012", "arn:aws-us-gov"

SETTINGS = Settings(
    prefix="muster",
    partition="aws-us-gov",
    region=_REGION,
    account=_ACCOUNT,
    data_bucket="muster-data",
    records_bucket="muster-records",
    evidence_bucket="muster-evidence",
    work_bucket="muster-work",
    capture_bucket="muster-capture",
    ledger_table="muster-ledger",
    topic_arn=f"{_ARN}:sns:{_REGION}:{_ACCOUNT}:muster-notifications",
    event_bus="muster",
    data_key_arn=f"{_ARN}:kms:{_REGION}:{_ACCOUNT}:key/data",
    models_key_arn=f"{_ARN}:kms:{_REGION}:{_ACCOUNT}:key/models",
    evidence_key_arn=f"{_ARN}:kms:{_REGION}:{_ACCOUNT}:key/evidence",
    ledger_key_arn=f"{_ARN}:kms:{_REGION}:{_ACCOUNT}:key/ledger",
    job_role_arn=f"{_ARN}:iam::{_ACCOUNT}:role/muster/muster-jobs",
    endpoint_role_arn=f"{_ARN}:iam::{_ACCOUNT}:role/muster/muster-endpoints",
    subnets=("subnet-a", "subnet-b"),
    security_groups=("sg-jobs",),
    machine_roles=("muster-record-decision", "muster-retraining"),
)
"""An installation. The tests start from it too."""

_NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
_EXECUTION = f"{_ARN}:states:{_REGION}:{_ACCOUNT}:execution:muster-deployment:one"
_JOBS_DIGEST = "0" * 64


@dataclass(frozen=True, eq=False)
class Example:
    """What a workflow's state holds after its plan has been made."""

    workflow: str
    label: str
    state: dict[str, Any]


def substitution(name: str) -> str:
    """Return what the template puts in for a ``${name}`` of a definition.

    Raises
    ------
    LookupError
        When the templates give no such value.
    """
    fixed = {
        "Partition": SETTINGS.partition,
        "Prefix": SETTINGS.prefix,
        "EventBusName": SETTINGS.event_bus,
        "JobRoleArn": SETTINGS.job_role_arn,
        "EndpointRoleArn": SETTINGS.endpoint_role_arn,
        "ModelsKeyArn": SETTINGS.models_key_arn,
        "DataKeyArn": SETTINGS.data_key_arn,
        "WorkBucketName": SETTINGS.work_bucket,
    }
    if name in fixed:
        return fixed[name]
    here = f"{SETTINGS.region}:{SETTINGS.account}"
    if name.endswith("FunctionArn"):
        return f"{_ARN}:lambda:{here}:function:{name.removesuffix('FunctionArn')}"
    if name.endswith("StateMachineArn"):
        workflow = name.removesuffix("StateMachineArn").lower()
        return f"{_ARN}:states:{here}:stateMachine:{SETTINGS.prefix}-{workflow}"
    raise LookupError(f"substitution {name}: the template gives no such value")


def specs(tree: Tree) -> Iterator[tuple[Path, ModelSpec]]:
    """Yield the spec of every model, with its file.

    Raises
    ------
    ContractError
        When a spec is not valid.
    """
    for path in sorted((tree.root / "models").glob("*/model.yaml")):
        relative = path.relative_to(tree.root)
        yield relative, parse(ModelSpec, yaml.safe_load(path.read_text(encoding="utf-8")), str(relative))


def examples(tree: Tree) -> Iterator[Example]:
    """Yield the states of all workflows that have a plan, for every model: with and without champion, capture, endpoint."""
    for path, spec in specs(tree):
        for capture in (True, False):
            label = f"{path.parent.name}, {'with' if capture else 'without'} capture"
            yield from _of_spec(
                tree, label, spec.model_copy(update={"capture": CaptureSpec(enabled=capture, controlled_fields=())})
            )


def fullest(tree: Tree) -> Iterator[Example]:
    """Yield the same for each model with as many hyperparameters and variables as the contract of specs allows."""
    for path, spec in specs(tree):
        data = spec.payload()
        data["training"]["hyperparameters"] = _filling(MAX_HYPERPARAMETERS_BYTES, 2_000)
        data["inference"]["environment"] = _filling(MAX_ENVIRONMENT_BYTES, 250)
        yield from _of_spec(tree, f"{path.parent.name}, fullest", parse(ModelSpec, data))


def _filling(limit: int, longest: int) -> dict[str, str]:
    """Return values of the given length, as many as a bound on their JSON takes."""
    filling: dict[str, str] = {}
    while len(json.dumps({**filling, f"n{len(filling):02}": "x" * longest})) <= limit:
        filling[f"n{len(filling):02}"] = "x" * longest
    return filling


def _of_spec(tree: Tree, label: str, spec: ModelSpec) -> Iterator[Example]:
    event = json.loads(tree.text(Path("events/plan_evaluation.json")))
    policy = parse(Policy, yaml.safe_load(tree.text(Path("policy.yaml"))))
    hyperparameters = training.plain_hyperparameters(training.hyperparameters(spec))
    result = parse(TrainingResult, {**event["training"], "hyperparameters": hyperparameters})
    image = images.find(spec.image.framework, spec.image.version, SETTINGS.region)
    run = parse(Run, {**event["run"], "model": spec.name, "image_uri": image.pinned(event["run"]["image_digest"])})
    yield _training(label, run, result.snapshot, spec, policy)
    champion = _champion(run)
    for each in (None, champion):
        holdouts = _holdouts(run, ("reference", "recent") if each else ("reference",))
        plan = evaluation.plan(
            run, result, spec, policy, SETTINGS, holdouts=holdouts, champion=each, jobs_digest=_JOBS_DIGEST
        )
        state = {"run": run.payload(), "training": result.payload(), "plan": plan.payload()}
        yield Example("evaluation", f"{label}, {'with' if each else 'without'} champion", state)
    yield from _serving(label, run, result, spec, champion)
    yield _batch(label, spec, champion)
    yield _nightly(label, run, result, spec, policy)
    yield _watching(label, spec, champion)
    facts = {"training": {"result": result.payload()}, "evaluation": {"result": _judged(run).payload()}}
    yield Example("pipeline", label, {"run": run.payload(), **facts})


def _training(label: str, run: Run, snapshot: SnapshotRef, spec: ModelSpec, policy: Policy) -> Example:
    listing = f"s3://{SETTINGS.work_bucket}/runs/{run.run}/hash/listing.json"
    hashing, hashes_uri = training.hash_job(
        run, spec, policy, SETTINGS, jobs_digest=_JOBS_DIGEST, listing_uri=listing, data_bytes=policy.snapshot.max_bytes
    )
    plan = training.plan(run, snapshot, spec, SETTINGS, jobs_digest=_JOBS_DIGEST)
    counting, counts_uri = training.baseline_job(
        run,
        snapshot,
        spec,
        policy,
        SETTINGS,
        jobs_digest=_JOBS_DIGEST,
        plan_uri=f"s3://{SETTINGS.work_bucket}/runs/{run.run}/plan/baseline_plan.json",
        key_uri=f"s3://{SETTINGS.records_bucket}/redaction/{spec.name}/key",
    )
    return Example(
        "training",
        label,
        {
            "run": run.payload(),
            "snapshotting": {"job": hashing.payload(), "hashes_uri": hashes_uri, "snapshot": snapshot.payload()},
            "plan": plan.payload(),
            "baselining": {"job": counting.payload(), "counts_uri": counts_uri},
        },
    )


def _serving(label: str, run: Run, result: TrainingResult, spec: ModelSpec, champion: Champion) -> Iterator[Example]:
    servable = deployment.Servable(
        package_arn=champion.package_arn,
        evidence_digest=champion.evidence_digest,
        run=run.run,
        image_uri=run.image_uri,
        image_digest=run.image_digest,
        artifact_uri=result.artifact.uri,
        artifact_digest=result.artifact.digest,
        golden_uri=run.golden_uri,
    )
    for previous in (None, f"{champion.endpoint}-before"):
        plan = deployment.plan(
            servable,
            spec,
            SETTINGS,
            endpoint=champion.endpoint,
            previous_config=previous,
            execution_arn=_EXECUTION,
            entered_at=_NOW.isoformat(),
        )
        yield Example(
            "deployment", f"{label}, {'second' if previous else 'first'} deployment", {"plan": plan.payload()}
        )
    target = HistoryRecord(
        workflow="deployment",
        at=_NOW,
        execution_arn=_EXECUTION,
        endpoint=champion.endpoint,
        config_name=f"{champion.endpoint}-before",
        image_digest=run.image_digest,
        outcome="deployed",
    )
    back = deployment.plan_back(
        target, spec, SETTINGS, live_config=f"{champion.endpoint}-now", golden_uri=run.golden_uri
    )
    yield Example("rollback", label, {"plan": back.payload()})


def _watching(label: str, spec: ModelSpec, champion: Champion) -> Example:
    watched = parse(Watched, {**_batch(label, spec, champion).state["staged"]["watched"], "subject": "endpoint"})
    asked = AttributionSpec(instance_type=spec.evaluation.instance_type, max_runtime_seconds=3600)
    job = attribution.plan(
        watched,
        asked,
        SETTINGS,
        artifact_uri=champion.artifact_uri,
        artifact_digest=champion.artifact_digest,
        image_uri=champion.image_uri,
        environment={**spec.inference.environment, "SAGEMAKER_PROGRAM": spec.inference.entry_point},
        content_type=spec.inference.content_type,
        jobs_digest=_JOBS_DIGEST,
    )
    sample = LiveSample(
        status="ready", reason="x" * LONGEST, rows=1, job=job, attributions_uri=attribution.attributions_uri(watched)
    )
    return Example("monitoring", label, {"run": {"run": watched.run}, "sample": sample.payload()})


def _batch(label: str, spec: ModelSpec, champion: Champion) -> Example:
    run, sealed = "a" * 20, f"s3://{SETTINGS.records_bucket}"
    baseline = DocumentRef(uri=f"{sealed}/{naming.baseline_key('9' * 64, 'baseline.json')}", digest="9" * 64)
    watched = Watched(
        subject="batch",
        run=run,
        model=spec.name,
        endpoint=champion.endpoint,
        package_arn=champion.package_arn,
        evidence_digest=champion.evidence_digest,
        spec=DocumentRef(uri=f"{sealed}/{naming.spec_key('9' * 64)}", digest="9" * 64),
        baseline=BaselineRef(baseline=baseline, statistics=baseline, constraints=baseline, rows=1),
        window=Window(start=_NOW, end=_NOW + timedelta(hours=1)),
        work=f"s3://{SETTINGS.work_bucket}/{naming.monitoring_work_prefix(run)}",
    )
    job = batch.transform(
        SETTINGS, spec.monitoring.batch, model_name=f"{champion.endpoint}-now", layout="9" * 64, run=run
    )
    staged = StagedBatch(
        status="ready",
        reason="x" * LONGEST,
        run=run,
        model=spec.name,
        prefix=naming.batch_prefix(spec.name),
        watched=watched,
        transform=job,
        inputs_digest="9" * 64,
        on_drift=spec.monitoring.batch.on_drift,
        rows=1,
    )
    plan = MonitoringPlan(status="ready", reason=staged.reason, endpoint=champion.endpoint, watched=watched, batches=1)
    return Example("batch_inference", label, {"run": {"run": run}, "staged": staged.payload(), "plan": plan.payload()})


def _nightly(label: str, run: Run, result: TrainingResult, spec: ModelSpec, policy: Policy) -> Example:
    holdouts = {
        kind: AskedHoldout(digest=each.digest, uri=each.uri, rows=each.rows)
        for kind, each in _holdouts(run, ("reference", "recent")).items()
    }
    work = f"s3://{SETTINGS.work_bucket}/{naming.work_prefix(run.run, 'predict')}"
    sealed = DocumentRef(uri=run.spec_uri, digest=run.spec_digest)
    nightly = Nightly(
        run=run.run,
        model=spec.name,
        endpoint=naming.endpoint_name(SETTINGS.prefix, spec.name),
        package_arn="x" * 200,
        evidence_digest="9" * 64,
        config_name="x" * 63,
        spec=sealed,
        registered=sealed,
        problem_type=spec.problem_type,
        numbers=1,
        holdouts=holdouts,
        requests=1,
        turns=1,
        rows_per_request=1,
        requests_per_second=1,
        predictions=work,
        champion=work,
        report=work,
        work=work,
        paired=True,
    )
    job = evaluation.scoring_job(
        run.run,
        spec,
        policy,
        SETTINGS,
        snapshot=result.snapshot,
        holdouts={kind: each.uri for kind, each in holdouts.items()},
        paired=True,
        image_uri=run.image_uri,
        jobs_digest=_JOBS_DIGEST,
    )
    plan = NightlyPlan(status="ready", reason="x" * LONGEST, endpoint=nightly.endpoint, nightly=nightly, evaluate=job)
    asked = Asked(status="answered", reason="x" * LONGEST, next=1, config_name="x" * 63)
    state = {"run": {"run": run.run}, "plan": plan.payload(), "asked": asked.payload()}
    return Example("nightly_evaluation", label, state)


def _judged(run: Run) -> EvaluationResult:
    """Return a verdict with as many words as travel."""
    report = f"s3://{SETTINGS.evidence_bucket}/reports/{run.model}/{run.run}/"
    return EvaluationResult(
        verdict="passed",
        reasons=told(["x" * LONGEST] * (MOST + 1), "the report"),
        report_uri=f"{report}report.html",
        report_digest="7" * 64,
        evaluation_uri=f"{report}evaluation.json",
        evaluation_digest="7" * 64,
        primary=PrimaryScore(metric="auc", candidate=0.9),
        holdouts={"reference": "8" * 64, "recent": "8" * 64},
    )


def _holdouts(run: Run, kinds: tuple[HoldoutKind, ...]) -> dict[HoldoutKind, HoldoutRef]:
    uri = f"s3://{SETTINGS.records_bucket}/holdouts/{run.model}/{'8' * 64}/"
    return {kind: HoldoutRef(digest="8" * 64, uri=uri, rows=120) for kind in kinds}


def _champion(run: Run) -> Champion:
    return Champion(
        package_arn=f"{_ARN}:sagemaker:{_REGION}:{_ACCOUNT}:model-package/muster-{run.model.replace('_', '-')}/1",
        evidence_digest="5" * 64,
        artifact_uri=f"s3://{SETTINGS.records_bucket}/artifacts/{'6' * 64}/model.tar.gz",
        artifact_digest="6" * 64,
        image_uri=run.image_uri,
        image_digest=run.image_digest,
        entry_point="inference.py",
        endpoint=f"muster-{run.model.replace('_', '-')}",
        since=_NOW,
    )
