"""Who acts: a session of a role, or an AWS service, each with the condition keys that come from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from rehearsal.iam.policies import Who

#: The `service` of a session that a person assumed.
PERSON = "person"


@dataclass(frozen=True)
class Session:
    """A session of a role: what one access key stands for.

    Attributes
    ----------
    role_arn, role_id, role_name
        The role; the ARN with its path.
    name
        The session's name: an execution, a function, a job or a person.
    service
        Service principal that assumed the role, `PERSON`, or "" when a role assumed it with sts:AssumeRole.
    source_identity
        Set once by who assumed the first role of a chain, and kept by all that follow.
    session_policy
        Policy document passed to AssumeRole, or "".
    """

    access_key: str
    secret_key: str = field(repr=False)
    token: str = field(repr=False)
    partition: str
    account: str
    role_arn: str
    role_id: str
    name: str
    service: str
    source_identity: str | None
    started: datetime
    session_policy: str = ""

    @property
    def role_name(self) -> str:
        """Name of the role, without its path."""
        return self.role_arn.rsplit("/", 1)[1]

    @cached_property
    def arn(self) -> str:
        """ARN of the assumed-role session, as AWS prints it in errors, CloudTrail and LastModifiedBy."""
        return f"arn:{self.partition}:sts::{self.account}:assumed-role/{self.role_name}/{self.name}"

    @property
    def principal_id(self) -> str:
        """``<role id>:<session name>``, which is also aws:userid."""
        return f"{self.role_id}:{self.name}"

    @property
    def credentials(self) -> dict[str, str]:
        """The environment variables from which the SDKs take credentials."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_SESSION_TOKEN": self.token,
        }

    @cached_property
    def who(self) -> Who:
        """How policies can name this session."""
        root = f"arn:{self.partition}:iam::{self.account}:root"
        return Who(names=frozenset([self.role_arn, self.arn]), account=self.account, root=root)

    @cached_property
    def keys(self) -> Mapping[str, tuple[str, ...]]:
        """Condition keys that come from the principal."""
        keys = {
            "aws:principalarn": (self.role_arn,),
            "aws:principalaccount": (self.account,),
            "aws:principaltype": ("AssumedRole",),
            "aws:principalisawsservice": ("false",),
            "aws:userid": (self.principal_id,),
        }
        if self.source_identity:
            keys["aws:sourceidentity"] = (self.source_identity,)
        if self.service == PERSON:
            keys["aws:multifactorauthpresent"] = ("true",)  # a rehearsed person has signed in with a second factor
        return keys


@dataclass(frozen=True)
class ServicePrincipal:
    """An AWS service that acts by a resource's policy, such as EventBridge when it invokes a function."""

    name: str
    account: str
    source_arn: str | None = None

    @property
    def arn(self) -> str:
        """What stands for the principal in messages: the service's name."""
        return self.name

    @property
    def who(self) -> Who:
        """How policies can name this service."""
        return Who(service=self.name)

    @property
    def keys(self) -> Mapping[str, tuple[str, ...]]:
        """Condition keys that a service sends for the resource on whose behalf it acts."""
        keys = {
            "aws:principalisawsservice": ("true",),
            "aws:principalservicename": (self.name,),
            "aws:sourceaccount": (self.account,),
        }
        if self.source_arn:
            keys["aws:sourcearn"] = (self.source_arn,)
        if self.name == "cloudwatch.amazonaws.com":
            # What the default policy of a topic tests. Alarms send it; a role's call to Publish does not.
            keys["aws:sourceowner"] = (self.account,)
        return keys


@dataclass(frozen=True)
class Person:
    """A person before they have assumed a role: as a user of the account, or through its identity provider.

    Their own rights are not rehearsed; the trust policy of the role decides.
    """

    name: str
    partition: str
    account: str

    @property
    def arn(self) -> str:
        """ARN of a user with the person's name."""
        return f"arn:{self.partition}:iam::{self.account}:user/{self.name}"

    @property
    def who(self) -> Who:
        """How trust policies can name a person."""
        root = f"arn:{self.partition}:iam::{self.account}:root"
        return Who(names=frozenset([self.arn]), account=self.account, root=root, federated=True)

    @property
    def keys(self) -> Mapping[str, tuple[str, ...]]:
        """Condition keys of somebody who has signed in with a second factor, or through SAML."""
        site = "signin.amazonaws-us-gov.com" if self.partition == "aws-us-gov" else "signin.aws.amazon.com"
        return {
            "aws:principalarn": (self.arn,),
            "aws:principalaccount": (self.account,),
            "aws:principaltype": ("User",),
            "aws:multifactorauthpresent": ("true",),
            "saml:aud": (f"https://{site}/saml",),
        }


Principal = Session | ServicePrincipal | Person
