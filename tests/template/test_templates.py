"""The templates name what is there: functions, events, workflows, substitutions; and nothing of one account or partition."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from translated import ROOT, STACKS, translate

WORKFLOWS = sorted(path.name.removesuffix(".asl.json") for path in (ROOT / "state_machines").glob("*.asl.json"))
FUNCTIONS = sorted(path.parent.name for path in (ROOT / "functions").glob("*/app.py"))
SOURCES = [
    ROOT / "template.yaml",
    *sorted((ROOT / "stacks").glob("*.yaml")),
    *sorted((ROOT / "state_machines").glob("*.asl.json")),
]
EXPLAINED_STARS = {
    "states:SendTaskSuccess",
    "states:SendTaskFailure",
    "cloudtrail:LookupEvents",
    "xray:PutTraceSegments",
    "xray:PutTelemetryRecords",
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
    "cloudwatch:PutMetricData",
    "ecr:GetAuthorizationToken",
    "sagemaker:ListTrainingJobs",
    "sagemaker:ListProcessingJobs",
    "sagemaker:ListTransformJobs",
    "sagemaker:ListEndpoints",
    "sagemaker:ListEndpointConfigs",
    "sagemaker:ListModels",
    "sagemaker:ListModelPackageGroups",
    "logs:CreateLogDelivery",
    "logs:GetLogDelivery",
    "logs:UpdateLogDelivery",
    "logs:DeleteLogDelivery",
    "states:ListStateMachines",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:DescribeResourcePolicies",
    "logs:DescribeLogGroups",
}  # no resource-level permission (service authorization reference); EC2's network interfaces in a VPC likewise


def resources(kind: str) -> dict[str, dict[str, Any]]:
    """Return every resource of a type, over all translated stacks."""
    return {
        f"{stack}.{name}": resource
        for stack in STACKS
        for name, resource in translate(stack)["Resources"].items()
        if resource["Type"] == kind
    }


def pascal(name: str) -> str:
    return "".join(part.title() for part in name.split("_"))


def test_every_function_folder_is_a_function_and_has_an_event() -> None:
    # Given the folders of functions/ ; When the stacks are translated ; Then both name the same functions
    declared = {name.split(".")[1] for name in resources("AWS::Lambda::Function")}
    assert declared == {f"{pascal(name)}Function" for name in FUNCTIONS}
    assert sorted(path.stem for path in (ROOT / "events").glob("*.json")) == FUNCTIONS


def test_every_workflow_is_a_state_machine() -> None:
    declared = {name.split(".")[1] for name in resources("AWS::StepFunctions::StateMachine")}
    assert declared == {f"{pascal(name)}StateMachine" for name in WORKFLOWS}


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_substitutions_are_exactly_those_that_the_definition_uses(workflow: str) -> None:
    # Given a rendered definition ; When its ${...} are compared with the template's ; Then none is missing and none is idle
    definition = (ROOT / "state_machines" / f"{workflow}.asl.json").read_text()
    used = set(re.findall(r"\$\{(\w+)\}", definition))
    (machine,) = [
        r
        for name, r in resources("AWS::StepFunctions::StateMachine").items()
        if name.endswith(f".{pascal(workflow)}StateMachine")
    ]
    assert set(machine["Properties"]["DefinitionSubstitutions"]) == used


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_no_partition_account_or_region_is_written_down(source: Path) -> None:
    text = source.read_text()
    assert not re.findall(r"arn:aws(?:-us-gov|-cn)?:", text)
    assert not re.findall(r"\b\d{12}\b", text)
    assert not re.findall(r"\b(?:us|eu|ap)-(?:gov-)?(?:east|west|central)-\d\b", text)


def test_a_star_resource_stands_only_where_iam_knows_no_resource() -> None:
    # Given every identity policy ; When a statement allows something on "*" ; Then the action has no resource-level permission
    for name, policy in resources("AWS::IAM::ManagedPolicy").items():
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
            if statement["Effect"] != "Allow" or statement["Resource"] != "*":
                continue
            actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
            unexplained = {action for action in actions if not action.startswith("ec2:")} - EXPLAINED_STARS
            assert not unexplained, f"{name} {statement['Sid']}: {unexplained}"


def test_no_action_is_a_wildcard() -> None:
    for name, policy in resources("AWS::IAM::ManagedPolicy").items():
        assert '*"' not in json.dumps([s["Action"] for s in policy["Properties"]["PolicyDocument"]["Statement"]]), name


def test_nothing_but_the_root_passes_names_between_stacks() -> None:
    # Given the root's parameters to each nested application ; Then each stack gets exactly the parameters that it declares
    from samtranslator.yaml_helper import yaml_parse

    root = yaml_parse((ROOT / "template.yaml").read_text())["Resources"]
    for stack in STACKS:
        declared = yaml_parse((ROOT / "stacks" / f"{stack}.yaml").read_text())["Parameters"]
        assert set(root[stack.title()]["Properties"]["Parameters"]) == set(declared), stack


@pytest.mark.parametrize("environment", ["dev", "stage", "prod"])
def test_samconfig_deploys_what_the_root_declares(environment: str) -> None:
    # Given an environment of samconfig.toml ; When its deployment is read ; Then parameters exist, and SAM may do what it must
    from samtranslator.yaml_helper import yaml_parse

    declared = yaml_parse((ROOT / "template.yaml").read_text())["Parameters"]
    deploy = tomllib.loads((ROOT / "samconfig.toml").read_text())[environment]["deploy"]["parameters"]
    given = dict(each.split("=", 1) for each in deploy["parameter_overrides"])
    assert set(given) <= set(declared)
    assert {name for name, each in declared.items() if "Default" not in each} <= set(given)
    assert given["Environment"] == environment
    assert given["ObjectLock"] in declared["ObjectLock"]["AllowedValues"]
    assert deploy["capabilities"] == ["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
    assert deploy["s3_bucket"].startswith("<"), "a bucket of somebody's account"
    assert deploy["tags"] == [f"muster:environment={environment}"]
