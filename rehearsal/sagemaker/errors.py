"""SageMaker's errors as its API words them. Names and texts are those of the service unless a line says otherwise.

moto finds the service of an exception by the second part of its module's name, so they have to stay in this package.
"""

from __future__ import annotations

from moto.core.exceptions import ServiceException


class ValidationException(ServiceException):
    """HTTP 400; also what SageMaker answers for most things that do not exist."""

    code = "ValidationException"


class ResourceInUse(ServiceException):
    """The name is taken."""

    code = "ResourceInUse"


class ResourceNotFound(ServiceException):
    """The job does not exist, or is not in a state to be stopped."""

    code = "ResourceNotFound"


class ResourceLimitExceeded(ServiceException):
    """A quota of the account is used up."""

    code = "ResourceLimitExceeded"


class ConflictException(ServiceException):
    """The registry changed meanwhile, or a model package group is not empty."""

    code = "ConflictException"


class NotRehearsed(ValidationException):
    """AWS could do it and the rehearsal does not: refused, never faked. The text begins with ``rehearsal:``."""

    def __init__(self, what: str) -> None:
        super().__init__(f"rehearsal: {what} is not rehearsed")


class Refused(ServiceException):
    """An error that somebody ordered (`control.refuse_next`)."""


class JobFailure(Exception):
    """The platform or the data, not the algorithm, makes a job fail.

    Parameters
    ----------
    kind
        ``ClientError`` (the customer's data, role or image), ``CapacityError`` or ``InternalServerError``.
    text
        What FailureReason says after the kind.
    """

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(f"{kind}: {text}")
        self.kind = kind
