"""The `evaluation` workflow: the candidate and the champion predict, Muster's own code scores them, a rule judges.

Input ``{run, training}``; output ``EvaluationResult``.
"""

from state_machines.extension import Choice, Graph, Parallel, Pass, State
from state_machines.jobs import processing_task
from state_machines.machine import machine
from state_machines.policies import Faults, equals, function_task


def build() -> Graph:
    """Return the state machine."""
    faults = Faults("evaluation")
    plan = function_task(
        "PlanEvaluation",
        "PlanEvaluation",
        {"run.$": "$.run", "training.$": "$.training"},
        comment="Finds the holdouts and the champion, and writes down the jobs. A champion that is gone is an error.",
        result_path="$.plan",
    )
    predict = _predict()
    evaluate = processing_task(
        "Evaluate",
        "evaluate",
        "$.plan.evaluate",
        comment="Joins the frozen labels and computes every metric: Muster's code, never the model author's.",
    )
    judge = function_task(
        "JudgeCandidate",
        "JudgeCandidate",
        {"run.$": "$.run", "training.$": "$.training", "plan.$": "$.plan"},
        comment="Applies the gates and the comparison with the champion; the verdict is the output.",
    )
    plan.next(predict)
    predict.next(evaluate)
    evaluate.next(judge)
    faults.guard(plan, predict, evaluate, judge)
    return machine(
        plan,
        comment="Judges a trained model on the holdouts, against its gates and the champion. Started by pipeline.",
        smallest_input='{"run": <output of resolve_request>, "training": <output of training>}',
    )


def _predict() -> State:
    """Both models predict at the same time; a fault in either is the whole state's."""
    both = Parallel(
        "Predict",
        comment="Candidate and champion predict the same holdouts, with the labels out of their reach.",
        result_path=None,
    )
    candidate = processing_task(
        "PredictCandidate",
        "predict",
        "$.plan.candidate",
        comment="The candidate's own code predicts, as at an endpoint.",
    )
    serves = Choice("ChampionServes?", comment="The first model of its kind has nothing to be compared with.")
    champion = processing_task(
        "PredictChampion", "champion", "$.plan.champion", comment="The same for the model in production."
    )
    serves.add_choice(equals("$.plan.champion.present", True), champion)
    serves.default_choice(Pass("NoChampion", comment="Gates alone decide."))
    both.add_branch(candidate)
    both.add_branch(serves)
    return both
