"""The list of what us-gov-east-1 lacks is what cfn-lint says, for all that the templates and the workflows create."""

import re

import pytest
from broken_tree import ROOT
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from checks.regions import DEPLOYED_TO, EAST_LACKS, OTHER
from checks.requests import api_of
from checks.tree import Tree, tasks

HERE, THERE = (frozenset(PROVIDER_SCHEMA_MANAGER.get_resource_types(region)) for region in (DEPLOYED_TO, OTHER))


def test_every_type_of_the_templates_is_in_both_regions() -> None:
    tree = Tree(ROOT)
    used = {body["Type"] for template in tree.templates for body in template.data["Resources"].values()}
    used = {kind for kind in used if not kind.startswith("AWS::Serverless::")}
    assert len(used) > 10
    assert used - HERE == set()
    assert used - THERE == set()


def test_what_is_created_by_api_and_lacks_a_type_is_in_the_list() -> None:
    # Given what the workflows create, and what the adapters do
    operations = {
        api_of(str(state.body["Resource"])) for document in Tree(ROOT).definitions.values() for state in tasks(document)
    }
    created = {operation[1] for operation in operations if operation and operation[0] == "sagemaker"}
    adapters = "".join(path.read_text() for path in (ROOT / "layers/muster/muster/aws").glob("*.py"))
    created |= {"Create" + name.title().replace("_", "") for name in re.findall(r"\.create_(model_\w+)\(", adapters)}
    # When their resource types, where CloudFormation has one, are looked up in both regions
    types = {f"AWS::SageMaker::{name.removeprefix('Create')}" for name in created if name.startswith("Create")}
    # Then those that East lacks are the list
    assert (types & HERE) - THERE == set(EAST_LACKS)


@pytest.mark.parametrize("kind", EAST_LACKS)
def test_each_entry_is_still_lacking(kind: str) -> None:
    assert kind in HERE
    assert kind not in THERE
