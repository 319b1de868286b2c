"""The ledger: one DynamoDB table for business state. Conditional writes decide every race.

Items are addressed by ``pk`` and ``sk``; times are stored in the items and compared with times passed in, never with
TTL and never with the host's clock. The keys are listed in docs/architecture.md.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

from muster.aws.clients import Call, Client, client, code_of
from muster.settings import Settings

Item = dict[str, Any]
_SERIALIZE, _DESERIALIZE = TypeSerializer(), TypeDeserializer()


@dataclass(frozen=True)
class Condition:
    """A condition expression with ``#name`` and ``:value`` placeholders spelled without their marks."""

    expression: str
    names: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)


NEW = Condition("attribute_not_exists(pk)")
"""There is no such item yet."""


class Ledger:
    """Typed access to the table's items as plain documents."""

    def __init__(self, dynamodb: Client, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    @classmethod
    def of(cls, settings: Settings) -> "Ledger":
        """Return the ledger of an installation."""
        return cls(client("dynamodb"), settings.ledger_table)

    def get(self, pk: str, sk: str) -> Item | None:
        """Return an item as it is now (consistent read), without its keys; None when there is none."""
        answer = self._dynamodb.get_item(TableName=self._table, Key=_key(pk, sk), ConsistentRead=True)
        return _read(answer["Item"]) if "Item" in answer else None

    def put(self, pk: str, sk: str, item: Mapping[str, Any], only_if: Condition | None = None) -> bool:
        """Write an item; False when the condition did not hold."""
        document = _write({**item, "pk": pk, "sk": sk})
        return self._conditional(self._dynamodb.put_item, only_if, Item=document)

    def update(self, pk: str, sk: str, changes: Mapping[str, Any], only_if: Condition) -> bool:
        """Set some attributes of an item; False when the condition did not hold."""
        names = {f"set{index}": name for index, name in enumerate(changes)}
        values = {f"set{index}": value for index, value in enumerate(changes.values())}
        expression = "SET " + ", ".join(f"#{each} = :{each}" for each in names)
        merged = Condition(only_if.expression, {**only_if.names, **names}, {**only_if.values, **values})
        return self._conditional(self._dynamodb.update_item, merged, Key=_key(pk, sk), UpdateExpression=expression)

    def delete(self, pk: str, sk: str, only_if: Condition) -> bool:
        """Remove an item; False when the condition did not hold."""
        return self._conditional(self._dynamodb.delete_item, only_if, Key=_key(pk, sk))

    def below(self, pk: str, sk_prefix: str, newest_first: bool = False) -> Iterator[Item]:
        """Yield the items of a partition whose sort key begins so, in its order; keys included."""
        pages = self._dynamodb.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :sk)",
            ExpressionAttributeValues=_write({":pk": pk, ":sk": sk_prefix}),
            ScanIndexForward=not newest_first,
            ConsistentRead=True,
        )
        for page in pages:
            yield from (_read(item, keys=True) for item in page["Items"])

    def everywhere(self, which: Condition) -> Iterator[Item]:
        """Yield the items of every partition that meet a condition; keys included.

        A scan: for the sweepers, which run seldom and look at a table of thousands of items at most.
        """
        pages = self._dynamodb.get_paginator("scan").paginate(
            TableName=self._table, FilterExpression=which.expression, ConsistentRead=True, **_expression(which)
        )
        for page in pages:
            yield from (_read(item, keys=True) for item in page["Items"])

    def _conditional(self, call: Call, condition: Condition | None, **arguments: object) -> bool:
        if condition is not None:
            arguments |= {"ConditionExpression": condition.expression, **_expression(condition)}
        try:
            call(TableName=self._table, **arguments)
        except ClientError as error:
            if code_of(error) == "ConditionalCheckFailedException":
                return False
            raise
        return True


def _key(pk: str, sk: str) -> Item:
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def _expression(condition: Condition) -> dict[str, Any]:
    arguments: dict[str, Any] = {}
    if condition.names:
        arguments["ExpressionAttributeNames"] = {f"#{key}": name for key, name in condition.names.items()}
    if condition.values:
        arguments["ExpressionAttributeValues"] = _write({f":{key}": value for key, value in condition.values.items()})
    return arguments


def _write(document: Mapping[str, Any]) -> Item:
    return {key: _SERIALIZE.serialize(_to_decimal(value)) for key, value in document.items()}


def _read(item: Mapping[str, Any], keys: bool = False) -> Item:
    document = {key: _from_decimal(_DESERIALIZE.deserialize(value)) for key, value in item.items()}
    return document if keys else without_keys(document)


def without_keys(item: Mapping[str, Any]) -> Item:
    """Return an item's document: everything but ``pk`` and ``sk``."""
    return {key: value for key, value in item.items() if key not in ("pk", "sk")}


def _to_decimal(value: object) -> object:
    # DynamoDB's numbers are decimals; going through the text keeps 0.1 what it looks like.
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, Mapping):
        return {key: _to_decimal(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_to_decimal(each) for each in value]
    return value


def _from_decimal(value: object) -> object:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dict):
        return {key: _from_decimal(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_from_decimal(each) for each in value]
    return value
