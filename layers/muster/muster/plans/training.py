"""Requests of the `training` workflow: hash a large snapshot, prepare the data, train, count large data."""

import json

from muster import naming
from muster.contracts.pipeline import JobFragment, Run, SnapshotRef, TrainingFragment, TrainingPlan
from muster.contracts.policy import Policy
from muster.contracts.spec import ModelSpec
from muster.plans.fragments import (
    CODE,
    ENVIRONMENT,
    KEY,
    OUTPUT,
    PLAN,
    SNAPSHOT,
    Machines,
    muster_job,
    processing_input,
    processing_output,
    volume_for,
    vpc_config,
)
from muster.settings import Settings

CHANNELS = "/opt/ml/input/data"
CHECKPOINTS = "/opt/ml/checkpoints"


def hash_job(
    run: Run,
    spec: ModelSpec,
    policy: Policy,
    settings: Settings,
    *,
    jobs_digest: str,
    listing_uri: str,
    data_bytes: int,
) -> tuple[JobFragment, str]:
    """Return the job that hashes a training set too large for a function, and the URI of the hashes.json it will write.

    Parameters
    ----------
    listing_uri
        Where the pinned listing has been written (`snapshot.listing`).
    data_bytes
        Size of the set.
    """
    prefix = naming.s3_uri(settings.work_bucket, naming.work_prefix(run.run, "hash"))
    job = muster_job(
        "hash_objects.py",
        ("--data", f"{SNAPSHOT}/data", "--listing", f"{PLAN}/{listing_uri.rpartition('/')[2]}", "--output", OUTPUT),
        settings=settings,
        jobs_digest=jobs_digest,
        image_uri=run.image_uri,
        inputs=(
            processing_input("data", naming.s3_uri(settings.data_bucket, spec.data.training), f"{SNAPSHOT}/data"),
            processing_input("plan", listing_uri, PLAN),
        ),
        outputs=(processing_output("hashes", OUTPUT, prefix),),
        machines=Machines(
            spec.preprocess.instance_type,
            volume_for(data_bytes, spec.preprocess.volume_gb, policy.max_volume_gb),
            spec.preprocess.max_runtime_seconds,
        ),
    )
    return job, f"{prefix}hashes.json"


def baseline_job(
    run: Run,
    snapshot: SnapshotRef,
    spec: ModelSpec,
    policy: Policy,
    settings: Settings,
    *,
    jobs_digest: str,
    plan_uri: str,
    key_uri: str | None,
) -> tuple[JobFragment, str]:
    """Return the job that counts a training set too large for a function, and the URI of the counts.json it will write.

    Parameters
    ----------
    plan_uri
        Where the BaselinePlan has been written.
    key_uri
        What controlled words are digested with; None when nothing is controlled.
    """
    prefix = naming.s3_uri(settings.work_bucket, naming.work_prefix(run.run, "baseline"))
    sealed = naming.s3_uri(settings.records_bucket, naming.snapshot_prefix(snapshot.digest))
    job = muster_job(
        "baseline.py",
        (
            *("--snapshot", SNAPSHOT, "--snapshot-digest", snapshot.digest),
            *("--plan", f"{PLAN}/{plan_uri.rpartition('/')[2]}", "--key", f"{KEY}/key", "--output", OUTPUT),
        ),
        settings=settings,
        jobs_digest=jobs_digest,
        image_uri=run.image_uri,
        inputs=(
            processing_input("plan", plan_uri, PLAN),
            processing_input("snapshot", sealed, SNAPSHOT),
            *((processing_input("key", key_uri, KEY),) if key_uri else ()),
        ),
        outputs=(processing_output("counts", OUTPUT, prefix),),
        machines=Machines(
            spec.preprocess.instance_type,
            volume_for(snapshot.bytes, spec.preprocess.volume_gb, policy.max_volume_gb),
            spec.preprocess.max_runtime_seconds,
        ),
        environment={"OPENBLAS_NUM_THREADS": "1"},
    )
    return job, f"{prefix}counts.json"


def plan(run: Run, snapshot: SnapshotRef, spec: ModelSpec, settings: Settings, *, jobs_digest: str) -> TrainingPlan:
    """Return the preprocessing and the training job of a run."""
    return TrainingPlan(
        prepare=prepare(run, snapshot, spec, settings, jobs_digest=jobs_digest),
        training=training(run, spec, settings),
    )


