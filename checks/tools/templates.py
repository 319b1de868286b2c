"""The stacks for tools that do not understand SAM, offline: translated, or evaluated to what would be created."""

import json
import re
from pathlib import Path
from typing import Any

from checks.permissions import application
from checks.tools.report import REGION
from rehearsal.template.assets import package
from rehearsal.template.loading import parse, read
from rehearsal.template.translation import default_cache, translate

_BUCKET = re.compile(r"(arn:[a-z-]+:s3:::)(\w+)")


def sources(root: Path) -> list[Path]:
    """Return the root template, the nested ones, and the one of what deploys them."""
    found = [root / "template.yaml", *sorted((root / "stacks").glob("*.yaml")), root / "docs" / "deployer.yaml"]
    return [path for path in found if path.exists()]


def source_of(root: Path, written: Path) -> Path:
    """Return the template that a file of `write_translated` or `write_evaluated` was made from."""
    return next(path.relative_to(root) for path in sources(root) if path.stem == written.stem)


def write_translated(root: Path, folder: Path) -> int:
    """Write every stack after the SAM transform, with its metadata, and return how many there are."""
    for path in sources(root):
        document = translate(package(parse(read(path), path), path), path, {}, REGION, default_cache())
        (folder / f"{path.stem}.json").write_text(json.dumps(document, indent=1), encoding="utf-8")
    return len(sources(root))


def write_evaluated(root: Path, folder: Path) -> int:
    """Write every stack with its expressions evaluated as for a first deployment, and return how many resources."""
    stacks: dict[str, dict[str, Any]] = {}
    count = 0
    for each in application.read(root).resources:
        stacks.setdefault(each.template.stem, {})[each.logical_id] = {"Type": each.type, "Properties": each.properties}
        count += 1
    for name, resources in stacks.items():
        text = json.dumps({"Resources": _as_created(resources)}, indent=1)
        # The application calls a bucket after its logical id; a rule knows buckets by the letters that they may have.
        text = _BUCKET.sub(lambda match: match[1] + match[2].lower(), text)
        (folder / f"{name}.json").write_text(text, encoding="utf-8")
    return count


def _as_created(value: Any) -> Any:
    """Turn numbers that a parameter gave as text into numbers, as CloudFormation does by the property's type."""
    if isinstance(value, dict):
        return {key: _as_created(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_as_created(each) for each in value]
    return int(value) if isinstance(value, str) and re.fullmatch(r"[1-9]\d{0,5}", value) else value
