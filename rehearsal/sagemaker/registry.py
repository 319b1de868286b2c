"""The model registry: groups, versioned packages, who touched them last, and the event for every change.

Shapes: API reference, CreateModelPackage, UpdateModelPackage, DescribeModelPackage. Event: "Model package state change",
developer guide.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from rehearsal.host import Host, current
from rehearsal.sagemaker import events, images, listing
from rehearsal.sagemaker.api import Call, operation
from rehearsal.sagemaker.errors import ConflictException, NotRehearsed, ValidationException

#: The fields of the sample in the developer guide and no others, so that nobody relies on what AWS may not send.
_EVENT = [
    "ModelPackageGroupName",
    "ModelPackageVersion",
    "ModelPackageArn",
    "CreationTime",
    "InferenceSpecification",
    "ModelPackageStatus",
    "ModelPackageStatusDetails",
    "CertifyForMarketplace",
    "ModelApprovalStatus",
    "MetadataProperties",
    "ModelMetrics",
    "LastModifiedTime",
]


def user_context(host: Host) -> dict[str, Any]:
    """Return the caller of the request in hand as CreatedBy and LastModifiedBy show it (UserContext)."""
    session = host.iam.caller()
    if session is None:
        return {}
    identity = {"Arn": session.arn, "PrincipalId": session.principal_id}
    if session.source_identity:
        identity["SourceIdentity"] = session.source_identity
    return {"IamIdentity": identity}


class Group:
    """A model package group."""

    status = "Completed"

    def __init__(self, request: dict[str, Any], arn: str, created: datetime, by: dict[str, Any]) -> None:
        self.request = request
        self.arn, self.name = arn, request["ModelPackageGroupName"]
        self.created = self.modified = created
        self.by = by
        self.tags: list[dict[str, str]] = list(request.get("Tags", []))
        self.last_version = 0  # versions of deleted packages are not given out again

    def summary(self) -> dict[str, Any]:
        """Return the entry of ListModelPackageGroups."""
        answer = {
            "ModelPackageGroupName": self.name,
            "ModelPackageGroupArn": self.arn,
            "CreationTime": self.created,
            "ModelPackageGroupStatus": self.status,
        }
        if "ModelPackageGroupDescription" in self.request:
            answer["ModelPackageGroupDescription"] = self.request["ModelPackageGroupDescription"]
        return answer


class Package:
    """One version of a model."""

    def __init__(self, members: dict[str, Any], arn: str, group: Group, version: int, by: dict[str, Any]) -> None:
        self.members = members
        self.arn, self.group, self.version = arn, group, version
        self.tags: list[dict[str, str]] = members.pop("Tags", [])
        self.created = self.modified = current().clock.now()
        self.created_by = by
        self.modified_by: dict[str, Any] = {}
        self.modified_once = False

    @property
    def name(self) -> str:
        """What List operations sort and filter by."""
        return self.group.name

    @property
    def status(self) -> str:
        """ModelPackageStatus."""
        return "Completed"

    def containers(self) -> list[dict[str, Any]]:
        """Return the containers of its inference specification, images by digest where one is recorded."""
        found = copy.deepcopy(self.members.get("InferenceSpecification", {}).get("Containers", []))
        if not found:
            raise ValidationException(f"Model package {self.arn} has no InferenceSpecification.")
        return found

    def describe(self) -> dict[str, Any]:
        """Return the DescribeModelPackage response."""
        answer = {
            **copy.deepcopy(self.members),
            "ModelPackageName": self.group.name,
            "ModelPackageGroupName": self.group.name,
            "ModelPackageVersion": self.version,
            "ModelPackageArn": self.arn,
            "CreationTime": self.created,
            "ModelPackageStatus": self.status,
            "ModelPackageStatusDetails": {"ValidationStatuses": [], "ImageScanStatuses": []},
            "CreatedBy": self.created_by,
        }
        if self.modified_once:
            answer |= {"LastModifiedTime": self.modified, "LastModifiedBy": self.modified_by}
        return answer

    def summary(self) -> dict[str, Any]:
        """Return the entry of ListModelPackages."""
        answer = {
            "ModelPackageName": self.group.name,
            "ModelPackageGroupName": self.group.name,
            "ModelPackageVersion": self.version,
            "ModelPackageArn": self.arn,
            "CreationTime": self.created,
            "ModelPackageStatus": self.status,
        }
        for name in ("ModelPackageDescription", "ModelApprovalStatus", "ModelPackageRegistrationType"):
            if name in self.members:
                answer[name] = self.members[name]
        return answer

    def announce(self) -> None:
        """Send "SageMaker Model Package State Change". It does not say who changed it, as AWS's does not."""
        described = {**self.describe(), "LastModifiedTime": self.modified}
        detail = events.iso({name: described[name] for name in _EVENT if name in described})
        region = self.arn.split(":")[3]
        events.emit(current(), region, "SageMaker Model Package State Change", self.arn, detail)


