"""Chooses a batch and the model that predicts it, pins the one, checks the other, and lays out rows for the jobs.

``{request, execution} -> StagedBatch``, and when the transform job has answered
``{staged, execution} -> MonitoringPlan``, by which input and predictions are counted.

The model is the one that production serves. Registry and ledger have to say yes to it as before a deployment.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from muster import batch, digests, monitoring, naming
from muster.aws.batches import BatchFiles
from muster.aws.clearance import Clearance
from muster.aws.documents import baseline_of, json_of, policy
from muster.aws.endpoints import Serving
from muster.aws.ledger import Ledger
from muster.aws.ledger_approvals import Approvals
from muster.aws.ledger_batches import Batches
from muster.aws.ledger_monitoring import Monitoring
from muster.aws.registry import SageMakerModelRegistry
from muster.aws.s3 import ObjectStore
from muster.aws.served import Served, served
from muster.batch_files import Source, parts
from muster.captures import CapturedFile
from muster.contracts.base import Contract, parse
from muster.contracts.batch import ArrivedObject, BatchManifest, BatchRequest, StagedBatch
from muster.contracts.deployment import HistoryRecord
from muster.contracts.documents import BaselineRef
from muster.contracts.monitoring import BaselineDocument, MonitoringPlan, PlanRecord, Watched
from muster.contracts.pipeline import Execution
from muster.errors import ContractError, DataRefused, Refused
from muster.plans import batch as plans
from muster.runtime import Event, entry, own_members, settings
from muster.settings import Settings


class Input(Contract):
    """The function's event: what is asked for, or what was staged for it."""

    request: dict[str, Any] | None = None
    staged: StagedBatch | None = None
    execution: Execution


@dataclass(frozen=True)
class Chosen:
    """The objects of a batch, and the digest that names them."""

    prefix: str
    objects: Sequence[ArrivedObject]
    digest: str


@dataclass(frozen=True)
class Predictor:
    """The model that predicts, what its batches are held against, and how SageMaker calls it."""

    model: Served
    baseline: BaselineRef
    document: BaselineDocument
    sagemaker_model: str


@entry
def handler(event: Event) -> StagedBatch | MonitoringPlan:
    """Choose, clear, stage; or collect what the job answered."""
    given = parse(Input, {**event, "request": own_members(event.get("request"))}, "stage_batch")
    names = settings()
    store = ObjectStore.of(names)
    if given.staged is not None:
        return _collect(given.staged, started(given.execution), store)
    request = parse(BatchRequest, given.request)
    answer = {"run": naming.run_id(given.execution.arn), "model": request.model, "prefix": batch.prefix_of(request)}
    ledger = Ledger.of(names)
    try:
        live = _live(request.model, ledger)
        chosen = _choose(request, live, given.execution, Batches(ledger), names)
        if isinstance(chosen, Chosen):
            predictor = _predictor(live, ledger, store, names)
    except Refused as refusal:
        return parse(StagedBatch, {**answer, "status": "refused", "reason": str(refusal)})
    if isinstance(chosen, Chosen) and not _begin(request, chosen, given.execution, Batches(ledger)):
        chosen = f"{chosen.prefix}: another execution has begun with it"
    if isinstance(chosen, str):
        return parse(StagedBatch, {**answer, "status": "nothing_new", "reason": chosen})
    return _stage(chosen, predictor, given.execution, store, names)


def started(execution: Execution) -> datetime:
    """Return when an execution began: the same on every retry."""
    if execution.started_at is None:
        raise ContractError("execution.started_at: found nothing, wanted the execution's start")
    return execution.started_at


# -- which batch -------------------------------------------------------------------------------------------------------
def _choose(
    request: BatchRequest, live: HistoryRecord, execution: Execution, batches: Batches, names: Settings
) -> Chosen | str:
    """Return the batch that was asked for, or the next one that nobody has tried; or why there is none to predict."""
    run, limit = naming.run_id(execution.arn), policy()[0].monitoring.input_bytes
    prefix = batch.prefix_of(request)
    arrived = BatchFiles().arrived(names.data_bucket, prefix)
    if request.prefix is None:
        found = batch.due(request.model, arrived, batches.tried(request.model, run), started(execution))
        if isinstance(found, str):
            return found
        prefix, arrived = found
    objects = batch.select(names.data_bucket, prefix, arrived, limit)
    chosen = Chosen(prefix, objects, batch.inputs_digest(objects))
    mark = batches.mark(request.model, chosen.digest)
    if mark and mark.outcome and mark.run != run and mark.package_arn == live.package_arn:
        return f"{prefix}: run {mark.run} has {mark.outcome} the same objects with the same model: {mark.batch_uri}"
    return chosen


def _begin(request: BatchRequest, chosen: Chosen, execution: Execution, batches: Batches) -> bool:
    """Mark the batch as tried: one that nobody asked for by name only if nobody else is about to."""
    run, at = naming.run_id(execution.arn), started(execution)
    return batches.begin(request.model, chosen.digest, run, at, first=request.prefix is None)


# -- which model -------------------------------------------------------------------------------------------------------
def _live(model: str, ledger: Ledger) -> HistoryRecord:
    """Return what serves for a model.

    Raises
    ------
    Refused
        Nothing does.
    """
    found = [each for each in Monitoring(ledger).serving() if each.model == model]
    if not found:
        raise Refused(
            f"model {model}: found no endpoint that serves it, wanted one: batches are predicted by what serves"
        )
    return max(found, key=lambda each: each.at)


