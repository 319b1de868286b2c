"""``docs/deploying.md`` names the endpoints that the functions need, and outputs that the template has."""

from __future__ import annotations

import re

from samtranslator.yaml_helper import yaml_parse

from tests.docs.pages import ROOT

PAGE = (ROOT / "docs" / "deploying.md").read_text(encoding="utf-8")
# Names of boto3 clients, and of the VPC endpoints of their services where these are called otherwise.
ENDPOINTS = {
    "cloudwatch": "monitoring",
    "sagemaker": "sagemaker.api",
    "sagemaker-runtime": "sagemaker.runtime",
    "stepfunctions": "states",
}


def clients() -> set[str]:
    """Return the services that the functions call: every ``client("…")`` of the layer and the handlers."""
    sources = [*(ROOT / "layers" / "muster" / "muster").rglob("*.py"), *(ROOT / "functions").rglob("*.py")]
    return {
        name for path in sources for name in re.findall(r'\bclient\("([a-z0-9-]+)"\)', path.read_text(encoding="utf-8"))
    }


def test_there_is_an_endpoint_for_every_service_that_functions_call_and_no_other() -> None:
    listed = set(re.findall(r"^\| `([a-z0-9.]+)` \| (?:gateway|interface) \|", PAGE, re.MULTILINE))
    assert listed == {ENDPOINTS.get(each, each) for each in clients()}


def test_the_outputs_named_are_there_and_every_policy_for_people_is_named() -> None:
    outputs = set(yaml_parse((ROOT / "template.yaml").read_text(encoding="utf-8"))["Outputs"])
    named = set(re.findall(r"`(\w+PolicyArn)`", PAGE))
    assert named == {each for each in outputs if each.endswith("PolicyArn")}