# ---- finding


def _last(name: str) -> str:
    return name.rsplit("/", 1)[-1] if ":" in name else name


def find_group(backend: Any, name: str) -> Group:
    """Return a group by name or ARN.

    Raises
    ------
    ValidationException
        When there is none.
    """
    found = backend.model_package_groups.get(_last(name))
    if found is None:
        raise ValidationException(f"ModelPackageGroup {_group_arn(backend, _last(name))} does not exist.")
    return found


def find(backend: Any, name: str) -> Package:
    """Return a package by ARN, or by ``group/version``.

    Raises
    ------
    ValidationException
        When there is none.
    """
    arn = name if ":" in name else current().arn("sagemaker", f"model-package/{name}", region=backend.region_name)
    found = backend.model_packages.get(arn)
    if found is None:
        raise ValidationException(f"ModelPackage {arn} does not exist.")
    return found


def _group_arn(backend: Any, name: str) -> str:
    return current().arn("sagemaker", f"model-package-group/{name}", region=backend.region_name)


# ---- groups


@operation("CreateModelPackageGroup")
def create_group(call: Call) -> dict[str, Any]:
    """Make a group."""
    name = call.params["ModelPackageGroupName"]
    arn = call.arn(f"model-package-group/{name}")
    if name in call.backend.model_package_groups:
        raise ValidationException(f"Model Package Group already exists: {arn}")
    call.backend.model_package_groups[name] = Group(
        dict(call.params), arn, call.host.clock.now(), user_context(call.host)
    )
    return {"ModelPackageGroupArn": arn}


@operation("DescribeModelPackageGroup")
def describe_group(call: Call) -> dict[str, Any]:
    """Return a group."""
    group = find_group(call.backend, call.params["ModelPackageGroupName"])
    return {**group.summary(), "CreatedBy": group.by}


@operation("ListModelPackageGroups")
def list_groups(call: Call) -> dict[str, Any]:
    """Return summaries."""
    groups: Iterable[Group] = call.backend.model_package_groups.values()
    return listing.page(call, "ModelPackageGroupSummaryList", groups, Group.summary)


@operation("DeleteModelPackageGroup")
def delete_group(call: Call) -> None:
    """Remove a group that holds no package."""
    group = find_group(call.backend, call.params["ModelPackageGroupName"])
    if any(package.group is group for package in call.backend.model_packages.values()):
        raise ConflictException(
            f"Model Package Group cannot be deleted, because it still contains Model Packages: {group.arn}"
        )
    del call.backend.model_package_groups[group.name]


# ---- packages


@operation("CreateModelPackage")
def create_package(call: Call) -> dict[str, Any]:
    """Add the next version to a group; the same ClientToken gives the same version."""
    members = dict(call.params)
    group_name = members.pop("ModelPackageGroupName", None)
    if not group_name:
        raise NotRehearsed("a model package without a group (unversioned)")
    group = find_group(call.backend, group_name)
    token = members.pop("ClientToken", None)
    same = _by_token(call.backend, group, token)
    if same is not None:
        return {"ModelPackageArn": same.arn}
    if members.get("Tags"):
        # "Tags" of a version belong to its group (CreateModelPackage, Tags: "If you supply ModelPackageGroupName, your
        # model package belongs to the model group you specify and uses the tags associated with the model group").
        raise ValidationException(
            "Tags cannot be specified for a versioned model package; set them on the model package group."
        )
    _complete(members)
    group.last_version += 1
    arn = call.arn(f"model-package/{group.name}/{group.last_version}")
    package = Package(members, arn, group, group.last_version, user_context(call.host))
    package.token = token  # type: ignore[attr-defined]
    call.backend.model_packages[arn] = package
    package.announce()
    return {"ModelPackageArn": arn}


