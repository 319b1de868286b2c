"""The host's identities: who has assumed which role, who makes the request in hand, and every permission check.

All of the rehearsal goes through `Identities.check`: the middleware for HTTP requests, and the integrations that have
no request of their own (`require`, `require_service`).
"""

from __future__ import annotations

import secrets
import string
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from rehearsal.host import OWN_ACCESS_KEY, Host
from rehearsal.iam import decisions, policies, sources
from rehearsal.iam.decisions import Decision, Policies
from rehearsal.iam.errors import AccessDenied, UnknownCredentials
from rehearsal.iam.keys import Need, lookup_for
from rehearsal.iam.principals import PERSON, Person, Principal, ServicePrincipal, Session
from rehearsal.iam.recorder import Call, Recorder

if TYPE_CHECKING:
    from rehearsal.iam.middleware import Watcher

_ALPHABET = string.ascii_uppercase + string.digits
_caller: ContextVar[Session | None] = ContextVar("rehearsal_caller", default=None)

Context = Mapping[str, str | Sequence[str]]


class Identities:
    """Sessions, permission checks and their record, for one host."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._lock = threading.Lock()
        self._sessions: dict[str, Session] = {}
        self.recorder = Recorder()
        #: Gaps of the rehearsal that a request ran into, each also answered with an error. Empty when all went well.
        self.gaps: list[str] = []
        #: Who sees requests after they were answered (see `middleware.Watcher`).
        self.watchers: list[Watcher] = []

    # ---- sessions

    def assume(
        self,
        role_arn: str,
        service: str,
        session_name: str,
        source_identity: str | None = None,
        source_arn: str | None = None,
    ) -> dict[str, str]:
        """Assume a role as an AWS service or a person does, and return credentials.

        Parameters
        ----------
        role_arn
            The role.
        service
            The service principal that assumes it, such as ``lambda.amazonaws.com``, or ``person``.
        session_name
            Last part of the session's ARN: for a person, the name.
        source_identity
            Who is behind it; goes on to every role assumed from this session.
        source_arn
            The resource for which the service acts, for trust policies that test aws:SourceArn. aws:SourceAccount is
            always the rehearsal's account.

        Returns
        -------
        dict
            AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN. They do not expire: services renew theirs.

        Raises
        ------
        AccessDenied
            When the role does not exist or its trust policy does not let this principal assume it.
        """
        host = self._host
        principal: ServicePrincipal | Person = ServicePrincipal(service, host.account, source_arn)
        if service == PERSON:
            principal = Person(session_name, host.partition, host.account)
        context = _values({"sts:RoleSessionName": session_name})
        if source_identity:
            context |= _values({"sts:SourceIdentity": source_identity})
        for action in ["sts:AssumeRole", *(["sts:SetSourceIdentity"] if source_identity else [])]:
            self._check_trust(principal, Need(action, role_arn, context))
        return self.open(role_arn, session_name, service, source_identity).credentials

    def _check_trust(self, principal: ServicePrincipal | Person, need: Need) -> None:
        """Check a trust policy alone: the other side is a service, or a person whose own rights are not rehearsed."""
        host = self._host
        document = sources.resource_document(host, need.action, need.resource)
        if document is None:
            raise AccessDenied(f"Role does not exist: {need.resource}", need.action, need.resource, "")
        lookup = lookup_for(need, principal, region=host.region, account=host.account, now=host.clock.now)
        actions = [need.action]
        if isinstance(principal, Person) and need.action == "sts:AssumeRole":
            actions.append("sts:AssumeRoleWithSAML")
        policy = policies.read(document)
        answers = [policy.answer(action, need.resource, lookup, principal.who) for action in actions]
        denied = any(answer.denies for answer in answers)
        if denied or not any(answer.allows or answer.delegates for answer in answers):
            decision = Decision(False, "with an explicit deny in the role trust policy" if denied else "")
            raise AccessDenied(
                decisions.message(principal, need, decision), need.action, need.resource, decision.reason
            )

    def open(
        self,
        role_arn: str,
        session_name: str,
        service: str,
        source_identity: str | None = None,
        keys: tuple[str, str, str] | None = None,
        session_policy: str = "",
    ) -> Session:
        """Open a session without asking a trust policy, which the caller has done; `keys` if it made them itself."""
        found = sources.role(self._host, role_arn)
        if found is None:
            raise AccessDenied(f"Role does not exist: {role_arn}", "sts:AssumeRole", role_arn, "")
        if keys is None:
            access_key = "ASIA" + "".join(secrets.choice(_ALPHABET) for _ in range(16))
            keys = access_key, secrets.token_urlsafe(30), secrets.token_urlsafe(60)
        session = Session(
            access_key=keys[0],
            secret_key=keys[1],
            token=keys[2],
            partition=self._host.partition,
            account=self._host.account,
            role_arn=found.arn,
            role_id=found.id,
            name=session_name,
            service=service,
            source_identity=source_identity,
            started=self._host.clock.now(),
            session_policy=session_policy,
        )
        with self._lock:
            self._sessions[session.access_key] = session
        return session

    def session(self, access_key: str, token: str | None = None) -> Session:
        """Return the session of an access key.

        Raises
        ------
        UnknownCredentials
            When this rehearsal has not given the key out, or `token` is not the one that belongs to it.
        """
        with self._lock:
            found = self._sessions.get(access_key)
        if found is None or (token is not None and token != found.token):
            raise UnknownCredentials(access_key)
        return found

    def caller(self) -> Session | None:
        """Who makes the request that this thread answers; None for the rehearsal itself, or outside a request."""
        return _caller.get()

    @contextmanager
    def acting(self, session: Session | None) -> Iterator[None]:
        """Make `session` the caller for the time of the block."""
        mark = _caller.set(session)
        try:
            yield
        finally:
            _caller.reset(mark)

    # ---- checks

    def check(self, principal: Principal, need: Need) -> Decision:
        """Decide one need of a principal and record it."""
        decision = self._decide(principal, need)
        role = principal.role_arn if isinstance(principal, Session) else principal.name
        self.recorder.add(
            Call(
                principal=role,
                session=principal.arn,
                action=need.action,
                resource=need.resource,
                allowed=decision.allowed,
                reason=decision.reason,
                implied=need.implied,
                time=self._host.clock.now(),
                via=need.context.get("kms:viaservice", ("",))[0].partition(".")[0],
            )
        )
        return decision

    def demand(self, principal: Principal, need: Need) -> None:
        """`check`, and raise AccessDenied in AWS's words when refused."""
        if need.or_role and isinstance(principal, Session):
            other = self._transient(need.or_role, principal.name)
            if other is not None and self._decide(other, need).allowed:
                principal = other
        decision = self.check(principal, need)
        if not decision.allowed:
            text = decisions.message(principal, need, decision)
            raise AccessDenied(text, need.action, need.resource, decision.reason)

    def require(self, role_arn: str, action: str, resource: str, context: Context | None = None) -> None:
        """Demand a permission of a role, for an integration that has no HTTP request of its own.

        Parameters
        ----------
        context
            Condition keys of the request, such as ``{"iam:PassedToService": "sagemaker.amazonaws.com"}``.

        Raises
        ------
        AccessDenied
            When the role may not, or does not exist.
        """
        principal = self._transient(role_arn, "rehearsal")
        if principal is None:
            raise AccessDenied(f"Role does not exist: {role_arn}", action, resource, "")
        self.demand(principal, Need(action, resource, _values(context), implied=True))

    def require_service(
        self, service: str, action: str, resource: str, source_arn: str | None = None, context: Context | None = None
    ) -> None:
        """Demand that a resource's policy lets a service act, such as EventBridge on a queue, for `source_arn`.

        A topic or queue under a customer managed key needs the same of its key.

        Raises
        ------
        AccessDenied
            When the policy of the resource, or of its key, does not allow it.
        """
        from rehearsal.iam.key_use import message_key_needs

        principal = ServicePrincipal(service, self._host.account, source_arn)
        self.demand(principal, Need(action, resource, _values(context)))
        for need in message_key_needs(self._host, action, resource):
            self.demand(principal, need)

    def require_key(self, role_arn: str, key: str, via: str, actions: Sequence[str] = ("kms:Decrypt",)) -> None:
        """Demand that a role may use a KMS key through a service, as Lambda does for a function's environment.

        Parameters
        ----------
        key
            Id, ARN or alias. A key that AWS manages needs no permission.
        via
            First part of kms:ViaService, such as ``lambda``.

        Raises
        ------
        AccessDenied
            When the key's policy and the role's policies do not allow it.
        """
        from rehearsal.iam.key_use import key_needs

        principal = self._transient(role_arn, "rehearsal")
        if principal is None:
            raise AccessDenied(f"Role does not exist: {role_arn}", actions[0], key, "")
        for need in key_needs(self._host, key, via, actions):
            self.demand(principal, need)

    def allows(self, role_arn: str, action: str, resource: str, context: Context | None = None) -> bool:
        """Whether a role may do something. Not recorded: nobody has asked for it."""
        principal = self._transient(role_arn, "rehearsal")
        return principal is not None and self._decide(principal, Need(action, resource, _values(context))).allowed

    def _transient(self, role_arn: str, name: str) -> Session | None:
        """Return the caller when it has this role, else a session that no key stands for; None without the role."""
        caller = _caller.get()
        if caller is not None and caller.role_arn == role_arn:
            return caller
        found = sources.role(self._host, role_arn)
        if found is None:
            return None
        host = self._host
        return Session(
            "", "", "", host.partition, host.account, found.arn, found.id, name, "", None, host.clock.now()
        )  # fmt: skip

    def _decide(self, principal: Principal, need: Need) -> Decision:
        host = self._host
        document = sources.resource_document(host, need.action, need.resource)
        resource = policies.read(document) if document else None
        tags: Callable[[], Mapping[str, str]] = dict
        if not isinstance(principal, Session):
            applying = Policies(resource=resource)
        else:
            found = sources.role(host, principal.role_arn)
            if found is None:  # deleted since
                return Decision(False, f"because no identity-based policy allows the {need.action} action")
            boundary = sources.boundary_document(host, found)
            applying = Policies(
                identity=[policies.read(each) for each in sources.identity_documents(found)],
                boundary=policies.read(boundary) if boundary else None,
                session=policies.read(principal.session_policy) if principal.session_policy else None,
                resource=resource,
            )
            tags = _tags_of(found)
        lookup = lookup_for(
            need, principal, region=host.region, account=host.account, now=host.clock.now, tags=tags
        )  # fmt: skip
        return decisions.decide(principal, need, applying, lookup)

    # ---- what happened

    def calls(self) -> list[Call]:
        """Return every permission that has been checked, in order. The rehearsal's own calls are not among them."""
        return self.recorder.calls()

    def denied(self) -> list[Call]:
        """Return the refused ones of `calls`."""
        return [call for call in self.calls() if not call.allowed]


def _tags_of(found: Any) -> Callable[[], Mapping[str, str]]:
    return lambda: sources.tags(found)


def _values(context: Context | None) -> dict[str, tuple[str, ...]]:
    return {
        key.lower(): (value,) if isinstance(value, str) else tuple(value) for key, value in (context or {}).items()
    }  # fmt: skip


def is_own(access_key: str) -> bool:
    """Whether a request is the rehearsal's own: unrestricted, and not recorded."""
    return access_key == OWN_ACCESS_KEY
