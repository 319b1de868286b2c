"""Policy documents, read once and evaluated: which statements say what about a principal, an action and a resource.

Pure: nothing here knows of moto or of a request. How the answers of several policies are joined is in `decisions`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

from rehearsal.iam import conditions
from rehearsal.iam.conditions import Lookup
from rehearsal.iam.errors import UnsupportedPolicy
from rehearsal.iam.patterns import matches

_ELEMENTS = frozenset(
    ["Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition", "Principal", "NotPrincipal"]
)


@dataclass(frozen=True)
class Who:
    """The principal of a request, as a policy can name it.

    Attributes
    ----------
    names
        ARNs that name the principal itself: of the role and of its session.
    account
        Account of a role; empty for a service.
    root
        ARN of that account's root, by which a resource's policy leaves the decision to IAM.
    service
        Service principal, such as ``events.amazonaws.com``; empty for a role.
    federated
        Whether the principal comes from an identity provider (only for trust policies of people's roles).
    """

    names: frozenset[str] = frozenset()
    account: str = ""
    root: str = ""
    service: str = ""
    federated: bool = False


class Answer(NamedTuple):
    """What one policy says: denied, allowed, or left to the IAM policies of the account (`delegates`)."""

    denies: bool = False
    allows: bool = False
    delegates: bool = False

    def __or__(self, other: Answer) -> Answer:
        return Answer(*(mine or theirs for mine, theirs in zip(self, other, strict=True)))


SILENT = Answer()


@dataclass(frozen=True)
class Statement:
    """One statement of a policy."""

    where: str
    denies: bool
    actions: tuple[str, ...]
    not_actions: bool
    resources: tuple[str, ...] | None  # None in a trust policy, which has no Resource
    not_resources: bool
    principals: tuple[tuple[str, str], ...] | None  # None in an identity policy, which has no Principal
    conditions: tuple[conditions.Condition, ...]

    def is_about(self, action: str) -> bool:
        """Whether the statement's Action or NotAction covers `action` (case is ignored, as in IAM)."""
        return any(matches(pattern, action, ignore_case=True) for pattern in self.actions) != self.not_actions

    def covers(self, resource: str) -> bool:
        """Whether the statement's Resource or NotResource covers `resource`."""
        if self.resources is None:
            return True
        return any(matches(pattern, resource) for pattern in self.resources) != self.not_resources

    def names(self, who: Who) -> Answer:
        """How the statement names `who`: `allows` for the principal itself, `delegates` for its account."""
        if self.principals is None:
            return Answer(allows=True)
        direct = delegated = False
        for kind, name in self.principals:
            if kind == "*" or (kind == "AWS" and (name == "*" or name in who.names)):
                direct = True
            elif kind == "AWS":
                delegated = delegated or (bool(who.account) and name in (who.account, who.root))
            elif kind == "Service":
                direct = direct or (bool(who.service) and name == who.service)
            else:  # Federated
                direct = direct or who.federated
        return Answer(allows=direct, delegates=delegated)


@dataclass
class Policy:
    """A policy document. Made by `read`."""

    statements: tuple[Statement, ...]
    _by_action: dict[str, tuple[Statement, ...]] = field(default_factory=dict)

    def about(self, action: str) -> tuple[Statement, ...]:
        """Return the statements that cover `action`, found once per action."""
        found = self._by_action.get(action)
        if found is None:
            found = self._by_action[action] = tuple(each for each in self.statements if each.is_about(action))
        return found

    def answer(self, action: str, resource: str, lookup: Lookup, who: Who) -> Answer:
        """Evaluate the policy.

        Parameters
        ----------
        action, resource
            Such as ``s3:GetObject`` and the ARN of an object, or ``*`` where the action has no resource.
        lookup
            Gives the values of a condition key; raises UnsupportedPolicy for a key that nobody computes.
        who
            The principal; only statements with a Principal element look at it.
        """
        total = SILENT
        for statement in self.about(action):
            named = statement.names(who)
            if not (named.allows or named.delegates) or not statement.covers(resource):
                continue
            if not all(condition.holds(lookup) for condition in statement.conditions):
                continue
            if statement.denies:
                return Answer(denies=True)
            total = total | named
        return total


@lru_cache(maxsize=1024)
def read(document: str) -> Policy:
    """Read a policy document.

    Raises
    ------
    UnsupportedPolicy
        When it is malformed, or has an element, operator or variable that the rehearsal does not know.
    """
    try:
        content = json.loads(document)
        statements = content["Statement"]
    except (ValueError, TypeError, KeyError) as error:
        raise UnsupportedPolicy(f"not a policy document: {document[:120]!r}") from error
    if isinstance(statements, dict):
        statements = [statements]
    return Policy(tuple(_statement(each, index) for index, each in enumerate(statements)))


def _statement(raw: Any, index: int) -> Statement:
    where = f"statement {raw.get('Sid') or index}" if isinstance(raw, dict) else f"statement {index}"
    if not isinstance(raw, dict) or raw.get("Effect") not in ("Allow", "Deny"):
        raise UnsupportedPolicy(f"{where}: a statement needs an Effect of Allow or Deny")
    unknown = set(raw) - _ELEMENTS
    if unknown or "NotPrincipal" in raw:
        raise UnsupportedPolicy(f"{where}: the rehearsal does not know {', '.join(sorted(unknown)) or 'NotPrincipal'}")
    if ("Action" in raw) == ("NotAction" in raw):
        raise UnsupportedPolicy(f"{where}: a statement needs either Action or NotAction")
    not_resources = "NotResource" in raw
    resources = raw.get("NotResource") if not_resources else raw.get("Resource")
    if resources is None and "Principal" not in raw:
        raise UnsupportedPolicy(f"{where}: a statement without Principal needs Resource or NotResource")
    return Statement(
        where=where,
        denies=raw["Effect"] == "Deny",
        actions=_patterns(raw.get("Action", raw.get("NotAction")), where),
        not_actions="NotAction" in raw,
        resources=None if resources is None else _patterns(resources, where),
        not_resources=not_resources,
        principals=_principals(raw["Principal"], where) if "Principal" in raw else None,
        conditions=conditions.parse(raw["Condition"], where) if raw.get("Condition") else (),
    )


def _patterns(value: object, where: str) -> tuple[str, ...]:
    items = value if isinstance(value, list) else [value]
    for item in items:
        if not isinstance(item, str):
            raise UnsupportedPolicy(f"{where}: an action or resource must be a string, got {item!r}")
        if "${" in item:
            raise UnsupportedPolicy(f"{where}: the rehearsal does not know policy variables, got {item!r}")
    return tuple(items)


def _principals(value: object, where: str) -> tuple[tuple[str, str], ...]:
    if value == "*":
        return (("*", "*"),)
    if isinstance(value, str):
        return (("AWS", value),)  # as Lambda's own policies name an account or a role
    if not isinstance(value, dict):
        raise UnsupportedPolicy(f"{where}: Principal must be * or an object, got {value!r}")
    found = []
    for kind, names in value.items():
        if kind not in ("AWS", "Service", "Federated"):
            raise UnsupportedPolicy(f"{where}: the rehearsal does not know principals of kind {kind!r}")
        found += [(kind, str(name)) for name in (names if isinstance(names, list) else [names])]
    return tuple(found)
