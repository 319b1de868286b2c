"""What an endpoint serves, as the ledger and the evidence say it: for those who look at its traffic."""

from dataclasses import dataclass

from muster.aws.documents import evidence_of, spec_of
from muster.aws.s3 import ObjectStore
from muster.contracts.deployment import HistoryRecord
from muster.contracts.documents import BaselineRef, DocumentRef
from muster.contracts.evidence import Evidence
from muster.contracts.spec import ModelSpec
from muster.naming import evidence_key, s3_uri
from muster.settings import Settings


@dataclass(frozen=True)
class Served:
    """A model that serves, with the evidence that it was approved by."""

    live: HistoryRecord
    package_arn: str
    evidence_digest: str
    evidence: Evidence
    spec: ModelSpec

    @property
    def spec_ref(self) -> DocumentRef:
        """The published spec."""
        return DocumentRef(uri=self.evidence.code.spec_uri, digest=self.evidence.code.spec_digest)

    def unwatched(self) -> str | None:
        """Return why its traffic cannot be held against anything; None when it can."""
        if not self.spec.capture.active:
            missing = "controlled_fields are not said" if self.spec.capture.enabled else "enabled is false"
            return f"capture: {missing} in the spec of {self.package_arn}: nothing is captured"
        if self.baseline is None:
            return f"{self.package_arn} has no baseline: it was trained before Muster made baselines; train it again"
        return None

    @property
    def baseline(self) -> BaselineRef | None:
        """What its traffic is held against; None for a model that was trained before Muster made baselines."""
        return self.evidence.baseline


def served(live: HistoryRecord | None, store: ObjectStore, settings: Settings) -> Served | None:
    """Return what serves at an endpoint, by its LIVE record; None when nothing of Muster's does.

    Raises
    ------
    NotFound, DigestMismatch
        Evidence or spec is not there, or not what was approved.
    """
    if live is None or live.model is None or live.package_arn is None or live.evidence_digest is None:
        return None
    uri = s3_uri(settings.evidence_bucket, evidence_key(live.model, live.evidence_digest))
    evidence = evidence_of(store, uri, live.evidence_digest)
    spec = spec_of(store, evidence.code.spec_uri, evidence.code.spec_digest)
    return Served(live, live.package_arn, live.evidence_digest, evidence, spec)
