"""Every statement by itself: real actions, resources that they apply to, real condition keys, and every ``*`` explained."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase

from checks.permissions import catalogue
from checks.permissions.granted import Statement

_TRUST = "AWS::IAM::Role"  # its documents are trust policies: sts, and keys of whoever assumes
_KEY = "AWS::KMS::Key"
_GLOBAL = ("aws:*",)  # IAM User Guide, "AWS global condition context keys": valid with every action

Complaint = tuple[Statement, str]


def complaints(statements: Iterable[Statement]) -> Iterator[Complaint]:
    """Yield what is wrong with statements, taken one by one."""
    for statement in statements:
        texts = [*_actions(statement), *_resources(statement), *_conditions(statement), *_stars(statement)]
        yield from ((statement, text) for text in texts)


def _actions(statement: Statement) -> Iterator[str]:
    for action in statement.actions:
        if not catalogue.actions(action):
            yield f"found action {action}, which AWS does not have"
        elif action == action.partition(":")[0] + ":*" and statement.allows:
            yield f"found action {action}, wanted the actions that are needed"


def _resources(statement: Statement) -> Iterator[str]:
    """An action none of whose resource types is named grants nothing; so does a resource that no action applies to."""
    if statement.kind == _TRUST:
        return
    meant = {pattern: catalogue.actions(pattern) for pattern in statement.actions}
    for pattern, actions in meant.items():
        if actions and not any(catalogue.applies(each, place) for each in actions for place in statement.resources):
            yield f"found no resource that {pattern} applies to"
    for place in statement.resources:
        if not any(catalogue.applies(each, place) for actions in meant.values() for each in actions):
            yield f"found resource {place}, which none of the actions applies to"


def _conditions(statement: Statement) -> Iterator[str]:
    for key in statement.conditions:
        name = key.lower()
        if any(fnmatchcase(name, each) for each in _GLOBAL):
            continue
        for pattern in statement.actions:
            known = {each for action in catalogue.actions(pattern) for each in catalogue.condition_keys(action)}
            if not any(fnmatchcase(name, each) for each in known):
                yield f"found condition key {key}, which {pattern} does not have: with it, the action is never allowed"


def _stars(statement: Statement) -> Iterator[str]:
    """A ``*`` that allows something has its reason beside it. In a key's policy it is the key itself, and nothing else."""
    wide = [f'action "{each}"' for each in statement.actions if "*" in each]
    wide += ['resource "*"'] if "*" in statement.resources else []
    if statement.allows and wide and statement.kind != _KEY and not statement.place.comment:
        yield f"found {wide[-1]} without a reason: wanted a comment (# ...) on the line"
