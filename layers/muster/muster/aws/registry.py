"""The model registry: the truth about what was approved.

``ModelRegistry`` is what Muster needs of one; ``SageMakerModelRegistry`` is SageMaker's. Where a region lacks it,
another implementation serves through the same protocol. Nothing of Muster's writes to a package between its creation
and the decision, because every write replaces ``LastModifiedBy``, which names the approver.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from botocore.exceptions import ClientError

from muster.approval import Answer, Identity
from muster.aws.clients import Client, client, code_of
from muster.contracts.documents import BaselineRef, DocumentRef
from muster.contracts.spec import CardSpec
from muster.digests import sha256
from muster.errors import Transient

Status = Literal["Approved", "Rejected", "PendingManualApproval"]
_MISSING = frozenset({"ValidationException", "ResourceNotFound"})
# Model card schema of model packages (SageMaker developer guide, "Model package model card schema").
_CARD_TEXT, _CARD_CREATOR, _CARD_DETAIL = 2048, 1024, 1000
_RECENT_PACKAGES = 20


@dataclass(frozen=True)
class Registration:
    """What a model package is made of. Digests are hex sha256; ``image_digest`` is OCI's ``sha256:…``."""

    group: str
    model: str
    run: str
    execution_arn: str
    publisher: str
    commit: str
    artifact_uri: str
    artifact_digest: str
    image_uri: str
    image_digest: str
    environment: Mapping[str, str]
    content_type: str
    instance_type: str
    evidence_uri: str
    evidence_digest: str
    evaluation_uri: str
    evaluation_digest: str
    report_uri: str
    report_digest: str
    snapshot_digest: str
    spec_digest: str
    code_digest: str
    card: CardSpec
    baseline: BaselineRef | None = None


@dataclass(frozen=True)
class Package:
    """A model package as the registry shows it now."""

    package_arn: str
    group: str
    version: int
    answer: Answer
    model: str | None
    run: str | None
    evidence_digest: str | None
    evidence_uri: str | None
    artifact_digest: str | None
    artifact_uri: str | None
    image_uri: str | None
    image_digest: str | None
    environment: Mapping[str, str]


class ModelRegistry(Protocol):
    """What Muster needs of a model registry."""

    def ensure_group(self, name: str) -> None:
        """Make sure that the group of a model's versions is there."""

    def register(self, registration: Registration) -> Package:
        """Create a package that waits for approval; the same registration again returns the same package."""

    def describe(self, package_arn: str) -> Package | None:
        """Return a package as it is now; None when it does not exist (any more)."""

    def set_status(self, package_arn: str, status: Status, description: str) -> None:
        """Set the approval status."""


class SageMakerModelRegistry:
    """SageMaker's Model Registry."""

    def __init__(self, sagemaker: Client = None) -> None:
        self._sagemaker = sagemaker or client("sagemaker")

    def ensure_group(self, name: str) -> None:
        """Make sure that the model package group is there."""
        if self._group_exists(name):
            return
        try:
            self._sagemaker.create_model_package_group(
                ModelPackageGroupName=name, ModelPackageGroupDescription="Versions of one model, registered by Muster."
            )
        except ClientError as error:
            # Two runs of a new model at once. SageMaker has no code of its own for "exists": look again instead.
            if code_of(error) in ("ValidationException", "ConflictException", "ResourceInUse") and self._group_exists(
                name
            ):
                return
            raise

    def _group_exists(self, name: str) -> bool:
        try:
            self._sagemaker.describe_model_package_group(ModelPackageGroupName=name)
        except ClientError as error:
            if code_of(error) in _MISSING:
                return False
            raise
        return True

    def register(self, registration: Registration) -> Package:
        """Create the package, or return the one that this run registered already.

        The client token makes an immediate repeat return the first package; a repeat long after (a redrive) finds it in
        the group by its run and evidence digest.
        """
        for package in self._recent(registration.group):
            if package.run == registration.run and package.evidence_digest == registration.evidence_digest:
                return package
        answer = self._sagemaker.create_model_package(**package_request(registration))
        created = self.describe(answer["ModelPackageArn"])
        if created is None:
            raise Transient(f"package {answer['ModelPackageArn']}: created, but not shown yet; try again")
        return created

    def _recent(self, group: str) -> Iterator[Package]:
        answer = self._sagemaker.list_model_packages(
            ModelPackageGroupName=group, SortBy="CreationTime", SortOrder="Descending", MaxResults=_RECENT_PACKAGES
        )
        for summary in answer["ModelPackageSummaryList"]:
            package = self.describe(summary["ModelPackageArn"])
            if package is not None:
                yield package

    def describe(self, package_arn: str) -> Package | None:
        """Return a package as it is now; None when it does not exist (any more)."""
        try:
            answer = self._sagemaker.describe_model_package(ModelPackageName=package_arn)
        except ClientError as error:
            if code_of(error) in _MISSING:
                return None
            raise
        return _package(answer)

    def set_status(self, package_arn: str, status: Status, description: str) -> None:
        """Set the approval status; the description is what a person reads beside it."""
        self._sagemaker.update_model_package(
            ModelPackageArn=package_arn, ModelApprovalStatus=status, ApprovalDescription=description
        )


