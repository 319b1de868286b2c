"""Every name that Muster makes, in one place: runs, AWS resources, keys in S3.

Names carry no data that could be controlled: SageMaker's metadata in GovCloud is not for it. Limits are botocore's
(``EndpointConfigName`` and ``ModelName``: 63 characters; ``AlarmName``: 255; state machine executions: 80).
"""

import re

from muster.digests import sha256
from muster.errors import ContractError
from muster.settings import Settings

VARIANT = "primary"
"""The one production variant. Blue/green needs the same name in the old and the new configuration."""
_SAGEMAKER_NAME = 63
_EXECUTION_NAME = 80
_S3_URI = re.compile(r"^s3://([a-z0-9][a-z0-9.\-]{1,61}[a-z0-9])/(.*)$", re.DOTALL)


# -- runs and executions -----------------------------------------------------------------------------------------------
def run_id(execution_arn: str) -> str:
    """Return the run of a pipeline execution: 20 hex characters of the ARN's sha256."""
    return sha256(execution_arn.encode())[:20]


def state_machine_arn(settings: Settings, workflow: str) -> str:
    """Return the ARN of a workflow of this installation."""
    return f"{_states(settings)}:stateMachine:{settings.prefix}-{workflow}"


def execution_arn(settings: Settings, workflow: str, name: str) -> str:
    """Return the ARN that an execution of a workflow has under a name."""
    return f"{_states(settings)}:execution:{settings.prefix}-{workflow}:{name}"


def _states(settings: Settings) -> str:
    return f"arn:{settings.partition}:states:{settings.region}:{settings.account}"


def workflow_of(execution: str, prefix: str) -> str | None:
    """Return the workflow of an execution ARN, or None when it is not this installation's."""
    parts = execution.split(":")
    if len(parts) < 8 or parts[2] != "states" or parts[5] != "execution":
        return None
    machine = parts[6]
    return machine[len(prefix) + 1 :] if machine.startswith(f"{prefix}-") else None


def retrained_pipeline_name(retraining_execution_arn: str) -> str:
    """Return the name of the pipeline execution that a retraining execution starts: the same on every try."""
    return f"retraining-{sha256(retraining_execution_arn.encode())[:32]}"


def job_prefix(run: str) -> str:
    """Return what the names of all jobs and child executions of a run begin with."""
    return f"{run}-"


# -- AWS resources -----------------------------------------------------------------------------------------------------
def endpoint_name(prefix: str, model: str, wanted: str | None = None) -> str:
    """Return the endpoint of a model: what its spec says, else ``<prefix>-<model with dashes>``.

    Raises
    ------
    ContractError
        When the name that results is longer than SageMaker takes.
    """
    name = wanted or f"{prefix}-{re.sub('_+', '-', model).rstrip('-')}"
    if len(name) > _SAGEMAKER_NAME:
        raise ContractError(
            f"endpoint: found {name!r} ({len(name)} characters), wanted at most {_SAGEMAKER_NAME}: set rollout.endpoint"
        )
    return name


def package_group(prefix: str, model: str) -> str:
    """Return the model package group of a model."""
    return endpoint_name(prefix, model)


def config_name(endpoint: str, package_arn: str, execution_arn: str, entered_at: str) -> str:
    """Return the name of an endpoint configuration (and of its model), unique to one attempt to deploy.

    A redriven execution plans again (``entered_at`` is another) and must not meet the configuration of its first
    attempt.
    """
    unique = sha256("\n".join((endpoint, package_arn, execution_arn, entered_at)).encode())[:12]
    return f"{endpoint[: _SAGEMAKER_NAME - 13].rstrip('-')}-{unique}"


def alarm_prefix(prefix: str, endpoint: str) -> str:
    """Return what the names of all alarms of an endpoint begin with."""
    return f"{prefix}-{endpoint}-"


def alarm_name(prefix: str, endpoint: str, config: str, alarm: str) -> str:
    """Return the name of an alarm that is bound to one endpoint configuration."""
    return f"{alarm_prefix(prefix, endpoint)}{config.rpartition('-')[2]}-{alarm.replace('_', '-')}"


# -- S3 ----------------------------------------------------------------------------------------------------------------
def s3_uri(bucket: str, key: str) -> str:
    """Return ``s3://bucket/key``."""
    return f"s3://{bucket}/{key}"


def split_s3_uri(uri: str) -> tuple[str, str]:
    """Return bucket and key of an S3 URI.

    Raises
    ------
    ContractError
        When it is not one.
    """
    match = _S3_URI.match(uri)
    if not match:
        raise ContractError(f"S3 URI: found {uri!r}, wanted s3://<bucket>/<key>")
    return match[1], match[2]


