"""The IAM table: what each role and person needs, against what the templates grant.

Missing permissions fail. What is granted and not needed fails too, unless a comment on the statement's line says
``# unseen: <action>[, <action>] - <reason>``, and such a comment fails when it is no longer true.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from checks.findings import Finding, Result, result
from checks.permissions import catalogue, comparison, needed, recording, storage
from checks.permissions.application import Application, read
from checks.permissions.granted import Grant, Statement, all_statements, grants, places
from checks.permissions.needed import Need
from checks.permissions.statements import complaints
from checks.tree import Tree
from rehearsal.template import TemplateError

_UNSEEN = re.compile(r"unseen: ([\w:]+(?:, [\w:]+)*) - \S")


@dataclass(frozen=True)
class Table:
    """Needs and grants of an application, with what is seen in rehearsals."""

    application: Application
    recorded: recording.Recorded

    @cached_property
    def needs(self) -> list[Need]:
        """From the templates, from the record, and what both bring with them."""
        found = [*needed.needs(self.application), *recording.needs(self.recorded)]
        return [*found, *storage.implied(self.application, found)]

    @cached_property
    def grants(self) -> list[Grant]:
        """What is granted. An action with a resource of another kind in the same statement grants nothing."""
        return [each for each in grants(self.application) if catalogue.applies(each.action, each.resource)]

    @cached_property
    def missing(self) -> list[Need]:
        """What is needed and not granted."""
        return comparison.missing(self.needs, self.grants)

    @cached_property
    def unneeded(self) -> list[Grant]:
        """What is granted and not needed, explained or not."""
        return comparison.unneeded(self.needs, self.grants)


def table(root: Path) -> Table:
    """Return the table of the application in a checkout."""
    return Table(read(root), recording.load())


def unseen(statement: Statement) -> frozenset[str]:
    """Return the actions that a statement's comment says no rehearsal shows, in lower case."""
    found = _UNSEEN.search(statement.place.comment)
    return frozenset(found[1].lower().split(", ")) if found else frozenset()


def check(tree: Tree) -> Result:
    """Hold the grants of the templates against what is needed, and every statement against AWS's catalogue."""
    try:
        made = table(tree.root)
    except TemplateError as error:
        place = (error.template or tree.root / "template.yaml").relative_to(tree.root.resolve())
        return result("templates that cannot be read", [Finding(place, 1, f"{error.logical_id}: {error.message}")])
    every = list(all_statements(made.application))
    findings = [
        *_missing(made, tree),
        *(_finding(grant.statement, text, tree) for grant, text in _grants(made)),
        *(_finding(statement, text, tree) for statement, text in complaints(every)),
        *(_finding(statement, text, tree) for statement, text in _stale(made, every)),
    ]
    return result(f"{len(made.needs)} needs, {len(made.grants)} grants, {len(every)} statements", findings)


def _missing(made: Table, tree: Tree) -> Iterator[Finding]:
    declared = places(made.application)
    for need in made.missing:
        way, place = f" via {need.via}" if need.via else "", declared[need.principal]
        text = f"{need.principal}: found no grant of {need.action}{way} on {need.resource}, wanted one ({need.why})"
        yield Finding(place.template.relative_to(tree.root.resolve()), place.line, text)


def _grants(made: Table) -> Iterator[tuple[Grant, str]]:
    for grant in made.unneeded:
        if grant.action.lower() not in unseen(grant.statement):
            yield (
                grant,
                (
                    f"{grant.principal}: found {grant.action} on {grant.resource}, which nothing needs: remove it, "
                    f"refresh the record ({recording.COMMAND}), or say why (# unseen: {grant.action} - reason)"
                ),
            )
    for grant, other in comparison.repeated(made.grants):
        yield (
            grant,
            f"{grant.principal}: found {grant.action} on {grant.resource}, granted already by {other.statement.sid}",
        )


def _stale(made: Table, every: list[Statement]) -> Iterator[tuple[Statement, str]]:
    """Yield comments about what is needed after all, or not granted at all."""
    true = {(grant.statement, grant.action.lower()) for grant in made.unneeded}
    for statement in every:
        for action in sorted(unseen(statement)):
            if (statement, action) not in true:
                yield (
                    statement,
                    f"found a comment that {action} is unseen; it is needed or not granted: remove the comment",
                )


def _finding(statement: Statement, text: str, tree: Tree) -> Finding:
    place = statement.place
    return Finding(
        place.template.relative_to(tree.root.resolve()), place.line, f"{statement.policy} {statement.sid}: {text}"
    )
