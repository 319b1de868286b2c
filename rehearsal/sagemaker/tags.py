"""Tags on the rehearsal's own records.

moto's AddTags, ListTags and DeleteTags find a record by ARN and work on its ``tags``; only the finding is replaced,
because moto knows no model packages and answers a missing resource with an AttributeError.
"""

from __future__ import annotations

from typing import Any

from rehearsal import patching
from rehearsal.sagemaker.errors import ValidationException

_COLLECTIONS = {
    "model": "_models",
    "endpoint": "endpoints",
    "endpoint-config": "endpoint_configs",
    "training-job": "training_jobs",
    "processing-job": "processing_jobs",
    "transform-job": "transform_jobs",
    "model-package-group": "model_package_groups",
    "model-package": "model_packages",
}


def _add_tags(self: Any, arn: str, tags: list[dict[str, str]]) -> list[dict[str, str]]:
    resource = self._get_resource_from_arn(arn)
    keys = {tag["Key"] for tag in tags}
    resource.tags = [tag for tag in resource.tags if tag["Key"] not in keys] + list(tags)
    if len(resource.tags) > 50:
        raise ValidationException("A resource can have at most 50 tags.")
    return resource.tags


def install() -> None:
    """Replace the two methods of moto."""
    from moto.sagemaker.models import SageMakerModelBackend

    def by_arn(self: Any, arn: str) -> Any:
        kind, _, name = arn.split(":", 5)[-1].partition("/")
        if kind not in _COLLECTIONS:
            return original(self, arn)
        found = getattr(self, _COLLECTIONS[kind]).get(arn if kind == "model-package" else name)
        if found is None:
            raise ValidationException(f"Could not find {kind} {arn}.")
        return found

    original = patching.replace(SageMakerModelBackend, "_get_resource_from_arn", by_arn, ("self", "arn"))
    patching.replace(SageMakerModelBackend, "add_tags", _add_tags, ("self", "arn", "tags"))
