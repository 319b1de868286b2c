"""The `registration` workflow."""

from tests.state_machines.harness import broken, execute, transitions
from tests.state_machines.scenes import evidence, registered, registration_scene


def test_the_evidence_is_written_before_the_package_that_names_its_digest() -> None:
    trace = execute("registration", *registration_scene())
    assert trace.states == ["AssembleEvidence", "RegisterModel"]
    assert trace.parameters("RegisterModel")[0]["Payload"]["evidence"] == evidence()
    assert trace.output == registered()
    assert transitions(trace) == 2


def test_without_evidence_nothing_is_registered() -> None:
    input_, script = registration_scene()
    trace = execute("registration", input_, {**script, "AssembleEvidence": broken("ReportInvalid", "auc is NaN")})
    assert "RegisterModel" not in trace.states
    assert (trace.status, trace.error) == ("FAILED", "ReportInvalid")
