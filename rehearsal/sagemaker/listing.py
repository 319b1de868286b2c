"""Filtering, sorting and paging that all of SageMaker's List operations share."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from rehearsal.sagemaker.api import Call
from rehearsal.sagemaker.errors import ValidationException

_SORTS = {"Name": "name", "CreationTime": "created", "LastModifiedTime": "modified", "Status": "status"}


def page(
    call: Call,
    member: str,
    records: Iterable[Any],
    summary: Callable[[Any], dict[str, Any]],
    *,
    order: str = "Descending",
    matches: Callable[[Any], bool] = lambda _: True,
) -> dict[str, Any]:
    """Return a List response.

    Parameters
    ----------
    member
        Name of the list in the response.
    records
        Objects with ``name``, ``created``, ``modified`` and, where there is one, ``status``.
    summary
        Makes a record's entry.
    order
        Order when the request does not say: newest first for most operations.
    matches
        A further filter of the operation.
    """
    found = [record for record in records if _selected(call, record) and matches(record)]
    key = _SORTS[call.get("SortBy", "CreationTime")]
    found.sort(key=lambda record: (getattr(record, key), record.name))
    if call.get("SortOrder", order) == "Descending":
        found.reverse()
    start = _start(call.get("NextToken"))
    size = call.get("MaxResults", 100)  # AWS gives 10 where nobody asks, and a token; pages are for the caller to ask
    answer: dict[str, Any] = {member: [summary(record) for record in found[start : start + size]]}
    if start + size < len(found):
        answer["NextToken"] = base64.b64encode(str(start + size).encode()).decode()
    return answer


def _selected(call: Call, record: Any) -> bool:
    if call.get("NameContains", "").lower() not in record.name.lower():
        return False
    if "StatusEquals" in call.params and record.status != call.params["StatusEquals"]:
        return False
    for member, attribute in (("CreationTime", "created"), ("LastModifiedTime", "modified")):
        after, before = call.get(f"{member}After"), call.get(f"{member}Before")
        when = getattr(record, attribute)
        if (after is not None and when < aware(after)) or (before is not None and when > aware(before)):
            return False
    return True


def aware(value: datetime) -> datetime:
    """Return a timestamp of a request as an aware datetime (moto parses them without a zone)."""
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def _start(token: str | None) -> int:
    if not token:
        return 0
    try:
        return int(base64.b64decode(token, validate=True))
    except (binascii.Error, ValueError) as error:
        raise ValidationException("Invalid NextToken.") from error
