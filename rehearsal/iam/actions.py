"""What a request needs: its operation's own actions, and what the operation implies."""

from __future__ import annotations

from rehearsal.host import Host
from rehearsal.iam.errors import UnknownOperation
from rehearsal.iam.implied import implied_needs
from rehearsal.iam.keys import Need
from rehearsal.iam.requests import ApiRequest
from rehearsal.iam.tables import dynamodb, messaging, plain, s3, sagemaker
from rehearsal.iam.tables.rules import Ask, Table

#: botocore's name of a service -> its table.
TABLES: dict[str, Table] = {
    "cloudformation": plain.CLOUDFORMATION,
    "cloudtrail": plain.CLOUDTRAIL,
    "cloudwatch": plain.CLOUDWATCH,
    "dynamodb": dynamodb.DYNAMODB,
    "dynamodbstreams": dynamodb.DYNAMODBSTREAMS,
    "ec2": plain.EC2,
    "ecr": plain.ECR,
    "events": messaging.EVENTS,
    "iam": plain.IAM,
    "kms": messaging.KMS,
    "lambda": plain.LAMBDA,
    "logs": plain.LOGS,
    "resourcegroupstaggingapi": plain.TAGGING,
    "s3": s3.S3,
    "sagemaker": sagemaker.SAGEMAKER,
    "sagemaker-metrics": plain.SAGEMAKER_METRICS,
    "sagemaker-runtime": sagemaker.SAGEMAKER,
    "scheduler": plain.SCHEDULER,
    "secretsmanager": plain.SECRETSMANAGER,
    "sns": messaging.SNS,
    "sqs": messaging.SQS,
    "ssm": plain.SSM,
    "stepfunctions": plain.STEPFUNCTIONS,
    "sts": messaging.STS,
    "xray": plain.XRAY,
}


def needs_of(host: Host, request: ApiRequest) -> list[Need]:
    """Return every permission that a request needs, its own first.

    Raises
    ------
    UnknownOperation
        When no table has the operation.
    """
    rule = TABLES.get(request.service, {}).get(request.operation)
    if rule is None:
        raise UnknownOperation(
            f"the rehearsal does not know which permissions {request.service} {request.operation} needs: "
            "add it to rehearsal/iam/tables"
        )
    ask = Ask(host, request)
    own = rule(ask)
    return own + implied_needs(ask, own)
