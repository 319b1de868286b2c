"""Joins the answers of all policies that apply into one decision, and words a refusal as AWS does.

After the IAM User Guide, "Policy evaluation logic" and "Troubleshoot access denied error messages". Service control
policies, resource control policies and VPC endpoint policies are not rehearsed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rehearsal.iam.conditions import Lookup
from rehearsal.iam.keys import Need, account_of
from rehearsal.iam.policies import SILENT, Answer, Policy
from rehearsal.iam.principals import Principal, ServicePrincipal


@dataclass(frozen=True)
class Decision:
    """Whether a need is met, and if not, the clause of AWS's message that says which kind of policy is missing."""

    allowed: bool
    reason: str = ""


_ALLOWED = Decision(allowed=True)


@dataclass(frozen=True)
class Policies:
    """All policies that apply to one need. `identity` is empty for a service principal."""

    identity: Sequence[Policy] = ()
    boundary: Policy | None = None
    session: Policy | None = None
    resource: Policy | None = None


def decide(principal: Principal, need: Need, policies: Policies, lookup: Lookup) -> Decision:
    """Decide one need of one principal."""

    def ask(policy: Policy | None) -> Answer:
        return SILENT if policy is None else policy.answer(need.action, need.resource, lookup, principal.who)

    identity = SILENT
    for each in policies.identity:
        identity = identity | ask(each)
    resource = ask(policies.resource)
    limits = {"permissions boundary": policies.boundary, "session policy": policies.session}
    answers = {kind: ask(policy) for kind, policy in limits.items()}
    if identity.denies:
        return _explicit("an identity-based policy")
    for kind, answer in answers.items():
        if answer.denies:
            return _explicit(f"a {kind}")
    if resource.denies:
        return _explicit("the role trust policy" if need.action.startswith("sts:") else "a resource-based policy")
    decision = _allowed(principal, need, identity, resource, policies.resource is not None)
    if decision.allowed:
        for kind, policy in limits.items():
            if policy is not None and not answers[kind].allows:
                return _missing(kind, need)
    return decision


def _allowed(
    principal: Principal, need: Need, identity: Answer, resource: Answer, has_resource_policy: bool
) -> Decision:
    """Decide from the policies that can allow.

    - A service is allowed by the resource's policy alone.
    - A key's policy and a role's trust policy must take part: they name the principal, or name the account and so
      leave it to the identity's policies.
    - Elsewhere in the account either side is enough; across accounts both must allow, and the other account's side
      (AWS's own image registries) is taken to.
    """
    if isinstance(principal, ServicePrincipal):
        return _ALLOWED if resource.allows else _missing("resource-based policy", need)
    guarded = need.action.startswith(("kms:", "sts:")) and has_resource_policy
    if guarded:
        if resource.allows or (resource.delegates and identity.allows):
            return _ALLOWED
        if need.action.startswith("sts:"):
            return Decision(allowed=False)  # STS gives no reason
        return _missing("resource-based policy" if identity.allows else "identity-based policy", need)
    foreign = account_of(need.resource) not in ("", principal.account)
    if identity.allows or (resource.allows and not foreign):
        return _ALLOWED
    return _missing("identity-based policy", need)


def _missing(kind: str, need: Need) -> Decision:
    return Decision(False, f"because no {kind} allows the {need.worded or need.action} action")


def _explicit(where: str) -> Decision:
    return Decision(False, f"with an explicit deny in {where}")


def message(principal: Principal, need: Need, decision: Decision) -> str:
    """Word a refusal.

    Examples
    --------
    ``User: arn:aws-us-gov:sts::123456789012:assumed-role/Judge/run is not authorized to perform: dynamodb:PutItem on
    resource: arn:aws-us-gov:dynamodb:us-gov-west-1:123456789012:table/ledger because no identity-based policy allows
    the dynamodb:PutItem action``
    """
    resource = f'"{need.resource}"' if need.action.startswith("s3:") else need.resource
    text = f"User: {principal.arn} is not authorized to perform: {need.worded or need.action} on resource: {resource}"
    return f"{text} {decision.reason}" if decision.reason else text
