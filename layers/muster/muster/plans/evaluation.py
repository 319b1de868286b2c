"""Requests of the `evaluation` workflow: candidate and champion predict the holdouts, Muster scores them.

The prediction jobs run a model's own code and see features only; the labels are joined by Muster's job.
"""

from collections.abc import Mapping

from muster import naming
from muster.contracts.evaluation import (
    Champion,
    ChampionFragment,
    EvaluationJobs,
    EvaluationPlan,
    HoldoutKind,
    HoldoutRef,
)
from muster.contracts.pipeline import ArtifactRef, JobFragment, Run, SnapshotRef, TrainingResult
from muster.contracts.policy import Policy
from muster.contracts.spec import ModelSpec
from muster.contracts.spec_terms import METRICS
from muster.plans.fragments import (
    CANDIDATE,
    CHAMPION,
    HOLDOUTS,
    MODEL,
    OUTPUT,
    PLAN,
    SNAPSHOT,
    Machines,
    muster_job,
    processing_input,
    processing_output,
    volume_for,
)
from muster.settings import Settings

Holdouts = Mapping[HoldoutKind, HoldoutRef]
PLAN_FILE = "evaluation_plan.json"
_VOLUME_GB = 30


def plan_document(
    run: Run, training: TrainingResult, spec: ModelSpec, holdouts: Holdouts, champion: Champion | None
) -> EvaluationPlan:
    """Return what the scoring job is told. Its seed comes from the code, so that a repeated run resamples alike."""
    return EvaluationPlan(
        run=run.run,
        model=run.model,
        problem_type=spec.problem_type,
        target=spec.target,
        classes=spec.classes,
        row_id=spec.row_id,
        evaluation=spec.evaluation,
        metrics=METRICS[spec.problem_type],
        holdouts={kind: each.digest for kind, each in holdouts.items()},
        snapshot_digest=training.snapshot.digest,
        candidate_artifact_digest=training.artifact.digest,
        champion_artifact_digest=champion.artifact_digest if champion else None,
        seed=int(run.spec_digest[:8], 16),
    )


def plan_document_uri(run: Run, settings: Settings) -> str:
    """Return where the plan has to be written before the jobs start."""
    return naming.s3_uri(settings.work_bucket, naming.work_prefix(run.run, "plan") + PLAN_FILE)


def plan(
    run: Run,
    training: TrainingResult,
    spec: ModelSpec,
    policy: Policy,
    settings: Settings,
    *,
    holdouts: Holdouts,
    champion: Champion | None,
    jobs_digest: str,
) -> EvaluationJobs:
    """Return the three jobs of an evaluation."""
    machines = Machines(spec.evaluation.instance_type, _VOLUME_GB, spec.evaluation.max_runtime_seconds)
    candidate = _predict(
        run,
        settings,
        holdouts,
        training.artifact,
        step="predict",
        image_uri=run.image_uri,
        content_type=spec.inference.content_type,
        environment={**spec.inference.environment, "SAGEMAKER_PROGRAM": spec.inference.entry_point},
        machines=machines,
        jobs_digest=jobs_digest,
    )
    return EvaluationJobs(
        candidate=candidate,
        champion=_champion(run, settings, holdouts, champion, machines, jobs_digest),
        evaluate=_evaluate(run, training, spec, policy, settings, holdouts, champion, jobs_digest),
        report_prefix=_work(run, settings, "evaluate"),
        holdouts={kind: each.digest for kind, each in holdouts.items()},
        champion_package_arn=champion.package_arn if champion else None,
    )


def _work(run: Run, settings: Settings, step: str) -> str:
    return naming.s3_uri(settings.work_bucket, naming.work_prefix(run.run, step))