OWN_REQUEST = "muster-"
"""InferenceId of Muster's own requests to an endpoint begins so: captured, they are no traffic and are not counted."""


# Data bucket
def training_prefix(model: str) -> str:
    """Return the prefix of a model's training data, as the scaffold proposes it."""
    return f"raw/{model}/training/"


def batch_prefix(model: str) -> str:
    """Return the prefix of a model's batches."""
    return f"raw/{model}/batch/"


def predictions_prefix(model: str, run: str) -> str:
    """Return the prefix of the predictions of one batch."""
    return f"predictions/{model}/{run}/"


def ground_truth_prefix(endpoint: str) -> str:
    """Return the prefix of an endpoint's labels; ``yyyy/mm/dd/hh/`` of their collection follows (Model Monitor's)."""
    return f"ground_truth/{endpoint}/"


# Records bucket (Object Lock)
def snapshot_manifest_key(digest: str) -> str:
    """Return the key of a snapshot's manifest."""
    return f"snapshots/{digest}/manifest.json"


def snapshot_prefix(digest: str) -> str:
    """Return the prefix of a snapshot: manifest and data."""
    return f"snapshots/{digest}/"


def snapshot_data_prefix(digest: str) -> str:
    """Return the prefix of a snapshot's objects."""
    return f"snapshots/{digest}/data/"


def code_key(digest: str) -> str:
    """Return the key of a published tarball."""
    return f"code/{digest}/sourcedir.tar.gz"


def golden_key(digest: str) -> str:
    """Return the key of the golden records that were published with a tarball."""
    return f"code/{digest}/golden.jsonl"


def spec_key(digest: str) -> str:
    """Return the key of a published spec, in canonical JSON."""
    return f"specs/{digest}/spec.json"


def artifact_key(digest: str) -> str:
    """Return the key of a sealed model."""
    return f"artifacts/{digest}/model.tar.gz"


def holdout_prefix(model: str, digest: str) -> str:
    """Return the prefix of a holdout: manifest.json, features.csv, labels.csv."""
    return f"holdouts/{model}/{digest}/"


def jobs_prefix(digest: str) -> str:
    """Return the prefix of Muster's own job code."""
    return f"jobs/{digest}/"


def baseline_key(digest: str, file: str) -> str:
    """Return the key of a document of a baseline; `digest` is that of its baseline.json."""
    return f"baselines/{digest}/{file}"


def redaction_key_key(model: str) -> str:
    """Return the key of what a model's controlled words are digested with: beside the data that it protects."""
    return f"redaction/{model}/key"


# Evidence bucket (Object Lock)
def evidence_key(model: str, digest: str) -> str:
    """Return the key of an evidence document."""
    return f"evidence/{model}/{digest}.json"


def report_key(model: str, run: str, file: str) -> str:
    """Return the key of a run's report: ``evaluation.json`` or ``report.html``."""
    return f"reports/{model}/{run}/{file}"


def monitoring_prefix(subject: str, at: str, run: str) -> str:
    """Return the prefix of what a monitoring run found about an endpoint or a model's batch.

    ``at`` sorts by time: the window's end as ``20260131T120000Z``.
    """
    return f"monitoring/{subject}/{at}-{run}/"


def nightly_prefix(endpoint: str, at: str, run: str) -> str:
    """Return the prefix of what a night's evaluation found; ``at`` sorts by time: ``20260131T020000Z``."""
    return f"nightly/{endpoint}/{at}-{run}/"


def registered_predictions_key(evidence_digest: str, kind: str) -> str:
    """Return the key of what a registered model predicted for a holdout, kept when its endpoint is first asked."""
    return f"registered/{evidence_digest}/{kind}.csv"


# Work bucket
def work_prefix(run: str, step: str) -> str:
    """Return the prefix where one step of a run works."""
    return f"runs/{run}/{step}/"


def batch_input_prefix(digest: str) -> str:
    """Return the prefix of the rows that a transform job predicts; ``digest`` is that of what they were staged from."""
    return f"batches/{digest}/"


def batch_output_prefix(run: str) -> str:
    """Return the prefix of what a batch's transform job answered."""
    return f"transforms/{run}/"


def monitoring_work_prefix(run: str) -> str:
    """Return the prefix where a monitoring run, or the assessment of a batch, works."""
    return f"monitoring/{run}/"


def capture_uri(bucket: str) -> str:
    """Return the destination of data capture; SageMaker adds ``<endpoint>/<variant>/yyyy/mm/dd/hh/`` itself."""
    return f"s3://{bucket}/"
