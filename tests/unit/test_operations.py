"""The figures that alarms watch: an approval's wait, a lease past its end, an execution that is stuck."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muster import operations
from muster.contracts.base import parse
from muster.contracts.pipeline import PendingApproval
from muster.contracts.spec_terms import MAX_APPROVAL_SECONDS
from muster.operations import Running, figures
from tests.unit import samples

T0 = samples.NOW
WORKFLOWS = Path(__file__).resolve().parents[2] / "state_machines"
DAY = 86_400
SECONDS = st.integers(min_value=0, max_value=60 * DAY)


def after(seconds: float):
    return T0 + timedelta(seconds=seconds)


def approval(asked: float = 0, wait: float = DAY, status: str = "pending", decided: float | None = None):
    return parse(
        PendingApproval,
        {
            "package_arn": "arn:package",
            "run": "a" * 20,
            "execution_arn": "arn:approval",
            "pipeline_execution_arn": "arn:pipeline",
            "model": "tumour",
            "evidence_digest": "b" * 64,
            "evidence_uri": "s3://evidence/e.json",
            "publisher": "paula",
            "token": "encrypted",
            "requested_at": after(asked).isoformat(),
            "expires_at": after(asked + wait).isoformat(),
            "status": status,
            "decided_at": after(decided).isoformat() if decided is not None else None,
        },
    )


def test_the_longest_times_are_those_of_the_rendered_workflows():
    # Given every rendered workflow ; Then the table has its TimeoutSeconds, less the wait for a person where it waits
    rendered = {path.name.split(".")[0]: json.loads(path.read_text()) for path in WORKFLOWS.glob("*.asl.json")}
    person = {name: MAX_APPROVAL_SECONDS if name in ("approval", "pipeline") else 0 for name in rendered}
    wanted = {name: each["TimeoutSeconds"] - person[name] for name, each in rendered.items()}
    assert wanted == operations.LONGEST_SECONDS


def test_nothing_waits_and_nothing_runs():
    assert figures([], [], [], T0) == operations.Figures(0.0, 0.0, 0)


@pytest.mark.parametrize(("seconds", "used"), [(0, 0.0), (DAY / 2, 50.0), (DAY, 100.0), (3 * DAY, 100.0)])
def test_the_most_urgent_question_counts(seconds: float, used: float):
    questions = [approval(wait=10 * DAY), approval()]
    assert figures([], questions, [], after(seconds)).approval_wait_used == used


def test_a_decided_question_is_not_open():
    assert figures([], [approval(status="approved", decided=60)], [], after(DAY)).approval_wait_used == 0.0


def test_the_most_overdue_lease_counts():
    assert figures([], [], [after(100), after(200)], after(150)).lease_overdue == 50.0
    assert figures([], [], [after(100), after(200)], after(100)).lease_overdue == 0.0


@pytest.mark.parametrize("workflow", sorted(operations.LONGEST_SECONDS))
def test_half_of_its_longest_time_is_the_border(workflow: str):
    half, execution = operations.LONGEST_SECONDS[workflow] / 2, Running("arn:e", workflow, T0)
    assert figures([execution], [], [], after(half)).stuck_executions == 0
    assert figures([execution], [], [], after(half + 1)).stuck_executions == 1


@pytest.mark.parametrize("arn", ["arn:pipeline", "arn:approval"])
def test_the_wait_for_a_person_does_not_count_until_it_has_expired(arn: str):
    # Given an execution that asked after an hour and may wait ten days
    workflow = arn.removeprefix("arn:")
    execution, asked = Running(arn, workflow, T0), approval(asked=1800, wait=10 * DAY)
    half = operations.LONGEST_SECONDS[workflow] / 2
    # When the ten days are over, Then it has run for half an hour only; and half of its longest time later it is stuck
    assert figures([execution], [asked], [], after(1800 + 10 * DAY)).stuck_executions == 0
    assert figures([execution], [asked], [], after(10 * DAY + half)).stuck_executions == 0
    assert figures([execution], [asked], [], after(10 * DAY + half + 1)).stuck_executions == 1


@given(since=SECONDS, asked=SECONDS, wait=st.integers(60, 30 * DAY), now=SECONDS, later=SECONDS)
def test_as_long_as_nobody_acts_every_figure_only_grows(since: int, asked: int, wait: int, now: int, later: int):
    # Given one execution, one question, one lease ; When time passes ; Then no alarm is taken back by time alone
    running, questions, ends = (
        [Running("arn:pipeline", "pipeline", after(since))],
        [approval(asked, wait)],
        [after(asked)],
    )
    before, then = (figures(running, questions, ends, after(at)) for at in (now, now + later))
    assert then.approval_wait_used >= before.approval_wait_used
    assert then.lease_overdue >= before.lease_overdue
    assert then.stuck_executions >= before.stuck_executions
    assert 0 <= then.approval_wait_used <= 100
