"""May this package serve? Registry and ledger both have to say yes, to exactly what is there now.

Asked before every deployment, and of every candidate of a rollback. The registry says Approved; the ledger holds an
accepted decision for the same evidence digest; the evidence has that digest; the package's image and artifact are the
evidence's; and the artifact's bytes are what the evidence says.
"""

from dataclasses import dataclass

from muster.aws.documents import evidence_of, spec_of
from muster.aws.ledger_approvals import Approvals
from muster.aws.registry import ModelRegistry, Package
from muster.aws.s3 import ObjectStore
from muster.contracts.evidence import Evidence
from muster.contracts.spec import ModelSpec
from muster.errors import DigestMismatch, NotFound, Refused
from muster.naming import golden_key, s3_uri
from muster.plans.deployment import Servable


@dataclass(frozen=True)
class Cleared:
    """A package that may serve, with what was read on the way."""

    servable: Servable
    spec: ModelSpec


@dataclass(frozen=True)
class Clearance:
    """Everything that is asked."""

    registry: ModelRegistry
    approvals: Approvals
    store: ObjectStore
    records_bucket: str

    def check(self, package_arn: str, evidence_digest: str) -> Cleared:
        """Return what may be served.

        Raises
        ------
        Refused
            Says what speaks against it.
        """
        package = self.registry.describe(package_arn)
        if package is None:
            raise Refused(f"package {package_arn}: found none in the registry, wanted an approved one")
        self._approved(package, evidence_digest)
        try:
            evidence = self.evidence(package)
            spec = spec_of(self.store, evidence.code.spec_uri, evidence.code.spec_digest)
        except (NotFound, DigestMismatch) as error:
            raise Refused(f"package {package_arn}: {error}") from error
        golden = s3_uri(self.records_bucket, golden_key(evidence.code.code_digest))
        self._same(package, evidence)
        return Cleared(
            Servable(
                package_arn=package_arn,
                evidence_digest=evidence_digest,
                run=evidence.produced_by.run,
                image_uri=evidence.image.uri,
                image_digest=evidence.image.digest,
                artifact_uri=evidence.artifact.uri,
                artifact_digest=evidence.artifact.digest,
                golden_uri=golden,
            ),
            spec,
        )

    def evidence(self, package: Package) -> Evidence:
        """Return the evidence that a package names.

        Raises
        ------
        NotFound, DigestMismatch
            The package names none, it is not there, or it is not what its digest says.
        """
        if not package.evidence_uri or not package.evidence_digest:
            raise NotFound(f"package {package.package_arn}: found no evidence, wanted a package that Muster registered")
        return evidence_of(self.store, package.evidence_uri, package.evidence_digest)

    def _approved(self, package: Package, evidence_digest: str) -> None:
        name = f"package {package.package_arn}"
        if package.evidence_digest != evidence_digest:
            raise Refused(f"{name}: found evidence {package.evidence_digest}, wanted {evidence_digest} as approved")
        if package.answer.status != "Approved":
            raise Refused(f"{name}: found {package.answer.status} in the registry, wanted Approved")
        approval = self.approvals.get(package.package_arn)
        if approval is None or approval.status != "approved":
            found = approval.status if approval else "no approval"
            raise Refused(
                f"{name}: found {found} in the ledger, wanted an accepted approval: only Muster's judgement counts"
            )
        if approval.evidence_digest != evidence_digest:
            raise Refused(f"{name}: found evidence {approval.evidence_digest} approved, wanted {evidence_digest}")

    def _same(self, package: Package, evidence: Evidence) -> None:
        name = f"package {package.package_arn}"
        for what, found, wanted in (
            ("artifact", package.artifact_uri, evidence.artifact.uri),
            ("artifact digest", package.artifact_digest, evidence.artifact.digest),
            ("image", package.image_uri, evidence.image.uri),
            ("image digest", package.image_digest, evidence.image.digest),
        ):
            if found != wanted:
                raise Refused(f"{name}: {what}: found {found}, wanted {wanted} as in its evidence")
        try:
            digest = self.store.sha256_of(evidence.artifact.uri)
        except NotFound as error:
            raise Refused(f"{name}: artifact: {error}") from error
        if digest != evidence.artifact.digest:
            raise Refused(
                f"{name}: artifact {evidence.artifact.uri}: found sha256 {digest}, wanted {evidence.artifact.digest}"
            )
