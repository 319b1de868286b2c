"""``docs/architecture.md`` names the rooms as they are: the stacks in their order, each with its workflows."""

from __future__ import annotations

import re

from samtranslator.yaml_helper import yaml_parse

from tests.docs.pages import ROOT

PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def rooms() -> dict[str, list[str]]:
    table = PAGE.partition("## The rooms")[2].partition("Outputs flow")[0]
    found = re.findall(r"^\| ([a-z]+) \| .+ \| (.*) ?\|$", table, re.MULTILINE)
    return {name: re.findall(r"`(\w+)`", workflows) for name, workflows in found if name != "stack"}


def test_the_rooms_are_the_nested_applications_in_their_order() -> None:
    resources = yaml_parse((ROOT / "template.yaml").read_text(encoding="utf-8"))["Resources"].values()
    nested = [each["Properties"]["Location"] for each in resources if each["Type"] == "AWS::Serverless::Application"]
    assert [f"stacks/{name}.yaml" for name in rooms()] == nested


def test_a_room_has_the_workflows_of_its_stack() -> None:
    for name, workflows in rooms().items():
        resources = yaml_parse((ROOT / "stacks" / f"{name}.yaml").read_text(encoding="utf-8"))["Resources"].values()
        defined = [
            each["Properties"]["DefinitionUri"] for each in resources if each["Type"] == "AWS::Serverless::StateMachine"
        ]
        assert [f"../state_machines/{each}.asl.json" for each in workflows] == defined, name
