"""The errors and outcomes: what each means, whether a workflow tries again, and what a person sees of it."""

import json
from typing import get_args

from docs.generate import ROOT
from docs.generate.markdown import first_line, link, table
from docs.generate.sources import raised_in
from muster import errors, failures
from muster.contracts.base import Contract
from muster.contracts.batch import BatchOutcome
from muster.contracts.deployment import DeploymentResult
from muster.contracts.evaluation import EvaluationResult
from muster.contracts.monitoring import MonitoringOutcome
from muster.contracts.nightly import NightlyOutcome
from muster.contracts.pipeline import ApprovalDecision, PipelineOutcome
from muster.contracts.retraining import RetrainingDecision

KINDS: dict[failures.Kind, str] = {
    "input": "what was asked for, or the data, is wrong: correct it and start again",
    "job": "the model's own code failed: its last line is the cause",
    "capacity": "no instances, or a quota: start again later, or ask AWS for more",
    "permission": "a role, a key or a network endpoint lacks something: the cause names it",
    "timeout": "it took longer than it may",
    "other": "something else broke: read the cause",
}
"""What `explain_failure` calls a fault, and what that means for a person."""

_OUTCOMES: tuple[tuple[str, type[Contract], str], ...] = (
    ("pipeline", PipelineOutcome, "outcome"),
    ("evaluation", EvaluationResult, "verdict"),
    ("approval", ApprovalDecision, "decision"),
    ("deployment, rollback", DeploymentResult, "outcome"),
    ("monitoring", MonitoringOutcome, "outcome"),
    ("batch_inference", BatchOutcome, "outcome"),
    ("nightly_evaluation", NightlyOutcome, "outcome"),
    ("retraining", RetrainingDecision, "decision"),
)


def classes() -> list[type[errors.MusterError]]:
    """Return the error classes, in their order in the file."""
    return [
        each
        for each in vars(errors).values()
        if isinstance(each, type) and issubclass(each, errors.MusterError) and each is not errors.MusterError
    ]


def error_table() -> str:
    """Return the table of errors."""
    places, attempts = raised_in(), retried()
    rows = [
        (
            f"`{each.__name__}`",
            first_line(each.__doc__),
            f"yes, {attempts[each.__name__]} times" if each.__name__ in attempts else "no",
            failures.explain(each.__name__, "").kind,
            _few(places.get(each.__name__, [])),
        )
        for each in classes()
    ]
    return table(["error", "meaning", "tried again", "kind", "raised in"], rows)


def _few(places: list[str]) -> str:
    """Name three places at most: the table is for finding one's way, `grep` for finding all."""
    more = [f"{len(places) - 3} more"] if len(places) > 3 else []
    return ", ".join([*(f"`{each}`" for each in places[:3]), *more])


def retried() -> dict[str, int]:
    """Return how often a workflow tries a function again, per error name that some Retry lists."""
    found: dict[str, int] = {}
    for path in (ROOT / "state_machines").glob("*.asl.json"):
        for state in json.loads(path.read_text(encoding="utf-8"))["States"].values():
            for retry in state.get("Retry", ()):
                for name in retry["ErrorEquals"]:
                    found[name] = max(found.get(name, 0), retry["MaxAttempts"])
    return found


def kind_table() -> str:
    """Return the table of kinds.

    Raises
    ------
    ValueError
        When `muster.failures` knows a kind that is not explained here, or the reverse.
    """
    if set(KINDS) != set(get_args(failures.Kind)):
        raise ValueError(f"found the kinds {', '.join(KINDS)}, wanted those of muster.failures.Kind")
    return table(["kind", "what it means"], [(f"`{kind}`", words) for kind, words in KINDS.items()])


def outcome_table() -> str:
    """Return the table of verdicts."""
    rows = []
    for workflow, contract, member in _OUTCOMES:
        values = contract.model_json_schema()["properties"][member]["enum"]
        rows.append((workflow, f"`{member}` of {link(contract.__name__)}", ", ".join(f"`{each}`" for each in values)))
    return table(["workflow", "where", "values"], rows)
