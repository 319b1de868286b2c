"""The governor: whether a wish to retrain may start the pipeline.

One at a time, a cooldown between two, so many a day and a week; nothing without new labelled data; each episode of
drift once; and after a retraining that led to nothing, a person decides. The answer and the new counters go into one
conditional write, so two wishes at the same moment cannot both be granted.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from muster.contracts.base import iso
from muster.contracts.evaluation import Champion
from muster.contracts.pipeline import PipelineRequest
from muster.contracts.policy import Policy
from muster.contracts.retraining import RetrainingDecision, RetrainingRequest, RetrainingStart, RetrainingState
from muster.contracts.spec_monitoring import RetrainingSpec

WEEK = timedelta(days=7)
RUNNING = "RUNNING"
_FAILED = frozenset({"FAILED", "TIMED_OUT", "ABORTED"})
_REFUSED = frozenset({"failed_gate", "rejected", "expired"})
_NAMED = 3
"""Features that a reason names; the decision lists more."""
_LISTED = 20
"""Features that a decision lists: it travels in the workflow's state."""


@dataclass(frozen=True)
class Standing:
    """What was found when a wish was governed, besides the counters.

    Attributes
    ----------
    last
        How the execution in ``in_flight`` stands: ``RUNNING``; ``FAILED``, ``TIMED_OUT`` or ``ABORTED``; else the
        outcome of the pipeline. None: there is none, or Step Functions knows nothing of it any more.
    champion
        What serves; None: nothing does yet.
    no_new_data
        Tells why there is nothing new to learn from, or None. Asked last and only when nothing else refuses, because it
        lists a bucket.
    """

    last: str | None
    champion: Champion | None
    no_new_data: Callable[[], str | None]


@dataclass(frozen=True)
class Governed:
    """The decision, and the counters to write on the condition that their version is still the one read.

    ``state`` is None when nothing changes: suppressed, or granted already on an earlier try of the same execution.
    ``escalation`` says in words what people have to be told, once ``state`` is written.
    """

    decision: RetrainingDecision
    state: RetrainingState | None
    escalation: str | None = None


def govern(
    request: RetrainingRequest,
    state: RetrainingState,
    spec: RetrainingSpec,
    policy: Policy,
    standing: Standing,
    *,
    entered_at: datetime,
    pipeline_name: str,
    pipeline_execution: str,
) -> Governed:
    """Grant or suppress a wish to retrain.

    Parameters
    ----------
    request
        Who asks and why.
    state
        The model's counters as they were read.
    spec, policy
        The stricter of the two holds: the floor may have risen since the spec was published.
    standing
        How the last retraining ended, what serves, and whether there is something new to learn from.
    entered_at
        When the state was entered (`$$.State.EnteredTime`); the host's clock is not asked.
    pipeline_name, pipeline_execution
        Name and ARN of the execution that a grant starts: the same on every try of one retraining execution.
    """
    if state.in_flight == pipeline_execution:
        return Governed(_started(request, pipeline_name, "granted already, on an earlier try of this execution"), None)
    repeated = _not_drift(request) or _serves_no_more(request, standing.champion) or _acted_on(request, state)
    reason = repeated or _one_at_a_time(state, standing.last)
    if reason:
        return Governed(_suppressed(request, reason), None)
    useless = dead_end(state, standing.last, standing.champion)
    if useless and request.cause != "manual":
        why = f"escalated: {useless}; a person starts the next one (cause manual) or deploys another model"
        return Governed(_suppressed(request, why), *_escalation(state, useless))
    reason = (
        _not_deployed(request, state, standing)
        or _cooldown(request, state, max(spec.cooldown_seconds, policy.retraining.min_cooldown_seconds), entered_at)
        or _daily_budget(state, min(spec.daily_budget, policy.retraining.max_daily_budget), entered_at)
        or _weekly_budget(state, weekly_budget(spec, policy), entered_at)
        or (standing.no_new_data() if spec.require_new_data and not _forced(request) else None)
    )
    if reason:
        return Governed(_suppressed(request, reason), None)
    written = _counted(request, state, standing.champion, entered_at, pipeline_execution)
    why = f"{_cause(request)}: number {written.started_today} on {entered_at.date()} (UTC)"
    return Governed(_started(request, pipeline_name, why), written)


