"""Local files that a template names (code, layers, definitions, nested templates), and what `sam package` does to them.

SAM's translator takes S3 addresses only. `package` puts an address in the place of each local path, which the
translator carries to the CloudFormation resource that it makes; `locate` turns it back into the path. Nothing is
uploaded. Zip files are made the same way every time, so equal sources have equal digests.
"""

from __future__ import annotations

import io
import os
import zipfile
from copy import deepcopy
from pathlib import Path
from typing import Any

from .errors import TemplateError

BUCKET = "rehearsal-assets"

#: Type -> the property that may hold a local path (those of ``sam package`` that such an application uses).
_PATHS = {
    "AWS::Serverless::Function": "CodeUri",
    "AWS::Serverless::LayerVersion": "ContentUri",
    "AWS::Serverless::StateMachine": "DefinitionUri",
    "AWS::Serverless::Application": "Location",
    "AWS::Lambda::Function": "Code",
    "AWS::Lambda::LayerVersion": "Content",
    "AWS::StepFunctions::StateMachine": "DefinitionS3Location",
    "AWS::CloudFormation::Stack": "TemplateURL",
}
_ADDRESSES = ("s3://", "https://", "http://")

#: Files that never belong to a deployment package.
_LEFT_OUT = frozenset({"__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".DS_Store"})
_EPOCH = (1980, 1, 1, 0, 0, 0)


def package(document: dict[str, Any], template: Path) -> dict[str, Any]:
    """Return a copy of the template in which every local path is an address that `locate` knows.

    Raises
    ------
    TemplateError
        When a path does not exist, or something is to be fetched from elsewhere.
    """
    document = deepcopy(document)
    inherited = document.get("Globals", {}).get("Function", {}).get("CodeUri")
    for logical_id, resource in document["Resources"].items():
        kind, properties = resource["Type"], resource.setdefault("Properties", {})
        name = _PATHS.get(kind)
        if name is None or not isinstance(properties, dict):
            continue
        value = properties.get(name)
        if value is None and kind == "AWS::Serverless::Function" and "InlineCode" not in properties:
            value = inherited
            if value is None:
                raise TemplateError(
                    "is missing: name the folder of the function",
                    template=template,
                    logical_id=logical_id,
                    path=f"Properties.{name}",
                )
        if isinstance(value, str):
            properties[name] = _address(kind, value, template, logical_id, name)
    return document


def _address(kind: str, value: str, template: Path, logical_id: str, name: str) -> Any:
    def wrong(message: str) -> TemplateError:
        return TemplateError(message, template=template, logical_id=logical_id, path=f"Properties.{name}")

    if value.startswith(_ADDRESSES):
        raise wrong(f"is {value!r}: the rehearsal reads local files, name a path relative to the template")
    if not (template.parent / value).exists():
        raise wrong(f"there is no {value!r} beside the template ({os.path.normpath(template.parent / value)})")
    if kind.startswith("AWS::Serverless::") and not kind.endswith("::Application"):
        return f"s3://{BUCKET}/{value}"
    if kind.endswith(("::Application", "::Stack")):
        return value
    bucket, key = ("Bucket", "Key") if kind.endswith("::StateMachine") else ("S3Bucket", "S3Key")
    return {bucket: BUCKET, key: value}


def locate(location: dict[str, Any], template: Path) -> Path | None:
    """Return the local path that an S3 location of the translated template stands for; None for a true S3 location."""
    if location.get("S3Bucket", location.get("Bucket")) != BUCKET:
        return None
    return Path(os.path.normpath(template.parent / str(location.get("S3Key", location.get("Key")))))


def archive(source: Path, prefix: str = "") -> bytes:
    """Return a folder (or a zip file as it is) as the bytes of a zip file.

    Parameters
    ----------
    source
        A folder, a single file, or a ``.zip`` file, whose bytes are returned unchanged.
    prefix
        Put in front of every name, such as ``python/`` for a layer that `sam build` would build.
    """
    if source.is_file() and source.suffix == ".zip":
        return source.read_bytes()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as target:  # stored: it stays in memory, speed matters more
        for path in _files(source):
            name = path.relative_to(source).as_posix() if source.is_dir() else path.name
            entry = zipfile.ZipInfo(prefix + name, _EPOCH)
            entry.external_attr = (0o755 if os.access(path, os.X_OK) else 0o644) << 16
            target.writestr(entry, path.read_bytes())
    return buffer.getvalue()


def inline(source: str) -> bytes:
    """Return code that stands in the template itself as the zip file that Lambda makes of it (``index.py``)."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as target:
        target.writestr(zipfile.ZipInfo("index.py", _EPOCH), source)
    return buffer.getvalue()


def _files(source: Path) -> list[Path]:
    if source.is_file():
        return [source]
    found: list[Path] = []
    for folder, folders, names in os.walk(source, followlinks=True):
        folders[:] = sorted(name for name in folders if name not in _LEFT_OUT and not name.endswith(".egg-info"))
        found += [Path(folder, name) for name in sorted(names) if name not in _LEFT_OUT and not name.endswith(".pyc")]
    return found
