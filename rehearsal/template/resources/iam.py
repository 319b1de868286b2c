"""AWS::IAM::Role, AWS::IAM::ManagedPolicy and AWS::IAM::Policy."""

from __future__ import annotations

import json
from typing import Any

from ..errors import join
from ..kinds import Kind, Made
from ..work import Work


def _create_role(work: Work) -> Made:
    name = work.name("RoleName", 64)
    params: dict[str, Any] = {
        "RoleName": name,
        "AssumeRolePolicyDocument": work.policy("AssumeRolePolicyDocument"),
        **work.only("Path", "Description", "MaxSessionDuration", "PermissionsBoundary"),
    }
    if work.tags():
        params["Tags"] = work.tag_list()
    role = work.call("iam", "create_role", params)["Role"]
    for index, arn in enumerate(work.get("ManagedPolicyArns") or []):
        work.call("iam", "attach_role_policy", {"RoleName": name, "PolicyArn": arn}, join("ManagedPolicyArns", index))
    for index, policy in enumerate(work.get("Policies") or []):
        document = policy.get("PolicyDocument")
        params = {
            "RoleName": name,
            "PolicyName": policy.get("PolicyName"),
            "PolicyDocument": document if isinstance(document, str) else json.dumps(document),
        }
        work.call("iam", "put_role_policy", params, join("Policies", index))
    return Made(name, {"Arn": role["Arn"], "RoleId": role["RoleId"]})


def _create_managed(work: Work) -> Made:
    name = work.name("ManagedPolicyName", 128)
    params = {"PolicyName": name, "PolicyDocument": work.policy(), **work.only("Path", "Description")}
    arn = work.call("iam", "create_policy", params)["Policy"]["Arn"]
    _attach(work, arn)
    return Made(arn, {"PolicyArn": arn})


def _attach(work: Work, arn: str) -> None:
    for index, role in enumerate(work.get("Roles") or []):
        work.call("iam", "attach_role_policy", {"RoleName": role, "PolicyArn": arn}, join("Roles", index))


def _update_managed(work: Work, made: Made) -> Made:
    """Make the new document the default version, and keep no old one (IAM keeps at most five)."""
    client = work.host.client("iam")
    old = client.list_policy_versions(PolicyArn=made.physical_id)["Versions"]
    params = {"PolicyArn": made.physical_id, "PolicyDocument": work.policy(), "SetAsDefault": True}
    work.call("iam", "create_policy_version", params, "PolicyDocument")
    for version in old:
        client.delete_policy_version(PolicyArn=made.physical_id, VersionId=version["VersionId"])
    _attach(work, made.physical_id)
    return made


def _put_inline(work: Work) -> Made:
    for index, role in enumerate(work.get("Roles") or [work.get("RoleName")]):
        params = {"RoleName": role, "PolicyName": work.get("PolicyName"), "PolicyDocument": work.policy()}
        work.call("iam", "put_role_policy", params, join("Roles", index))
    return Made(work.get("PolicyName"))


KINDS = [
    Kind(
        "AWS::IAM::Role",
        _create_role,
        """
        AssumeRolePolicyDocument Description ManagedPolicyArns MaxSessionDuration Path PermissionsBoundary
        Policies[].PolicyName Policies[].PolicyDocument RoleName Tags
        """,
        required="AssumeRolePolicyDocument",
    ),
    Kind(
        "AWS::IAM::ManagedPolicy",
        _create_managed,
        "Description ManagedPolicyName Path PolicyDocument Roles",
        required="PolicyDocument",
        update=_update_managed,
    ),
    Kind(
        "AWS::IAM::Policy",
        _put_inline,
        "PolicyName PolicyDocument Roles",
        required="PolicyName PolicyDocument Roles",
        update=lambda work, _: _put_inline(work),
    ),
]
