"""AWS::KMS::Key and AWS::KMS::Alias."""

from __future__ import annotations

import json

from ..kinds import Kind, Made
from ..work import Work

_DELETION = "it counts when the key is deleted, and the rehearsal deletes nothing"


def _create_key(work: Work) -> Made:
    params = work.only("Description", "KeySpec", "KeyUsage", "MultiRegion", "Origin", "BypassPolicyLockoutSafetyCheck")
    params["Policy"] = work.policy("KeyPolicy") or _default_policy(work)
    if work.tags():
        params["Tags"] = work.tag_list("TagKey", "TagValue")
    key = work.call("kms", "create_key", params)["KeyMetadata"]
    if str(work.get("EnableKeyRotation", False)).lower() == "true":
        rotation = {"KeyId": key["KeyId"], **work.only("RotationPeriodInDays")}
        work.call("kms", "enable_key_rotation", rotation, "EnableKeyRotation")
    if str(work.get("Enabled", True)).lower() == "false":
        work.call("kms", "disable_key", {"KeyId": key["KeyId"]}, "Enabled")
    return Made(key["KeyId"], {"Arn": key["Arn"], "KeyId": key["KeyId"]})


def _default_policy(work: Work) -> str:
    """Return the policy that KMS gives a key that is created without one: the account's root may do all."""
    root = work.host.arn("iam", "root", region="")
    statement = {"Effect": "Allow", "Principal": {"AWS": root}, "Action": "kms:*", "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Id": "key-default-1", "Statement": [statement]})


def _create_alias(work: Work) -> Made:
    work.call("kms", "create_alias", work.only("AliasName", "TargetKeyId"))
    return Made(work.get("AliasName"))


KINDS = [
    Kind(
        "AWS::KMS::Key",
        _create_key,
        """
        BypassPolicyLockoutSafetyCheck Description EnableKeyRotation Enabled KeyPolicy KeySpec KeyUsage MultiRegion
        Origin RotationPeriodInDays Tags
        """,
        {"PendingWindowInDays": _DELETION},
    ),
    Kind("AWS::KMS::Alias", _create_alias, "AliasName TargetKeyId", required="AliasName TargetKeyId"),
]