def weekly_budget(spec: RetrainingSpec, policy: Policy) -> int:
    """Return how many may start in seven days: seven times the daily budget where the spec says nothing."""
    asked = 7 * spec.daily_budget if spec.weekly_budget is None else spec.weekly_budget
    return min(asked, policy.retraining.max_weekly_budget)


def dead_end(state: RetrainingState, last: str | None, champion: Champion | None) -> str | None:
    """Say how the last retraining led to nothing, or None when it did not.

    It failed, missed a gate, was rejected, or nobody answered; or monitoring asked for it, and the champion whose
    population has moved was still the better model. A scheduled retraining that keeps the champion is what one expects.
    What another champion has overtaken is over. So is what an earlier version of Muster started: its cause is not known.
    """
    start = _last_start(state)
    if start is None or last is None or overtaken(start, champion):
        return None
    kept = last == "kept_champion" and start.cause in ("drift", "quality")
    if not kept and last not in _FAILED | _REFUSED:
        return None
    return f"the retraining of {iso(start.at)} ({start.cause}) ended {last}: {start.execution}"


def overtaken(start: RetrainingStart, champion: Champion | None) -> bool:
    """Tell whether another model was deployed since; rolling back to the one that served then is not that."""
    return champion is not None and champion.since > start.at and champion.package_arn != start.champion


def escalated(state: RetrainingState) -> RetrainingState:
    """Return the counters that say: a person has to look at the last retraining, and has not been told yet."""
    return state.model_copy(update={"escalated": state.in_flight, "told": False, "version": state.version + 1})


# -- answers -----------------------------------------------------------------------------------------------------------
def _started(request: RetrainingRequest, pipeline_name: str, reason: str) -> RetrainingDecision:
    wish = PipelineRequest(model=request.model, reason=_words(request), trigger=request.cause)
    return _decision(request, "started", reason).model_copy(
        update={"pipeline_name": pipeline_name, "pipeline_input": wish}
    )


def _suppressed(request: RetrainingRequest, reason: str) -> RetrainingDecision:
    return _decision(request, "suppressed", reason)


def _decision(
    request: RetrainingRequest, decision: Literal["started", "suppressed"], reason: str
) -> RetrainingDecision:
    drift = request.drift
    if drift is None:
        return RetrainingDecision(decision=decision, reason=reason, model=request.model)
    features = drift.features[:_LISTED]
    return RetrainingDecision(
        decision=decision,
        reason=reason,
        model=request.model,
        features=features,
        effects={name: drift.effects[name] for name in features if name in drift.effects},
        windows=drift.windows,
        episode=drift.episode,
    )


def _cause(request: RetrainingRequest) -> str:
    words = _words(request)
    return f"{request.cause} ({words})" if words else request.cause


def _words(request: RetrainingRequest) -> str | None:
    """Say why in words: the asker's own, else what the event says has moved."""
    drift, quality = request.drift, request.quality
    if quality is not None and not request.reason:
        return f"{quality.source}: {'; '.join(quality.reasons[:_NAMED])}"
    if drift is None or request.reason:
        return request.reason
    named = [f"{name} {drift.effects[name]}" if name in drift.effects else name for name in drift.features[:_NAMED]]
    more = [f"{len(drift.features) - _NAMED} more"] if len(drift.features) > _NAMED else []
    return f"{', '.join([*named, *more]) or 'no feature named'}; window {', '.join(drift.windows) or drift.window}"


