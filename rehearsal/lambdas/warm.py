"""Imported by the fork server alone: what every function would otherwise load again costs its child nothing.

Sessions, credentials and clients are not kept: each child makes its own.
"""

from __future__ import annotations

import datetime
from typing import Annotated

import boto3
import pydantic

from rehearsal.lambdas.botocore_files import keep

#: Services whose models are read in advance: those that the functions of such an application use.
SERVICES = (
    "cloudtrail",
    "cloudwatch",
    "dynamodb",
    "events",
    "kms",
    "lambda",
    "logs",
    "s3",
    "sagemaker",
    "sns",
    "sqs",
    "stepfunctions",
    "sts",
)


def read_models() -> None:
    """Make one client of each service with a session of its own, so that all it needs is imported and read."""
    session = boto3.session.Session("none", "none", region_name="us-gov-west-1")
    for service in SERVICES:
        session.client(service, endpoint_url="http://127.0.0.1:9")  # type: ignore[call-overload]


def build_model() -> None:
    """Build a pydantic model, which makes it look for plugins among all installed packages, once."""

    class Model(pydantic.BaseModel):
        number: int = pydantic.Field(ge=0)
        words: list[Annotated[str, pydantic.StringConstraints(pattern="[a-z]+")]] = []
        table: dict[str, float | None] = {}
        when: datetime.datetime | None = None

    Model(number=1, words=["a"])


keep()
read_models()
build_model()
