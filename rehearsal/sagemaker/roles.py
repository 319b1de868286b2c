"""Execution roles: whether SageMaker may assume them, and what the agent may do with them."""

from __future__ import annotations

import threading
from typing import Any

from rehearsal.host import Host
from rehearsal.sagemaker.errors import JobFailure, ValidationException

SERVICE = "sagemaker.amazonaws.com"
SESSION = "SageMaker"  # assumed-role/<role>/SageMaker, as CloudTrail shows SageMaker's sessions

_lock = threading.Lock()
_sessions: dict[str, dict[str, str]] = {}


def forget() -> None:
    """Forget the sessions of a rehearsal that has stopped."""
    with _lock:
        _sessions.clear()


def check_assumable(host: Host, role_arn: str, source_arn: str) -> None:
    """Check that the role exists and trusts SageMaker, which acts for a job or model and sends it as aws:SourceArn.

    Raises
    ------
    ValidationException
        In SageMaker's words, when it does not.
    """
    from rehearsal.iam.errors import AccessDenied

    try:
        credentials = host.iam.assume(role_arn, SERVICE, SESSION, source_arn=source_arn)
    except AccessDenied as denied:
        raise ValidationException(
            f"Could not assume role {role_arn}. Please ensure that the role exists and allows principal "
            f"'{SERVICE}' to assume the role."
        ) from denied
    with _lock:
        # One session for all jobs of a role, so that its clients are made once.
        _sessions.setdefault(role_arn, credentials)


def credentials(role_arn: str) -> dict[str, str]:
    """Return credentials of SageMaker's session of a role that `check_assumable` has found assumable."""
    return _sessions[role_arn]


def client(host: Host, role_arn: str, service: str) -> Any:
    """Return a boto3 client that acts as SageMaker with the role."""
    return host.client(service, credentials(role_arn))


def check_vpc(host: Host, role_arn: str, vpc: dict[str, Any] | None) -> None:
    """Check that the role may make the network interfaces of a job in a VPC.

    Permissions: "Give SageMaker AI training jobs access to resources in your Amazon VPC", developer guide. The text of
    the failure is the rehearsal's.

    Raises
    ------
    JobFailure
        ClientError that names the missing permission.
    """
    if not vpc:
        return
    from rehearsal.iam.errors import AccessDenied

    interface = host.arn("ec2", "network-interface/*")
    groups = [host.arn("ec2", f"security-group/{name}") for name in vpc["SecurityGroupIds"]]
    subnets = [host.arn("ec2", f"subnet/{name}") for name in vpc["Subnets"]]
    needs = [("ec2:CreateNetworkInterface", arn) for arn in (interface, *groups, *subnets)]
    needs += [("ec2:CreateNetworkInterfacePermission", interface), ("ec2:DeleteNetworkInterface", interface)]
    needs += [
        (f"ec2:{name}", "*")
        for name in (
            "DescribeNetworkInterfaces",
            "DescribeVpcs",
            "DescribeDhcpOptions",
            "DescribeSubnets",
            "DescribeSecurityGroups",
        )
    ]
    for action, resource in needs:
        try:
            host.iam.require(role_arn, action, resource)
        except AccessDenied as denied:
            raise JobFailure("ClientError", f"Unable to use the VPC of the request. {denied.message}") from denied
