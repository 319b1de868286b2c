"""The stacks as CloudFormation sees them: translated offline, for checks that do not understand SAM."""

import os
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

ROOT = Path(__file__).resolve().parents[2]
REGION = "us-gov-west-1"
STACKS = (
    "keys",
    "foundation",
    "access",
    "training",
    "registry",
    "pipeline",
    "serving",
    "quality",
    "drift",
    "batch",
    "nightly",
    "monitoring",
    "operations",
    "watch",
)


@cache
def translate(stack: str) -> dict[str, Any]:
    """Return one stack's template after the SAM transform, in the GovCloud partition."""
    with patch.dict(os.environ, {"AWS_DEFAULT_REGION": REGION}):
        from samtranslator.parser.parser import Parser
        from samtranslator.translator.translator import Translator
        from samtranslator.yaml_helper import yaml_parse

        template = yaml_parse((ROOT / "stacks" / f"{stack}.yaml").read_text())
        for resource in template["Resources"].values():
            properties = resource.get("Properties", {})
            for name in ("CodeUri", "ContentUri", "DefinitionUri"):
                if name in properties:  # the transform wants what `sam package` would have put there
                    properties[name] = f"s3://artifacts/{Path(properties[name]).name}"
        # SAM writes a parameter of a layer's name out; the prefix stays one.
        parameters = {**dict.fromkeys(template.get("Parameters", {}), "x"), "Prefix": "${Prefix}"}
        return Translator({}, Parser()).translate(template, parameters)