def package_request(registration: Registration) -> dict[str, Any]:
    """Return the CreateModelPackage request of a registration."""
    baseline = registration.baseline
    return {
        "ModelPackageGroupName": registration.group,
        "ModelPackageDescription": f"Run {registration.run}, evidence {registration.evidence_digest}",
        "ModelApprovalStatus": "PendingManualApproval",
        # At most 36 characters; the same registration has the same token on every try.
        "ClientToken": sha256(f"{registration.run}/{registration.evidence_digest}".encode())[:36],
        "InferenceSpecification": {
            "Containers": [
                {
                    "Image": registration.image_uri,
                    "ImageDigest": registration.image_digest,
                    "ModelDataUrl": registration.artifact_uri,
                    "Environment": dict(registration.environment),
                }
            ],
            "SupportedContentTypes": [registration.content_type],
            "SupportedResponseMIMETypes": [registration.content_type],
            "SupportedRealtimeInferenceInstanceTypes": [registration.instance_type],
        },
        "ModelMetrics": {
            "ModelQuality": {
                "Statistics": _source("application/json", registration.evaluation_uri, registration.evaluation_digest)
            },
            "Explainability": {"Report": _source("text/html", registration.report_uri, registration.report_digest)},
            **({"ModelDataQuality": _pair(baseline.statistics, baseline.constraints)} if baseline else {}),
        },
        **({"DriftCheckBaselines": drift_check_baselines(baseline)} if baseline else {}),
        "MetadataProperties": {"CommitId": registration.commit, "GeneratedBy": registration.execution_arn},
        "CustomerMetadataProperties": {
            "model": registration.model,
            "run": registration.run,
            "evidence_digest": registration.evidence_digest,
            "evidence_uri": registration.evidence_uri,
            "artifact_digest": registration.artifact_digest,
            "image_digest": registration.image_digest,
            "snapshot_digest": registration.snapshot_digest,
            "spec_digest": registration.spec_digest,
            "code_digest": registration.code_digest,
            "evaluation_digest": registration.evaluation_digest,
            "report_digest": registration.report_digest,
            "commit": registration.commit,
            **({"baseline_digest": baseline.baseline.digest} if baseline else {}),
        },
        "ModelCard": {
            "ModelCardStatus": "Draft",
            "ModelCardContent": json.dumps(model_card(registration), sort_keys=True),
        },
    }


def drift_check_baselines(baseline: BaselineRef) -> dict[str, Any]:
    """Return what tools that watch a package's endpoint look for: Model Monitor's files of the baseline."""
    found = {"ModelDataQuality": _pair(baseline.statistics, baseline.constraints)}
    if baseline.quality_statistics and baseline.quality_constraints:
        found["ModelQuality"] = _pair(baseline.quality_statistics, baseline.quality_constraints)
    return found


def model_card(registration: Registration) -> dict[str, Any]:
    """Return the model card in the schema of model packages; texts are cut to its limits, the evidence has all."""
    card = registration.card
    return {
        "model_overview": {
            "model_creator": _cut(registration.publisher, _CARD_CREATOR),
            "model_artifact": [registration.artifact_uri],
        },
        "intended_uses": {"intended_uses": _cut(card.intended_use, _CARD_TEXT)},
        "additional_information": {
            "caveats_and_recommendations": _cut(card.limitations, _CARD_TEXT),
            "custom_details": {
                "owner": _cut(card.owner, _CARD_DETAIL),
                "nist_ai_rmf_functions": _cut(", ".join(card.ai_rmf_functions), _CARD_DETAIL),
                "evidence_digest": registration.evidence_digest,
            },
        },
    }


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _source(content_type: str, uri: str, digest: str) -> dict[str, str]:
    return {"ContentType": content_type, "S3Uri": uri, "ContentDigest": f"sha256:{digest}"}


def _pair(statistics: DocumentRef, constraints: DocumentRef) -> dict[str, Any]:
    return {
        "Statistics": _source("application/json", statistics.uri, statistics.digest),
        "Constraints": _source("application/json", constraints.uri, constraints.digest),
    }


def _package(answer: Mapping[str, Any]) -> Package:
    metadata = answer.get("CustomerMetadataProperties") or {}
    containers = (answer.get("InferenceSpecification") or {}).get("Containers") or [{}]
    container = containers[0]
    return Package(
        package_arn=answer["ModelPackageArn"],
        group=answer.get("ModelPackageGroupName") or "",
        version=int(answer.get("ModelPackageVersion") or 1),
        answer=Answer(
            status=answer.get("ModelApprovalStatus", "PendingManualApproval"),
            identity=_identity(answer.get("LastModifiedBy")),
            description=answer.get("ApprovalDescription"),
            at=answer.get("LastModifiedTime") or answer["CreationTime"],
        ),
        model=metadata.get("model"),
        run=metadata.get("run"),
        evidence_digest=metadata.get("evidence_digest"),
        evidence_uri=metadata.get("evidence_uri"),
        artifact_digest=metadata.get("artifact_digest"),
        artifact_uri=container.get("ModelDataUrl"),
        image_uri=container.get("Image"),
        image_digest=container.get("ImageDigest") or metadata.get("image_digest"),
        environment=container.get("Environment") or {},
    )


def _identity(modified_by: Mapping[str, Any] | None) -> Identity | None:
    iam = (modified_by or {}).get("IamIdentity") or {}
    if not iam.get("Arn"):
        return None
    return Identity(arn=iam["Arn"], source_identity=iam.get("SourceIdentity"))
