"""Plans the preprocessing and the training job of a run.

``{run, snapshot} -> TrainingPlan``
"""

from muster.aws import job_code
from muster.aws.documents import spec_of
from muster.aws.s3 import ObjectStore
from muster.contracts.base import Contract, parse
from muster.contracts.pipeline import Run, SnapshotRef, TrainingPlan
from muster.plans import training
from muster.runtime import Event, entry, settings


class Input(Contract):
    """The function's event."""

    run: Run
    snapshot: SnapshotRef


@entry
def handler(event: Event) -> TrainingPlan:
    """Read the spec, make sure that Muster's job code is in place, and build the requests."""
    given = parse(Input, event, "plan_training")
    names = settings()
    store = ObjectStore.of(names)
    spec = spec_of(store, given.run.spec_uri, given.run.spec_digest)
    jobs_digest = job_code.publish(names, store)
    return training.plan(given.run, given.snapshot, spec, names, jobs_digest=jobs_digest)
