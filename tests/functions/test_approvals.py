"""request_approval, record_decision and expire_approval: every way in which an answer may come, and what becomes of it."""

from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from muster import errors
from muster.aws.ledger import Condition
from muster.aws.tokens import TokenVault
from muster.contracts.base import iso
from tests.functions import fakes
from tests.functions.world import T0, World, execution, session


def _package(registered: dict[str, Any]) -> str:
    return registered["registered"]["package_arn"]


def _approval(world: World, registered: dict[str, Any]) -> dict[str, Any]:
    found = world.item(f"PACKAGE#{_package(registered)}", "APPROVAL")
    assert found is not None
    return found


def _answers(world: World, registered: dict[str, Any]) -> list[tuple[Any, Any, Any]]:
    return [(each["status"], each["who"], each["outcome"]) for each in world.approvals.answers(_package(registered))]


def _status(world: World, registered: dict[str, Any]) -> str:
    return world.sagemaker.packages[_package(registered)]["ModelApprovalStatus"]


# -- request_approval --------------------------------------------------------------------------------------------------
def test_the_question_is_stored_and_people_are_told(world: World) -> None:
    registered = world.registered()
    answer = world.call("request_approval", world.ask(registered))
    assert answer["status"] == "pending"
    stored = _approval(world, registered)
    assert stored["pipeline_execution_arn"] == execution("pipeline")["arn"]
    assert stored["execution_arn"] == execution("approval")["arn"]
    assert stored["expires_at"] == iso(T0 + timedelta(seconds=604800))
    assert stored["notified"] is True


def test_the_message_has_digest_report_and_exact_commands(world: World) -> None:
    registered = world.registered()
    world.call("request_approval", world.ask(registered))
    (sent,) = world.sns.of("publish")
    arn, digest = _package(registered), registered["registered"]["evidence_digest"]
    run = registered["run"]["run"]
    assert sent["Subject"] == "Muster: tumour waits for approval"
    for text in (
        f"muster approve {arn} --digest {digest} --reason",
        f"aws sagemaker update-model-package --region us-gov-west-1 --model-package-arn {arn} "
        "--model-approval-status Approved",
        f"s3://muster-dev-evidence-123456789012/reports/tumour/{run}/report.html",
        registered["registered"]["evidence_uri"],
    ):
        assert text in sent["Message"]
    assert "token-1" not in sent["Message"]


def test_the_token_is_never_in_clear_and_bound_to_its_package(world: World) -> None:
    registered = world.asked()
    stored = _approval(world, registered)
    assert "token-1" not in str(world.dynamodb.items)
    (sent,) = world.kms.of("encrypt")
    assert sent["EncryptionContext"] == {"muster:package": _package(registered)}
    assert sent["KeyId"] == world.settings.ledger_key_arn
    vault = TokenVault(world.kms, world.settings.ledger_key_arn)
    with pytest.raises(Exception, match="InvalidCiphertextException"):
        vault.decrypt(stored["token"], "another package")
    with pytest.raises(errors.ContractError, match="token: found 5000 bytes, wanted 1 to 4096"):
        vault.encrypt("x" * 5000, "package")


def test_an_approval_that_came_first_counts(world: World) -> None:
    # Given a package that was approved before the workflow waited
    registered = world.registered()
    world.answer(_package(registered))
    # When approval is asked for
    answer = world.call("request_approval", world.ask(registered))
    # Then the execution goes on at once, and nobody is bothered
    assert answer["status"] == "approved"
    assert world.stepfunctions.answers["token-1"]["decision"] == "approved"
    assert world.stepfunctions.answers["token-1"]["approver"] == "anna"
    assert not world.sns.of("publish")


def test_a_retried_task_gets_the_answer_under_its_new_token(world: World) -> None:
    # Given a pending question whose task is tried again, with another token
    registered = world.registered()
    world.call("request_approval", world.ask(registered, "old"))
    world.stepfunctions.waiting.discard("old")
    world.call("request_approval", world.ask(registered, "new"))
    # When it is answered
    world.call("record_decision", world.answer(_package(registered)))
    # Then the new token is the one that is told
    assert list(world.stepfunctions.answers) == ["new"]