def _predictor(live: HistoryRecord, ledger: Ledger, store: ObjectStore, names: Settings) -> Predictor:
    """Return the model that serves, once more cleared.

    Raises
    ------
    Refused
        It may not serve, has no baseline, or SageMaker does not have it any more.
    """
    if live.package_arn is None or live.evidence_digest is None or live.config_name is None:
        raise Refused(f"endpoint {live.endpoint}: found no package recorded, wanted one that Muster deployed")
    clearance = Clearance(SageMakerModelRegistry(), Approvals(ledger), store, names.records_bucket)
    clearance.check(live.package_arn, live.evidence_digest)
    model = served(live, store, names)
    if model is None or model.baseline is None:
        raise Refused(
            f"package {live.package_arn}: found no baseline, wanted one to hold the batch against: it was trained before "
            "Muster made baselines; train the model again"
        )
    return Predictor(
        model, model.baseline, baseline_of(store, model.baseline), _sagemaker_model(live.config_name, Serving())
    )


def _sagemaker_model(config_name: str, serving: Serving) -> str:
    config = serving.config(config_name)
    if config is None:
        raise Refused(f"endpoint configuration {config_name}: found none, wanted the one that serves")
    name = str(config["ProductionVariants"][0]["ModelName"])
    if serving.model(name) is None:
        raise Refused(f"SageMaker model {name}: found none, wanted the one of endpoint configuration {config_name}")
    return name


# -- the rows ----------------------------------------------------------------------------------------------------------
def _stage(
    chosen: Chosen, predictor: Predictor, execution: Execution, store: ObjectStore, names: Settings
) -> StagedBatch:
    """Write the rows as the job reads them, then the manifest, and say what runs next."""
    model, spec, run = predictor.model, predictor.model.spec, naming.run_id(execution.arn)
    if not store.versioned(names.data_bucket):
        raise DataRefused(
            f"bucket {names.data_bucket}: found no versioning, wanted it on: data without versions cannot be pinned"
        )
    features = tuple(each.name for each in predictor.document.features)
    layout = digests.digest_of({"schema": 1, "inputs": chosen.digest, "columns": [spec.row_id, *features]})
    uris = [naming.s3_uri(names.data_bucket, each.key) for each in chosen.objects]
    sources = [Source(each, store.chunks(uri, each.version_id)) for uri, each in zip(uris, chosen.objects, strict=True)]
    rows = itertools.chain.from_iterable(
        source.staged(uri, spec.row_id, features, spec.target) for uri, source in zip(uris, sources, strict=True)
    )
    count = 0
    for count, part in enumerate(parts(rows), start=1):
        store.write(plans.part(names, layout, count), part, "text/csv", locked=False)
    if count == 0:
        raise DataRefused(f"s3://{names.data_bucket}/{chosen.prefix}: found no row below the header, wanted some")
    manifest = BatchManifest(
        model=spec.name,
        prefix=chosen.prefix,
        inputs=tuple(source.read() for source in sources),
        row_id=spec.row_id,
        features=features,
        predictions=tuple(each.name for each in predictor.document.predictions),
        sagemaker_model=predictor.sagemaker_model,
        parts=count,
        rows=sum(source.rows for source in sources),
    )
    watched = Watched(
        subject="batch",
        run=run,
        model=spec.name,
        endpoint=model.live.endpoint,
        package_arn=model.package_arn,
        evidence_digest=model.evidence_digest,
        spec=model.spec_ref,
        baseline=predictor.baseline,
        window=batch.window_of(chosen.objects, started(execution)),
        work=naming.s3_uri(names.work_bucket, naming.monitoring_work_prefix(run)),
    )
    store.write(plans.manifest(watched), digests.canonical(manifest), "application/json", locked=False)
    return StagedBatch(
        status="ready",
        reason=f"{manifest.rows} rows, {len(sources)} object{'s' if len(sources) > 1 else ''}",
        run=run,
        model=spec.name,
        prefix=chosen.prefix,
        watched=watched,
        transform=plans.transform(
            names, spec.monitoring.batch, model_name=predictor.sagemaker_model, layout=layout, run=run
        ),
        inputs_digest=chosen.digest,
        on_drift=spec.monitoring.batch.on_drift,
        rows=manifest.rows,
    )


# -- the answers -------------------------------------------------------------------------------------------------------
def _collect(staged: StagedBatch, at: datetime, store: ObjectStore) -> MonitoringPlan:
    """Pin the job's outputs, one for each staged part, and pack them for the workers that count."""
    if staged.watched is None or staged.transform is None:
        raise ContractError(f"staged.status: found {staged.status}, wanted ready")
    watched, uri = staged.watched, plans.manifest(staged.watched)
    manifest = parse(BatchManifest, json_of(store.read(uri), uri), uri)
    outputs = [_output(plans.output(staged.transform, number), at, store) for number in range(1, manifest.parts + 1)]
    batches = monitoring.batches_of(outputs, [], policy()[0].monitoring)
    plan = MonitoringPlan(
        status="ready",
        reason=staged.reason,
        endpoint=watched.endpoint,
        watched=watched,
        batches=len(batches),
        files=len(outputs),
        bytes=sum(each.bytes for each in outputs),
    )
    record = PlanRecord(planned_at=at, plan=plan, files=tuple(monitoring.file_id(each.uri) for each in outputs))
    documents: dict[str, object] = {f"batches/{each.number}.json": each for each in batches}
    documents["batches.json"] = [{"number": each.number} for each in batches]
    for name, document in {**documents, "plan.json": record}.items():  # where the plan is, all is
        store.write(f"{watched.work}{name}", digests.canonical(document), "application/json", locked=False)
    return plan


def _output(uri: str, at: datetime, store: ObjectStore) -> CapturedFile:
    stored = store.stat(uri)
    if stored is None or stored.version_id is None:
        raise DataRefused(f"{uri}: found no object with a version, wanted the transform job's answers")
    return CapturedFile(uri, stored.version_id, stored.bytes, at, at)
