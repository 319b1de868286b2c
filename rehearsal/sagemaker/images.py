"""The container images that are rehearsed (images.yaml) and how an image URI finds one of them."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

_URI = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr(?:-fips)?\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(?:\.cn)?/(?P<repository>[^:@]+)"
    r"(?::(?P<tag>[^@]+))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)


class UnknownImage(ValueError):
    """The image URI names nothing that images.yaml lists."""


@dataclass(frozen=True)
class Image:
    """An image of images.yaml.

    Attributes
    ----------
    repository, tag, digest
        Its names in the registry.
    accounts
        Registry account per region.
    contract
        Name of the program that is its entry point: ``xgboost`` (see `framework`).
    python
        Its Python, such as ``3.10``.
    preload
        Modules that every process of this image is forked with.
    packages
        Importable top-level names and their versions; "" where the image does not fix it.
    """

    repository: str
    tag: str
    digest: str
    accounts: dict[str, str]
    contract: str
    python: str
    preload: tuple[str, ...]
    packages: dict[str, str]

    @property
    def name(self) -> str:
        """``repository:tag``, for messages."""
        return f"{self.repository}:{self.tag}"

    def for_child(self) -> dict[str, Any]:
        """Return what a job or server process needs to know of its image, as JSON."""
        return {
            "name": self.name,
            "python": self.python,
            "packages": self.packages,
            "absent": sorted(self._absent_from_python()),
        }

    def _absent_from_python(self) -> set[str]:
        own = _version(self.python)
        return {name for since, names in _table()["added_to_python"].items() if _version(since) > own for name in names}


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))


@functools.cache
def _table() -> dict[str, Any]:
    return yaml.safe_load((Path(__file__).parent / "images.yaml").read_text())


@functools.cache
def known() -> tuple[Image, ...]:
    """Return all images."""
    return tuple(
        Image(**{**entry, "tag": str(entry["tag"]), "preload": tuple(entry["preload"])}) for entry in _table()["images"]
    )


def find(uri: str) -> Image:
    """Return the image that `uri` names, by tag or by digest.

    Raises
    ------
    UnknownImage
        With the reason: not a registry URI, another registry account, no such repository, tag or digest.
    """
    match = _URI.fullmatch(uri)
    if match is None:
        raise UnknownImage(f"{uri!r} is not the URI of an image in ECR")
    part = match.groupdict()
    candidates = [image for image in known() if image.repository == part["repository"]]
    if not candidates:
        raise UnknownImage(f"{uri!r}: no image of repository {part['repository']!r} is rehearsed; known are {_names()}")
    for image in candidates:
        account = image.accounts.get(part["region"])
        if account is not None and account != part["account"]:
            raise UnknownImage(f"{uri!r}: the registry of {image.repository} in {part['region']} is {account}")
        named = part["digest"] or part["tag"]
        if named and part["digest"] in (None, image.digest) and part["tag"] in (None, image.tag):
            return image
    raise UnknownImage(f"{uri!r}: no such tag or digest is rehearsed; known are {_names()}")


def resolved(uri: str) -> str:
    """Return `uri` by digest, as DescribeEndpoint's DeployedImages has it."""
    base = uri.split("@")[0]
    slash = base.rfind("/")
    repository = base[:slash] + base[slash:].split(":")[0]
    return f"{repository}@{find(uri).digest}"


def _names() -> str:
    return ", ".join(f"{image.name} ({image.digest[:19]}...)" for image in known())
