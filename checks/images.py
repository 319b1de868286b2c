"""Every model's image is one that AWS keeps in both GovCloud regions, by the table that deploys.

ECR accounts of the framework images differ by partition and region. An image without an entry would be found missing by
the first job. That the table says what the SageMaker SDK says is checked by ``python -m state_machines --check``.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from checks.findings import Finding, Result, result
from checks.located import Located, read
from checks.tree import GENERATED, Tree

REGIONS = ("us-gov-west-1", "us-gov-east-1")
_REGISTRY = r"\d{{12}}\.dkr\.ecr\.{region}\.amazonaws\.com"


def check(tree: Tree) -> Result:
    """Find models whose image is not in the table, and framework images without an account in a GovCloud region."""
    table = read(tree.root, GENERATED)
    models = [
        read(tree.root, path.relative_to(tree.root)) for path in sorted((tree.root / "models").glob("*/model.yaml"))
    ]
    findings = [*_accounts(table), *(each for model in models for each in _known(model, table))]
    return result(f"{len(table.data['frameworks'])} frameworks, {len(models)} models, {len(REGIONS)} regions", findings)


def _accounts(table: Located) -> Iterator[Finding]:
    for name, entry in table.data["frameworks"].items():
        for region in REGIONS:
            registry = entry["registries"].get(region)
            if registry is None or not re.fullmatch(_REGISTRY.format(region=region), registry):
                line = table.line("frameworks", name, "registries", region)
                message = (
                    f"{name}: found registry {registry} in {region}, wanted <account>.dkr.ecr.{region}.amazonaws.com"
                )
                yield Finding(table.path, line, message)


def _known(model: Located, table: Located) -> Iterator[Finding]:
    image, frameworks = model.data["image"], table.data["frameworks"]
    wanted = Path(GENERATED).name
    if image["framework"] not in frameworks:
        message = f"image: found framework {image['framework']}, wanted one of {wanted}: {', '.join(frameworks)}"
        yield Finding(model.path, model.line("image", "framework"), message)
    elif str(image["version"]) not in frameworks[image["framework"]]["tags"]:
        known = ", ".join(frameworks[image["framework"]]["tags"])
        message = f"image: found version {image['version']}, wanted one of {wanted}: {known}"
        yield Finding(model.path, model.line("image", "version"), message)