@pytest.mark.parametrize("status", ["approved", "rejected", "expired"])
def test_a_decision_is_never_asked_for_again(world: World, status: str) -> None:
    # Given a decision that the first try of the task took, without telling
    registered = world.asked()
    arn = _package(registered)
    approval = world.approvals.standing(arn)
    assert world.approvals.decide(approval, status, "anna", T0, "because")  # type: ignore[arg-type]
    # When the task is tried again
    answer = world.call("request_approval", world.ask(registered, "new"))
    # Then it is told that decision
    assert answer["status"] == status
    assert world.stepfunctions.answers["new"]["decision"] == status
    assert len(world.sns.of("publish")) == 1


def test_a_void_question_may_be_asked_again(world: World) -> None:
    registered = world.asked()
    approval = world.approvals.standing(_package(registered))
    assert world.approvals.decide(approval, "void", None, T0, "stopped")
    world.call("request_approval", world.ask(registered, "redriven"))
    assert _approval(world, registered)["status"] == "pending"


@pytest.mark.parametrize(
    "problem",
    [fakes.error("InternalError", "SNS is down", status=500), EndpointConnectionError(endpoint_url="https://sns")],
)
def test_approval_is_possible_when_the_message_is_not(world: World, problem: Exception) -> None:
    world.sns.fail("publish", problem)
    registered = world.registered()
    assert world.call("request_approval", world.ask(registered))["status"] == "pending"
    assert _approval(world, registered)["notified"] is False
    assert world.call("record_decision", world.answer(_package(registered)))["outcome"] == "accepted"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"token": ""}, "token: found '', wanted at least 1 characters"),
        ({"requested_at": "yesterday"}, "requested_at: found 'yesterday', wanted an ISO 8601 time"),
        ({"registered": None}, "registered: found null, wanted a mapping"),
        ({"surprise": 1}, "surprise: found an unknown field"),
    ],
)
def test_a_bad_question_is_not_asked(world: World, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(errors.ContractError, match=words):
        world.call("request_approval", {**world.ask(world.registered()), **changes})
    assert not [key for key in world.dynamodb.items if key[1] == "APPROVAL"]


# -- record_decision: who, what, when ----------------------------------------------------------------------------------
def test_a_second_person_approves(world: World) -> None:
    registered = world.asked()
    answer = world.call("record_decision", world.answer(_package(registered), by="anna"))
    assert answer["outcome"] == "accepted"
    told = world.stepfunctions.answers["token-1"]
    assert (told["decision"], told["approver"]) == ("approved", "anna")
    assert told["evidence_digest"] == registered["registered"]["evidence_digest"]
    assert told["decided_at"] == world.at
    assert _approval(world, registered)["status"] == "approved"
    assert _answers(world, registered) == [("Approved", "anna", "accepted")]


def test_a_rejection_needs_no_other_person(world: World) -> None:
    registered = world.asked()
    event = world.answer(_package(registered), "Rejected", by="sam", reason="wrong data")
    assert world.call("record_decision", event)["outcome"] == "accepted"
    told = world.stepfunctions.answers["token-1"]
    assert told["decision"] == "rejected"
    assert "wrong data" in told["reason"]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"by": "sam"}, "sam started this run"),
        ({"by": "other", "SourceIdentity": "sam"}, "sam started this run"),
        ({"by": "paula"}, "paula published this code"),
        ({"by": "f", "role": "muster-dev-record-decision"}, "role muster-dev-record-decision is Muster's own"),
        ({"by": "i-0123456789abcdef0", "role": "Instance"}, "belongs to a service or an instance"),
        ({"digest": "0" * 64}, "the approval is for evidence 0000"),
        ({"digest": "looks-good"}, "names no evidence digest"),
        ({"reason": ""}, "gives no reason"),
    ],
)
def test_an_approval_without_right_is_set_back(world: World, answer: dict[str, Any], words: str) -> None:
    # When somebody approves who may not, or not so
    registered = world.asked()
    found = world.call("record_decision", world.answer(_package(registered), **answer))
    # Then the registry says no again, the question stays open, people are told why
    assert found["outcome"] == "refused"
    assert words in found["reason"]
    assert _status(world, registered) == "Rejected"
    description = world.sagemaker.packages[_package(registered)]["ApprovalDescription"]
    assert description.startswith("Muster refused this approval: ")
    assert _approval(world, registered)["status"] == "pending"
    assert not world.stepfunctions.answers
    assert "was refused" in world.sns.of("publish")[-1]["Subject"]
    # And another person may still approve
    world.later(minutes=5)
    assert world.call("record_decision", world.answer(_package(registered), by="anna"))["outcome"] == "accepted"