def _by_token(backend: Any, group: Group, token: str | None) -> Package | None:
    for package in backend.model_packages.values():
        if token and package.group is group and getattr(package, "token", None) == token:
            return package
    return None


def _complete(members: dict[str, Any]) -> None:
    """Check what a package refers to, and fill in what SageMaker resolves: the digests of images."""
    members.setdefault("ModelApprovalStatus", "PendingManualApproval")
    members.setdefault("CertifyForMarketplace", False)
    members.setdefault("SkipModelValidation", "None")
    if "SourceAlgorithmSpecification" in members:
        raise NotRehearsed("SourceAlgorithmSpecification")
    specifications = [members.get("InferenceSpecification"), *members.get("AdditionalInferenceSpecifications", [])]
    for specification in filter(None, specifications):
        for container in specification["Containers"]:
            if not container.get("Image"):
                raise ValidationException("Image is required in every container of an inference specification.")
            try:
                container.setdefault("ImageDigest", images.find(container["Image"]).digest)
            except images.UnknownImage as error:
                raise ValidationException(f"Cannot find the image of the model package. {error}") from error


@operation("DescribeModelPackage")
def describe_package(call: Call) -> dict[str, Any]:
    """Return a package."""
    return find(call.backend, call.params["ModelPackageName"]).describe()


@operation("UpdateModelPackage")
def update_package(call: Call) -> dict[str, Any]:
    """Change a package. Whoever does it becomes LastModifiedBy, whatever was changed."""
    package = find(call.backend, call.params["ModelPackageArn"])
    changes = {
        name: value
        for name, value in call.params.items()
        if name not in ("ModelPackageArn", "ClientToken", "CustomerMetadataProperties")
        and name not in ("CustomerMetadataPropertiesToRemove", "AdditionalInferenceSpecificationsToAdd")
    }
    properties = dict(package.members.get("CustomerMetadataProperties", {}))
    properties |= call.get("CustomerMetadataProperties", {})
    for name in call.get("CustomerMetadataPropertiesToRemove", []):
        properties.pop(name, None)
    if len(properties) > 50:
        raise ValidationException("CustomerMetadataProperties can hold at most 50 properties.")
    if "ModelCard" in changes:
        changes["ModelCard"] = {**package.members.get("ModelCard", {}), **changes["ModelCard"]}
    more = call.get("AdditionalInferenceSpecificationsToAdd", [])
    if more:
        changes["AdditionalInferenceSpecifications"] = [
            *package.members.get("AdditionalInferenceSpecifications", []),
            *more,
        ]
    _complete({**changes})
    package.members.update(changes)
    if properties:
        package.members["CustomerMetadataProperties"] = properties
    else:
        package.members.pop("CustomerMetadataProperties", None)
    package.modified = call.host.clock.now()
    package.modified_by = user_context(call.host)
    package.modified_once = True
    package.announce()
    return {"ModelPackageArn": package.arn}


@operation("DeleteModelPackage")
def delete_package(call: Call) -> None:
    """Remove a package; its version is not given out again."""
    del call.backend.model_packages[find(call.backend, call.params["ModelPackageName"]).arn]


@operation("ListModelPackages")
def list_packages(call: Call) -> dict[str, Any]:
    """Return summaries, newest first."""
    group = call.get("ModelPackageGroupName")
    wanted = find_group(call.backend, group) if group else None
    approval = call.get("ModelApprovalStatus")
    if not group and call.get("ModelPackageType", "Unversioned") == "Unversioned":
        return {"ModelPackageSummaryList": []}

    def matches(package: Package) -> bool:
        own = package.members.get("ModelApprovalStatus")
        return (wanted is None or package.group is wanted) and approval in (None, own)

    return listing.page(
        call, "ModelPackageSummaryList", call.backend.model_packages.values(), Package.summary, matches=matches
    )
