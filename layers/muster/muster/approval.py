"""Who may approve what: one rule for every answer, whether it came by event, early, late or twice.

A person approves by setting the package's status in the registry, with ``<evidence digest> <reason>`` as description.
The approver has to be a known person who is neither the starter of the pipeline nor the publisher of its code. Anybody
may say no. Muster sets a package back to Rejected where it refuses an approval, so that the registry never says yes
where Muster said no.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from muster.contracts.base import iso
from muster.contracts.pipeline import PendingApproval
from muster.errors import ContractError

DESCRIPTION_LIMIT = 1024
"""UpdateModelPackage's ApprovalDescription, of the pattern ``.*``: no line breaks."""
_DIGEST = re.compile(r"^[0-9a-f]{64}$")
_ROLE_SESSION = re.compile(r"^arn:[\w\-]+:sts::\d{12}:assumed-role/([^/]+)/(.+)$")
_IAM_USER = re.compile(r"^arn:[\w\-]+:iam::\d{12}:user/(?:.*/)?([^/]+)$")
_FEDERATED = re.compile(r"^arn:[\w\-]+:sts::\d{12}:federated-user/(.+)$")
# The session of an instance profile is its instance; a service-linked role's session is a service.
_INSTANCE_SESSION = re.compile(r"^i-[0-9a-f]{8,17}$")


# -- people ------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Identity:
    """An IAM identity, as ``LastModifiedBy.IamIdentity`` or CloudTrail shows it."""

    arn: str | None = None
    source_identity: str | None = None


@dataclass(frozen=True)
class Person:
    """A person.

    Attributes
    ----------
    name
        SourceIdentity where the session has one (it cannot be chosen or changed after sign-in), else the session's
        name, else the IAM user's.
    session
        Name of the session or the user.
    source_identity
        SourceIdentity, when there is one.
    """

    name: str
    session: str
    source_identity: str | None = None


@dataclass(frozen=True)
class Nobody:
    """An identity that is not a person's, and why."""

    reason: str
    machine: bool = False


def person_of(identity: Identity | None, machine_roles: Sequence[str] = ()) -> Person | Nobody:
    """Return the person behind an identity.

    Parameters
    ----------
    identity
        What AWS recorded; None when it recorded nothing.
    machine_roles
        Role names of Muster's own: whoever acts under one is a machine.
    """
    if identity is None or not identity.arn:
        return Nobody("the registry does not say who answered")
    source = identity.source_identity or None
    session = _ROLE_SESSION.match(identity.arn)
    if session:
        role, name = session[1], session[2]
        if role in machine_roles:
            return Nobody(f"role {role} is Muster's own, not a person", machine=True)
        if role.startswith("AWSServiceRoleFor") or _INSTANCE_SESSION.match(name):
            return Nobody(f"session {role}/{name} belongs to a service or an instance, not to a person", machine=True)
        return Person(source or name, name, source)
    for pattern in (_IAM_USER, _FEDERATED):
        user = pattern.match(identity.arn)
        if user:
            return Person(source or user[1], user[1], source)
    return Nobody(f"{identity.arn} is not a role's session or an IAM user, so not a named person")


def same_person(one: Person, other: Person | str) -> bool:
    """Tell whether two identities are one person, by source identity or session and never by role; case is ignored.

    Where both have a source identity that decides. Else any name in common does, and ``alice`` is taken for
    ``alice@agency.gov``: in doubt two identities are one person, because the doubt must not let somebody approve their
    own work. A plain name stands for a person of whom no more is known (a recorded publisher).
    """
    if isinstance(other, Person) and one.source_identity and other.source_identity:
        return _same_name(one.source_identity, other.source_identity)
    others = _names(other) if isinstance(other, Person) else {other}
    return any(_same_name(mine, theirs) for mine in _names(one) for theirs in others)


def _names(person: Person) -> set[str]:
    return {name for name in (person.name, person.session, person.source_identity) if name}


def _same_name(one: str, other: str) -> bool:
    left, right = one.strip().casefold(), other.strip().casefold()
    if left == right:
        return True
    if ("@" in left) == ("@" in right):
        return False
    return left.partition("@")[0] == right.partition("@")[0]


# -- who started it ----------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Starter:
    """Who started a pipeline execution: a person; or a machine, for which the publisher stands in; or unknown."""

    kind: Literal["person", "machine", "unknown"]
    person: Person | str | None
    reason: str


def starter_of(record: Mapping[str, Any] | None, machine_roles: Sequence[str], publisher: str) -> Starter:
    """Return who started an execution.

    Parameters
    ----------
    record
        The decoded ``CloudTrailEvent`` of the execution's StartExecution; None when CloudTrail has none (yet).
    machine_roles
        Role names of Muster's own and of its schedules and rules.
    publisher
        Recorded with the code at publication.
    """
    if record is None:
        return Starter("unknown", None, "CloudTrail shows no StartExecution for this run yet (it can take 15 minutes)")
    user = record.get("userIdentity") or {}
    if user.get("type") == "AWSService":
        return Starter("machine", publisher, f"started by {user.get('invokedBy', 'an AWS service')}")
    context = user.get("sessionContext") or {}
    source = context.get("sourceIdentity") or user.get("sourceIdentity")
    found = person_of(Identity(user.get("arn"), source), machine_roles)
    if isinstance(found, Person):
        return Starter("person", found, f"started by {found.name}")
    if found.machine:
        return Starter("machine", publisher, f"started by a machine ({found.reason})")
    return Starter("unknown", None, f"CloudTrail's StartExecution names no person ({found.reason})")


