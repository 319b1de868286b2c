"""`muster monitor`: what it asks for, and what it says of what was found."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from muster.errors import ContractError
from ops import monitoring
from ops.cli import app


class States:
    """Step Functions, as far as the command asks it."""

    def __init__(self, **ended: Any) -> None:
        self.started: list[dict[str, Any]] = []
        self._ended = {"status": "SUCCEEDED", **ended}

    def start_execution(self, **request: Any) -> dict[str, str]:
        self.started.append(request)
        return {"executionArn": "arn:one"}

    def describe_execution(self, executionArn: str) -> dict[str, Any]:
        return {"executionArn": executionArn, **self._ended}

    def get_paginator(self, name: str) -> States:
        return self

    def paginate(self, **_: Any) -> list[dict[str, Any]]:
        return [{"events": [{"id": 2, "type": "TaskStateEntered", "stateEnteredEventDetails": {"name": "PlanWindow"}}]}]


def _run(monkeypatch: pytest.MonkeyPatch, states: States, *arguments: str) -> Any:
    class Found:
        state_machines = {"monitoring": "arn:monitoring"}

        def client(self, _: str) -> States:
            return states

    monkeypatch.setattr(monitoring, "find", lambda _: Found())
    return CliRunner().invoke(app, ["monitor", "muster-tumour", *arguments])


OUTPUT = {
    "outcome": "drift",
    "reasons": ["age moved", "site moved"],
    "window": {"start": "2026-11-21T11:00:00.000Z", "end": "2026-11-21T12:00:00.000Z"},
    "rows": 5_000,
    "quality": "not_measured",
    "report_uri": "s3://evidence/report.html",
}


@pytest.mark.parametrize(
    ("outcome", "status"), [("none", 0), ("warn", 0), ("drift", 3), ("suspected", 3), ("inconclusive", 3)]
)
def test_the_outcome_is_told_and_is_the_exit_status(monkeypatch: pytest.MonkeyPatch, outcome: str, status: int) -> None:
    states = States(output=json.dumps({**OUTPUT, "outcome": outcome}))
    done = _run(monkeypatch, states, "--from", "2026-11-21T11:00", "--to", "2026-11-21T13:00+01:00")
    assert done.exit_code == status
    for words in (
        "arn:one",
        "PlanWindow",
        f"{outcome}: age moved; site moved",
        "5,000 rows",
        "s3://evidence/report.html",
    ):
        assert words in done.output
    assert json.loads(states.started[0]["input"]) == {"endpoint": "muster-tumour", "window": OUTPUT["window"]}


def test_nothing_to_count_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    states = States(output=json.dumps({"outcome": "insufficient", "endpoint": "e", "reasons": ["no captured file"]}))
    done = _run(monkeypatch, states)
    assert (done.exit_code, "insufficient: no captured file" in done.output) == (3, True)
    assert json.loads(states.started[0]["input"]) == {"endpoint": "muster-tumour"}


def test_a_fault_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    done = _run(monkeypatch, States(status="FAILED", error="NotFound", cause="the file has gone"))
    assert done.exit_code == 1


def test_it_need_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    done = _run(monkeypatch, States(), "--no-wait")
    assert (done.exit_code, done.output.strip()) == (0, "arn:one")


@pytest.mark.parametrize("given", [("--from", "2026-11-21"), ("--to", "2026-11-21")])
def test_half_a_window_is_refused(monkeypatch: pytest.MonkeyPatch, given: tuple[str, str]) -> None:
    assert _run(monkeypatch, States(), *given).exit_code == 2


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [("yesterday", "2026-11-21", "--from: found 'yesterday'"), ("2026-11-21", "2026-11-20", "after start")],
)
def test_times_that_are_none_are_refused(start: str, end: str, words: str) -> None:
    with pytest.raises(ContractError, match=words):
        monitoring.request("e", start, end)
