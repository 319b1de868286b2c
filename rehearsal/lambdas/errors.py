"""Errors of the Lambda service itself, as its API answers them (function errors are answers, not errors)."""

from __future__ import annotations

import json
from typing import Any

from moto.awslambda.exceptions import LambdaClientError


class ServiceError(LambdaClientError):
    """An error answer of the Lambda API.

    Parameters
    ----------
    status
        HTTP status.
    kind
        Its name, such as ``TooManyRequestsException``.
    message
        What went wrong.
    **members
        Further members of the answer, such as Reason.
    """

    def __init__(self, status: int, kind: str, message: str, **members: Any) -> None:
        super().__init__(kind, message)
        self.code = status
        self.kind = kind
        self.description = json.dumps({"__type": kind, "Type": "User", "message": message, **members})


def throttled() -> ServiceError:
    """Return what Invoke answers when all of a function's reserved concurrency is in use (Lambda API reference)."""
    return ServiceError(
        429, "TooManyRequestsException", "Rate Exceeded.", Reason="ReservedFunctionConcurrentInvocationLimitExceeded"
    )


def too_large(limit: int) -> ServiceError:
    """Return what Invoke answers to an event above the size limit."""
    text = f"Request must be smaller than {limit} bytes for the InvokeFunction operation"
    return ServiceError(413, "RequestEntityTooLargeException", text)
