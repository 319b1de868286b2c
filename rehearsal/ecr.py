"""ECR of other accounts: the framework images in AWS's own registries, with the digests of sagemaker/images.yaml.

moto knows only the rehearsal's own registry. What the caller may read there, the IAM middleware has decided.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rehearsal.host import Host

if TYPE_CHECKING:
    from moto.ecr.models import Image

_MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"


def install(host: Host) -> None:  # noqa: ARG001 - every extension is given the host
    """Answer for AWS's registries. Called once by the server when it starts."""
    from moto.ecr.models import ECRBackend

    from rehearsal.patching import original, replace

    describe, get = original(ECRBackend, "describe_images"), original(ECRBackend, "batch_get_image")

    def _describe_images(
        self: Any,
        repository_name: str,
        registry_id: str | None = None,
        image_ids: Sequence[dict[str, str]] | None = None,
    ) -> Any:
        if registry_id in (None, self.account_id):
            return describe(self, repository_name, registry_id, image_ids)
        images = _repository(self.region_name, repository_name, str(registry_id))
        if not image_ids:
            return images
        found = [_find(images, wanted) for wanted in image_ids]
        for wanted, image in zip(image_ids, found, strict=True):
            if image is None:
                raise _not_found(wanted, repository_name, str(registry_id))
        return found

    def _batch_get_image(
        self: Any,
        repository_name: str,
        registry_id: str | None = None,
        image_ids: Sequence[dict[str, Any]] | None = None,
    ) -> dict[str, Any]:
        """Images that are not there are failures in the answer, not an error (ECR API Reference, BatchGetImage)."""
        if registry_id in (None, self.account_id):
            answer: dict[str, Any] = get(self, repository_name, registry_id, image_ids)
            return answer
        images = _repository(self.region_name, repository_name, str(registry_id))
        pairs = [(wanted, _find(images, wanted)) for wanted in image_ids or []]
        return {
            "images": [image for _, image in pairs if image is not None],
            "failures": [
                {"imageId": wanted, "failureCode": "ImageNotFound", "failureReason": "Requested image not found"}
                for wanted, image in pairs
                if image is None
            ],
        }

    members = ("self", "repository_name", "registry_id", "image_ids")
    replace(ECRBackend, "describe_images", _describe_images, members)
    replace(ECRBackend, "batch_get_image", _batch_get_image, members)


def _repository(region: str, name: str, registry: str) -> list[Image]:
    """Return the known images of a repository in a registry of AWS.

    Raises
    ------
    RepositoryNotFoundException
        When the registry has no such repository in this region, as far as the rehearsal knows.
    """
    from moto.ecr.exceptions import RepositoryNotFoundException
    from moto.ecr.models import Image

    from rehearsal.sagemaker.images import known

    found = [each for each in known() if each.repository == name and each.accounts.get(region) == registry]
    if not found:
        raise RepositoryNotFoundException(name, registry)
    return [
        Image(
            account_id=registry,
            tag=each.tag,
            manifest=json.dumps({"schemaVersion": 2, "mediaType": _MANIFEST_TYPE, "layers": []}),
            repository=name,
            image_manifest_mediatype=_MANIFEST_TYPE,
            digest=each.digest,
        )
        for each in found
    ]


def _find(images: list[Image], wanted: dict[str, str]) -> Image | None:
    """Return the image with the tag and the digest that are asked for, where they are."""
    for image in images:
        tag, digest = wanted.get("imageTag"), wanted.get("imageDigest")
        if (tag or digest) and tag in (None, image.image_tag) and digest in (None, image.image_digest):
            return image
    return None


def _not_found(wanted: dict[str, str], repository: str, registry: str) -> Exception:
    from moto.ecr.exceptions import ImageNotFoundException

    digest, tag = wanted.get("imageDigest", "null"), wanted.get("imageTag", "null")
    return ImageNotFoundException(
        image_id=f"{{imageDigest:'{digest}', imageTag:'{tag}'}}", repository_name=repository, registry_id=registry
    )
