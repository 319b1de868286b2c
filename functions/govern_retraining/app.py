"""Governs retraining: cooldown, daily budget, one at a time. Every decision is recorded with its reason.

``{request: RetrainingRequest, execution: {arn, name}, entered_at} -> RetrainingDecision``
"""

from datetime import timedelta

from muster import naming, retraining
from muster.aws.documents import policy, spec_of
from muster.aws.executions import Executions
from muster.aws.ledger import Ledger
from muster.aws.ledger_models import Models
from muster.aws.ledger_retraining import Retraining
from muster.aws.s3 import ObjectStore
from muster.contracts.base import Contract, Time, parse
from muster.contracts.pipeline import Execution
from muster.contracts.retraining import RetrainingDecision, RetrainingRequest, RetrainingState
from muster.contracts.spec import ModelSpec
from muster.errors import Conflict
from muster.retraining import Governed
from muster.runtime import Event, entry, own_members, settings
from muster.settings import Settings

_ATTEMPTS = 5
# The counters name an execution before it is started; until it must be there, "none" means "about to start".
_STARTING = timedelta(minutes=5)


class Input(Contract):
    """The function's event."""

    request: RetrainingRequest
    execution: Execution
    entered_at: Time


@entry
def handler(event: Event) -> RetrainingDecision:
    """Govern, write the counters on the condition that nobody else has, record the decision."""
    given = parse(Input, {**event, "request": own_members(event.get("request"))}, "govern_retraining")
    names = settings()
    ledger = Ledger.of(names)
    retrainings, at, name = Retraining(ledger), given.entered_at, given.execution.name
    earlier = retrainings.decision(given.request.model, at, name)
    if earlier is not None:
        return earlier
    published = Models(ledger).publication(given.request.model)
    spec = spec_of(ObjectStore.of(names), published.spec_uri, published.spec_digest)
    for _ in range(_ATTEMPTS):
        state = retrainings.state(given.request.model)
        governed = _govern(given, state, spec, names)
        if governed.state is None or retrainings.advance(given.request.model, state, governed.state):
            retrainings.record(governed.decision, given.request, at, name)
            return governed.decision
    raise Conflict(
        f"retraining of {given.request.model}: {_ATTEMPTS} other requests were faster, wanted a quiet moment"
    )


def _govern(given: Input, state: RetrainingState, spec: ModelSpec, names: Settings) -> Governed:
    pipeline_name = naming.retrained_pipeline_name(given.execution.arn)
    return retraining.govern(
        given.request,
        state,
        spec.retraining,
        policy()[0],
        entered_at=given.entered_at,
        pipeline_name=pipeline_name,
        pipeline_execution=naming.execution_arn(names, "pipeline", pipeline_name),
        in_flight_running=_runs(state, given),
    )


def _runs(state: RetrainingState, given: Input) -> bool:
    """Tell whether the recorded execution runs: it is described, not believed."""
    if state.in_flight is None or state.last_started_at is None:
        return False
    found = Executions().describe(state.in_flight)
    if found is None:
        return given.entered_at - state.last_started_at < _STARTING
    return found.running
