"""One module per service: how the rehearsal creates the CloudFormation resource types that it knows."""

from __future__ import annotations

from ..kinds import Kind
from . import (
    cloudwatch,
    dynamodb,
    ec2,
    events,
    iam,
    kms,
    lambda_,
    logs,
    s3,
    sagemaker,
    scheduler,
    sns,
    sqs,
    ssm,
    stepfunctions,
)

_MODULES = (
    cloudwatch,
    dynamodb,
    ec2,
    events,
    iam,
    kms,
    lambda_,
    logs,
    s3,
    sagemaker,
    scheduler,
    sns,
    sqs,
    ssm,
    stepfunctions,
)

#: Every resource type that the rehearsal knows, by name.
KINDS: dict[str, Kind] = {kind.name: kind for module in _MODULES for kind in module.KINDS}
