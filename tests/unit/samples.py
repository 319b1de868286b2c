"""Values that the tests of the rules start from: valid ones, to be bent by each test."""

import copy
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from checks import examples
from muster.contracts.base import parse
from muster.contracts.documents import BaselineRef
from muster.contracts.evaluation import Champion, EvaluationReport, HoldoutRef
from muster.contracts.pipeline import PendingApproval, Run, TrainingResult
from muster.contracts.policy import Policy
from muster.contracts.spec import ModelSpec

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ARN = "arn:aws-us-gov"
ACCOUNT = "123456789012"
REGION = "us-gov-west-1"
PIPELINE = f"{ARN}:states:{REGION}:{ACCOUNT}:execution:muster-pipeline:one"
PACKAGE = f"{ARN}:sagemaker:{REGION}:{ACCOUNT}:model-package/muster-tumour/1"
IMAGE_DIGEST = "sha256:" + "1" * 64
IMAGE = f"414596584902.dkr.ecr.{REGION}.amazonaws.com/sagemaker-xgboost@{IMAGE_DIGEST}"


def digest(letter: str) -> str:
    """A digest that a person can tell from others."""
    return letter * 64


SETTINGS = examples.SETTINGS

SPEC: dict[str, Any] = yaml.safe_load("""
name: tumour
problem_type: binary
target: diagnosis
classes: [benign, malignant]
row_id: sample_id
data: {training: raw/tumour/training/, format: csv}
image: {framework: sagemaker-xgboost, version: 3.0-5}
preprocess:
  {entry_point: preprocess.py, instance_type: ml.m5.large, instance_count: 1, volume_gb: 10, max_runtime_seconds: 1800}
training:
  entry_point: train.py
  instance_type: ml.m5.xlarge
  instance_count: 1
  volume_gb: 10
  max_runtime_seconds: 3600
  spot: {enabled: true, max_wait_seconds: 7200, fall_back_to_on_demand: true}
  hyperparameters: {max_depth: 3, eta: 0.1, num_round: 200, seed: 7, objective: "binary:logistic"}
inference:
  {entry_point: inference.py, content_type: text/csv, instance_type: ml.m5.large, instance_count: 2, environment: {}}
evaluation:
  primary_metric: auc
  confidence: 0.95
  gates: [{metric: auc, min: 0.95}, {metric: recall, min: 0.85}]
  slices: [{column: scanner, gates: [{metric: auc, min: 0.90}], min_rows: 30}]
  bias_groups: [{column: age_band, metric: recall, max_difference: 0.2, min_rows: 30}]
  non_inferiority_margin: 0.02
  significance: 0.05
  instance_type: ml.m5.large
  max_runtime_seconds: 1800
approval: {wait_seconds: 604800}
rollout:
  strategy: canary
  canary_percent: 10
  wait_seconds: 300
  termination_wait_seconds: 600
  maximum_seconds: 3600
  alarms: {error_count: {threshold: 1, period_seconds: 60}, latency_p99_ms: {threshold: 500, period_seconds: 60}}
capture: {enabled: false, sampling_percent: 100, controlled_fields: []}
monitoring: {categorical: [], facets: [], confirmation: {drifting: 2, among: 3, quiet: 3}}
retraining: {cooldown_seconds: 86400, daily_budget: 1}
card:
  {owner: imaging, intended_use: second reader, limitations: adults only, ai_rmf_functions: [GOVERN 1.6, MEASURE 2.3]}
""")


