"""No resource that holds state changes its identity unnoticed: the templates against a committed list."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from stateful import COMMAND, GUIDE, LOST, accepted, changes, found, templates

Documents = dict[str, dict[str, Any]]


def test_nothing_that_holds_state_has_changed_unnoticed() -> None:
    # Given the list that was accepted ; When the templates are compared with it ; Then nobody's data would be lost
    lines = changes(accepted(), found(templates()))
    assert not lines, "\n".join([*lines, f"Meant? Read {GUIDE}, then run: {COMMAND}"])


def test_the_list_knows_what_must_survive() -> None:
    # Given the accepted list ; Then buckets, keys and the ledger are in it, and each is retained
    listed = accepted()
    must = ("AWS::S3::Bucket", "AWS::KMS::Key", "AWS::DynamoDB::Table")
    assert {kind for kind in must if any(each.type == kind for each in listed)} == set(must)
    assert [each.name for each in listed if each.type in must and not each.retained] == []
    assert set(LOST) == {each.type for each in listed if each.type in LOST}, "a type that no template has"


def _rename(documents: Documents) -> None:
    resources = documents["foundation"]["Resources"]
    resources["LedgerTableV2"] = resources.pop("LedgerTable")


def _let_go(documents: Documents) -> None:
    del documents["foundation"]["Resources"]["EvidenceBucket"]["DeletionPolicy"]


def _let_replacement_delete(documents: Documents) -> None:
    documents["foundation"]["Resources"]["EvidenceBucket"]["UpdateReplacePolicy"] = "Delete"


def _name_the_table(documents: Documents) -> None:
    documents["foundation"]["Resources"]["LedgerTable"]["Properties"]["TableName"] = "ledger"


def _other_key(documents: Documents) -> None:
    documents["foundation"]["Resources"]["LedgerTable"]["Properties"]["KeySchema"][0]["AttributeName"] = "id"


def _rename_a_workflow(documents: Documents) -> None:
    machine = next(each["Resources"] for each in documents.values() if "ApprovalStateMachine" in each["Resources"])
    machine["ApprovalStateMachine"]["Properties"]["StateMachineName"] = "approvals"


def _make_it_optional(documents: Documents) -> None:
    documents["foundation"]["Resources"]["DataBucket"]["Condition"] = "OnFridays"


def _rename_a_room(documents: Documents) -> None:
    resources = documents["template"]["Resources"]
    resources["Ground"] = resources.pop("Foundation")


def _add(documents: Documents) -> None:
    resources = documents["training"]["Resources"]
    resources["CacheBucket"] = {"Type": "AWS::S3::Bucket", "Properties": {}}


def _other_type(documents: Documents) -> None:
    documents["foundation"]["Resources"]["LedgerTable"]["Type"] = "AWS::DynamoDB::GlobalTable"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (_rename, "foundation/LedgerTable (AWS::DynamoDB::Table) has gone"),
        (_let_go, "foundation/EvidenceBucket (AWS::S3::Bucket) is no longer retained"),
        (_let_replacement_delete, "foundation/EvidenceBucket (AWS::S3::Bucket) is no longer retained"),
        (_name_the_table, 'foundation/LedgerTable (AWS::DynamoDB::Table).TableName is "ledger", was null'),
        (_other_key, "foundation/LedgerTable (AWS::DynamoDB::Table).KeySchema is"),
        (_rename_a_workflow, 'ApprovalStateMachine (AWS::StepFunctions::StateMachine).StateMachineName is "approvals"'),
        (_make_it_optional, "foundation/DataBucket (AWS::S3::Bucket) depends on OnFridays"),
        (_rename_a_room, "template/Foundation (AWS::Serverless::Application) has gone"),
        (_add, "training/CacheBucket (AWS::S3::Bucket) is new"),
        (_other_type, "foundation/LedgerTable (AWS::DynamoDB::Table) is now AWS::DynamoDB::GlobalTable"),
    ],
    ids=lambda value: value.__name__.strip("_") if callable(value) else "",
)
def test_each_change_to_state_is_told_with_what_it_does(change: Callable[[Documents], None], expected: str) -> None:
    # Given today's templates with one change ; When they are compared ; Then one line says which resource and what is lost
    before = templates()
    after = deepcopy(before)
    change(after)
    lines = [line for line in changes(found(before), found(after)) if expected in line]
    assert len(lines) == 1
    assert "is new" in lines[0] or any(loss in lines[0] for loss in LOST.values())