def test_the_event_of_setting_back_is_no_answer(world: World) -> None:
    registered = world.asked()
    arn = _package(registered)
    world.call("record_decision", world.answer(arn, by="sam"))
    # When the event of Muster's own write arrives
    world.sagemaker.packages[arn]["LastModifiedBy"] = {
        "IamIdentity": {"Arn": session("muster-dev-record-decision", "record-decision")}
    }
    found = world.call("record_decision", world.package_event(arn))
    # Then it rejects nothing
    assert found["outcome"] == "ignored"
    assert _approval(world, registered)["status"] == "pending"


def test_nobody_known_is_nobody(world: World) -> None:
    registered = world.asked()
    event = world.answer(_package(registered))
    world.sagemaker.packages[_package(registered)]["LastModifiedBy"] = {"UserProfileName": "studio"}
    found = world.call("record_decision", event)
    assert found["outcome"] == "refused"
    assert "does not say who answered" in found["reason"]


@pytest.mark.parametrize("identity", [None, {"type": "AWSAccount", "accountId": "123456789012"}])
def test_an_unknown_starter_is_nobodys_counterpart(world: World, identity: dict[str, Any] | None) -> None:
    # Given a run of which CloudTrail does not say who started it
    registered = world.asked()
    world.cloudtrail.events.clear()
    if identity:
        world.cloudtrail.started(execution("pipeline")["arn"], T0, identity)
    # Then no approval of it can be judged
    found = world.call("record_decision", world.answer(_package(registered)))
    assert found["outcome"] == "refused"
    assert "the starter is not known" in found["reason"]


@pytest.mark.parametrize(
    "identity",
    [
        {"type": "AssumedRole", "arn": session("muster-dev-retraining", "x")},
        {"type": "AWSService", "invokedBy": "scheduler.amazonaws.com"},
    ],
)
def test_for_a_machine_the_publisher_stands_in(world: World, identity: dict[str, Any]) -> None:
    registered = world.asked()
    world.cloudtrail.events.clear()
    world.cloudtrail.started(execution("pipeline")["arn"], T0, identity)
    assert world.call("record_decision", world.answer(_package(registered), by="paula"))["outcome"] == "refused"
    world.later(minutes=1)
    assert world.call("record_decision", world.answer(_package(registered), by="sam"))["outcome"] == "accepted"


def test_the_starter_is_found_among_others_by_arn_or_by_name(world: World) -> None:
    registered = world.asked()
    ((at, record),) = world.cloudtrail.events
    arn = execution("pipeline")["arn"]
    machine = arn.replace(":execution:", ":stateMachine:").rpartition(":")[0]
    world.cloudtrail.events = [
        (at, {**record, "responseElements": {"executionArn": arn + "x"}, "userIdentity": {"arn": "none"}}),
        (at, {**record, "errorCode": "AccessDenied"}),
        (at, {**record, "eventSource": "other.amazonaws.com"}),
        (at, {**record, "responseElements": None, "requestParameters": {"stateMachineArn": machine, "name": "one"}}),
    ]
    found = world.call("record_decision", world.answer(_package(registered), by="sam"))
    assert "sam started this run" in found["reason"]


def test_the_look_up_is_bounded_in_time(world: World) -> None:
    registered = world.asked()
    world.call("record_decision", world.answer(_package(registered)))
    (sent,) = world.cloudtrail.of("lookup_events")
    assert sent["EndTime"] - sent["StartTime"] == timedelta(minutes=10)
    assert sent["LookupAttributes"] == [{"AttributeKey": "EventName", "AttributeValue": "StartExecution"}]


def test_evidence_that_was_exchanged_is_refused(world: World) -> None:
    registered = world.asked()
    event = world.answer(_package(registered))
    world.sagemaker.packages[_package(registered)]["CustomerMetadataProperties"]["evidence_digest"] = "0" * 64
    found = world.call("record_decision", event)
    assert found["outcome"] == "refused"
    assert "the package now names evidence 0000" in found["reason"]


# -- record_decision: twice, late, contradictory, out of order ---------------------------------------------------------
def test_the_same_event_again_changes_nothing(world: World) -> None:
    registered = world.asked()
    event = world.answer(_package(registered))
    world.call("record_decision", event)
    before = dict(world.dynamodb.items)
    assert world.call("record_decision", event)["outcome"] == "ignored"
    assert world.dynamodb.items == before
    assert len(world.stepfunctions.of("send_task_success")) == 1


