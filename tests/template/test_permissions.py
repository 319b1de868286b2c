"""The IAM table of the templates as they are, and of templates with one fault each."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from checks.permissions import check, recording, report
from checks.permissions.__main__ import DOCUMENT
from checks.permissions.application import ROOT
from checks.permissions.check import table
from checks.tree import Tree

Copy = Callable[[str, str, str], Tree]


@pytest.fixture
def changed(tmp_path: Path) -> Copy:
    """Return a function that copies the application with one text of one template replaced."""

    def change(template: str, old: str, new: str) -> Tree:
        shutil.copytree(ROOT / "stacks", tmp_path / "stacks")
        shutil.copy(ROOT / "template.yaml", tmp_path)
        for name in ("functions", "layers", "state_machines"):
            (tmp_path / name).symlink_to(ROOT / name)
        path = tmp_path / template
        text = path.read_text()
        assert text.count(old) == 1, f"{template} has {text.count(old)} times {old!r}"
        path.write_text(text.replace(old, new))
        return Tree(tmp_path)

    return change


def messages(tree: Tree) -> list[str]:
    return [str(finding) for finding in check(tree).findings]


def test_nothing_is_missing_and_nothing_is_granted_that_nothing_needs() -> None:
    # Given the templates, the workflows and the record ; When needs and grants are compared ; Then they meet
    found = check(Tree(ROOT))
    assert [str(each) for each in found.findings] == []
    # Then something was looked at: every function, workflow, job, rule, schedule and person has a line
    made = table(ROOT)
    assert {each.principal for each in made.needs} == {each.principal for each in made.grants}
    assert len(made.needs) > 900


def test_the_document_is_that_of_the_templates() -> None:
    # Given docs/permissions.md ; When the table is printed anew ; Then it is the same (python -m checks.permissions --write)
    assert DOCUMENT.read_text() == report.markdown(table(ROOT))


SEAL = '{Sid: ReadOutput, Effect: Allow, Action: ["s3:GetObject", "s3:GetObjectVersion"]'
START = (
    '{Sid: Functions, Effect: Allow, Action: "lambda:InvokeFunction", Resource: [!GetAtt GovernRetrainingFunction.Arn'
)


@pytest.mark.parametrize(
    ("template", "old", "new", "said"),
    [
        # a permission that only a rehearsal shows is taken away
        ("stacks/training.yaml", SEAL, SEAL.replace('"s3:GetObject", ', ""), "seal-artifact: found no grant of s3:GetObject on"),
        # a permission that a workflow's definition implies
        ("stacks/monitoring.yaml", START, START.replace("GovernRetrainingFunction", "SettleExecutionFunction"), "retraining-workflow: found no grant of lambda:InvokeFunction on"),
        # a permission that a setting implies
        ("stacks/foundation.yaml", '"ec2:DescribeSubnets", ', "", "(Lambda Developer Guide, Giving functions access to a VPC"),
        # one action too many
        ("stacks/training.yaml", SEAL, SEAL.replace('"s3:GetObject"', '"s3:GetObject", "s3:DeleteObject"'), "seal-artifact: found s3:DeleteObject on"),
        # an action that AWS does not have
        ("stacks/training.yaml", SEAL, SEAL.replace('"s3:GetObject"', '"s3:GetObject", "s3:ReadObject"'), "SealArtifactPolicy ReadOutput: found action s3:ReadObject, which AWS does not have"),
        # an action on a resource of another kind
        ("stacks/training.yaml", SEAL, SEAL.replace('"s3:GetObject"', '"s3:GetObject", "s3:GetBucketVersioning"'), "found no resource that s3:GetBucketVersioning applies to"),
        # the same twice
        ("stacks/training.yaml", SEAL, SEAL.replace("ReadOutput", "Twice") + ", Resource: !Sub \"arn:${AWS::Partition}:s3:::${WorkBucketName}/runs/*\"}\n          - " + SEAL, "granted already by"),
        # a star whose reason is gone, and a reason that is no longer true
        ("stacks/foundation.yaml", "   # log delivery knows no resource", "", 'WorkflowBasePolicy LogDelivery: found resource "*" without a reason'),
        ("stacks/foundation.yaml", "   # log delivery knows no resource", "   # unseen: logs:GetLogDelivery - no", "found a comment that logs:getlogdelivery is unseen"),
    ],
)  # fmt: skip
def test_a_fault_is_found_in_its_place(changed: Copy, template: str, old: str, new: str, said: str) -> None:
    # Given templates with one fault ; When they are checked ; Then a finding says it, with the line
    tree = changed(template, old, new)
    found = [each for each in messages(tree) if said in each]
    assert found
    assert all(each.partition(":")[0].startswith("stacks/") for each in found)
    line = int(found[0].split(":")[1])
    assert 1 < line <= len((tree.root / found[0].partition(":")[0]).read_text().splitlines())


def test_a_condition_that_an_action_does_not_have_is_found(changed: Copy) -> None:
    # Given a grant under a key that SQS does not know ; When it is checked ; Then it is said that nothing is allowed by it
    old = '{Sid: DeadLetters, Effect: Allow, Action: "sqs:SendMessage", '
    tree = changed("stacks/foundation.yaml", old, old + 'Condition: {StringEquals: {"kms:ViaService": x}}, ')
    assert any(
        "found condition key kms:ViaService, which sqs:SendMessage does not have" in each for each in messages(tree)
    )


def test_a_template_that_cannot_be_read_is_a_finding(changed: Copy) -> None:
    # Given a resource type that nobody knows ; When the tree is checked ; Then that is the finding, not a traceback
    tree = changed("stacks/foundation.yaml", "Type: AWS::Events::EventBus\n", "Type: AWS::Events::Omnibus\n")
    (found,) = messages(tree)
    assert found.startswith("stacks/foundation.yaml:1: EventBus: AWS::Events::Omnibus")


def test_the_record_is_written_as_it_is_read(tmp_path: Path) -> None:
    # Given the committed record ; When it is read and written ; Then it is the same, and names no place of its own
    copy = tmp_path / "recorded.json"
    recording.save(recording.load(), copy)
    assert copy.read_text() == recording.FILE.read_text()
    assert "us-gov" not in copy.read_text()