def prepare(run: Run, snapshot: SnapshotRef, spec: ModelSpec, settings: Settings, *, jobs_digest: str) -> JobFragment:
    """Return the job that runs the model's preprocess script on the snapshot."""
    work = naming.s3_uri(settings.work_bucket, naming.work_prefix(run.run, "prepare"))
    records = settings.records_bucket
    return muster_job(
        "run_entry_point.py",
        (
            *("--code", f"{CODE}/sourcedir.tar.gz", "--code-digest", run.code_digest),
            *("--entry-point", spec.preprocess.entry_point),
            *("--manifest", f"{SNAPSHOT}/manifest.json", "--snapshot-digest", snapshot.digest),
            *("--data", f"{SNAPSHOT}/data", "--output", OUTPUT),
            *("--spec", f"{PLAN}/spec.json", "--spec-digest", run.spec_digest),
        ),
        settings=settings,
        jobs_digest=jobs_digest,
        image_uri=run.image_uri,
        inputs=(
            processing_input("code", run.code_uri, CODE),
            processing_input("plan", run.spec_uri, PLAN),
            processing_input("snapshot", naming.s3_uri(records, naming.snapshot_prefix(snapshot.digest)), SNAPSHOT),
        ),
        outputs=(
            processing_output("train", f"{OUTPUT}/train", f"{work}train/"),
            processing_output("validation", f"{OUTPUT}/validation", f"{work}validation/"),
        ),
        machines=Machines(
            spec.preprocess.instance_type,
            spec.preprocess.volume_gb,
            spec.preprocess.max_runtime_seconds,
            spec.preprocess.instance_count,
        ),
    )


def training(run: Run, spec: ModelSpec, settings: Settings) -> TrainingFragment:
    """Return the training job. Code comes by a channel of its own: an isolated container cannot fetch it from S3."""
    work, job = settings.work_bucket, spec.training
    prepared = naming.s3_uri(work, naming.work_prefix(run.run, "prepare"))
    return TrainingFragment(
        image_uri=run.image_uri,
        channels=(
            _channel("train", f"{prepared}train/", "text/csv"),
            _channel("validation", f"{prepared}validation/", "text/csv"),
            _channel("code", run.code_uri, "application/gzip"),
        ),
        hyperparameters=hyperparameters(spec),
        output_uri=naming.s3_uri(work, naming.work_prefix(run.run, "train")),
        checkpoint_uri=naming.s3_uri(work, naming.work_prefix(run.run, "checkpoints")),
        instance_type=job.instance_type,
        instance_count=job.instance_count,
        volume_gb=job.volume_gb,
        max_runtime_seconds=job.max_runtime_seconds,
        max_wait_seconds=job.spot.max_wait_seconds,
        spot=job.spot.enabled,
        fall_back=job.spot.fall_back_to_on_demand,
        environment=dict(ENVIRONMENT),
        vpc_config=vpc_config(settings),
    )


def _channel(name: str, uri: str, content_type: str) -> dict[str, object]:
    source = {"S3DataType": "S3Prefix", "S3Uri": uri, "S3DataDistributionType": "FullyReplicated"}
    return {
        "ChannelName": name,
        "DataSource": {"S3DataSource": source},
        "ContentType": content_type,
        "CompressionType": "None",
        "InputMode": "File",
    }


def hyperparameters(spec: ModelSpec) -> dict[str, str]:
    """Return the hyperparameters as CreateTrainingJob takes them.

    Each value is JSON text, as the SageMaker SDK v2 writes it for framework images
    (``Framework._json_encode_hyperparameters``) and as their toolkit reads it (``sagemaker_containers._mapping``), so
    that the text "1" stays a text.
    """
    own = {
        "sagemaker_program": spec.training.entry_point,
        "sagemaker_submit_directory": f"{CHANNELS}/code/sourcedir.tar.gz",
        "checkpoint_dir": CHECKPOINTS,
    }
    return {name: json.dumps(value) for name, value in {**spec.training.hyperparameters, **own}.items()}


def plain_hyperparameters(encoded: dict[str, str]) -> dict[str, str]:
    """Return the author's hyperparameters of a training job as plain texts, without those that Muster adds."""
    plain = {}
    for name, value in encoded.items():
        if name.startswith("sagemaker_") or name == "checkpoint_dir":
            continue
        try:
            decoded = json.loads(value)
        except ValueError:
            decoded = value
        plain[name] = decoded if isinstance(decoded, str) else json.dumps(decoded)
    return plain