def test_a_refusal_seen_twice_is_told_once(world: World) -> None:
    registered = world.asked()
    event = world.answer(_package(registered), by="sam")
    package = world.sagemaker.packages[_package(registered)]
    approved = dict(package)
    world.call("record_decision", event)
    package |= approved  # as if setting back had not come through
    assert world.call("record_decision", event)["outcome"] == "refused"
    assert len(world.sns.of("publish")) == 2  # the question, and one refusal
    assert _status(world, registered) == "Rejected"


def test_an_event_says_only_where_to_look(world: World) -> None:
    # Given an old event of a rejection that was followed by an approval
    registered = world.asked()
    rejected = world.answer(_package(registered), "Rejected", by="rita")
    world.later(minutes=1)
    world.answer(_package(registered), by="anna")
    # When only the old event arrives
    world.call("record_decision", rejected)
    # Then what the registry says now counts
    assert world.stepfunctions.answers["token-1"]["decision"] == "approved"


def test_a_contradiction_after_the_decision_is_recorded_and_harmless(world: World) -> None:
    registered = world.approved()
    world.later(hours=1)
    found = world.call("record_decision", world.answer(_package(registered), "Rejected", by="rita"))
    assert found["outcome"] == "ignored"
    assert _approval(world, registered)["status"] == "approved"
    assert _answers(world, registered) == [("Approved", "anna", "accepted"), ("Rejected", "rita", "ignored")]
    assert len(world.stepfunctions.answers) == 1


def test_a_yes_after_a_no_is_set_back(world: World) -> None:
    registered = world.asked()
    world.call("record_decision", world.answer(_package(registered), "Rejected", by="rita"))
    world.later(hours=1)
    found = world.call("record_decision", world.answer(_package(registered), by="anna"))
    assert found["outcome"] == "refused"
    assert "closed (rejected)" in found["reason"]
    assert _status(world, registered) == "Rejected"


def test_an_answer_after_the_deadline_does_not_count(world: World) -> None:
    registered = world.asked()
    world.later(days=8)
    found = world.call("record_decision", world.answer(_package(registered)))
    assert found["outcome"] == "refused"
    assert "expired at" in found["reason"]


def test_a_token_that_timed_out_is_no_error(world: World) -> None:
    registered = world.asked()
    world.stepfunctions.waiting.clear()
    assert world.call("record_decision", world.answer(_package(registered)))["outcome"] == "accepted"
    assert _approval(world, registered)["resumed"] is True


def test_a_decision_whose_messenger_died_is_told_by_the_next(world: World) -> None:
    # Given a function that died between the decision and telling
    registered = world.asked()
    event = world.answer(_package(registered))
    world.stepfunctions.fail("send_task_success", fakes.error("KmsThrottlingException", "slow down"))
    with pytest.raises(errors.Transient, match="KmsThrottlingException"):
        world.call("record_decision", event)
    assert _approval(world, registered)["status"] == "approved"
    # When the event is delivered again
    assert world.call("record_decision", event)["outcome"] == "ignored"
    # Then the execution knows
    assert world.stepfunctions.answers["token-1"]["decision"] == "approved"


def test_a_lost_race_is_judged_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given somebody who decides while this answer is being judged
    registered = world.asked()
    event = world.answer(_package(registered))
    put = world.dynamodb.do_update_item

    def expired_meanwhile(**request: Any) -> Any:
        monkeypatch.setattr(world.dynamodb, "do_update_item", put)
        pending = Condition("attribute_exists(pk)")
        changes = {"status": "expired", "decided_at": world.at, "reason": "too late"}
        world.ledger.update(f"PACKAGE#{_package(registered)}", "APPROVAL", changes, pending)
        return put(**request)

    monkeypatch.setattr(world.dynamodb, "do_update_item", expired_meanwhile)
    # Then the registry does not keep a yes that does not count
    assert world.call("record_decision", event)["outcome"] == "refused"
    assert _status(world, registered) == "Rejected"
    assert not world.stepfunctions.answers


def test_a_package_that_nobody_asked_about_is_left_alone(world: World) -> None:
    registered = world.registered()
    found = world.call("record_decision", world.answer(_package(registered)))
    assert found == {"outcome": "ignored", "reason": f"no approval was asked for {_package(registered)}"}
    assert _status(world, registered) == "Approved"


