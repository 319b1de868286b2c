"""Where AWS keeps its framework images: framework, version and region to an image in ECR.

The table (images.json) is generated from the SageMaker SDK by ``make workflows``; accounts differ by partition and
region. Tags of these images can move, so `publish` and every run pin the digest.
"""

import json
import re
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from muster.errors import ImageUnknown

_DIGEST = re.compile(r"^sha256:[0-9a-f]{64}$")


@dataclass(frozen=True)
class Image:
    """A framework image in ECR."""

    registry: str
    repository: str
    tag: str

    @property
    def account(self) -> str:
        """The account of the registry."""
        return self.registry.partition(".")[0]

    @property
    def uri(self) -> str:
        """The image by its tag."""
        return f"{self.registry}/{self.repository}:{self.tag}"

    def pinned(self, digest: str) -> str:
        """Return the image by its digest.

        Raises
        ------
        ImageUnknown
            When that is not an image digest.
        """
        if not _DIGEST.match(digest):
            raise ImageUnknown(f"{self.uri}: found the digest {digest!r}, wanted sha256:<64 hex characters>")
        return f"{self.registry}/{self.repository}@{digest}"


def find(framework: str, version: str, region: str) -> Image:
    """Return the image of a framework in a region.

    Raises
    ------
    ImageUnknown
        Names what is known instead.
    """
    frameworks = table()["frameworks"]
    if framework not in frameworks:
        raise ImageUnknown(f"image.framework: found {framework!r}, wanted one of: {', '.join(sorted(frameworks))}")
    entry = frameworks[framework]
    if version not in entry["tags"]:
        raise ImageUnknown(
            f"image.version of {framework}: found {version!r}, wanted one of: {', '.join(entry['tags'])}"
        )
    if region not in entry["registries"]:
        raise ImageUnknown(f"{framework} {version}: found no image in region {region}, wanted a region that has one")
    return Image(entry["registries"][region], entry["repository"], entry["tags"][version])


@cache
def table() -> dict[str, Any]:
    """Return the table as it was generated."""
    text = resources.files("muster").joinpath("images.json").read_text(encoding="utf-8")
    data: dict[str, Any] = json.loads(text)
    return data
