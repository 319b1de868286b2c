"""Answers: early, late, twice, contradictory, by the wrong person, lost on the way; and nobody's.

The runs wait for their answers side by side; each test answers one. Deployments are switched off meanwhile: they are not
what is tested here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from muster.errors import Refused
from ops import approvals
from rehearsal import cloudtrail, sagemaker, scheduler
from tests.rehearsal.stage_support import Site, Started, one_line

pytestmark = pytest.mark.xdist_group("stage")
NAME = "answered"
RUNS = ("twice", "rejected", "unknown", "lost")
SHORT = "answered_soon"
"""A model whose approval expires within the hour."""


@pytest.fixture(scope="module", autouse=True)
def _no_deployments(site: Site) -> Iterator[None]:
    rules = site.client("events").list_rules(EventBusName=site.all.bus)["Rules"]
    name = next(rule["Name"] for rule in rules if "ModelApproved" in rule["EventPattern"])
    site.client("events").disable_rule(Name=name, EventBusName=site.all.bus)
    yield
    site.client("events").enable_rule(Name=name, EventBusName=site.all.bus)


@pytest.fixture(scope="module")
def runs(site: Site) -> dict[str, Started]:
    """Runs of one model that no test has answered yet."""
    folder = site.write(NAME)
    site.put_data(folder)
    site.publish(folder)
    started = {name: site.start(NAME, f"answer-{name}") for name in RUNS}
    # A drift event starts one more, and its twin is suppressed.
    detail = {"model": NAME, "verdict": "drift", "window": "w", "evidence_uri": "s3://evidence/drift", "features": []}
    entry = {
        "EventBusName": site.all.bus,
        "Source": "muster",
        "DetailType": "DriftDetected",
        "Detail": json.dumps(detail),
    }
    site.client("events").put_events(Entries=[entry, entry])
    known = {each.arn for each in started.values()}
    retrained = site.until(
        lambda: next((arn for arn in site.executions_of("pipeline", model=NAME) if arn not in known), None),
        "the retraining",
    )
    started["drift"] = Started(NAME, retrained)
    return {**started, "expired": site.run(SHORT, {"approval.wait_seconds": 3600})}


def _pipeline(site: Site, started: Started) -> Any:
    ended = site.ended(started.arn)
    assert ended.status == "SUCCEEDED", ended
    return ended


def test_an_answer_before_the_question_counts(site: Site) -> None:
    # Given a package that a person approves before the pipeline has stored its token ...
    folder = site.write("hasty")
    site.put_data(folder)
    site.publish(folder)
    started, packages = site.named("hasty", "answer-hasty"), site.endpoint("hasty")

    def act(_: str) -> None:
        package = site.client("sagemaker").list_model_packages(ModelPackageGroupName=packages)[
            "ModelPackageSummaryList"
        ][0]
        described = site.client("sagemaker").describe_model_package(ModelPackageName=package["ModelPackageArn"])
        digest = next(
            value
            for key, value in described["CustomerMetadataProperties"].items()
            if "evidence" in key and len(value) == 64
        )
        site.answer_directly(site.alex, package["ModelPackageArn"], digest)

    # ... when the pipeline asks, then it finds the answer and goes on; nobody is asked to answer again.
    with site.on_state(f"approval:{started.run}-*", "RequestApproval", act) as done:
        site.start("hasty", "answer-hasty")
        ended = _pipeline(site, started)
        assert done.is_set()
    assert ended.outcome == "approved"
    one_line("; ".join(ended.output["reasons"]), "alex")
    approval = site.approvals.standing(ended.output["package_arn"])
    assert (approval.status, approval.approver) == ("approved", "alex")
    accepted = [each for each in site.approvals.answers(approval.package_arn) if each["outcome"] == "accepted"]
    assert len(accepted) == 1


def test_more_answers_than_one(site: Site, runs: dict[str, Started]) -> None:
    # Given events that all come twice, when a person approves, then one decision is recorded and the pipeline goes on.
    package = site.pending(runs["twice"]).package_arn
    sagemaker.duplicate_events(2)
    try:
        site.answer(site.alex, package)
        assert _pipeline(site, runs["twice"]).outcome == "approved"
        site.settled()
    finally:
        sagemaker.duplicate_events(1)
    assert [each["outcome"] for each in site.approvals.answers(package)].count("accepted") == 1
    # When a second person approves too, then it is recorded and changes nothing.
    site.answer(site.kim, package)
    second = site.answer_of("kim", package)
    assert second["outcome"] == "ignored"
    one_line(second["why"], "already approved by alex")
    # When a third says no, then that is recorded, the registry keeps it, and the decision stands.
    site.answer(site.person("lee", "Approver"), package, "Rejected", "second thoughts")
    third = site.answer_of("lee", package)
    assert third["outcome"] == "ignored"
    one_line(third["why"], "already approved", "muster rollback")
    assert site.registry_status(package) == "Rejected"
    assert site.approvals.standing(package).status == "approved"


def test_no_means_no(site: Site, runs: dict[str, Started]) -> None:
    # Given a run that a person rejects, when it ends, then the outcome is rejected, with the person and their words ...
    package = site.pending(runs["rejected"]).package_arn
    site.answer(site.kim, package, "Rejected", "the slice of scanner B is too small")
    ended = _pipeline(site, runs["rejected"])
    assert ended.outcome == "rejected"
    one_line("; ".join(ended.output["reasons"]), "kim", "the slice of scanner B is too small")
    # ... and a yes that comes after it is refused, recorded, and set back.
    site.answer(site.alex, package)
    late = site.answer_of("alex", package)
    assert late["outcome"] == "refused"
    one_line(late["why"], "closed (rejected)")
    site.set_back(package)
    assert site.approvals.standing(package).status == "rejected"


def test_nobody_answers(site: Site, runs: dict[str, Started]) -> None:
    # Given an approval that waits for an hour, when the hour is over, then the run ends expired and the registry says no.
    site.until(
        lambda: True if site.executions_of_run(runs["expired"]).get("approval") else None,
        "the approval to be asked for",
    )
    site.rehearsal.clock.advance(3700)
    ended = _pipeline(site, runs["expired"])
    assert ended.outcome == "expired"
    one_line("; ".join(ended.output["reasons"]), "3600 seconds")
    package = ended.output["package_arn"]
    assert site.registry_status(package) == "Rejected"
    # When somebody approves after all, then it is refused and set back.
    site.answer(site.alex, package)
    late = site.answer_of("alex", package)
    assert late["outcome"] == "refused"
    one_line(late["why"], "closed (expired)")
    site.set_back(package)


def test_who_may_not_approve(site: Site, runs: dict[str, Started]) -> None:
    # Given a run that waits, when IAM is asked by who may only publish and start, then IAM says no.
    approval = site.pending(runs["unknown"])
    with pytest.raises(Refused, match="not authorized to perform: sagemaker:UpdateModelPackage"):
        site.answer(site.dana, approval.package_arn)
    # When its starter approves under another role, or somebody approves another digest, then Muster says no and sets back.
    site.answer(site.person("dana", "Approver"), approval.package_arn)
    own = site.answer_of("dana", approval.package_arn)
    assert own["outcome"] == "refused"
    one_line(own["why"], "dana started this run")
    site.set_back(approval.package_arn)
    site.answer_directly(site.alex, approval.package_arn, "0" * 64)
    other = site.answer_of("alex", approval.package_arn)
    assert other["outcome"] == "refused"
    one_line(other["why"], "0" * 64, approval.evidence_digest)
    with pytest.raises(Refused, match="digest: found 000000000000, wanted"):
        approvals.answer(site.alex, approval.package_arn, "Approved", "000000000000", "a slip")
    assert site.approvals.standing(approval.package_arn).status == "pending"


def test_an_unknown_starter(site: Site, runs: dict[str, Started]) -> None:
    # Given a run whose StartExecution CloudTrail does not show yet, when a person approves, then that is refused, with
    # what to do, and the approval stays open ...
    approval = site.pending(runs["unknown"])
    cloudtrail.set_delay(timedelta(days=400).total_seconds())
    try:
        site.answer(site.kim, approval.package_arn)
        refused = site.answer_of("kim", approval.package_arn)
    finally:
        cloudtrail.set_delay(0)
    assert refused["outcome"] == "refused"
    one_line(refused["why"], "starter is not known", "CloudTrail", "approve again later")
    site.set_back(approval.package_arn)
    # ... and when they approve again later, it counts.
    site.answer(site.kim, approval.package_arn)
    assert _pipeline(site, runs["unknown"]).outcome == "approved"


def test_a_run_that_drift_has_started(site: Site, runs: dict[str, Started]) -> None:
    # Given two drift events at once, when they are governed, then one has started a run and the other says why it has not.
    def look() -> list[dict[str, Any]] | None:
        found = list(site.ledger.below(f"MODEL#{NAME}", "DECISION#"))
        return found if len(found) == 2 else None

    decisions = {each["decision"]: each["reason"] for each in site.until(look, "two decisions")}
    assert set(decisions) == {"started", "suppressed"}
    one_line(decisions["suppressed"], "in flight", runs["drift"].arn)
    # When the publisher of the code approves the run, which no person has started, then that is refused ...
    approval = site.pending(runs["drift"])
    site.answer(site.person("dana", "Approver"), approval.package_arn)
    own = site.answer_of("dana", approval.package_arn)
    assert own["outcome"] == "refused"
    one_line(own["why"], "dana published this code, which a machine started")
    site.set_back(approval.package_arn)
    # ... and a second person may.
    site.answer(site.alex, approval.package_arn)
    assert _pipeline(site, runs["drift"]).outcome == "approved"


def test_an_answer_whose_event_is_lost(site: Site, runs: dict[str, Started]) -> None:
    # Given an approval whose event never comes, when reconcile's schedule fires, then it finds the answer.
    approval = site.pending(runs["lost"])
    events = site.client("events")
    rule = next(
        each["Name"]
        for each in events.list_rules()["Rules"]
        if "Model Package State Change" in each.get("EventPattern", "")
    )
    events.disable_rule(Name=rule)
    try:
        site.answer(site.alex, approval.package_arn)
        site.settled()
        assert site.approvals.standing(approval.package_arn).status == "pending"
        scheduler.fire("muster/muster-reconcile")
        assert _pipeline(site, runs["lost"]).outcome == "approved"
    finally:
        events.enable_rule(Name=rule)
    assert site.approvals.standing(approval.package_arn).approver == "alex"


def test_no_role_lacked_a_permission(site: Site) -> None:
    assert site.denied() == []
