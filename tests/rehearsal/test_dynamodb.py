"""Conditional writes at the same moment: one is granted."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from rehearsal import Rehearsal

WRITERS, ROUNDS = 8, 30


@pytest.fixture
def _hurry() -> Iterator[None]:
    """Let threads take turns as often as they can: what may come in between, does."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.usefixtures("_hurry")
def test_of_writers_at_the_same_moment_one_is_granted(rehearsal: Rehearsal) -> None:
    # Given a table, and several who write an item on the condition that it is not there
    client, table = rehearsal.client("dynamodb"), f"table-{uuid.uuid4().hex[:8]}"
    client.create_table(
        TableName=table,
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )

    def write(key: str) -> bool:
        try:
            client.put_item(TableName=table, Item={"pk": {"S": key}}, ConditionExpression="attribute_not_exists(pk)")
        except client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    # When they do it at the same moment, again and again, then each time exactly one has written
    with ThreadPoolExecutor(WRITERS) as pool:
        for number in range(ROUNDS):
            assert sum(pool.map(write, [str(number)] * WRITERS)) == 1
