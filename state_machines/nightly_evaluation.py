"""The `nightly_evaluation` workflow: does what serves still answer the frozen holdouts as well as when it was registered?

Input ``NightlyRequest``; output ``NightlyOutcome``, or ``{outcome: nothing_serves}`` with its reason.
"""

from state_machines.extension import Choice, ChoiceRule, Graph, Pass, State
from state_machines.jobs import processing_task
from state_machines.limits import NIGHTLY_TURNS
from state_machines.machine import machine
from state_machines.policies import EXECUTION, Faults, equals, event_task, function_task, one_of

_JUDGED = "$.judged"


def build() -> Graph:
    """Return the state machine."""
    faults = Faults("nightly_evaluation")
    plan = function_task(
        "PlanNightly",
        "PlanNightly",
        {"request.$": "$", "execution": EXECUTION},
        comment="Finds what serves and the holdouts that it was registered with, and writes down the scoring job.",
        seconds=300,
        result_selector={"plan.$": "$", "asked": None},
    )
    ready = Choice("Ready?", comment="Nothing that Muster deployed: an outcome, with its reason.")
    nothing = Pass(
        "NothingServes",
        parameters={
            "outcome": "nothing_serves",
            "endpoint.$": "$.plan.endpoint",
            "reasons.$": "States.Array($.plan.reason)",
        },
    )
    ask = function_task(
        "QuestionEndpoint",
        "QuestionEndpoint",
        {"nightly.$": "$.plan.nightly", "asked.$": "$.asked"},
        comment="Sends the rows at a bounded rate, as far as its time goes; called again, it goes on from there.",
        seconds=900,
        result_path="$.asked",
    )
    answered = Choice("Answered?", comment="An endpoint that does not answer, or not in time, is judged as such.")
    named = Pass("NameJob", parameters={"run.$": "$.plan.nightly.run"}, result_path="$.run")
    evaluate = processing_task(
        "Evaluate",
        "evaluate",
        "$.plan.evaluate",
        comment="The evaluation's own job joins the frozen labels with the answers and computes every metric.",
    )
    judge = function_task(
        "JudgeNightly",
        "JudgeNightly",
        {
            "nightly.$": "$.plan.nightly",
            "asked.$": "$.asked",
            "execution": EXECUTION,
            "started_at.$": "$$.Execution.StartTime",
        },
        comment="Compares with the registered figures, writes report and history.",
        seconds=300,
        result_path=_JUDGED,
    )
    plan.next(ready)
    ready.add_choice(equals("$.plan.status", "ready"), ask)
    ready.default_choice(nothing)
    ask.next(answered)
    answered.add_choice(equals("$.asked.status", "answered"), named)
    answered.add_choice(one_of("$.asked.status", "unavailable", "changing"), judge)
    answered.add_choice(ChoiceRule.NumericGreaterThanEqualsPath("$.asked.turn", "$.plan.nightly.turns"), judge)
    answered.default_choice(ask)
    named.next(evaluate)
    evaluate.next(judge)
    judge.next(_announce(faults))
    faults.guard(plan, ask, evaluate, judge)
    return machine(
        plan,
        comment="Asks an endpoint the frozen holdouts of its model's evaluation, and compares. Started by a schedule, or "
        "by hand.",
        smallest_input='{"endpoint": "<name>"}',
        visits={"QuestionEndpoint": NIGHTLY_TURNS},
    )


def _announce(faults: Faults) -> State:
    """Tell of worse answers once."""
    worse = Choice("Announce?", comment="Only the first of successive nights that are worse.")
    done = Pass("Judged", input_path=_JUDGED)
    event = event_task(
        "AnnounceRegression",
        "QualityRegressed",
        {
            "source": "nightly_evaluation",
            **{
                f"{name}.$": f"{_JUDGED}.{name}"
                for name in ("model", "endpoint", "package_arn", "metrics", "reasons", "evidence_uri")
            },
        },
        comment="The answers in production are worse than registered, on the same rows.",
        result_path=None,
    )
    worse.add_choice(equals(f"{_JUDGED}.announce", True), event)
    worse.default_choice(done)
    event.next(done)
    faults.guard(event)
    return worse
