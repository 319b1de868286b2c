"""Who may approve: no sequence of answers lets the starter or the publisher through."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.shapes import problems
from muster import approval
from muster.approval import Answer, Identity, Nobody, Person, Starter
from muster.errors import ContractError
from tests.unit import samples

STS = f"arn:aws-us-gov:sts::{samples.ACCOUNT}:assumed-role"
IAM = f"arn:aws-us-gov:iam::{samples.ACCOUNT}"
MACHINES = samples.SETTINGS.machine_roles
DIGEST = samples.digest("f")
STARTER = Starter("person", Person("sam", "sam", "sam"), "started by sam")


def session(name, role="Approver", source=None):
    return Identity(f"{STS}/{role}/{name}", source)


def answer(
    name="olga", status="Approved", description=f"{DIGEST} read and agreed", source=None, role="Approver", after=1
):
    at = samples.NOW + timedelta(hours=after)
    identity = None if name is None else session(name, role, source)
    return Answer(status, identity, description, at)


def judge(given_answer, starter=STARTER, **pending):
    return approval.judge(given_answer, samples.pending(**pending), starter, MACHINES)


# -- people ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("identity", "name"),
    [
        (session("olga"), "olga"),
        (session("botocore-session-1", source="olga@agency.gov"), "olga@agency.gov"),
        (session("olga@agency.gov", role="AWSReservedSSO_Approver_abcdefabcdefabcd"), "olga@agency.gov"),
        (Identity(f"{IAM}:user/olga"), "olga"),
        (Identity(f"{IAM}:user/staff/olga"), "olga"),
        (Identity(f"arn:aws-us-gov:sts::{samples.ACCOUNT}:federated-user/olga"), "olga"),
    ],
)
def test_a_person_is_named_by_source_identity_then_session_then_user(identity, name):
    found = approval.person_of(identity, MACHINES)
    assert isinstance(found, Person)
    assert found.name == name


@pytest.mark.parametrize(
    ("identity", "reason"),
    [
        (None, "does not say who answered"),
        (Identity(None, "olga"), "does not say who answered"),
        (session("f", role="muster-record-decision"), "is Muster's own"),
        (session("f", role="muster-record-decision", source="olga"), "is Muster's own"),
        (session("i-0123456789abcdef0", role="build"), "belongs to a service or an instance"),
        (session("s", role="AWSServiceRoleForSageMaker"), "belongs to a service or an instance"),
        (Identity(f"{IAM}:root"), "not a named person"),
        (Identity("olga"), "not a named person"),
    ],
)
def test_what_is_not_a_person_is_not_taken_for_one(identity, reason):
    found = approval.person_of(identity, MACHINES)
    assert isinstance(found, Nobody)
    assert reason in found.reason


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (Person("sam", "sam"), "SAM", True),
        (Person("sam", "sam"), " sam ", True),
        (Person("sam@a.gov", "sam@a.gov"), "sam", True),
        (Person("sam@a.gov", "sam@a.gov"), "sam@b.gov", False),
        (Person("sam", "sam"), "samuel", False),
        # Both have a source identity: it decides, whatever the sessions are called.
        (Person("sam", "console", "sam"), Person("olga", "console", "olga"), False),
        (Person("sam", "one", "sam"), Person("Sam", "two", "Sam"), True),
        # Only one has: any name in common is enough.
        (Person("sam@a.gov", "sam", "sam@a.gov"), Person("sam", "sam"), True),
        (Person("x", "sam", "x"), Person("sam", "sam"), True),
    ],
)
def test_persons_are_compared_by_identity_or_session_never_by_role(one, other, same):
    assert approval.same_person(one, other) is same


# -- the starter -------------------------------------------------------------------------------------------------------
def trail(arn, kind="AssumedRole", source=None, **more):
    context = {"sessionContext": {"sourceIdentity": source}} if source else {}
    return {"eventName": "StartExecution", "userIdentity": {"type": kind, "arn": arn, **context, **more}}


def test_a_persons_session_started_it():
    found = approval.starter_of(trail(f"{STS}/Starter/x", source="sam"), MACHINES, "paula")
    assert (found.kind, found.person) == ("person", Person("sam", "x", "sam"))


@pytest.mark.parametrize(
    "record",
    [
        trail(f"{STS}/muster-retraining/abc"),
        {"userIdentity": {"type": "AWSService", "invokedBy": "events.amazonaws.com"}},
        trail(f"{STS}/runner/i-0123456789abcdef0"),
    ],
)
def test_for_a_machine_the_publisher_stands_in(record):
    found = approval.starter_of(record, MACHINES, "paula")
    assert (found.kind, found.person) == ("machine", "paula")
    # Then the publisher cannot approve, and is told why
    refused = judge(answer("paula"), found)
    assert refused.outcome == "refused"
    assert "published this code, which a machine started" in refused.reason


@pytest.mark.parametrize(
    "record", [None, {}, trail(f"{IAM}:root", kind="Root"), {"userIdentity": {"type": "AssumedRole"}}]
)
def test_an_unknown_starter_lets_nobody_approve_and_says_what_to_do(record):
    found = approval.starter_of(record, MACHINES, "paula")
    assert (found.kind, found.person) == ("unknown", None)
    refused = judge(answer("olga"), found)
    assert (refused.outcome, refused.set_back) == ("refused", True)
    assert "approve again later, or start the pipeline anew" in refused.reason


# -- the rule ----------------------------------------------------------------------------------------------------------
def test_a_second_person_approves_the_digest_with_a_reason():
    found = judge(answer("olga"))
    assert (found.outcome, found.decision, found.approver, found.set_back) == ("accepted", "approved", "olga", False)
    assert found.words == "read and agreed"


@pytest.mark.parametrize(
    ("given_answer", "reason"),
    [
        (answer("sam"), "sam started this run and cannot approve it: ask another person"),
        (answer("SAM", role="Other"), "SAM started this run and cannot approve it"),
        (answer("x", source="Sam"), "Sam started this run"),
        (answer("paula"), "paula published this code and cannot approve it: ask another person"),
        (answer(None), "the registry does not say who answered: approve under your own session"),
        (answer("f", role="muster-record-decision"), "role muster-record-decision is Muster's own"),
        (answer(description=None), f"the approval names no evidence digest: describe it as '{DIGEST} <your reason>'"),
        (answer(description="looks good"), "the approval names no evidence digest"),
        (answer(description=f"{samples.digest('0')} ok"), f"the approval is for evidence {samples.digest('0')}, this"),
        (answer(description=DIGEST), "the approval gives no reason"),
        (answer(after=24 * 8), "the approval expired at 2026-11-28T12:00:00.000Z: start the pipeline anew"),
    ],
)
def test_a_refused_approval_says_why_and_is_set_back(given_answer, reason):
    found = judge(given_answer)
    assert (found.outcome, found.decision, found.set_back) == ("refused", None, True)
    assert reason in found.reason


@pytest.mark.parametrize("status", ["rejected", "expired", "void"])
def test_an_approval_that_comes_too_late_is_set_back(status):
    found = judge(answer("olga"), status=status)
    assert (found.outcome, found.set_back) == ("refused", True)
    assert f"the approval is closed ({status})" in found.reason


def test_the_same_approval_seen_twice_changes_nothing():
    found = judge(answer("olga"), status="approved", approver="olga")
    assert (found.outcome, found.set_back, found.reason) == ("ignored", False, "already approved by olga")


def test_the_starter_cannot_bring_back_what_was_revoked():
    # Given an approved package that somebody rejected later, and the starter sets it to Approved again
    found = judge(answer("sam"), status="approved", approver="olga")
    assert (found.outcome, found.set_back) == ("refused", True)


@pytest.mark.parametrize("name", ["sam", "paula", "olga"])
def test_anybody_may_say_no(name):
    found = judge(answer(name, "Rejected", "not enough data"))
    assert (found.outcome, found.decision, found.approver) == ("accepted", "rejected", name)
    assert found.reason == f"rejected by {name}: not enough data"


def test_no_needs_neither_digest_nor_reason():
    assert judge(answer("olga", "Rejected", None)).words == "no reason given"
    assert judge(answer("olga", "Rejected", f"{DIGEST} biased")).words == "biased"


@pytest.mark.parametrize(
    "given_answer",
    [
        answer("f", "Rejected", role="muster-record-decision"),
        answer(None, "Rejected"),
        answer("olga", "Rejected", after=24 * 8),
        answer("olga", "PendingManualApproval"),
    ],
)
def test_musters_own_set_back_and_other_noise_decide_nothing(given_answer):
    found = judge(given_answer)
    assert (found.outcome, found.decision, found.set_back) == ("ignored", None, False)


def test_no_after_yes_is_recorded_and_says_what_follows():
    found = judge(answer("olga", "Rejected"), status="approved")
    assert (found.outcome, found.decision) == ("ignored", None)
    assert "`muster rollback` takes it out" in found.reason


# -- the description ---------------------------------------------------------------------------------------------------
@given(st.text(min_size=1, max_size=300).filter(lambda text: text.split()))
def test_a_description_comes_back_as_it_was_built_and_is_valid_for_the_registry(reason):
    built = approval.approval_description(DIGEST, reason)
    assert approval.read_description(built) == (DIGEST, " ".join(reason.split()))
    params = {"ModelPackageArn": samples.PACKAGE, "ApprovalDescription": built, "ModelApprovalStatus": "Approved"}
    assert problems("sagemaker", "UpdateModelPackage", params) == []


@pytest.mark.parametrize(
    ("digest", "reason", "line"),
    [
        ("abc", "ok", "evidence digest: found 'abc'"),
        (DIGEST, " \n", "reason: found nothing, wanted a few words"),
        (DIGEST, "x" * 1000, "reason: found 1000 characters, wanted at most 959"),
    ],
)
def test_a_description_that_would_be_refused_is_not_built(digest, reason, line):
    with pytest.raises(ContractError) as caught:
        approval.approval_description(digest, reason)
    assert line in str(caught.value)


@given(st.text(max_size=3000))
def test_a_set_back_always_fits_the_registry(reason):
    text = approval.set_back_description(reason)
    params = {"ModelPackageArn": samples.PACKAGE, "ApprovalDescription": text, "ModelApprovalStatus": "Rejected"}
    assert problems("sagemaker", "UpdateModelPackage", params) == []
    assert approval.read_description(text)[0] is None


# -- every sequence of answers -----------------------------------------------------------------------------------------
names = st.sampled_from(["sam", "SAM", "Sam@agency.gov", "paula", "PAULA", "olga", "otto", None])
answers = st.builds(
    answer,
    name=names,
    status=st.sampled_from(["Approved", "Rejected", "PendingManualApproval"]),
    description=st.sampled_from([f"{DIGEST} fine", DIGEST, None, "fine", f"{samples.digest('0')} fine"]),
    source=st.sampled_from([None, "sam", "paula", "olga", "otto"]),
    role=st.sampled_from(["Approver", "Starter", "muster-record-decision"]),
    after=st.integers(0, 24 * 9),
)
starters = st.sampled_from(
    [STARTER, Starter("machine", "paula", "started by a machine"), Starter("unknown", None, "not known yet")]
)


@given(st.lists(answers, max_size=8), starters)
def test_no_sequence_of_answers_lets_starter_or_publisher_approve(sequence, starter):
    # Given any answers in any order, each recorded as record_decision would
    pending, decisions = samples.pending(), []
    for each in sequence:
        found = approval.judge(each, pending, starter, MACHINES)
        if found.outcome == "accepted":
            decisions.append((found, each))
            pending = pending.model_copy(update={"status": found.decision, "approver": found.approver})
        # Then the registry never keeps a yes that the ledger does not have
        if each.status == "Approved" and pending.status != "approved":
            assert found.set_back
        assert found.set_back == (found.outcome == "refused")
    # And at most one answer decides, in time, by a person who is neither starter nor publisher when it is yes
    assert len(decisions) <= 1
    for found, each in decisions:
        assert each.at <= pending.expires_at
        if found.decision == "approved":
            assert starter.kind != "unknown"
            assert found.approver.casefold().partition("@")[0] not in {"paula", "sam"} - (
                {"sam"} if starter.kind == "machine" else set()
            )
            assert each.description == f"{DIGEST} fine"
