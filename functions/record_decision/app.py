"""Acts on "SageMaker Model Package State Change": somebody may have answered.

EventBridge event ``-> {outcome: accepted|refused|ignored, reason}``

The event says only where to look: it arrives twice, late, out of order or never. What counts is what the registry says
now.
"""

from typing import Any

from muster.aws.events import envelope
from muster.aws.judging import Judging
from muster.errors import ContractError
from muster.runtime import Event, entry, logger, settings

EVENT = "SageMaker Model Package State Change"


@entry
def handler(event: Event) -> dict[str, str]:
    """Describe the package, judge, act."""
    seen = envelope(event, EVENT)
    package_arn = _package_arn(seen.detail)
    logger.append_keys(package_arn=package_arn)
    found = Judging.of(settings()).look(package_arn, seen.time)
    return {"outcome": found.outcome, "reason": found.reason}


def _package_arn(detail: dict[str, Any]) -> str:
    arn = detail.get("ModelPackageArn")
    if not isinstance(arn, str) or ":model-package/" not in arn:
        raise ContractError(f"detail.ModelPackageArn: found {arn!r}, wanted the ARN of a model package")
    return arn
