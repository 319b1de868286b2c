"""Governs retraining: one at a time, cooldown, budgets, new data, each episode once. Every decision is recorded.

``{request: RetrainingRequest, execution: {arn, name}, entered_at} -> RetrainingDecision``
"""

from muster import naming, retraining
from muster.aws.documents import policy, spec_of
from muster.aws.executions import Executions
from muster.aws.ledger import Ledger
from muster.aws.ledger_models import Models
from muster.aws.ledger_retraining import Retraining
from muster.aws.notifications import Notifications
from muster.aws.retrainings import NewData, escalate, last_run
from muster.aws.s3 import ObjectStore
from muster.contracts.base import Contract, Time, parse
from muster.contracts.pipeline import Execution
from muster.contracts.retraining import RetrainingDecision, RetrainingRequest
from muster.errors import Conflict
from muster.retraining import Governed, Standing
from muster.runtime import Event, entry, own_members, settings

# A write is lost only to a grant or an escalation, and after one of those nothing else is written for an hour (the
# least cooldown): two rounds are enough, but for people who force.
_ATTEMPTS = 5


class Input(Contract):
    """The function's event."""

    request: RetrainingRequest
    execution: Execution
    entered_at: Time


@entry
def handler(event: Event) -> RetrainingDecision:
    """Govern, write the counters on the condition that nobody else has, tell people if it is theirs, record."""
    given = parse(Input, {**event, "request": own_members(event.get("request"))}, "govern_retraining")
    names = settings()
    ledger, model = Ledger.of(names), given.request.model
    retrainings = Retraining(ledger)
    earlier = retrainings.decision(model, given.entered_at, given.execution.name)
    if earlier is not None:
        return earlier
    governed = _govern(given, Models(ledger), retrainings)
    if governed.escalation and governed.state and governed.state.escalated:
        escalate(retrainings, Notifications.of(names), model, governed.state.escalated, governed.escalation)
    retrainings.record(governed.decision, given.request, given.entered_at, given.execution.name)
    return governed.decision


def _govern(given: Input, models: Models, retrainings: Retraining) -> Governed:
    """Govern by the counters as they are, until what follows from them is written."""
    names, model = settings(), given.request.model
    store, executions = ObjectStore.of(names), Executions()
    published = models.publication(model)
    spec = spec_of(store, published.spec_uri, published.spec_digest)
    champion = models.champion(model)
    data = NewData(store, names, spec, champion)
    pipeline_name = naming.retrained_pipeline_name(given.execution.arn)
    for _ in range(_ATTEMPTS):
        state = retrainings.state(model)
        governed = retraining.govern(
            given.request,
            state,
            spec.retraining,
            policy()[0],
            Standing(last_run(state, executions, given.entered_at), champion, data.missing),
            entered_at=given.entered_at,
            pipeline_name=pipeline_name,
            pipeline_execution=naming.execution_arn(names, "pipeline", pipeline_name),
        )
        if governed.state is None or retrainings.advance(model, state, governed.state):
            return governed
    raise Conflict(f"retraining of {model}: {_ATTEMPTS} other requests were faster, wanted a quiet moment")