# -- the description ---------------------------------------------------------------------------------------------------
def approval_description(evidence_digest: str, reason: str) -> str:
    """Return the description that an answer has to carry: ``<evidence digest> <reason>``.

    Raises
    ------
    ContractError
        For a digest that is none, a missing reason, or more than the registry takes.
    """
    words = " ".join(reason.split())
    if not _DIGEST.match(evidence_digest):
        raise ContractError(f"evidence digest: found {evidence_digest!r}, wanted 64 lower-case hex characters")
    if not words:
        raise ContractError("reason: found nothing, wanted a few words on why")
    text = f"{evidence_digest} {words}"
    if len(text) > DESCRIPTION_LIMIT:
        raise ContractError(f"reason: found {len(words)} characters, wanted at most {DESCRIPTION_LIMIT - 65}")
    return text


def read_description(text: str | None) -> tuple[str | None, str]:
    """Return digest (None when there is none) and reason of a description."""
    first, _, rest = (text or "").strip().partition(" ")
    if _DIGEST.match(first.lower()):
        return first.lower(), rest.strip()
    return None, (text or "").strip()


def set_back_description(reason: str) -> str:
    """Return what Muster writes on a package that it sets back to Rejected."""
    text = " ".join(f"Muster refused this approval: {reason}".split())
    return text if len(text) <= DESCRIPTION_LIMIT else text[: DESCRIPTION_LIMIT - 1] + "…"


# -- the rule ----------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Answer:
    """What the registry says about a package now, and who made it say so when."""

    status: Literal["Approved", "Rejected", "PendingManualApproval"]
    identity: Identity | None
    description: str | None
    at: datetime


@dataclass(frozen=True)
class Judgement:
    """What becomes of an answer.

    Attributes
    ----------
    outcome
        ``accepted``: it decides. ``refused``: it does not, and the approval stays open. ``ignored``: nothing to do.
    decision
        With ``accepted``: what was decided.
    set_back
        Whether the registry says Approved without right: the package has to be set to Rejected.
    reason
        In words, with what to do.
    approver
        Who answered, when that is known.
    words
        The person's own reason.
    """

    outcome: Literal["accepted", "refused", "ignored"]
    reason: str
    decision: Literal["approved", "rejected"] | None = None
    set_back: bool = False
    approver: str | None = None
    words: str | None = None


def judge(answer: Answer, approval: PendingApproval, starter: Starter, machine_roles: Sequence[str]) -> Judgement:
    """Judge an answer: who gave it, on what digest, when, and what it says."""
    if answer.status == "PendingManualApproval":
        return Judgement("ignored", "nobody has answered")
    who = person_of(answer.identity, machine_roles)
    if answer.status == "Rejected":
        return _judge_no(answer, approval, who)
    return _judge_yes(answer, approval, starter, who)


def _judge_no(answer: Answer, approval: PendingApproval, who: Person | Nobody) -> Judgement:
    if isinstance(who, Nobody):
        return Judgement("ignored", f"a Rejected that is no person's answer: {who.reason}")
    words = read_description(answer.description)[1] or "no reason given"
    if approval.status != "pending":
        reason = f"{who.name} rejected, but the answer was already {approval.status}; recorded"
        if approval.status == "approved":
            reason += ": nothing more is deployed while the registry says Rejected; `muster rollback` takes it out"
        return Judgement("ignored", reason, approver=who.name, words=words)
    if answer.at > approval.expires_at:
        return Judgement(
            "ignored", f"{who.name} rejected after the approval had expired", approver=who.name, words=words
        )
    return Judgement("accepted", f"rejected by {who.name}: {words}", "rejected", approver=who.name, words=words)


def _judge_yes(answer: Answer, approval: PendingApproval, starter: Starter, who: Person | Nobody) -> Judgement:
    if isinstance(who, Nobody):
        return Judgement("refused", f"{who.reason}: approve under your own session", set_back=True)
    digest, words = read_description(answer.description)
    problem = (
        _problem_with_person(who, approval, starter)
        or _problem_with_description(digest, words, approval)
        or _problem_with_time(answer, approval)
    )
    if problem:
        return Judgement("refused", problem, set_back=True, approver=who.name, words=words or None)
    if approval.status == "approved":
        reason = f"already approved by {approval.approver}"
        return Judgement("ignored", reason, approver=who.name, words=words)
    return Judgement("accepted", f"approved by {who.name}: {words}", "approved", approver=who.name, words=words)


def _problem_with_person(who: Person, approval: PendingApproval, starter: Starter) -> str | None:
    if starter.kind == "unknown" or starter.person is None:
        return f"the starter is not known: {starter.reason}; approve again later, or start the pipeline anew"
    if same_person(who, starter.person):
        role = "started this run" if starter.kind == "person" else "published this code, which a machine started"
        return f"{who.name} {role} and cannot approve it: ask another person"
    if same_person(who, approval.publisher):
        return f"{who.name} published this code and cannot approve it: ask another person"
    return None


def _problem_with_description(digest: str | None, words: str, approval: PendingApproval) -> str | None:
    wanted = approval.evidence_digest
    if digest is None:
        return f"the approval names no evidence digest: describe it as '{wanted} <your reason>'"
    if digest != wanted:
        return (
            f"the approval is for evidence {digest}, this package's is {wanted}: read the evidence, approve its digest"
        )
    if not words:
        return f"the approval gives no reason: describe it as '{wanted} <your reason>'"
    return None


def _problem_with_time(answer: Answer, approval: PendingApproval) -> str | None:
    if approval.status in ("rejected", "expired", "void"):
        return f"the approval is closed ({approval.status}): start the pipeline anew"
    if approval.status == "pending" and answer.at > approval.expires_at:
        return f"the approval expired at {iso(approval.expires_at)}: start the pipeline anew"
    return None
