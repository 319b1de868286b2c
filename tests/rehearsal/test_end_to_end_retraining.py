"""Retraining, governed: nothing without new data, one of many wishes at once, and a dead end needs a person."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from muster.contracts.pipeline import PendingApproval
from ops import datasets, executions
from ops.packaging import read_spec
from rehearsal import scheduler
from tests.rehearsal.stage_support import MODEL, Site, Started, one_line

pytestmark = pytest.mark.xdist_group("watched")
NAME = "governed"
WAVES, AT_ONCE = 6, 4
"""Drift events: several times as many at once, and no more than the governor has concurrent executions."""
STORM = WAVES * AT_ONCE


@pytest.fixture(scope="module")
def serving(site: Site) -> PendingApproval:
    """A model that serves and is the champion."""
    pending = site.pending(site.run(NAME, {"evaluation.non_inferiority_margin": 0.05}))
    site.answer(site.alex, pending.package_arn)
    assert site.deployment(pending.package_arn).outcome == "deployed"
    site.champion(NAME, pending.package_arn)
    return pending


@pytest.fixture(scope="module")
def told(site: Site) -> Iterator[list[str]]:
    """What people are told of this model, by the messages of the topic."""
    sqs, sns = site.client("sqs"), site.client("sns")
    queue = sqs.create_queue(QueueName="governed-people")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    statement = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage"}
    policy = {"Version": "2012-10-17", "Statement": [{**statement, "Resource": arn}]}
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": json.dumps(policy)})
    subscription = sns.subscribe(TopicArn=site.all.topic, Protocol="sqs", Endpoint=arn)["SubscriptionArn"]

    class Messages(list[str]):
        def read(self) -> list[str]:
            """Read what has come, and return what concerns the retraining of this model."""
            while found := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
                for each in found:
                    message = json.loads(each["Body"])
                    if f"retraining of {NAME} " in message["Subject"]:
                        self.append(message["Message"])
                    sqs.delete_message(QueueUrl=queue, ReceiptHandle=each["ReceiptHandle"])
            return self

    yield Messages()
    sns.unsubscribe(SubscriptionArn=subscription)


def _announce(site: Site, detail_type: str, *details: dict[str, Any]) -> None:
    entries = [
        {"EventBusName": site.all.bus, "Source": "muster", "DetailType": detail_type, "Detail": json.dumps(each)}
        for each in details
    ]
    for start in range(0, len(entries), 10):
        answer = site.client("events").put_events(Entries=entries[start : start + 10])
        assert answer["FailedEntryCount"] == 0


def _drift(serving: PendingApproval, episode: str) -> dict[str, Any]:
    return {
        "model": NAME,
        "verdict": "drift",
        "window": episode,
        "evidence_uri": "s3://evidence/drift_report.json",
        "features": ["scanner", "radius_mean"],
        "effects": {"scanner": "new category in 31.0 % of rows"},
        "windows": [episode],
        "episode": episode,
        "endpoint": "muster-governed",
        "package_arn": serving.package_arn,
    }


def _decisions(site: Site, count: int) -> list[dict[str, Any]]:
    """Wait for so many decisions in all, oldest first; every execution behind them has ended well."""

    def look() -> list[dict[str, Any]] | None:
        found = list(site.ledger.below(f"MODEL#{NAME}", "DECISION#"))
        return found if len(found) >= count else None

    found = site.until(look, f"{count} retraining decisions")
    ended = [site.ended(arn) for arn in site.executions_of("retraining", model=NAME)]
    assert [each for each in ended if each.status != "SUCCEEDED"] == []
    assert len(found) == len(ended) == count
    return found


def test_drift_without_new_data_starts_nothing(site: Site, serving: PendingApproval) -> None:
    # Given a model that serves and no new labelled data, when drift is announced, then the decision says so.
    _announce(site, "DriftDetected", _drift(serving, "2026-11-21T00:00:00Z"))
    (decision,) = _decisions(site, 1)
    assert decision["decision"] == "suppressed"
    one_line(decision["reason"], "no object new or changed below s3://", "put new labelled data")
    assert decision["effects"] == {"scanner": "new category in 31.0 % of rows"}


def test_of_many_wishes_at_once_one_is_granted(site: Site, serving: PendingApproval) -> None:
    # Given new labelled data, when many episodes are announced at once, then one retraining starts and every other
    # execution ends well, with its reason.
    spec = read_spec(site.stage.checkout / NAME)
    datasets.put_files(site.sam, spec.data.training, [MODEL / "data" / "part2.csv"])
    datasets.put_holdout(site.sam, spec, "recent", MODEL / "data" / "holdout_recent.csv")
    for wave in range(WAVES):
        episodes = [f"2026-11-21T01:{wave:02}:{each:02}Z" for each in range(AT_ONCE)]
        _announce(site, "DriftDetected", *(_drift(serving, each) for each in episodes))
        decisions = _decisions(site, 1 + AT_ONCE * (1 + wave))
    (started,) = [each for each in decisions if each["decision"] == "started"]
    one_line(started["reason"], "drift (scanner new category in 31.0 % of rows, radius_mean; window", "number 1 on")
    others = [each["reason"] for each in decisions if each["decision"] == "suppressed"][1:]
    assert len(others) == STORM - 1
    for reason in others:
        one_line(reason, "a retraining is in flight: ", started["pipeline_name"])


def test_a_dead_end_is_handed_to_a_person(site: Site, serving: PendingApproval, told: Any) -> None:
    # Given that retraining, when a person rejects its model, then a sweep tells people once ...
    (pipeline,) = [arn for arn in site.executions_of("pipeline", model=NAME) if ":retraining-" in arn]
    approval = site.pending(Started(NAME, pipeline))
    site.answer(site.kim, approval.package_arn, "Rejected", "the new scanner is being replaced")
    assert site.ended(pipeline).outcome == "rejected"
    scheduler.fire("muster/muster-reconcile")
    site.until(lambda: told.read() or None, "the message to people")
    assert "Retraining model governed led to nothing" in told[0]
    assert f"ended rejected: {pipeline}." in told[0]
    # ... neither drift nor a regression of quality starts another ...
    _announce(site, "DriftDetected", _drift(serving, "2026-11-21T02:00:00Z"))
    regressed = {
        "model": NAME,
        "endpoint": "muster-governed",
        "package_arn": serving.package_arn,
        "source": "nightly_evaluation",
        "metrics": ["auc"],
        "reasons": ["auc 0.81 (0.78 to 0.84), registered 0.95"],
        "evidence_uri": "s3://evidence/nightly.json",
    }
    _announce(site, "QualityRegressed", regressed)
    latest = _decisions(site, 1 + STORM + 2)[-2:]
    assert {each["cause"] for each in latest} == {"drift", "quality"}
    for each in latest:
        one_line(each["reason"], "escalated: the retraining of ", "(drift) ended rejected", "cause manual")
    assert len(told.read()) == 1
    # ... and a person does, with the request of the message, as soon as it is allowed.
    site.rehearsal.clock.advance(86_400)
    by_hand = site.ended(
        executions.start(site.dana, "retraining", {"model": NAME, "cause": "manual", "reason": "again"})
    )
    assert by_hand.outcome == "started"


def test_people_are_told_by_the_governor_when_it_is_first(site: Site, serving: PendingApproval, told: Any) -> None:
    # Given a retraining that fails, when drift is announced before any sweep, then the governor tells people.
    (arn,) = site.executions_of("pipeline", model=NAME)[2:]
    site.client("stepfunctions").stop_execution(executionArn=arn, error="Stopped", cause="by a test")
    site.settled()
    _announce(site, "DriftDetected", _drift(serving, "2026-11-21T03:00:00Z"))
    decision = _decisions(site, 1 + STORM + 4)[-1]
    one_line(decision["reason"], "escalated: the retraining of ", "(manual) ended ABORTED", arn)
    site.until(lambda: len(told.read()) == 2 or None, "the second message")
    assert f"ended ABORTED: {arn}." in told[1]


def test_no_role_lacked_a_permission(site: Site) -> None:
    assert site.denied() == []
