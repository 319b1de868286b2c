"""Linters of the Amazon States Language, on every definition with its substitutions made."""

import json
import re
from pathlib import Path

from statelint.config import Config
from statelint.linter import Linter
from statelint.problem import ProblemType

from checks.examples import substitution
from checks.tools import node
from checks.tools.report import Report, package, run
from checks.tree import Tree

_SUBSTITUTION = re.compile(r"\$\{(\w+)\}")
_CONFIG = Config(ignored_problem_types=(ProblemType.FLOAT,))  # BackoffRate, which JSON may write without a point

_NEWER = {
    "Label": "a Distributed Map's name in its children's ARNs (Step Functions Developer Guide, Distributed mode)",
    "InputType": "required for an ItemReader of one object (Step Functions Developer Guide, ItemReader)",
}
"""Fields that Step Functions has and statelint 3.1.0 does not know; asl-validator, of `make prove`, does."""


def substituted(root: Path) -> dict[Path, str]:
    """Return every definition as Step Functions gets it: a linter wants ARNs where the templates put them."""
    tree = Tree(root)
    return {
        document.path: _SUBSTITUTION.sub(lambda match: substitution(match[1]), tree.text(document.path))
        for document in tree.definitions.values()
    }


def statelint(root: Path) -> Report:
    """Run statelint."""
    definitions = substituted(root)
    found = [
        (
            f"{path}:1: {problem}",
            next((why for field, why in _NEWER.items() if f'Field "{field}"' in str(problem)), None),
        )
        for path, text in definitions.items()
        for problem in Linter.validate(json.loads(text), _CONFIG)
    ]
    findings = tuple(problem for problem, why in found if why is None)
    accepted = tuple(f"{problem}: {why}" for problem, why in found if why is not None)
    return Report(package("statelint"), f"{len(definitions)} state machines", findings, accepted)


def asl_validator(root: Path) -> Report:
    """Run asl-validator, which is an npm package."""
    definitions = substituted(root)
    tool = node.package(root, "asl-validator")
    findings = []
    for path, text in definitions.items():
        ended = run([*node.program(root, "asl-validator/dist/bin/asl-validator.js"), "--json-definition", text], root)
        if ended.returncode:
            said = " / ".join((ended.stdout + ended.stderr).split("\n")).strip(" /")
            findings.append(f"{path}:1: {said}")
    return Report(tool, f"{len(definitions)} state machines", tuple(findings))
