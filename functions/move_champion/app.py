"""Moves a model's champion pointer to what serves now: the model that the next candidate has to beat.

EventBridge event ``ModelDeployed`` or ``ModelRolledBack`` ``-> {moved, reason}``

An event that comes late does not move the pointer back: the pointer carries the time of its event.
"""

from muster.aws.events import envelope
from muster.aws.ledger import Ledger
from muster.aws.ledger_models import Models
from muster.aws.registry import Package, SageMakerModelRegistry
from muster.contracts.base import iso, parse
from muster.contracts.evaluation import Champion
from muster.contracts.events import ServingChanged
from muster.errors import DigestMismatch, NotFound
from muster.runtime import Event, entry, settings


@entry
def handler(event: Event) -> dict[str, object]:
    """Describe the package that serves and point at it."""
    serving = parse(ServingChanged, envelope(event, "ModelDeployed", "ModelRolledBack").detail)
    package = SageMakerModelRegistry().describe(serving.package_arn)
    if package is None:
        raise NotFound(f"package {serving.package_arn}: found none in the registry, wanted the one that serves")
    if package.evidence_digest != serving.evidence_digest:
        raise DigestMismatch(
            f"package {serving.package_arn}: found evidence {package.evidence_digest}, wanted {serving.evidence_digest}"
        )
    moved = Models(Ledger.of(settings())).move_champion(serving.model, _champion(serving, package))
    reason = "the pointer names what serves" if moved else f"a change later than {iso(serving.at)} is recorded already"
    return {"moved": moved, "reason": reason}


def _champion(serving: ServingChanged, package: Package) -> Champion:
    environment = dict(package.environment)
    entry_point = environment.pop("SAGEMAKER_PROGRAM", "")
    return parse(
        Champion,
        {
            "package_arn": package.package_arn,
            "evidence_digest": package.evidence_digest,
            "artifact_uri": package.artifact_uri,
            "artifact_digest": package.artifact_digest,
            "image_uri": package.image_uri,
            "image_digest": package.image_digest,
            "entry_point": entry_point,
            "environment": environment,
            "endpoint": serving.endpoint,
            "since": iso(serving.at),
        },
        f"package {package.package_arn}",
    )
