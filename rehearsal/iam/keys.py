"""Condition keys: which ones the rehearsal computes, and their values for one request.

A policy that tests another key is an error as soon as the test would matter: nobody can say what it would do in AWS.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from rehearsal.iam.conditions import Lookup
from rehearsal.iam.errors import UnsupportedPolicy
from rehearsal.iam.principals import Principal

Values = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Need:
    """One permission that a request needs.

    Attributes
    ----------
    action, resource
        The IAM action; the ARN it is needed on, or ``*`` for an action without resources.
    context
        Condition keys (in lower case) that come from the request.
    worded
        The action as the service spells it in its refusal, where that differs (``SNS:Publish``).
    implied
        Not the operation itself, but something it does with the caller's rights, such as passing a role.
    or_role
        ARN of a role whose permission does as well as the caller's.
    """

    action: str
    resource: str
    context: Values = field(default_factory=dict)
    worded: str = ""
    implied: bool = False
    or_role: str | None = None


#: Keys that the principal, the tags or the environment give.
_GLOBAL = (
    "principalarn principalaccount principaltype principalisawsservice principalservicename userid sourceidentity "
    "multifactorauthpresent sourcearn sourceaccount sourceowner securetransport currenttime epochtime "
    "requestedregion resourceaccount viaawsservice calledvia calledviafirst calledvialast tagkeys"
)

#: Keys of services that the tables in `rehearsal.iam.tables` compute, by prefix; `aws` is everything above.
_OF_SERVICES = {
    "aws": _GLOBAL,
    "cloudwatch": "namespace alarmactions",
    "dynamodb": "leadingkeys enclosingoperation returnvalues select returnconsumedcapacity",
    "events": "source detail-type targetarn managedby creatoraccount eventbusinvocation",
    "iam": "passedtoservice associatedresourcearn",
    "kms": (
        "viaservice calleraccount encryptioncontextkeys requestalias keyspec keyusage messagetype signingalgorithm "
        "encryptionalgorithm grantisforawsresource grantoperations"
    ),
    "lambda": "functionarn principal layer",
    "s3": (
        "prefix delimiter max-keys versionid x-amz-server-side-encryption x-amz-server-side-encryption-aws-kms-key-id "
        "x-amz-acl x-amz-copy-source x-amz-metadata-directive x-amz-storage-class object-lock-mode "
        "object-lock-retain-until-date object-lock-legal-hold object-lock-remaining-retention-days resourceaccount "
        "requestobjecttagkeys authtype signatureversion"
    ),
    "sagemaker": (
        "instancetypes networkisolation intercontainertrafficencryption maxruntimeinseconds volumekmskey outputkmskey "
        "vpcsubnets vpcsecuritygroupids modelarn modelapprovalstatus customermetadatapropertiestoremove "
        "keepaliveperiod enableremotedebug serverlessmaxconcurrency serverlessmemorysize taggingaction targetmodel"
    ),
    "saml": "aud",
    "sns": "protocol endpoint",
    "states": "statemachinequalifier",
    "sts": "externalid rolesessionname sourceidentity transitivetagkeys",
}
_EXACT = {f"{service}:{name}" for service, names in _OF_SERVICES.items() for name in names.split()}
_PREFIXES = (
    "aws:principaltag/",
    "aws:requesttag/",
    "kms:encryptioncontext:",
    "s3:requestobjecttag/",
    "sagemaker:customermetadataproperties/",
)


def is_known(key: str) -> bool:
    """Whether the rehearsal computes this condition key (given in lower case)."""
    return key in _EXACT or key.startswith(_PREFIXES)


def lookup_for(
    need: Need,
    principal: Principal,
    *,
    region: str,
    account: str,
    now: Callable[[], datetime],
    tags: Callable[[], Mapping[str, str]] = dict,
) -> Lookup:
    """Return the function that gives a condition key's values for one need of one request.

    Parameters
    ----------
    now
        Rehearsal time, asked only when a policy tests it.
    tags
        The tags of the principal's role, asked only when a policy tests them.
    """

    environment: dict[str, Callable[[], str]] = {
        "aws:securetransport": lambda: "true",  # the rehearsal's loopback stands for an endpoint that only speaks TLS
        "aws:viaawsservice": lambda: "false",
        "aws:requestedregion": lambda: region,
        "aws:resourceaccount": lambda: account_of(need.resource) or account,
        "s3:resourceaccount": lambda: account_of(need.resource) or account,
        "aws:currenttime": lambda: now().strftime("%Y-%m-%dT%H:%M:%SZ"),
        "aws:epochtime": lambda: str(int(now().timestamp())),
    }

    def lookup(key: str) -> Sequence[str] | None:
        found: Sequence[str] | None = need.context.get(key) or principal.keys.get(key)
        if found is None and key in environment:
            found = (environment[key](),)
        if found is None and key.startswith("aws:principaltag/"):
            found = [value for name, value in tags().items() if name.lower() == key.partition("/")[2]] or None
        if found is None and not is_known(key):
            raise UnsupportedPolicy(
                f"a policy tests the condition key {key!r} for {need.action}, which the rehearsal does not compute"
            )
        return found

    return lookup


def account_of(arn: str) -> str:
    """Return the account part of an ARN, or "" (S3 has none, and ``*`` is no ARN)."""
    parts = arn.split(":", 5)
    return parts[4] if len(parts) > 5 else ""
