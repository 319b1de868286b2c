"""AWS::DynamoDB::Table."""

from __future__ import annotations

from ..kinds import Kind, Made
from ..work import Work

_SAME = (
    "AttributeDefinitions",
    "KeySchema",
    "BillingMode",
    "ProvisionedThroughput",
    "OnDemandThroughput",
    "GlobalSecondaryIndexes",
    "LocalSecondaryIndexes",
    "DeletionProtectionEnabled",
    "TableClass",
)


def _create_table(work: Work) -> Made:
    name = work.name("TableName", 255)
    params = {"TableName": name, **work.only(*_SAME)}
    if work.get("SSESpecification") is not None:
        given = work.get("SSESpecification")
        named = {"SSEEnabled": "Enabled", "SSEType": "SSEType", "KMSMasterKeyId": "KMSMasterKeyId"}
        params["SSESpecification"] = {named[key]: value for key, value in given.items()}
    if work.get("StreamSpecification") is not None:
        params["StreamSpecification"] = {"StreamEnabled": True, **work.get("StreamSpecification")}
    if work.tags():
        params["Tags"] = work.tag_list()
    table = work.call("dynamodb", "create_table", params)["TableDescription"]
    if work.get("PointInTimeRecoverySpecification") is not None:
        recovery = {"TableName": name, "PointInTimeRecoverySpecification": work.get("PointInTimeRecoverySpecification")}
        work.call("dynamodb", "update_continuous_backups", recovery, "PointInTimeRecoverySpecification")
    if work.get("TimeToLiveSpecification") is not None:
        lifetime = {"TableName": name, "TimeToLiveSpecification": work.get("TimeToLiveSpecification")}
        work.call("dynamodb", "update_time_to_live", lifetime, "TimeToLiveSpecification")
    attributes = {"Arn": table["TableArn"]}
    if "LatestStreamArn" in table:
        attributes["StreamArn"] = table["LatestStreamArn"]
    return Made(name, attributes)


KINDS = [
    Kind(
        "AWS::DynamoDB::Table",
        _create_table,
        f"""
        TableName Tags PointInTimeRecoverySpecification TimeToLiveSpecification StreamSpecification.StreamViewType
        SSESpecification.SSEEnabled SSESpecification.SSEType SSESpecification.KMSMasterKeyId
        {" ".join(_SAME)}
        """,
        {"ContributorInsightsSpecification.Enabled": "it shows hot keys in CloudWatch and changes nothing else"},
        required="KeySchema AttributeDefinitions",
    )
]
