"""The `approval` workflow: it waits, and nobody polls."""

import pytest

from rehearsal.interpreter import TaskFailure, TimeOut, Waiting
from tests.state_machines.harness import execute, transitions
from tests.state_machines.scenes import RUN, approval_scene, decided, registered


@pytest.mark.parametrize("decision", ["approved", "rejected"])
def test_an_answer_is_the_output_whatever_it_says(decision: str) -> None:
    # Given a person who answers after two days
    trace = execute("approval", *approval_scene(answer=Waiting(172_800, decided(decision))))
    # Then the wait has cost one transition and one function, and the answer is the output
    assert (trace.status, trace.output) == ("SUCCEEDED", decided(decision))
    assert (transitions(trace), trace.seconds) == (1, 172_800)


def test_the_function_gets_the_token_and_who_asks() -> None:
    sent = execute("approval", *approval_scene()).parameters("RequestApproval")[0]["Payload"]
    assert set(sent) == {"run", "registered", "token", "requested_at", "execution"}
    assert sent["token"]
    assert sent["execution"]["arn"].endswith("muster-approval:one")
    assert sent["registered"] == registered()


def test_nobody_answering_expires_after_the_spec_s_time() -> None:
    # Given nobody who answers
    trace = execute("approval", *approval_scene(answer=Waiting()))
    # Then the approval expires when the spec says, and that is an outcome
    assert trace.states == ["RequestApproval", "ExpireApproval"]
    assert trace.visits[-1].time == RUN.approval_wait_seconds
    assert (trace.status, trace.output["decision"]) == ("SUCCEEDED", "expired")


def test_an_answer_of_the_last_moment_wins_over_the_expiry() -> None:
    # Given an answer that was accepted while the wait ran out
    input_, script = approval_scene(answer=Waiting())
    trace = execute("approval", input_, {**script, "ExpireApproval": decided("approved")})
    # Then it counts
    assert trace.output["decision"] == "approved"


def test_a_question_that_could_not_be_asked_at_once_is_asked_again_with_a_new_token() -> None:
    input_, script = approval_scene()
    busy = TaskFailure("Lambda.TooManyRequestsException", "slow down")
    trace = execute("approval", input_, {**script, "RequestApproval": [busy, Waiting(60, decided())]})
    first, second = (each["Payload"]["token"] for each in trace.parameters("RequestApproval"))
    assert first != second
    assert trace.status == "SUCCEEDED"


def test_a_question_that_cannot_be_asked_is_a_failure_and_no_expiry() -> None:
    input_, script = approval_scene()
    trace = execute("approval", input_, {**script, "RequestApproval": TaskFailure("NotFound", "no such package")})
    assert "ExpireApproval" not in trace.states
    assert (trace.status, trace.error) == ("FAILED", "NotFound")


def test_a_token_that_was_made_void_fails_the_execution() -> None:
    answer = Waiting(60, TaskFailure("ApprovalVoid", "the pipeline has ended"))
    trace = execute("approval", *approval_scene(answer=answer))
    assert (trace.status, trace.error) == ("FAILED", "ApprovalVoid")


def test_an_expiry_that_hangs_is_a_failure() -> None:
    input_, script = approval_scene(answer=Waiting())
    trace = execute("approval", input_, {**script, "ExpireApproval": TimeOut()})
    assert (trace.status, trace.error) == ("FAILED", "States.Timeout")
