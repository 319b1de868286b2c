"""boto3 clients with bounded waits, and one place that tells a passing fault from a lasting one.

Clients are cached per process: a warm function keeps its connections. They are typed ``Any`` on purpose, since every
adapter turns answers into typed values at once.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeAlias

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, HTTPClientError, IncompleteReadError
from botocore.exceptions import ConnectionError as AwsConnectionError

from muster.errors import Transient

# Standard mode: at most 4 tries with jittered back-off, and a token bucket that stops retry storms. Each try is
# bounded, so that a function ends by an error of its own and not by its time-out.
_CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 4},
    connect_timeout=5,
    read_timeout=30,
    user_agent_extra="muster",
)
# CopyObject of some gigabytes answers late; an endpoint may take 60 s for an answer.
_PATIENT = _CONFIG.merge(Config(read_timeout=120))
_PATIENT_SERVICES = frozenset({"s3", "sagemaker-runtime"})

TRANSIENT_CODES = frozenset(
    {
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "RequestThrottled",
        "RequestThrottledException",
        "TooManyRequestsException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "LimitExceededException",
        "TransactionInProgressException",
        "BandwidthLimitExceeded",
        "SlowDown",
        "PriorRequestNotComplete",
        "RequestTimeout",
        "RequestTimeoutException",
        "InternalError",
        "InternalFailure",
        "InternalServerError",
        "InternalServiceError",
        "InternalServerException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "KMSThrottlingException",
        "KmsThrottlingException",
        "KmsThrottling",
        "503",
        "500",
    }
)
"""Error codes that say "not now": botocore's own throttling and transient codes, and the KMS ones of Step Functions."""

DENIED_CODES = frozenset(
    {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403", "KmsAccessDeniedException"}
)


Client: TypeAlias = Any
"""A boto3 client. Its methods are made at run time from the service's model."""
Call: TypeAlias = Callable[..., Any]
"""A method of one."""


@cache
def client(service: str) -> Client:
    """Return the process's client of a service, in the function's own region."""
    return boto3.client(service, config=_PATIENT if service in _PATIENT_SERVICES else _CONFIG)  # type: ignore[call-overload]


def code_of(error: ClientError) -> str:
    """Return the service's own code of an error, such as ``NoSuchKey``."""
    return str(error.response.get("Error", {}).get("Code", ""))


def message_of(error: ClientError) -> str:
    """Return the service's own words."""
    return str(error.response.get("Error", {}).get("Message", ""))


def denied(error: ClientError) -> bool:
    """Tell whether a policy refused the call."""
    return code_of(error) in DENIED_CODES


@contextmanager
def translated() -> Iterator[None]:
    """Raise :class:`muster.errors.Transient` for what may pass by itself; let every other error through as it is.

    Around a whole handler: whatever boto3's own retries did not get over becomes the one error that the state machines
    retry.
    """
    try:
        yield
    except ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if code_of(error) in TRANSIENT_CODES or status >= 500 or status == 429:
            raise Transient(
                f"{error.operation_name}: {code_of(error)}: {message_of(error)}; try again later"
            ) from error
        raise
    except (AwsConnectionError, HTTPClientError, IncompleteReadError) as error:
        raise Transient(f"AWS did not answer: {error}; try again later") from error
