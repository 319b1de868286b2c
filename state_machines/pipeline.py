"""The `pipeline` workflow: from a request to an approved model package, or to the reason why not.

Input ``PipelineRequest``; output ``PipelineOutcome``.
"""

from types import ModuleType

from state_machines import approval, evaluation, registration, training
from state_machines.extension import Choice, Graph, Pass, State
from state_machines.machine import machine
from state_machines.policies import EXECUTION, Faults, Json, child_task, equals, event_task, function_task

_TRAINING = "$.training.result"
_EVALUATION = "$.evaluation.result"
_REGISTERED = "$.registration.result"
_DECISION = "$.approval.result"


def build() -> Graph:
    """Return the state machine."""
    faults = Faults("pipeline")
    resolve = function_task(
        "ResolveRequest",
        "ResolveRequest",
        {"request.$": "$", "execution": {**EXECUTION, "started_at.$": "$$.Execution.StartTime"}},
        comment="Fixes what this run will use: spec, code and image, each by digest.",
        result_selector={"run.$": "$"},
    )
    train = _child("Train", training, {}, "Pins the data, prepares it, trains, seals the model.")
    evaluate = _child("Evaluate", evaluation, {"training.$": _TRAINING}, "Scores the model and judges it.")
    verdict = Choice("Verdict?", comment="Only a model that passed is registered.")
    facts = {"training.$": _TRAINING, "evaluation.$": _EVALUATION}
    register = _child("Register", registration, facts, "Writes the evidence and creates the model package.")
    approve = _child("Approve", approval, {"registered.$": _REGISTERED}, "Waits for a person's answer in the registry.")

    resolve.next(train)
    train.next(evaluate)
    evaluate.next(verdict)
    verdict.add_choice(equals(f"{_EVALUATION}.verdict", "passed"), register)
    register.next(approve)
    announce = event_task(
        "AnnounceOutcome",
        "PipelineFinished",
        {"model.$": "$.model", "run.$": "$.run", "outcome.$": "$.outcome", "reasons.$": "$.reasons"},
        comment="For whoever listens on Muster's bus.",
        result_path=None,
    )
    verdict.default_choice(_not_passed(announce))
    approve.next(_decide(announce, faults))
    faults.guard(resolve, train, evaluate, register, approve, announce)
    return machine(
        resolve,
        comment="Takes a published model from data to an approved package. A verdict is an outcome, not a failure.",
        smallest_input='{"model": "<name under models/>"}',
    )


def _child(state_id: str, workflow: ModuleType, input_: Json, comment: str) -> State:
    name = workflow.__name__.rpartition(".")[2]
    seconds = workflow.build().timeout_seconds
    return child_task(
        state_id, name, {"run.$": "$.run", **input_}, comment=comment, seconds=seconds, result_path=f"$.{name}"
    )


def _outcome(package_arn: Json, evidence_digest: Json) -> Json:
    return {
        "run.$": "$.run.run",
        "model.$": "$.run.model",
        **package_arn,
        **evidence_digest,
        "report_uri.$": f"{_EVALUATION}.report_uri",
    }


def _not_passed(announce: State) -> State:
    nothing = _outcome({"package_arn": None}, {"evidence_digest": None})
    finish = Pass(
        "NotPassed",
        comment="A gate was missed, or the champion is still better: an outcome, not a failure.",
        parameters={"outcome.$": f"{_EVALUATION}.verdict", **nothing, "reasons.$": f"{_EVALUATION}.reasons"},
    )
    finish.next(announce)
    return finish


def _decide(announce: State, faults: Faults) -> State:
    """What the person said."""
    package = _outcome(
        {"package_arn.$": f"{_DECISION}.package_arn"}, {"evidence_digest.$": f"{_DECISION}.evidence_digest"}
    )
    reasons = {"reasons.$": f"States.Array({_DECISION}.reason)"}
    decision = Choice("Decision?", comment="Approved, rejected, or nobody answered in time.")
    approved = event_task(
        "AnnounceApproved",
        "ModelApproved",
        {
            "model.$": "$.run.model",
            "model_package_arn.$": f"{_DECISION}.package_arn",
            "evidence_digest.$": f"{_DECISION}.evidence_digest",
            "run.$": "$.run.run",
        },
        comment="Each environment's deployment starts from this event.",
        result_path=None,
    )
    finish = Pass("Approved", parameters={"outcome": "approved", **package, **reasons})
    not_approved = Pass(
        "NotApproved",
        comment="Rejected or expired: an outcome, not a failure.",
        parameters={"outcome.$": f"{_DECISION}.decision", **package, **reasons},
    )
    decision.add_choice(equals(f"{_DECISION}.decision", "approved"), approved)
    decision.default_choice(not_approved)
    approved.next(finish)
    not_approved.next(announce)
    faults.guard(approved)
    return decision
