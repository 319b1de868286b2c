"""The `pipeline` workflow: its outcomes, and what it hands on."""

import re

import pytest

from muster.contracts.base import parse
from muster.contracts.events import ModelApproved, PipelineFinished
from muster.contracts.pipeline import PipelineOutcome
from rehearsal.interpreter import TaskFailure, Trace
from tests.state_machines.harness import after, broken, execute, function_calls, transitions
from tests.state_machines.scenes import PACKAGE, RUN, TRAINED, child, digest, judged, pipeline_scene, registered


def _event(trace: Trace, state: str) -> dict[str, object]:
    (entry,) = trace.parameters(state)[0]["Entries"]
    assert (entry["EventBusName"], entry["Source"]) == ("muster", "muster")
    return entry


def test_an_approved_model_is_announced_to_every_environment() -> None:
    # Given a model that passes and is approved
    trace = execute("pipeline", *pipeline_scene())
    # Then the announcement names package and digest, as approved, and the outcome says so
    entry = _event(trace, "AnnounceApproved")
    event = parse(ModelApproved, entry["Detail"])
    assert entry["DetailType"] == "ModelApproved"
    assert (event.model_package_arn, event.evidence_digest, event.run) == (PACKAGE, digest("f"), RUN.run)
    outcome = parse(PipelineOutcome, trace.output)
    assert (outcome.outcome, outcome.package_arn) == ("approved", PACKAGE)
    assert outcome.reasons == ("approved, after reading the report",)
    assert (transitions(trace), function_calls(trace)) == (9, 1)


@pytest.mark.parametrize("verdict", ["failed_gate", "kept_champion"])
def test_a_model_that_did_not_pass_is_not_registered(verdict: str) -> None:
    # Given a verdict against the model
    trace = execute("pipeline", *pipeline_scene(verdict=verdict))
    # Then the execution succeeds, with that outcome and its reasons, and announces it
    outcome = parse(PipelineOutcome, trace.output)
    assert (trace.status, outcome.outcome, outcome.package_arn) == ("SUCCEEDED", verdict, None)
    assert outcome.reasons == (f"it {verdict}",)
    assert outcome.report_uri == judged()["report_uri"]
    event = parse(PipelineFinished, _event(trace, "AnnounceOutcome")["Detail"])
    assert (event.outcome, event.reasons) == (verdict, outcome.reasons)
    assert not {"Register", "Approve", "AnnounceApproved"} & set(trace.states)


@pytest.mark.parametrize("decision", ["rejected", "expired"])
def test_a_model_that_was_not_approved_is_not_announced_as_approved(decision: str) -> None:
    trace = execute("pipeline", *pipeline_scene(decision=decision))
    outcome = parse(PipelineOutcome, trace.output)
    assert (trace.status, outcome.outcome, outcome.package_arn) == ("SUCCEEDED", decision, PACKAGE)
    assert parse(PipelineFinished, _event(trace, "AnnounceOutcome")["Detail"]).outcome == decision
    assert "AnnounceApproved" not in trace.states


def test_children_get_the_run_and_what_came_before_and_know_their_parent() -> None:
    trace = execute("pipeline", *pipeline_scene())
    wanted = {
        "Train": {"run"},
        "Evaluate": {"run", "training"},
        "Register": {"run", "training", "evaluation"},
        "Approve": {"run", "registered"},
    }
    for state, members in wanted.items():
        request = trace.parameters(state)[0]
        parent = request["Input"].pop("AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID")
        assert parent.endswith("muster-pipeline:one")
        assert set(request["Input"]) == members
        assert re.fullmatch(RUN.run + r"-[a-z]+-[0-9a-f]{32}", request["Name"])
        assert len(request["Name"]) <= 80
    assert trace.parameters("Register")[0]["Input"]["training"] == TRAINED.payload()
    assert trace.parameters("Approve")[0]["Input"]["registered"] == registered()


def test_a_child_whose_start_is_in_doubt_is_not_started_twice() -> None:
    # Given StartExecution failing in a way that leaves open whether it began
    input_, script = pipeline_scene()
    doubt = TaskFailure("StepFunctions.SdkClientException", "connection reset")
    trace = execute("pipeline", input_, {**script, "Train": after([doubt], child(TRAINED.payload()))})
    # Then the second try has the same name and input, which Step Functions takes for the same execution
    first, second = trace.parameters("Train")
    assert first == second
    assert trace.status == "SUCCEEDED"


def test_a_child_that_failed_is_not_repeated_and_its_cause_is_explained() -> None:
    cause = '{"Status": "FAILED", "Error": "ValueError", "Cause": "column scanner is missing"}'
    input_, script = pipeline_scene()
    trace = execute("pipeline", input_, {**script, "Train": broken("States.TaskFailed", cause)})
    assert len(trace.parameters("Train")) == 1
    assert trace.parameters("ExplainFailure")[0]["Payload"]["cause"] == cause
    assert trace.status == "FAILED"


def test_the_request_is_resolved_with_the_execution_that_asks() -> None:
    sent = execute("pipeline", *pipeline_scene()).parameters("ResolveRequest")[0]["Payload"]
    assert sent["request"] == {"model": "tumour"}
    assert set(sent["execution"]) == {"arn", "name", "started_at"}


def test_an_event_that_the_bus_refuses_is_put_again() -> None:
    input_, script = pipeline_scene()
    refused = TaskFailure("EventBridge.FailedEntry", "internal failure")
    trace = execute("pipeline", input_, {**script, "AnnounceApproved": after([refused], {"FailedEntryCount": 0})})
    assert trace.status == "SUCCEEDED"
