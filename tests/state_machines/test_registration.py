"""The `registration` workflow."""

from tests.state_machines.harness import broken, execute, transitions
from tests.state_machines.scenes import evidence, registered, registration_scene


def test_the_evidence_is_written_before_the_package_that_names_its_digest() -> None:
    trace = execute("registration", *registration_scene())
    assert trace.states == ["SealBaseline", "AssembleEvidence", "RegisterModel"]
    assert trace.parameters("RegisterModel")[0]["Payload"]["evidence"] == evidence()
    assert trace.output == registered()
    assert transitions(trace) == 3


def test_evidence_and_package_name_the_baseline() -> None:
    input_, script = registration_scene()
    trace = execute("registration", input_, script)
    for state in ("AssembleEvidence", "RegisterModel"):
        assert trace.parameters(state)[0]["Payload"]["baseline"] == script["SealBaseline"]["baseline"]


def test_a_model_that_was_trained_without_a_baseline_is_registered_without() -> None:
    input_, script = registration_scene()
    trace = execute("registration", input_, {**script, "SealBaseline": {"baseline": None}})
    assert trace.parameters("RegisterModel")[0]["Payload"]["baseline"] is None
    assert trace.output == registered()


def test_without_evidence_nothing_is_registered() -> None:
    input_, script = registration_scene()
    trace = execute("registration", input_, {**script, "AssembleEvidence": broken("ReportInvalid", "auc is NaN")})
    assert "RegisterModel" not in trace.states
    assert (trace.status, trace.error) == ("FAILED", "ReportInvalid")
