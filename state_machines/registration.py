"""The `registration` workflow: seal the baseline, write the evidence, then register the model with its digest.

Input ``{run, training, evaluation}``; output ``RegisteredModel``.
"""

from state_machines.extension import Graph
from state_machines.machine import machine
from state_machines.policies import Faults, function_task


def build() -> Graph:
    """Return the state machine."""
    faults = Faults("registration")
    facts = {"run.$": "$.run", "training.$": "$.training", "evaluation.$": "$.evaluation"}
    seal = function_task(
        "SealBaseline",
        "SealBaseline",
        facts,
        comment="Joins the features' baseline with the answers on the reference holdout and the quality registered.",
        result_path="$.sealed",
    )
    bound = {**facts, "baseline.$": "$.sealed.baseline"}
    assemble = function_task(
        "AssembleEvidence",
        "AssembleEvidence",
        bound,
        comment="Writes evidence.json under Object Lock. Its sha256 is what a person will approve.",
        result_path="$.evidence",
    )
    register = function_task(
        "RegisterModel",
        "RegisterModel",
        {**bound, "evidence.$": "$.evidence"},
        comment="Creates the model package, pending approval, bound to evidence and baseline by digest.",
    )
    seal.next(assemble)
    assemble.next(register)
    faults.guard(seal, assemble, register)
    return machine(
        seal,
        comment="Registers a model that passed, with its evidence. Started by pipeline.",
        smallest_input='{"run": <output of resolve_request>, "training": <output of training>, '
        '"evaluation": <output of evaluation>}',
    )
