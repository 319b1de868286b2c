"""SAM to CloudFormation by aws-sam-translator, offline, with a cache on disk.

Importing the translator costs about a second on two cores and translating a stack some tens of milliseconds, so a
translation is kept under the digest of everything that it depends on: text, static parameter values, region and the
versions of translator and this package's format.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from copy import deepcopy
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from .errors import TemplateError
from .loading import SAM_TRANSFORM

_FORMAT = "1"  # of the cached files: change it when `package` or this module changes what it makes of a template
_KEPT_FILES = 200


def translate(
    document: dict[str, Any], template: Path, parameters: dict[str, Any], region: str, cache: Path | None = None
) -> dict[str, Any]:
    """Return the CloudFormation template that the SAM template stands for.

    Parameters
    ----------
    document
        The packaged template (`rehearsal.template.assets.package`).
    template
        Its file, for errors.
    parameters
        The values of those parameters that are known without any resource. The others keep their ``Ref``: SAM would
        otherwise write their *default* into what it generates.
    region
        Decides the partition in ARNs of managed policies that SAM writes out.
    cache
        Folder for translations; none means no cache.

    Raises
    ------
    TemplateError
        What SAM says about the template, one line.
    """
    transform = document.get("Transform")
    if transform is None:
        return document
    if transform not in (SAM_TRANSFORM, [SAM_TRANSFORM]):
        raise TemplateError(
            f"is {transform!r}; only {SAM_TRANSFORM} is known", template=template, logical_id="Transform"
        )
    kept = cache / f"{_digest(document, parameters, region)}.json" if cache else None
    if kept is not None and (found := _load(kept)) is not None:
        return found
    translated = _translate(document, template, parameters, region)
    if kept is not None:
        _keep(kept, translated)
    return translated


def default_cache() -> Path:
    """Return the folder for translations in the user's cache (``XDG_CACHE_HOME`` or ``~/.cache``)."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "muster-rehearsal" / "translations"


def _digest(document: dict[str, Any], parameters: dict[str, Any], region: str) -> str:
    try:
        translator = version("aws-sam-translator")
    except PackageNotFoundError as error:
        raise TemplateError("aws-sam-translator is not installed: it turns the SAM templates into resources") from error
    told = json.dumps([_FORMAT, translator, region, parameters, document], sort_keys=True, default=str)
    return hashlib.sha256(told.encode()).hexdigest()


def _translate(document: dict[str, Any], template: Path, parameters: dict[str, Any], region: str) -> dict[str, Any]:
    import boto3
    from samtranslator.model.exceptions import InvalidDocumentException
    from samtranslator.parser.parser import Parser
    from samtranslator.translator.transform import to_py27_compatible_template, undo_mark_unicode_str_in_template
    from samtranslator.translator.translator import Translator

    source, known = deepcopy(document), dict(parameters)
    for name, declaration in source.get("Parameters", {}).items():
        if name not in known and isinstance(declaration, dict):
            declaration.pop("Default", None)
    to_py27_compatible_template(source, known)
    # A session of its own names the region without touching the environment; no managed policy is asked from IAM:
    # SAM knows the AWS managed ones by name, and all others must be ARNs or references.
    translator = Translator({}, Parser(), boto_session=boto3.session.Session(region_name=region))
    try:
        translated = translator.translate(source, known, passthrough_metadata=True)
        translator.metrics.publish()  # to nowhere; unpublished ones make it complain when it is forgotten
    except InvalidDocumentException as error:
        causes = "; ".join(str(cause.message) for cause in error.causes) or str(error)
        raise TemplateError(f"SAM refuses it: {causes}", template=template) from error
    result: dict[str, Any] = json.loads(json.dumps(undo_mark_unicode_str_in_template(translated)))
    if "Parameters" in document:
        result["Parameters"] = document["Parameters"]
    return result


def _load(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # absent, or half written by a process that was killed: translate again
        return None
    return found if isinstance(found, dict) else None


def _keep(path: Path, translated: dict[str, Any]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        old = sorted(path.parent.glob("*.json"), key=lambda file: file.stat().st_mtime)
        for file in old[: max(0, len(old) - _KEPT_FILES)]:
            file.unlink(missing_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, suffix=".part", delete=False, encoding="utf-8") as part:
            json.dump(translated, part)
        Path(part.name).replace(path)  # whole or not at all: two rehearsals may write the same file at once
    except OSError:
        return  # a cache that cannot be written costs a second next time, nothing else