def bent(base: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A deep copy with values put at dotted paths; the value ``...`` removes the field. ``__`` stands for the dot."""
    copied = copy.deepcopy(base)
    for path, value in changes.items():
        *parents, last = path.split("__")
        place = copied
        for parent in parents:
            place = place[int(parent)] if isinstance(place, list) else place[parent]
        if value is ...:
            del place[last]
        else:
            place[last] = value
    return copied


def spec(**changes: Any) -> ModelSpec:
    return parse(ModelSpec, bent(SPEC, **changes))


@cache
def policy_data() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "policy.yaml").read_text(encoding="utf-8"))


def policy(**changes: Any) -> Policy:
    return parse(Policy, bent(policy_data(), **changes))


def run(**changes: Any) -> Run:
    return parse(
        Run,
        {
            "run": "0123456789abcdef0123",
            "execution_arn": PIPELINE,
            "started_at": "2026-11-21T12:00:00.000Z",
            "model": "tumour",
            "trigger": "manual",
            "spec_digest": digest("a"),
            "spec_uri": f"s3://muster-records/specs/{digest('a')}/spec.json",
            "code_digest": digest("b"),
            "code_uri": f"s3://muster-records/code/{digest('b')}/sourcedir.tar.gz",
            "golden_uri": f"s3://muster-records/code/{digest('b')}/golden.jsonl",
            "image_uri": IMAGE,
            "image_digest": IMAGE_DIGEST,
            "commit": "c" * 40,
            "publisher": "paula",
            "problem_type": "binary",
            "approval_wait_seconds": 604800,
            **changes,
        },
    )


def training_result() -> TrainingResult:
    return parse(
        TrainingResult,
        {
            "snapshot": {
                "digest": digest("d"),
                "manifest_uri": f"s3://muster-records/snapshots/{digest('d')}/manifest.json",
                "data_uri": f"s3://muster-records/snapshots/{digest('d')}/data/",
                "objects": 2,
                "bytes": 4096,
            },
            "artifact": {
                "uri": f"s3://muster-records/artifacts/{digest('e')}/model.tar.gz",
                "digest": digest("e"),
                "bytes": 1000,
                "version_id": "v1",
            },
            "training_job": {
                "name": "0123456789abcdef0123-train-ffff",
                "arn": f"{ARN}:sagemaker:{REGION}:{ACCOUNT}:training-job/0123456789abcdef0123-train-ffff",
                "seconds": 120,
                "billable_seconds": 60,
                "spot": True,
            },
            "hyperparameters": {"max_depth": "3", "seed": "7", "shuffle_seed": "11"},
        },
    )


def baseline_ref() -> BaselineRef:
    prefix = f"s3://muster-records/baselines/{digest('b')}"
    files = {
        "baseline": "baseline",
        "statistics": "statistics",
        "constraints": "constraints",
        "quality_statistics": "model_quality_statistics",
        "quality_constraints": "model_quality_constraints",
    }
    named = {name: {"uri": f"{prefix}/{file}.json", "digest": digest("b")} for name, file in files.items()}
    return parse(BaselineRef, {**named, "rows": 400})


def holdouts() -> dict[str, HoldoutRef]:
    return {
        kind: parse(
            HoldoutRef,
            {"digest": digest(letter), "uri": f"s3://muster-records/holdouts/tumour/{digest(letter)}/", "rows": 120},
        )
        for kind, letter in (("reference", "8"), ("recent", "9"))
    }


def champion() -> Champion:
    return parse(
        Champion,
        {
            "package_arn": PACKAGE,
            "evidence_digest": digest("5"),
            "artifact_uri": f"s3://muster-records/artifacts/{digest('6')}/model.tar.gz",
            "artifact_digest": digest("6"),
            "image_uri": IMAGE,
            "image_digest": IMAGE_DIGEST,
            "entry_point": "inference.py",
            "endpoint": "muster-tumour",
            "since": "2026-11-01T00:00:00Z",
        },
    )


def pending(**changes: Any) -> PendingApproval:
    return parse(
        PendingApproval,
        {
            "package_arn": PACKAGE,
            "run": "0123456789abcdef0123",
            "pipeline_execution_arn": PIPELINE,
            "model": "tumour",
            "evidence_digest": digest("f"),
            "evidence_uri": f"s3://muster-evidence/evidence/tumour/{digest('f')}.json",
            "publisher": "paula",
            "token": "c2VjcmV0",
            "requested_at": NOW.isoformat(),
            "expires_at": (NOW + timedelta(days=7)).isoformat(),
            "status": "pending",
            **changes,
        },
    )


def _estimate(value: float, spread: float = 0.01) -> dict[str, float]:
    return {"value": value, "low": value - spread, "high": value + spread}


def _measured(auc: float, recall: float) -> dict[str, Any]:
    return {
        "overall": {"auc": _estimate(auc), "recall": _estimate(recall)},
        "slices": {
            "scanner=old": {"rows": 90, "metrics": {"auc": _estimate(auc)}},
            "scanner=new": {"rows": 40, "metrics": {"auc": _estimate(auc)}},
        },
        "bias": {
            "age_band": {
                "metric": "recall",
                "groups": {"young": {"rows": 60, "value": recall}, "old": {"rows": 70, "value": recall}},
                "difference": {"value": 0.02, "low": 0.0, "high": 0.09},
            }
        },
    }


REPORT: dict[str, Any] = {
    "schema": 1,
    "problem_type": "binary",
    "primary_metric": "auc",
    "confidence": 0.95,
    "holdouts": {"reference": {"digest": digest("8"), "rows": 130, "overlap_rows": 0}},
    "candidate": {"reference": _measured(0.985, 0.93)},
    "champion": None,
    "comparison": None,
    "attributions": [{"feature": "radius", "importance": 0.4}],
}
"""A candidate that meets its gates; no champion serves."""


def _difference(value: float, spread: float = 0.005, p_better: float | None = None) -> dict[str, Any]:
    return {"difference": value, "low": value - spread, "high": value + spread, "p_better": p_better}


CONTEST: dict[str, Any] = {
    **REPORT,
    "holdouts": {
        **REPORT["holdouts"],
        "recent": {"digest": digest("9"), "rows": 130, "overlap_rows": 0},
    },
    "candidate": {"reference": _measured(0.985, 0.93), "recent": _measured(0.988, 0.94)},
    "champion": {"reference": _measured(0.986, 0.93), "recent": _measured(0.968, 0.80)},
    "comparison": {
        "reference": {
            "overall": {"auc": _difference(-0.001)},
            "slices": {"scanner=old": {"auc": _difference(0.0)}, "scanner=new": {"auc": _difference(0.001)}},
        },
        "recent": {"overall": {"auc": _difference(0.02, p_better=0.003)}, "slices": {}},
    },
}
"""A challenger that is not worse on the reference set and better on the recent one."""


def report(base: dict[str, Any] = REPORT, **changes: Any) -> EvaluationReport:
    return parse(EvaluationReport, bent(base, **changes))
