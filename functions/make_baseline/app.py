"""Makes the baseline of a model's features: what its training data look like, for monitoring to compare with.

``{run, training, counts_uri?} -> {status: complete, training} | {status: job_needed, job, counts_uri}``

Training sets up to the policy's limit are counted here, larger ones by a job that runs the same code: then the function
is called again with the place of the job's counts.
"""

import io
from functools import partial

from muster import naming, snapshot
from muster.aws import baselines, job_code, redaction_keys
from muster.aws.documents import json_of, policy, spec_of
from muster.aws.s3 import READ_LIMIT, ObjectStore
from muster.contracts.base import Contract, S3Uri, parse
from muster.contracts.documents import DocumentRef
from muster.contracts.monitoring import BaselineDocument, BaselinePlan, FeatureCounts
from muster.contracts.pipeline import BaselineComplete, BaselineNeedsCounts, Run, SnapshotRef, TrainingResult
from muster.contracts.snapshot import SnapshotManifest
from muster.contracts.spec import ModelSpec
from muster.digests import canonical
from muster.errors import DataRefused
from muster.plans import training
from muster.runtime import Event, entry, settings
from muster.settings import Settings
from muster_numerics.formats_registered import data_files
from muster_numerics.redaction import Redaction
from muster_numerics.table_baseline import count_features
from muster_numerics.table_rows import Table, TableError


class Input(Contract):
    """The function's event."""

    run: Run
    training: TrainingResult
    counts_uri: S3Uri | None = None


@entry
def handler(event: Event) -> BaselineComplete | BaselineNeedsCounts:
    """Count the features, or have them counted, and seal what was found."""
    given = parse(Input, event, "make_baseline")
    names = settings()
    store = ObjectStore.of(names)
    run, pinned = given.run, given.training.snapshot
    spec = spec_of(store, run.spec_uri, run.spec_digest)
    controlled = frozenset(spec.capture.controlled_fields or ())
    key, secret = redaction_keys.ensure(store, names, run.model) if controlled else (None, b"")
    redaction = Redaction(controlled, secret)
    if given.counts_uri:
        counts = parse(FeatureCounts, json_of(store.read(given.counts_uri), given.counts_uri), given.counts_uri)
    elif pinned.bytes > min(policy()[0].monitoring.inline_baseline_bytes, READ_LIMIT):
        return _needs_job(run, pinned, spec, key, store, names)
    else:
        counts = parse(FeatureCounts, _count(pinned, spec, redaction, store), "counts")
    document = BaselineDocument(
        model=run.model,
        snapshot_digest=pinned.digest,
        rows=counts.rows,
        time_ordered=spec.monitoring.time_ordered,
        features=counts.features,
        columns=counts.columns,
        controlled=tuple(each.name for each in counts.features if each.name in controlled),
        redaction_key=key,
    )
    ref = baselines.seal(store, names, document, data_files(document.payload(), secret))
    return BaselineComplete(training=given.training.model_copy(update={"baseline": ref}))


def _count(pinned: SnapshotRef, spec: ModelSpec, redaction: Redaction, store: ObjectStore) -> object:
    """Count the snapshot's CSV files; each is read whole, twice, and is what was pinned."""
    data = store.read_pinned(pinned.manifest_uri, pinned.digest)
    manifest = parse(SnapshotManifest, json_of(data, pinned.manifest_uri), pinned.manifest_uri)

    def opened(uri: str, digest: str) -> io.BytesIO:
        return io.BytesIO(store.read_pinned(uri, digest))

    listed = [(snapshot.relative_key(manifest.prefix, each.key), each.sha256) for each in manifest.objects]
    files = [(key, partial(opened, pinned.data_uri + key, sha)) for key, sha in listed if key.endswith(".csv")]
    try:
        return count_features(
            Table(files, spec.row_id, spec.target),
            spec.monitoring.categorical,
            redaction,
            time_ordered=spec.monitoring.time_ordered,
        )
    except TableError as error:
        raise DataRefused(f"baseline of {spec.name}: {error}") from error


def _needs_job(
    run: Run, pinned: SnapshotRef, spec: ModelSpec, key: DocumentRef | None, store: ObjectStore, names: Settings
) -> BaselineNeedsCounts:
    plan = BaselinePlan(
        row_id=spec.row_id,
        target=spec.target,
        categorical=spec.monitoring.categorical,
        controlled=spec.capture.controlled_fields or (),
        time_ordered=spec.monitoring.time_ordered,
        redaction_key_digest=key.digest if key else None,
    )
    plan_uri = naming.s3_uri(names.work_bucket, naming.work_prefix(run.run, "plan") + "baseline_plan.json")
    store.write(plan_uri, canonical(plan), "application/json", locked=False)
    job, counts_uri = training.baseline_job(
        run,
        pinned,
        spec,
        policy()[0],
        names,
        jobs_digest=job_code.publish(names, store),
        plan_uri=plan_uri,
        key_uri=key.uri if key else None,
    )
    return BaselineNeedsCounts(job=job, counts_uri=counts_uri)
