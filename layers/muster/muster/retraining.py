"""The governor: whether a wish to retrain may start the pipeline.

One at a time, a cooldown between two, so many a day. The answer and the new counters go into one conditional write, so
two wishes at the same moment cannot both be granted.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from muster.contracts.base import iso
from muster.contracts.pipeline import PipelineRequest
from muster.contracts.policy import Policy
from muster.contracts.retraining import RetrainingDecision, RetrainingRequest, RetrainingState
from muster.contracts.spec_monitoring import RetrainingSpec


@dataclass(frozen=True)
class Governed:
    """The decision, and the counters to write on the condition that their version is still the one read.

    ``state`` is None when nothing changes: suppressed, or granted already on an earlier try of the same execution.
    """

    decision: RetrainingDecision
    state: RetrainingState | None


def govern(
    request: RetrainingRequest,
    state: RetrainingState,
    spec: RetrainingSpec,
    policy: Policy,
    *,
    entered_at: datetime,
    pipeline_name: str,
    pipeline_execution: str,
    in_flight_running: bool,
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
    entered_at
        When the state was entered (`$$.State.EnteredTime`); the host's clock is not asked.
    pipeline_name, pipeline_execution
        Name and ARN of the execution that a grant starts: the same on every try of one retraining execution.
    in_flight_running
        Whether the execution in ``state.in_flight`` still runs.
    """
    if state.in_flight == pipeline_execution:
        return Governed(_started(request, pipeline_name, "granted already, on an earlier try of this execution"), None)
    reason = (
        _not_drift(request)
        or _one_at_a_time(state, in_flight_running)
        or _cooldown(request, state, max(spec.cooldown_seconds, policy.retraining.min_cooldown_seconds), entered_at)
        or _budget(state, min(spec.daily_budget, policy.retraining.max_daily_budget), entered_at)
    )
    if reason:
        return Governed(RetrainingDecision(decision="suppressed", reason=reason, model=request.model), None)
    today = _started_on(state, entered_at) + 1
    written = RetrainingState(
        in_flight=pipeline_execution,
        # Only a forced wish gets here with an earlier time than the last: the counters never go back.
        last_started_at=max(entered_at, state.last_started_at or entered_at),
        day=max(entered_at.date(), state.day or entered_at.date()),
        started_today=today,
        version=state.version + 1,
    )
    cause = f"{request.cause} ({request.reason})" if request.reason else request.cause
    why = f"{cause}: number {today} on {entered_at.date()} (UTC)"
    return Governed(_started(request, pipeline_name, why), written)


def _started(request: RetrainingRequest, pipeline_name: str, reason: str) -> RetrainingDecision:
    wish = PipelineRequest(model=request.model, reason=request.reason, trigger=request.cause)
    return RetrainingDecision(
        decision="started",
        reason=reason,
        model=request.model,
        pipeline_name=pipeline_name,
        pipeline_input=wish,
    )


def _not_drift(request: RetrainingRequest) -> str | None:
    if request.cause == "drift" and request.verdict not in (None, "drift"):
        return (
            f"the drift report's verdict is {request.verdict!r}, not 'drift': a job that failed or had too little data"
        )
    return None


def _one_at_a_time(state: RetrainingState, running: bool) -> str | None:
    return f"a retraining is in flight: {state.in_flight}" if state.in_flight and running else None


def _cooldown(request: RetrainingRequest, state: RetrainingState, seconds: int, now: datetime) -> str | None:
    if state.last_started_at is None or (request.force and request.cause == "manual"):
        return None
    passed = (now - state.last_started_at).total_seconds()
    if passed >= seconds:
        return None
    again = iso(state.last_started_at + timedelta(seconds=seconds))
    return f"cooldown: {passed:.0f} of {seconds} seconds since the last start; possible again at {again}"


def _budget(state: RetrainingState, budget: int, now: datetime) -> str | None:
    started = _started_on(state, now)
    return f"daily budget: {started} of {budget} started on {now.date()} (UTC)" if started >= budget else None


def _started_on(state: RetrainingState, now: datetime) -> int:
    # A time before the counted day can only be a late event: it counts against that day, so that no budget is spent
    # twice.
    return state.started_today if state.day is not None and now.date() <= state.day else 0
