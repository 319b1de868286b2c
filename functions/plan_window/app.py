"""Plans a monitoring run: what serves, which window is due, which captured files are in it, in batches.

``{request: MonitoringRequest, execution: {arn, name}, entered_at} -> MonitoringPlan``

Every file is pinned by its version. What was planned is kept, so that a file that comes later is known to be late.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from muster import digests, monitoring, naming
from muster.aws import metrics
from muster.aws.captures import Captures
from muster.aws.documents import json_of, policy
from muster.aws.ledger import Ledger
from muster.aws.ledger_endpoints import Endpoints
from muster.aws.ledger_monitoring import Monitoring
from muster.aws.s3 import ObjectStore
from muster.aws.served import Served, served
from muster.captures import CapturedFile
from muster.contracts.base import Contract, Time, iso, parse
from muster.contracts.documents import BaselineRef
from muster.contracts.monitoring import (
    MonitoringPlan,
    MonitoringRequest,
    PlanRecord,
    SketchBatch,
    Watched,
    Window,
    WindowRecord,
)
from muster.contracts.pipeline import Execution
from muster.errors import ContractError
from muster.monitoring import Judged
from muster.runtime import Event, entry, own_members, settings
from muster.settings import Settings

_THREADS = 16


class Input(Contract):
    """The function's event."""

    request: MonitoringRequest
    execution: Execution
    entered_at: Time


@entry
def handler(event: Event) -> MonitoringPlan:
    """Find what serves and the window, list its files, pack them."""
    given = parse(Input, {**event, "request": own_members(event.get("request"))}, "plan_window")
    names = settings()
    store, ledger = ObjectStore.of(names), Ledger.of(names)
    endpoint = given.request.endpoint
    model = served(Endpoints(ledger).live(endpoint), store, names)
    if model is None:
        return _insufficient(endpoint, f"endpoint {endpoint}: found nothing that Muster deployed")
    why = model.unwatched()
    if why or model.baseline is None:
        return _insufficient(endpoint, why or "")
    watching = Monitoring(ledger)
    window = _window(given, model, watching)
    if isinstance(window, str):
        return _insufficient(endpoint, window)
    watched = _watched(given, model, model.baseline, window, names)
    since = window.start
    if given.request.window is None:  # but nothing that an earlier model was asked
        since = max(since - timedelta(hours=model.spec.monitoring.late_hours), model.live.at)
    found = Captures.of(names).between(endpoint, since, window.end)
    files = [each for each in found if each.at >= window.start]
    judged = [_judged(each, store) for each in watching.judged_after(endpoint, since)] if since < window.start else []
    late = monitoring.late([each for each in found if each.at < window.start], judged)
    if not files and not late:
        return _insufficient(endpoint, f"no captured file from {monitoring.spelled(window)}")
    return _write(watched, model, files, late, given, store)


def _window(given: Input, model: Served, watching: Monitoring) -> Window | str:
    if given.request.window is None:
        state = watching.state(given.request.endpoint)
        judged_to = state.judged_to if state and state.package_arn == model.package_arn else None
        return monitoring.due(judged_to, model.live.at, given.entered_at, model.spec.monitoring)
    window = monitoring.asked(given.request.window, given.entered_at)
    if window.start < model.live.at:
        raise ContractError(
            f"window: start: found {iso(window.start)}, wanted {iso(model.live.at)} or later: since then this model serves"
        )
    return window


def _watched(given: Input, model: Served, baseline: BaselineRef, window: Window, names: Settings) -> Watched:
    run = naming.run_id(given.execution.arn)
    return Watched(
        subject="endpoint",
        run=run,
        model=model.spec.name,
        endpoint=given.request.endpoint,
        package_arn=model.package_arn,
        evidence_digest=model.evidence_digest,
        spec=model.spec_ref,
        baseline=baseline,
        window=window,
        work=naming.s3_uri(names.work_bucket, naming.monitoring_work_prefix(run)),
    )


def _judged(record: WindowRecord, store: ObjectStore) -> Judged:
    plan = parse(PlanRecord, json_of(store.read(record.plan_uri), record.plan_uri), record.plan_uri)
    return Judged(record.result.window, frozenset(plan.files))


def _write(
    watched: Watched,
    model: Served,
    files: list[CapturedFile],
    late: list[CapturedFile],
    given: Input,
    store: ObjectStore,
) -> MonitoringPlan:
    """Write the batches, then the list of them, then the plan: where it is, all is."""
    batches = monitoring.batches_of(files, late, policy()[0].monitoring)
    plan = monitoring.ready(watched, model.spec.monitoring, files, late, len(batches))
    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(lambda each: _put(store, f"{watched.work}batches/{each.number}.json", each), batches))
    _put(store, f"{watched.work}batches.json", [{"number": each.number} for each in batches])
    ids = tuple(_ids(batches))
    _put(store, f"{watched.work}plan.json", PlanRecord(planned_at=given.entered_at, plan=plan, files=ids))
    return plan


def _ids(batches: list[SketchBatch]) -> Iterator[str]:
    return (monitoring.file_id(each.uri) for batch in batches for each in batch.files)


def _put(store: ObjectStore, uri: str, document: object) -> None:
    store.write(uri, digests.canonical(document), "application/json", locked=False)


def _insufficient(endpoint: str, reason: str) -> MonitoringPlan:
    metrics.count(endpoint, "monitoring", {"MonitoringRuns": 1, "MonitoringInsufficient": 1})
    return monitoring.insufficient(endpoint, reason)
