"""AWS's own catalogue of actions, resource types and condition keys, as policy_sentry ships it.

The data are those of the Service Authorization Reference, bundled with the package: nothing is fetched.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from policy_sentry.shared.iam_data import get_service_prefix_data

from checks.permissions.comparison import overlap

_BUCKET = ":s3:::*"  # the one format whose variable would match another's ARNs: bucket names have no slash
_VARIABLE = re.compile(r"\$\{[^}]+\}")


@cache
def actions(pattern: str) -> tuple[str, ...]:
    """Return the actions that an Action element names, spelled as AWS spells them; none when there is no such action.

    Examples
    --------
    >>> actions("kms:Cancel*")
    ('kms:CancelKeyDeletion',)
    """
    service, _, wanted = pattern.partition(":")
    glob = re.compile(wanted.lower().replace("*", ".*").replace("?", "."))
    names = _service(service).get("privileges", {})
    return tuple(f"{service}:{name}" for name in names if glob.fullmatch(name.lower()))


@cache
def applies(action: str, resource: str) -> bool:
    """Whether an action can be asked for on what a Resource element names; of an action that AWS does not have, yes.

    ``*`` can always be named.
    """
    known = actions(action)
    return resource == "*" or not known or any(_same_kind(each, resource) for each in _formats(known[0]))


@cache
def condition_keys(action: str) -> frozenset[str]:
    """Return the condition keys of an action, its variables (``${TagKey}``) as ``*``; global keys are not among them."""
    data, entry = _service(action.partition(":")[0]), _entry(action)
    kinds = entry["resource_types"]
    found = {key for kind in kinds.values() for key in kind["condition_keys"]}
    found |= {key for name in _types(action) for key in data["resources"][name]["condition_keys"]}
    return frozenset(_VARIABLE.sub("*", key).lower() for key in found)


def _same_kind(one: str, other: str) -> bool:
    """Whether an ARN of a format can be what a pattern names, compared part by part: ``*`` spans no colon before the last."""
    if one.endswith(_BUCKET) and "/" in other:
        return False
    parts, others = one.split(":", 5), other.split(":", 5)
    return len(parts) == len(others) and all(map(overlap, parts, others))


def _types(action: str) -> Iterator[str]:
    return (name for name in _entry(action)["resource_types"] if name)


def _formats(action: str) -> Iterator[str]:
    """Yield the formats of the ARNs of an action's resource types, with ``*`` for what varies."""
    resources = _service(action.partition(":")[0])["resources"]
    return (_VARIABLE.sub("*", resources[name]["arn"]) for name in _types(action))


def _entry(action: str) -> dict[str, Any]:
    service, _, name = action.partition(":")
    found: dict[str, Any] = _service(service)["privileges"][name]
    return found


@cache
def _service(prefix: str) -> dict[str, Any]:
    found: dict[str, Any] = get_service_prefix_data(prefix) or {}
    return found