def _predict(
    run: Run,
    settings: Settings,
    holdouts: Holdouts,
    artifact: ArtifactRef | Champion,
    *,
    step: str,
    image_uri: str,
    content_type: str,
    environment: Mapping[str, str],
    machines: Machines,
    jobs_digest: str,
) -> JobFragment:
    uri, digest = (
        (artifact.artifact_uri, artifact.artifact_digest)
        if isinstance(artifact, Champion)
        else (artifact.uri, artifact.digest)
    )
    features = [
        processing_input(f"holdout-{kind}", f"{each.uri}features.csv", f"{HOLDOUTS}/{kind}")
        for kind, each in sorted(holdouts.items())
    ]
    return muster_job(
        "predict.py",
        (
            *("--model", f"{MODEL}/model.tar.gz", "--model-digest", digest),
            *("--holdouts", HOLDOUTS, "--content-type", content_type, "--output", OUTPUT),
        ),
        settings=settings,
        jobs_digest=jobs_digest,
        image_uri=image_uri,
        inputs=(processing_input("model", uri, MODEL), *features),
        outputs=(processing_output("predictions", OUTPUT, _work(run, settings, step)),),
        machines=machines,
        environment=environment,
    )


def _champion(
    run: Run, settings: Settings, holdouts: Holdouts, champion: Champion | None, machines: Machines, jobs_digest: str
) -> ChampionFragment:
    if champion is None:
        return ChampionFragment(present=False)
    job = _predict(
        run,
        settings,
        holdouts,
        champion,
        step="champion",
        image_uri=champion.image_uri,
        content_type=champion.content_type,
        environment={**champion.environment, "SAGEMAKER_PROGRAM": champion.entry_point},
        machines=machines,
        jobs_digest=jobs_digest,
    )
    return ChampionFragment(
        present=True,
        package_arn=champion.package_arn,
        artifact_digest=champion.artifact_digest,
        **{name: getattr(job, name) for name in JobFragment.model_fields},
    )


def _evaluate(
    run: Run,
    training: TrainingResult,
    spec: ModelSpec,
    policy: Policy,
    settings: Settings,
    holdouts: Holdouts,
    champion: Champion | None,
    jobs_digest: str,
) -> JobFragment:
    return scoring_job(
        run.run,
        spec,
        policy,
        settings,
        snapshot=training.snapshot,
        holdouts={kind: each.uri for kind, each in holdouts.items()},
        paired=champion is not None,
        image_uri=run.image_uri,
        jobs_digest=jobs_digest,
    )


def scoring_job(
    run: str,
    spec: ModelSpec,
    policy: Policy,
    settings: Settings,
    *,
    snapshot: SnapshotRef,
    holdouts: Mapping[HoldoutKind, str],
    paired: bool,
    image_uri: str,
    jobs_digest: str,
) -> JobFragment:
    """Return the job that joins predictions with the frozen labels, and measures them.

    Parameters
    ----------
    run
        Below whose prefix in the work bucket it finds its plan (``plan/``), the predictions (``predict/``) and those to
        compare them with (``champion/``), and leaves its report (``evaluate/``).
    holdouts
        Prefix of each.
    paired
        There are predictions to compare with.
    """

    def work(step: str) -> str:
        return naming.s3_uri(settings.work_bucket, naming.work_prefix(run, step))

    inputs = [
        processing_input("plan", work("plan") + PLAN_FILE, PLAN),
        processing_input("candidate", work("predict"), CANDIDATE),
        processing_input(
            "snapshot", naming.s3_uri(settings.records_bucket, naming.snapshot_prefix(snapshot.digest)), SNAPSHOT
        ),
        *(processing_input(f"holdout-{kind}", uri, f"{HOLDOUTS}/{kind}") for kind, uri in sorted(holdouts.items())),
    ]
    arguments = ["--plan", f"{PLAN}/{PLAN_FILE}", "--candidate", CANDIDATE]
    if paired:
        inputs.append(processing_input("champion", work("champion"), CHAMPION))
        arguments += ["--champion", CHAMPION]
    return muster_job(
        "evaluate.py",
        (*arguments, "--holdouts", HOLDOUTS, "--snapshot", SNAPSHOT, "--output", OUTPUT),
        settings=settings,
        jobs_digest=jobs_digest,
        image_uri=image_uri,
        inputs=inputs,
        outputs=(processing_output("report", OUTPUT, work("evaluate")),),
        machines=Machines(
            spec.evaluation.instance_type,
            volume_for(snapshot.bytes, _VOLUME_GB, policy.max_volume_gb),
            spec.evaluation.max_runtime_seconds,
        ),
    )
