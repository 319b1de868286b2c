"""Alarms in the running installation: they are there, a fault trips one and reaches the topic, a sweep's figures trip another."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from muster.contracts.base import iso
from ops import executions
from tests.rehearsal.stage_support import Site

pytestmark = pytest.mark.xdist_group("stage")


def _in_state(site: Site, alarm: str, state: str) -> dict[str, Any]:
    """Wait until an alarm is in a state, and return it."""

    def look() -> dict[str, Any] | None:
        (found,) = site.client("cloudwatch").describe_alarms(AlarmNames=[f"{site.all.prefix}-{alarm}"])["MetricAlarms"]
        return found if found["StateValue"] == state else None

    return site.until(look, f"alarm {alarm} to be in state {state}")


def _sweep(site: Site, at: str) -> None:
    answer = site.client("lambda").invoke(
        FunctionName=f"{site.all.prefix}-reconcile", Payload=json.dumps({"time": at}).encode()
    )
    assert "FunctionError" not in answer, answer["Payload"].read()


def test_an_execution_that_fails_rings_and_says_where_to_read_on(site: Site) -> None:
    # Given the installation's alarms, and a topic that CloudWatch may publish to
    topic = site.all.topic
    # When an execution fails: nobody has published this model
    arn = executions.start(site.dana, "pipeline", {"model": "unheard_of"})
    assert site.ended(arn).status == "FAILED"
    # Then its workflow's alarm rings, the topic has it, and its words name the runbook
    rung = _in_state(site, "pipeline-failed", "ALARM")
    assert rung["AlarmDescription"].endswith("Runbook: docs/runbook.md#workflow-failed")
    assert rung["AlarmActions"] == [topic]
    actions = {"AlarmName": rung["AlarmName"], "HistoryItemType": "Action"}
    done = site.until(
        lambda: site.client("cloudwatch").describe_alarm_history(**actions)["AlarmHistoryItems"] or None,
        "the alarm to tell the topic",
    )
    assert done[0]["HistorySummary"] == f"Successfully executed action {topic}"


def test_a_question_that_nobody_answers_rings_when_half_of_its_wait_is_over(site: Site) -> None:
    # Given a package that waits for a person, and no other from an earlier test
    for left in [each.approval for each in site.approvals.unfinished()]:
        site.client("stepfunctions").stop_execution(executionArn=left.pipeline_execution_arn)
        site.until(
            lambda arn=left.package_arn: site.approvals.standing(arn).status == "void" or None,
            f"{left.package_arn} to be void",
        )
    asked = site.pending(site.run("unanswered"))
    wait = asked.expires_at - asked.requested_at
    # When a sweep comes early, Then all is well; When one comes past the half, Then people hear of it
    _sweep(site, iso(asked.requested_at + timedelta(seconds=1)))
    _in_state(site, "approval-waiting", "OK")
    _sweep(site, iso(asked.requested_at + 0.6 * wait))
    _in_state(site, "approval-waiting", "ALARM")
    # And when somebody has answered, the next sweep takes it back
    site.answer(site.alex, asked.package_arn, "Rejected")
    site.until(lambda: site.approvals.standing(asked.package_arn).status == "rejected" or None, "the answer")
    _sweep(site, iso(asked.requested_at + 0.6 * wait))
    _in_state(site, "approval-waiting", "OK")
