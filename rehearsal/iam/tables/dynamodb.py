"""DynamoDB: tables and indexes, the partition keys that a request touches, and transactions item by item."""

from __future__ import annotations

import re
from typing import Any

from rehearsal.iam.errors import RehearsalGap
from rehearsal.iam.keys import Need, Values
from rehearsal.iam.tables.plain import ANY
from rehearsal.iam.tables.rules import Ask, Rule, Table, at, prefixed, table

#: Member of a TransactItem -> the action that it needs (DynamoDB Developer Guide, "Using IAM with transactions").
_TRANSACTION = {
    "Put": "dynamodb:PutItem",
    "Update": "dynamodb:UpdateItem",
    "Delete": "dynamodb:DeleteItem",
    "ConditionCheck": "dynamodb:ConditionCheckItem",
    "Get": "dynamodb:GetItem",
}


def table_arn(ask: Ask, name: str) -> str:
    """Return the ARN of a table given by name or ARN."""
    return name if name.startswith("arn:") else ask.arn(f"table/{name}")


def moto_table(ask: Ask, name: str) -> Any | None:
    """Return moto's record of a table, or None when there is none."""
    from moto.dynamodb.models import dynamodb_backends

    return dynamodb_backends[ask.host.account][ask.request.region].tables.get(name.rpartition("/")[2])


def _hash_key(ask: Ask, name: str, index: str | None = None) -> str | None:
    found = moto_table(ask, name)
    if found is None:
        return None
    schema = found.schema
    if index:
        indexes = [*(found.global_indexes or []), *(found.indexes or [])]
        schema = next((each.schema for each in indexes if each.name == index), [])
    return next((part["AttributeName"] for part in schema if part["KeyType"] == "HASH"), None)


def _text(value: Any) -> str:
    """A key's value without its type: ``{"S": "x"}`` is x."""
    return str(next(iter(value.values()))) if isinstance(value, dict) and value else str(value)


def _leading(ask: Ask, name: str, items: list[Any]) -> Values:
    key = _hash_key(ask, name)
    found = [_text(item[key]) for item in items if key and isinstance(item, dict) and key in item]
    return {"dynamodb:leadingkeys": tuple(found)} if found else {}


def _common(ask: Ask) -> Values:
    get = ask.params.get
    return prefixed(
        "dynamodb",
        returnvalues=get("ReturnValues"),
        select=get("Select"),
        returnconsumedcapacity=get("ReturnConsumedCapacity"),
    )


def _item(member: str) -> Rule:
    def rule(ask: Ask) -> list[Need]:
        name = ask.params["TableName"]
        return [ask.need(table_arn(ask, name), {**_common(ask), **_leading(ask, name, [ask.params.get(member)])})]

    return rule


def _query(ask: Ask) -> list[Need]:
    name, index = ask.params["TableName"], ask.params.get("IndexName")
    arn = table_arn(ask, name)
    resource = f"{arn}/index/{index}" if index else arn
    context = {**_common(ask)}
    value = _queried_key(ask, _hash_key(ask, name, index))
    if value is not None:
        context["dynamodb:leadingkeys"] = (value,)
    return [ask.need(resource, context)]


def _queried_key(ask: Ask, key: str | None) -> str | None:
    """Return the partition key's value that a Query names, from its key condition."""
    names = ask.params.get("ExpressionAttributeNames") or {}
    values = ask.params.get("ExpressionAttributeValues") or {}
    for left, right in re.findall(r"([#\w.-]+)\s*=\s*(:\w+)", ask.params.get("KeyConditionExpression") or ""):
        if names.get(left, left) == key and right in values:
            return _text(values[right])
    condition = (ask.params.get("KeyConditions") or {}).get(key or "")
    return _text(condition["AttributeValueList"][0]) if condition else None


def _batch(ask: Ask) -> list[Need]:
    needs = []
    for name, wanted in (ask.params.get("RequestItems") or {}).items():
        if isinstance(wanted, dict):
            items = wanted.get("Keys") or []
        else:
            items = [
                (each.get("PutRequest") or {}).get("Item") or (each.get("DeleteRequest") or {}).get("Key")
                for each in wanted
            ]
        needs.append(ask.need(table_arn(ask, name), {**_common(ask), **_leading(ask, name, items)}))
    return needs


def _transact(ask: Ask) -> list[Need]:
    needs = []
    operation = {"dynamodb:enclosingoperation": (ask.request.operation,)}
    for entry in ask.params.get("TransactItems") or []:
        for member, action in _TRANSACTION.items():
            if member in entry:
                part = entry[member]
                context = {**operation, **_leading(ask, part["TableName"], [part.get("Item") or part.get("Key")])}
                needs.append(ask.need(table_arn(ask, part["TableName"]), context, action=action))
    return needs


def _partiql(ask: Ask) -> list[Need]:
    raise RehearsalGap(f"the rehearsal does not read PartiQL, so it cannot tell what {ask.action} needs")


DYNAMODB: Table = table(
    ("GetItem UpdateItem DeleteItem", _item("Key")),
    ("PutItem", _item("Item")),
    ("Query", _query),
    ("Scan", _query),
    ("BatchGetItem BatchWriteItem", _batch),
    ("TransactWriteItems TransactGetItems", _transact),
    ("ExecuteStatement ExecuteTransaction BatchExecuteStatement", _partiql),
    ("DescribeTable CreateTable UpdateTable DeleteTable DescribeTimeToLive UpdateTimeToLive", at("table/{TableName}")),
    ("DescribeContinuousBackups UpdateContinuousBackups ExportTableToPointInTime", at("table/{TableName}")),
    ("ListTables DescribeLimits DescribeEndpoints", ANY),
    ("TagResource UntagResource ListTagsOfResource", at("{ResourceArn}")),
)
DYNAMODBSTREAMS: Table = table(
    ("DescribeStream GetShardIterator", at("{StreamArn}")),
    ("GetRecords ListStreams", ANY),
)
