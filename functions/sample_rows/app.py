"""Draws a sample of a window's rows, for the job in which the serving model says what its answers rest on.

``{watched: Watched, plan: {batches}} -> LiveSample``

The same window gives the same sample. Without explanations of the registered model there is nothing to compare with.
"""

from pydantic import ConfigDict

from muster.aws import job_code
from muster.aws.documents import baseline_of, policy, redaction_key_of, spec_of
from muster.aws.registry import Package, SageMakerModelRegistry
from muster.aws.s3 import ObjectStore
from muster.aws.window_files import files_of, opened
from muster.contracts.base import Contract, parse
from muster.contracts.monitoring import Watched
from muster.contracts.quality import LiveSample
from muster.errors import ArtifactMissing, DigestMismatch, NotFound
from muster.naming import OWN_REQUEST
from muster.plans import attribution
from muster.quality import chosen
from muster.runtime import Event, entry, settings
from muster_numerics.capture import read_capture
from muster_numerics.reference import reference
from muster_numerics.sample import features_csv, sample

LEAST_ROWS = 50
"""Fewer rows rank features by chance."""


class Plan(Contract):
    """What is needed of `plan_window`'s result."""

    model_config = ConfigDict(extra="ignore")

    batches: int


class Input(Contract):
    """The function's event."""

    watched: Watched
    plan: Plan


@entry
def handler(event: Event) -> LiveSample:
    """Draw, write, and build the job's request."""
    given = parse(Input, event, "sample_rows")
    watched, names = given.watched, settings()
    store = ObjectStore.of(names)
    spec, document = spec_of(store, watched.spec.uri, watched.spec.digest), baseline_of(store, watched.baseline)
    asked = spec.monitoring.attribution
    if asked is None:
        return LiveSample(status="skipped", reason="the spec asks for no attribution (monitoring.attribution)")
    if not document.attributions:
        reason = "the registered model has no attributions: its code had no explain_fn when it was evaluated"
        return LiveSample(status="skipped", reason=reason)
    held = reference(document.payload(), redaction_key_of(store, document))
    files = chosen(files_of(store, watched, given.plan.batches), policy()[0].monitoring.quality_bytes)
    features = [each.name for each in held.schema.features]
    # What cannot be read is set aside by the workers that count the window.
    batches = read_capture(opened(store, files), held.schema, lambda _: None, named=True, skip=OWN_REQUEST)
    rows = sample(batches, features, asked.rows)
    if len(rows) < LEAST_ROWS:
        reason = f"{len(rows)} rows in the window, wanted {LEAST_ROWS} at least"
        return LiveSample(status="skipped", reason=reason, rows=len(rows))
    package = _package(watched)
    store.write(attribution.sample_uri(watched), features_csv(features, rows), "text/csv", locked=False)
    job = attribution.plan(
        watched,
        asked,
        names,
        artifact_uri=package.artifact_uri or "",
        artifact_digest=package.artifact_digest or "",
        image_uri=package.image_uri or "",
        environment=package.environment,
        content_type=spec.inference.content_type,
        jobs_digest=job_code.publish(names, store),
    )
    reason = f"{len(rows)} rows of {len(files)} files"
    uri = attribution.attributions_uri(watched)
    return LiveSample(status="ready", reason=reason, rows=len(rows), job=job, attributions_uri=uri)


def _package(watched: Watched) -> Package:
    found = SageMakerModelRegistry().describe(watched.package_arn)
    if found is None:
        raise NotFound(f"package {watched.package_arn}: found none in the registry, wanted the one that serves")
    if found.evidence_digest != watched.evidence_digest:
        wanted = watched.evidence_digest
        raise DigestMismatch(f"package {watched.package_arn}: found evidence {found.evidence_digest}, wanted {wanted}")
    if not (found.artifact_uri and found.artifact_digest and found.image_uri):
        raise ArtifactMissing(f"package {watched.package_arn}: found no artifact or image, wanted both with a digest")
    return found
