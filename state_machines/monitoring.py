"""The `monitoring` workflow: has the traffic of an endpoint moved away from what its model was trained on?

Input ``MonitoringRequest``; output ``MonitoringOutcome``, or ``{outcome: insufficient}`` with its reason when there is
nothing to count.
"""

from state_machines.extension import Choice, Graph, Pass, State
from state_machines.jobs import processing_task
from state_machines.machine import machine
from state_machines.policies import ENTERED_AT, EXECUTION, Faults, equals, event_task, function_task, to
from state_machines.sketching import WAITS, announce_drift, assess, sketch

_ASSESSED = "$.assessed"


def build() -> Graph:
    """Return the state machine."""
    faults = Faults("monitoring")
    plan = function_task(
        "PlanWindow",
        "PlanWindow",
        {"request.$": "$", "execution": EXECUTION, "entered_at.$": ENTERED_AT},
        comment="Finds what serves and the window that is due, and pins its captured files in batches.",
        seconds=300,
        result_selector={"plan.$": "$", "sample": None},
    )
    ready = Choice("Ready?", comment='Nothing to count is an outcome, with its reason: never "no drift".')
    nothing = Pass(
        "Insufficient",
        parameters={
            "outcome": "insufficient",
            "endpoint.$": "$.plan.endpoint",
            "reasons.$": "States.Array($.plan.reason)",
        },
    )
    measure = function_task(
        "MeasureQuality",
        "MeasureQuality",
        {"watched.$": "$.plan.watched", "plan.$": "$.plan", "entered_at.$": ENTERED_AT},
        comment="Joins the labels that are there by now with the answers, and compares with what was registered.",
        seconds=900,
        result_path="$.quality",
    )
    judge = assess(faults, quality="$.quality", sample="$.sample")
    plan.next(ready)
    ready.add_choice(equals("$.plan.status", "ready"), sketch(faults, _attribute(faults, measure)))
    ready.default_choice(nothing)
    measure.next(judge)
    judge.next(_announce(faults))
    faults.guard(plan, measure)
    return machine(
        plan,
        comment="Holds an endpoint's captured traffic against its model's baseline, and tells of drift once per episode.",
        smallest_input='{"endpoint": "<name>"}',
        waits=WAITS,
    )


def _attribute(faults: Faults, then: State) -> State:
    """Rank the features by what they do to live answers, where the spec asks for it."""
    wanted = Choice("Attribution?", comment="The spec says whether the ranking of features is watched.")
    sample = function_task(
        "SampleRows",
        "SampleRows",
        {"watched.$": "$.plan.watched", "plan.$": "$.plan"},
        comment="Takes a sample of the window's rows, the same for the same window, and writes down the job.",
        seconds=900,
        result_path="$.sample",
    )
    taken = Choice("SampleTaken?", comment="Too few rows, or a model that explains nothing: the report says so.")
    named = Pass("NameJob", parameters={"run.$": "$.plan.watched.run"}, result_path="$.run")
    explain = processing_task(
        "ExplainRows",
        "predict",
        "$.sample.job",
        comment="The model's own explain_fn on the sampled rows, isolated, as in the evaluation.",
    )
    wanted.add_choice(equals("$.plan.attribution", True), sample)
    wanted.default_choice(then)
    sample.next(taken)
    taken.add_choice(equals("$.sample.status", "ready"), named)
    taken.default_choice(then)
    failed = Pass(
        "NotExplained",
        comment="The author's explain_fn failed: the ranking is not compared, the verdict on drift does not wait for it.",
        parameters={
            "status": "skipped",
            "reason": "the job that explains the sampled rows failed: see the logs of the run's predict job",
            "rows.$": "$.sample.rows",
            "job": None,
            "attributions_uri": None,
        },
        result_path="$.sample",
    )
    named.next(explain)
    explain.next(then)
    explain.add_catch(to(failed))
    failed.next(then)
    faults.guard(sample)
    return wanted


def _announce(faults: Faults) -> State:
    """Tell of drift once per episode, and of worse answers once."""
    drift = Choice("AnnounceDrift?", comment="Only the window that confirms an episode announces it.")
    moved = announce_drift(faults, _ASSESSED)
    quality = Choice("AnnounceQuality?", comment="Only the run that finds it first.")
    regressed = event_task(
        "AnnounceQuality",
        "QualityRegressed",
        {
            "model.$": f"{_ASSESSED}.model",
            "endpoint.$": f"{_ASSESSED}.endpoint",
            "package_arn.$": f"{_ASSESSED}.package_arn",
            "source": "ground_truth",
            "metrics.$": f"{_ASSESSED}.quality_metrics",
            "reasons.$": f"{_ASSESSED}.quality_reasons",
            "evidence_uri.$": f"{_ASSESSED}.evidence_uri",
        },
        comment="The model's answers are worse than registered, or treat a group otherwise than allowed.",
        result_path=None,
    )
    done = Pass("Assessed", input_path=_ASSESSED)
    drift.add_choice(equals(f"{_ASSESSED}.announce", True), moved)
    drift.default_choice(quality)
    moved.next(quality)
    quality.add_choice(equals(f"{_ASSESSED}.announce_quality", True), regressed)
    quality.default_choice(done)
    regressed.next(done)
    faults.guard(regressed)
    return drift