# -- counters ----------------------------------------------------------------------------------------------------------
def _counted(
    request: RetrainingRequest, state: RetrainingState, champion: Champion | None, now: datetime, execution: str
) -> RetrainingState:
    # Only a forced wish gets here with an earlier time than the last: the counters never go back.
    at = max(now, state.last_started_at or now)
    drift = request.drift
    start = RetrainingStart(
        at=at,
        execution=execution,
        cause=request.cause,
        endpoint=drift.endpoint if drift else None,
        episode=drift.episode if drift else None,
        champion=champion.package_arn if champion else None,
    )
    return RetrainingState(
        in_flight=execution,
        last_started_at=at,
        day=max(now.date(), state.day or now.date()),
        started_today=_started_on(state, now) + 1,
        starts=(*(each for each in state.starts if each.at > at - WEEK), start),
        version=state.version + 1,
    )


def _last_start(state: RetrainingState) -> RetrainingStart | None:
    last = state.starts[-1] if state.starts else None
    return last if last is not None and last.execution == state.in_flight else None


def _escalation(state: RetrainingState, words: str) -> tuple[RetrainingState | None, str | None]:
    """Return what to write and whom to tell: nothing when this end was escalated before."""
    return (None, None) if state.escalated == state.in_flight else (escalated(state), words)


# -- reasons to refuse -------------------------------------------------------------------------------------------------
def _forced(request: RetrainingRequest) -> bool:
    return request.force and request.cause == "manual"


def _not_drift(request: RetrainingRequest) -> str | None:
    if request.cause == "drift" and request.verdict not in (None, "drift"):
        return (
            f"the drift report's verdict is {request.verdict!r}, not 'drift': a job that failed or had too little data"
        )
    return None


def _serves_no_more(request: RetrainingRequest, champion: Champion | None) -> str | None:
    if request.package_arn is None or champion is None or request.package_arn == champion.package_arn:
        return None
    return (
        f"{request.cause} of a model that serves no more: {request.package_arn}; "
        f"{champion.package_arn} serves since {iso(champion.since)}"
    )


def _acted_on(request: RetrainingRequest, state: RetrainingState) -> str | None:
    drift = request.drift
    if drift is None or drift.episode is None:
        return None
    same = [each for each in state.starts if (each.endpoint, each.episode) == (drift.endpoint, drift.episode)]
    return f"this episode ({drift.episode}) was acted on at {iso(same[-1].at)}: {same[-1].execution}" if same else None


def _one_at_a_time(state: RetrainingState, last: str | None) -> str | None:
    return f"a retraining is in flight: {state.in_flight}" if state.in_flight and last == RUNNING else None


def _not_deployed(request: RetrainingRequest, state: RetrainingState, standing: Standing) -> str | None:
    """After a retraining for drift, another needs an episode that opened under its model."""
    start = _last_start(state)
    asked = {"drift", "quality"}
    if start is None or standing.last != "approved" or request.cause not in asked or start.cause not in asked:
        return None
    if overtaken(start, standing.champion):
        return None
    return (
        f"the retraining of {iso(start.at)} ({start.cause}) ended approved and its model does not serve: "
        f"deploy it first: {start.execution}"
    )


def _cooldown(request: RetrainingRequest, state: RetrainingState, seconds: int, now: datetime) -> str | None:
    if state.last_started_at is None or _forced(request):
        return None
    passed = (now - state.last_started_at).total_seconds()
    if passed >= seconds:
        return None
    again = iso(state.last_started_at + timedelta(seconds=seconds))
    return f"cooldown: {passed:.0f} of {seconds} seconds since the last start; possible again at {again}"


def _daily_budget(state: RetrainingState, budget: int, now: datetime) -> str | None:
    started = _started_on(state, now)
    return f"daily budget: {started} of {budget} started on {now.date()} (UTC)" if started >= budget else None


def _started_on(state: RetrainingState, now: datetime) -> int:
    # A time before the counted day can only be a late event: it counts against that day, so that no budget is spent
    # twice.
    return state.started_today if state.day is not None and now.date() <= state.day else 0


def _weekly_budget(state: RetrainingState, budget: int, now: datetime) -> str | None:
    started = [each.at for each in state.starts if each.at > now - WEEK]
    if len(started) < budget:
        return None
    again = f"; possible again at {iso(started[len(started) - budget] + WEEK)}" if budget else ""
    return f"weekly budget: {len(started)} of {budget} started in the seven days before {iso(now)}{again}"
