"""What the governor looks up: how the last retraining ended, and whether there is new data. Telling of a dead end."""

from datetime import datetime, timedelta
from functools import cache

from muster import naming, retraining, snapshot
from muster.aws.documents import evidence_of, json_of
from muster.aws.executions import Executions
from muster.aws.ledger_models import Models
from muster.aws.ledger_retraining import Retraining
from muster.aws.notifications import Notifications
from muster.aws.s3 import ObjectStore
from muster.contracts.base import iso, parse
from muster.contracts.evaluation import Champion
from muster.contracts.retraining import RetrainingState
from muster.contracts.snapshot import SnapshotManifest
from muster.contracts.spec import ModelSpec
from muster.errors import DataRefused
from muster.settings import Settings

LISTED_VERSIONS = 100_000
"""Versions of training data that are looked through for something new: a hundred pages. If there are
more, something counts as new: the budgets still hold, and a crowded bucket must not keep a model from its new data."""
# The counters name an execution before it is started; until it must be there, "none" means "about to start".
_STARTING = timedelta(minutes=5)


def last_run(state: RetrainingState, executions: Executions, at: datetime) -> str | None:
    """Return how the recorded execution stands, as `muster.retraining.Standing` spells it: described, not believed."""
    if state.in_flight is None or state.last_started_at is None:
        return None
    found = executions.describe(state.in_flight)
    if found is None:
        return retraining.RUNNING if at - state.last_started_at < _STARTING else None
    return retraining.RUNNING if found.running else found.outcome or found.status


class NewData:
    """Whether a model's training data have changed since its champion learned from them."""

    def __init__(self, store: ObjectStore, names: Settings, spec: ModelSpec, champion: Champion | None) -> None:
        self._store, self._names, self._spec, self._champion = store, names, spec, champion
        self.missing = cache(self._missing)
        """Says why there is nothing new, or None; looks once."""

    def _missing(self) -> str | None:
        if self._champion is None:
            return None
        digest = self._champion.evidence_digest
        uri = naming.s3_uri(self._names.evidence_bucket, naming.evidence_key(self._spec.name, digest))
        evidence = evidence_of(self._store, uri, digest)
        data = self._store.read_pinned(evidence.data.manifest_uri, evidence.data.digest)
        manifest = parse(SnapshotManifest, json_of(data, evidence.data.manifest_uri), evidence.data.manifest_uri)
        bucket, prefix = self._names.data_bucket, self._spec.data.training
        try:
            if snapshot.any_new(manifest, self._store.listed(bucket, prefix, LISTED_VERSIONS)):
                return None
        except DataRefused:
            return None
        return (
            f"no object new or changed below s3://{bucket}/{prefix} since the champion's snapshot "
            f"{evidence.data.digest[:12]} of {iso(evidence.produced_by.started_at)}: put new labelled data, or force it"
        )


def escalate(retrainings: Retraining, people: Notifications, model: str, execution: str, words: str) -> None:
    """Tell people that a retraining led to nothing, and note that they were told."""
    people.retraining_escalated(model, words)
    retrainings.told(model, execution)


def tell_of_dead_end(
    model: str,
    *,
    retrainings: Retraining,
    models: Models,
    executions: Executions,
    people: Notifications,
    at: datetime,
) -> bool:
    """Tell people of a retraining that led to nothing, unless they were told: an episode of drift asks only once.

    Without this nobody would hear of it before the next wish, which may come late: the episode that asked is open.
    """
    state = retrainings.state(model)
    execution = state.in_flight
    if execution is None or (state.escalated == execution and state.told):
        return False
    words = retraining.dead_end(state, last_run(state, executions, at), models.champion(model))
    if words is None:
        return False
    if state.escalated != execution and not retrainings.advance(model, state, retraining.escalated(state)):
        return False  # the governor was faster, and tells
    escalate(retrainings, people, model, execution, words)
    return True
