"""`muster approve` and `muster reject`: a person's answer in the registry, bound to the digest of the evidence."""

from dataclasses import dataclass
from typing import Any, Literal

from botocore.exceptions import ClientError

from muster.approval import approval_description
from muster.aws.ledger import Ledger
from muster.aws.ledger_approvals import Approvals
from muster.contracts.base import iso
from muster.contracts.pipeline import PendingApproval
from muster.errors import NotFound, Refused
from ops.installation import Installation


@dataclass(frozen=True)
class Waiting:
    """An approval as the ledger shows it."""

    package_arn: str
    run: str
    model: str
    evidence_digest: str
    evidence_uri: str
    status: str
    expires_at: str


def waiting(installation: Installation, package_arn: str) -> Waiting:
    """Return what waits for an answer.

    Raises
    ------
    NotFound
        When no approval was ever asked for this package.
    """
    found = Approvals(Ledger(installation.client("dynamodb"), installation.ledger)).get(package_arn)
    if found is None:
        raise NotFound(f"package {package_arn}: found no approval in the ledger, wanted one that `muster status` lists")
    return _waiting(found)


def answer(
    installation: Installation,
    package_arn: str,
    status: Literal["Approved", "Rejected"],
    digest: str | None,
    reason: str,
) -> dict[str, Any]:
    """Set the status in the registry, with the digest that the answer is for.

    Parameters
    ----------
    digest
        The evidence digest that the person has read, or its first 12 or more characters; the ledger's when left out.

    Raises
    ------
    Refused
        When the digest is not the one that waits for an answer, or the registry does not take the answer.
    """
    asked = waiting(installation, package_arn)
    if digest and not (len(digest) >= 12 and asked.evidence_digest.startswith(digest)):
        raise Refused(
            f"digest: found {digest}, wanted {asked.evidence_digest}, the evidence of this package: read that first"
        )
    description = approval_description(asked.evidence_digest, reason)
    try:
        installation.client("sagemaker").update_model_package(
            ModelPackageArn=package_arn, ModelApprovalStatus=status, ApprovalDescription=description
        )
    except ClientError as error:
        raise Refused(f"package {package_arn}: {error}") from error
    return {"package": package_arn, "digest": asked.evidence_digest, "model": asked.model}


def pending(installation: Installation) -> list[Waiting]:
    """Return every approval that waits for an answer, the first to expire first."""
    ledger = Ledger(installation.client("dynamodb"), installation.ledger)
    found = [_waiting(each.approval) for each in Approvals(ledger).unfinished() if each.approval.status == "pending"]
    return sorted(found, key=lambda each: each.expires_at)


def _waiting(asked: PendingApproval) -> Waiting:
    return Waiting(
        asked.package_arn,
        asked.run,
        asked.model,
        asked.evidence_digest,
        asked.evidence_uri,
        asked.status,
        iso(asked.expires_at),
    )
