"""What an end-to-end test asserts of a registered model's baseline."""

from __future__ import annotations

import json
from typing import Any

from muster import digests, naming
from muster.contracts.base import parse
from muster.contracts.documents import DocumentRef
from muster.contracts.evidence import Evidence
from muster.contracts.monitoring import BaselineDocument
from muster_numerics.reference import reference
from tests.rehearsal.stage_support import MODEL, Site

Files = dict[str, Any]


def bound_to_package(site: Site, package_arn: str, evidence_uri: str) -> Files:
    """Assert that evidence and package name the same files, which are what their digests say; return them."""
    bucket, key = naming.split_s3_uri(evidence_uri)
    s3, package = site.client("s3"), site.client("sagemaker").describe_model_package(ModelPackageName=package_arn)
    evidence = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    ref = Evidence.model_validate_json(evidence, strict=False).baseline
    assert ref is not None
    assert ref.quality_statistics is not None
    assert ref.quality_constraints is not None
    data = {"Statistics": _source(ref.statistics), "Constraints": _source(ref.constraints)}
    quality = {"Statistics": _source(ref.quality_statistics), "Constraints": _source(ref.quality_constraints)}
    assert package["DriftCheckBaselines"] == {"ModelDataQuality": data, "ModelQuality": quality}
    assert package["ModelMetrics"]["ModelDataQuality"] == data
    assert package["CustomerMetadataProperties"]["baseline_digest"] == ref.baseline.digest
    files = {}
    for each in (ref.baseline, ref.statistics, ref.constraints, ref.quality_statistics, ref.quality_constraints):
        bucket, key = naming.split_s3_uri(each.uri)
        found = s3.get_object(Bucket=bucket, Key=key)
        body = found["Body"].read()
        assert digests.sha256(body) == each.digest
        assert found["ObjectLockMode"] == "GOVERNANCE"
        files[key.rpartition("/")[2]] = json.loads(body)
    return files


def _source(ref: DocumentRef) -> dict[str, str]:
    return {"ContentType": "application/json", "S3Uri": ref.uri, "ContentDigest": f"sha256:{ref.digest}"}


def counts_what_was_trained_on(files: Files) -> None:
    """Assert that traffic can be counted by it: fields in the order of a request, every training row, words as words."""
    document = parse(BaselineDocument, files["baseline.json"])
    found = reference(document.payload())
    header = (MODEL / "data" / "batch.csv").read_text(encoding="utf-8").splitlines()[0].split(",")
    assert [field.name for field in found.schema.features] == header[1:]
    assert {field.name for field in found.schema.features if field.kind == "word"} == {"scanner", "site"}
    training = (MODEL / "data" / "part1.csv").read_text(encoding="utf-8").splitlines()
    assert document.rows == files["statistics.json"]["dataset"]["item_count"] == len(training) - 1
    assert sum(found.baseline.columns["site"].counts.levels) == document.rows
    assert [field.name for field in found.schema.predictions] == ["prediction"]
    assert sorted(found.baseline.columns["predicted_label"].grid.levels) == ["benign", "malignant"]
    assert document.attributions
    constraint = files["model_quality_constraints.json"]["binary_classification_constraints"]["auc"]
    figure = files["model_quality_statistics.json"]["binary_classification_metrics"]["auc"]
    assert 0.5 < constraint["threshold"] < figure["value"] <= 1
