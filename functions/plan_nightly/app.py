"""Plans a nightly evaluation: what serves, the frozen holdouts that it was registered with, the job that scores answers.

``{request: NightlyRequest, execution: {arn, name}} -> NightlyPlan``

What the registered model predicted is kept beside the evidence when its endpoint is first asked: the work bucket forgets.
"""

from muster import digests, naming
from muster.aws import job_code
from muster.aws.documents import json_of, policy
from muster.aws.ledger import Ledger
from muster.aws.ledger_endpoints import Endpoints
from muster.aws.s3 import ObjectStore
from muster.aws.served import Served, served
from muster.contracts.base import Contract, parse
from muster.contracts.evaluation import HoldoutKind, HoldoutManifest
from muster.contracts.nightly import AskedHoldout, NightlyPlan, NightlyRequest
from muster.contracts.pipeline import Execution
from muster.errors import NotFound
from muster.plans import nightly as plans
from muster.runtime import Event, entry, own_members, settings
from muster.settings import Settings


class Input(Contract):
    """The function's event."""

    request: NightlyRequest
    execution: Execution


@entry
def handler(event: Event) -> NightlyPlan:
    """Find model, holdouts and registered predictions; write the scoring job's plan, build its request."""
    given = parse(Input, {**event, "request": own_members(event.get("request"))}, "plan_nightly")
    names, endpoint, run = settings(), given.request.endpoint, naming.run_id(given.execution.arn)
    store = ObjectStore.of(names)
    live = Endpoints(Ledger.of(names)).live(endpoint)
    model = served(live, store, names)
    if model is None:
        reason = f"endpoint {endpoint}: found nothing that Muster deployed"
        return NightlyPlan(status="nothing_serves", reason=reason, endpoint=endpoint)
    evidence, spec, floor = model.evidence, model.spec, policy()[0]
    holdouts = {
        kind: _holdout(kind, digest, model, store, names) for kind, digest in evidence.evaluation.holdouts.items()
    }
    known = {kind: _registered(kind, model, store, names) for kind in holdouts}
    subject = plans.subject(
        run,
        model.live,
        evidence,
        spec,
        floor,
        names,
        holdouts=holdouts,
        paired=all(each is not None for each in known.values()),
    )
    for kind, data in known.items():
        if subject.paired and data is not None:
            store.write(f"{subject.champion}{kind}.csv", data, "text/csv", locked=False)
    document = digests.canonical(plans.document(subject, evidence, spec))
    store.write(plans.document_uri(run, names), document, "application/json", locked=False)
    job = plans.job(subject, evidence, spec, floor, names, jobs_digest=job_code.publish(names, store))
    rows = sum(each.rows for each in holdouts.values())
    return NightlyPlan(status="ready", reason=f"{rows} rows to ask", endpoint=endpoint, nightly=subject, evaluate=job)


def _holdout(kind: HoldoutKind, digest: str, model: Served, store: ObjectStore, names: Settings) -> AskedHoldout:
    uri = naming.s3_uri(names.records_bucket, naming.holdout_prefix(model.spec.name, digest))
    manifest = parse(HoldoutManifest, json_of(store.read_pinned(f"{uri}manifest.json", digest), uri), f"{kind} holdout")
    return AskedHoldout(digest=digest, uri=uri, rows=manifest.rows)


def _registered(kind: HoldoutKind, model: Served, store: ObjectStore, names: Settings) -> bytes | None:
    """Return what the model predicted when it was registered; None where that was not kept."""
    key = naming.registered_predictions_key(model.evidence_digest, kind)
    kept = naming.s3_uri(names.evidence_bucket, key)
    made = naming.work_prefix(model.evidence.produced_by.run, "predict") + f"{kind}.csv"
    try:
        return store.read(kept)
    except NotFound:
        pass
    try:
        data = store.read(naming.s3_uri(names.work_bucket, made))
    except NotFound:
        return None
    store.write(kept, data, "text/csv", locked=True)
    return data