def test_a_run_that_the_ledger_does_not_know_cannot_be_judged(world: World) -> None:
    registered = world.asked()
    event = world.answer(_package(registered))
    del world.dynamodb.items[(f"RUN#{registered['run']['run']}", "RUN")]
    with pytest.raises(errors.NotFound, match="found no run"):
        world.call("record_decision", event)
    assert _approval(world, registered)["status"] == "pending"


def test_an_approval_that_was_deleted_by_hand_is_an_error(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    registered = world.registered()
    world.dynamodb.fail("put_item", fakes.error("ConditionalCheckFailedException"))
    with pytest.raises(errors.Conflict, match="has gone, wanted it kept"):
        world.call("request_approval", world.ask(registered))


def test_nobody_answered_yet(world: World) -> None:
    registered = world.asked()
    assert world.call("record_decision", world.package_event(_package(registered)))["outcome"] == "ignored"
    assert not _answers(world, registered)


def test_a_package_deleted_while_it_waited_ends_the_wait(world: World) -> None:
    registered = world.asked()
    event = world.package_event(_package(registered))
    world.sagemaker.packages.clear()
    assert world.call("record_decision", event)["outcome"] == "refused"
    assert world.stepfunctions.answers["token-1"]["error"] == "NotFound"
    assert "was deleted" in world.stepfunctions.answers["token-1"]["cause"]
    assert world.call("record_decision", event)["outcome"] == "ignored"


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"detail-type": "Other", "detail": {}, "time": "2026-11-21T12:00:00Z"},
        {"detail-type": "SageMaker Model Package State Change", "detail": {}, "time": "2026-11-21T12:00:00Z"},
        {"detail-type": "SageMaker Model Package State Change", "detail": {"ModelPackageArn": "x"}, "time": "noon"},
        {
            "detail-type": "SageMaker Model Package State Change",
            "detail": {"ModelPackageArn": 7},
            "time": "2026-11-21Z",
        },
    ],
)
def test_a_bad_event_is_refused(world: World, event: dict[str, Any]) -> None:
    with pytest.raises(errors.ContractError):
        world.call("record_decision", event)


# -- expire_approval ---------------------------------------------------------------------------------------------------
def _expire(world: World, registered: dict[str, Any]) -> dict[str, Any]:
    return world.call("expire_approval", {**registered, "expired_at": world.at})


def test_nobody_answered_in_time(world: World) -> None:
    registered = world.asked()
    world.later(days=8)
    decision = _expire(world, registered)
    assert decision["decision"] == "expired"
    assert decision["reason"] == "nobody answered within 604800 seconds"
    assert decision["decided_at"] == world.at
    assert _approval(world, registered)["status"] == "expired"
    # And the registry no longer invites an answer
    assert _status(world, registered) == "Rejected"
    # And a repeat says the same
    assert _expire(world, registered) == decision


def test_an_answer_of_the_last_moment_wins(world: World) -> None:
    # Given an approval whose event has not arrived when the wait is over
    registered = world.asked()
    world.answer(_package(registered))
    world.stepfunctions.waiting.clear()
    world.later(days=8)
    decision = _expire(world, registered)
    assert (decision["decision"], decision["approver"]) == ("approved", "anna")
    assert _status(world, registered) == "Approved"


@pytest.mark.parametrize(("status", "decision"), [("Approved", "approved"), ("Rejected", "rejected")])
def test_a_decision_that_was_taken_wins(world: World, status: str, decision: str) -> None:
    registered = world.asked()
    world.call("record_decision", world.answer(_package(registered), status))
    assert _expire(world, registered)["decision"] == decision


def test_an_approval_that_came_too_late_does_not_win(world: World) -> None:
    registered = world.asked()
    world.later(days=8)
    world.answer(_package(registered))
    assert _expire(world, registered)["decision"] == "expired"
    assert _status(world, registered) == "Rejected"


def test_a_question_that_was_never_stored_expires_too(world: World) -> None:
    registered = world.registered()
    decision = _expire(world, registered)
    assert decision["decision"] == "expired"


def test_a_package_that_is_gone_expires_too(world: World) -> None:
    registered = world.asked()
    world.sagemaker.packages.clear()
    assert _expire(world, registered)["decision"] == "expired"
    assert _approval(world, registered)["status"] == "void"


def test_expiring_needs_its_time(world: World) -> None:
    with pytest.raises(errors.ContractError, match="expired_at: found nothing"):
        world.call("expire_approval", world.registered())
