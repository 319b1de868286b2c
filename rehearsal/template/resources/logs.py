"""AWS::Logs::LogGroup."""

from __future__ import annotations

from typing import Any

from ..kinds import Kind, Made
from ..work import Work


def _create_group(work: Work) -> Made:
    name = work.name("LogGroupName", 512)
    params: dict[str, Any] = {
        "logGroupName": name,
        **_renamed(work, KmsKeyId="kmsKeyId", LogGroupClass="logGroupClass"),
    }
    if work.tags():
        params["tags"] = work.tags()
    work.call("logs", "create_log_group", params)
    if work.get("RetentionInDays") is not None:
        retention = {"logGroupName": name, "retentionInDays": work.get("RetentionInDays")}
        work.call("logs", "put_retention_policy", retention, "RetentionInDays")
    return Made(name, {"Arn": work.host.arn("logs", f"log-group:{name}:*")})


def _renamed(work: Work, **names: str) -> dict[str, Any]:
    return {api: work.get(own) for own, api in names.items() if work.get(own) is not None}


KINDS = [
    Kind(
        "AWS::Logs::LogGroup",
        _create_group,
        "LogGroupName KmsKeyId LogGroupClass RetentionInDays Tags",
        {"DeletionProtectionEnabled": "the rehearsal deletes nothing"},
    )
]
