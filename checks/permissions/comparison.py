"""Needed against granted: what is missing, what is granted and not needed, what is granted twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import TypeVar

from checks.permissions.granted import Grant
from checks.permissions.needed import Need
from rehearsal.iam.patterns import matches

_T = TypeVar("_T", Grant, Need)


def missing(needs: Iterable[Need], grants: Iterable[Grant]) -> list[Need]:
    """Return the needs that no grant of their principal meets."""
    alike = _by_action(grants)
    return [need for need in needs if not any(meets(grant, need) for grant in alike.get(_key(need), ()))]


def unneeded(needs: Iterable[Need], grants: Iterable[Grant]) -> list[Grant]:
    """Return the grants that meet no need of their principal."""
    alike = _by_action(needs)
    return [grant for grant in grants if not any(meets(grant, need) for need in alike.get(_key(grant), ()))]


def repeated(grants: Sequence[Grant]) -> Iterator[tuple[Grant, Grant]]:
    """Yield grants that another one in the same policy includes, with that other one.

    Two policies may grant the same: those for people are attached one by one.
    """
    by_action: dict[tuple[str, str, str], list[Grant]] = {}
    for grant in grants:
        by_action.setdefault((grant.principal, grant.statement.policy, grant.action), []).append(grant)
    for alike in by_action.values():
        for index, grant in enumerate(alike):
            others = [other for place, other in enumerate(alike) if place != index and _includes(other, grant)]
            # Of two that say the same, the first one stays.
            reasons = [other for other in others if not _includes(grant, other) or alike.index(other) < index]
            if reasons:
                yield grant, reasons[0]


def meets(grant: Grant, need: Need) -> bool:
    """Whether a grant allows what is needed, or, of a need that is open, some of it."""
    if _key(grant) != _key(need):
        return False
    ways = grant.statement.via
    if ways is not None and need.via not in ways:
        return False
    if grant.resource == "*" or need.resource == "*":
        return grant.resource == need.resource or grant.resource == "*"
    return overlap(grant.resource, need.resource) if need.open else matches(grant.resource, need.resource)


def _key(item: Grant | Need) -> tuple[str, str]:
    return item.principal, item.action.lower()


def _by_action(items: Iterable[_T]) -> dict[tuple[str, str], list[_T]]:
    found: dict[tuple[str, str], list[_T]] = {}
    for item in items:
        found.setdefault(_key(item), []).append(item)
    return found


@lru_cache(maxsize=65536)
def overlap(one: str, other: str) -> bool:
    """Whether some text matches both patterns (``*`` stands for any text).

    Examples
    --------
    >>> overlap("endpoint/muster-*", "endpoint/*"), overlap("model/a*", "model/b*")
    (True, False)
    """
    if not one or not other:
        return not (one + other).strip("*")
    if one[0] == "*":
        return overlap(one[1:], other) or overlap(one, other[1:])
    if other[0] == "*":
        return overlap(other, one)
    return one[0] == other[0] and overlap(one[1:], other[1:])


def _includes(wide: Grant, narrow: Grant) -> bool:
    """Whether one grant allows all that another of the same action does, as far as their conditions can be compared."""
    return wide.statement.conditions in ({}, narrow.statement.conditions) and matches(wide.resource, narrow.resource)
