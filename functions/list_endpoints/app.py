"""Lists what a sweep starts an execution for: every endpoint that serves, or every model that does.

``{request: SweepRequest, entered_at} -> Sweep``

For `monitoring` only endpoints whose model has a baseline and whose traffic is captured. One that cannot be looked up
is listed too: its own execution then fails with the reason, and the others are not kept waiting.
"""

from concurrent.futures import ThreadPoolExecutor

from botocore.exceptions import ClientError

from muster import naming
from muster.aws.ledger import Ledger
from muster.aws.ledger_monitoring import Monitoring
from muster.aws.s3 import ObjectStore
from muster.aws.served import served
from muster.contracts.base import Contract, Time, parse
from muster.contracts.deployment import HistoryRecord
from muster.contracts.monitoring import Sweep, SweepRequest
from muster.errors import ContractError, MusterError
from muster.monitoring import MOST_ENDPOINTS
from muster.runtime import Event, entry, logger, own_members, settings
from muster.settings import Settings

_THREADS = 8


class Input(Contract):
    """The function's event."""

    request: SweepRequest
    entered_at: Time


@entry
def handler(event: Event) -> Sweep:
    """List, choose, name."""
    given = parse(Input, {**event, "request": own_members(event.get("request"))}, "list_endpoints")
    names, workflow = settings(), given.request.workflow
    serving = [each for each in Monitoring(Ledger.of(names)).serving() if each.package_arn and each.model]
    if workflow == "batch_inference":
        inputs = [{"model": model} for model in sorted({str(each.model) for each in serving})]
    else:
        if workflow == "monitoring":
            serving = _watched(serving, names)
        inputs = [{"endpoint": endpoint} for endpoint in sorted(each.endpoint for each in serving)]
    if len(inputs) > MOST_ENDPOINTS:
        raise ContractError(
            f"sweep: found {len(inputs)} executions of {workflow} to start, wanted at most {MOST_ENDPOINTS}: put some of "
            "the models into an installation of their own"
        )
    return Sweep(
        workflow=workflow,
        state_machine_arn=naming.state_machine_arn(names, workflow),
        suffix=f"{given.request.at or given.entered_at:%Y%m%dT%H}",
        inputs=tuple(inputs),
    )


def _watched(serving: list[HistoryRecord], names: Settings) -> list[HistoryRecord]:
    store = ObjectStore.of(names)

    def watched(live: HistoryRecord) -> bool:
        try:
            found = served(live, store, names)
        except (MusterError, ClientError):
            logger.exception("an endpoint could not be looked up", extra={"endpoint": live.endpoint})
            return True
        return found is not None and found.unwatched() is None

    with ThreadPoolExecutor(_THREADS) as pool:
        return [live for live, wanted in zip(serving, pool.map(watched, serving), strict=True) if wanted]
