"""The rules of the IAM table: when a grant meets a need, what stays of a recorded call, what a task implies."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.permissions import catalogue, comparison, recording, storage
from checks.permissions.application import Resource, arn, read
from checks.permissions.granted import Grant, Statement
from checks.permissions.needed import Need
from checks.permissions.source import Place
from rehearsal.host import ACCOUNT, PARTITION, REGION, Host
from rehearsal.iam.patterns import matches
from rehearsal.record import Record
from rehearsal.stepfunctions.permissions import task_needs

HOST = Host(ACCOUNT, REGION, PARTITION, clock=None, endpoint="", workdir=Path(), children=None)  # type: ignore[arg-type]
BUCKET = "arn:aws-us-gov:s3:::RecordsBucket"
patterns = st.text("ab*", max_size=6)


def grant(action: str, resource: str, conditions: dict[str, tuple[str, ...]] | None = None, line: int = 1) -> Grant:
    statement = Statement(
        "P", "AWS::IAM::ManagedPolicy", f"S{line}", Place(Path("t.yaml"), line), True, (action,), (resource,), conditions or {}
    )  # fmt: skip
    return Grant("role", action, resource, statement)


def need(action: str, resource: str, via: str = "", open_: bool = False) -> Need:
    return Need("role", action, resource, "because", via, open_)


class TestOverlap:
    @given(patterns, st.text("ab", max_size=6))
    def test_with_plain_text_it_is_matching(self, pattern: str, text: str) -> None:
        assert comparison.overlap(pattern, text) == matches(pattern, text)

    @given(patterns, patterns)
    def test_it_goes_both_ways(self, one: str, other: str) -> None:
        assert comparison.overlap(one, other) == comparison.overlap(other, one)

    @given(patterns, patterns, st.text("ab", max_size=4))
    def test_what_two_patterns_both_match_is_an_overlap(self, one: str, other: str, text: str) -> None:
        if matches(one, text) and matches(other, text):
            assert comparison.overlap(one, other)


class TestMeeting:
    @pytest.mark.parametrize(
        ("granted", "needed", "meets"),
        [
            (f"{BUCKET}/specs/*", f"{BUCKET}/specs/*", True),
            (f"{BUCKET}/*", f"{BUCKET}/specs/*", True),
            (f"{BUCKET}/specs/a/*", f"{BUCKET}/specs/*", False),  # part of what is needed is not enough
            ("*", f"{BUCKET}/specs/*", True),
            (f"{BUCKET}/specs/*", "*", False),
        ],
    )
    def test_a_grant_covers_what_was_seen(self, granted: str, needed: str, meets: bool) -> None:
        assert comparison.meets(grant("s3:GetObject", granted), need("s3:GetObject", needed)) is meets

    def test_a_name_of_run_time_may_be_any_that_is_granted(self) -> None:
        endpoint = grant("sagemaker:UpdateEndpoint", arn("sagemaker", "endpoint/muster-*"))
        wanted = arn("sagemaker", "endpoint/*")
        assert comparison.meets(endpoint, need("sagemaker:UpdateEndpoint", wanted, open_=True))
        assert not comparison.meets(endpoint, need("sagemaker:UpdateEndpoint", wanted))

    @pytest.mark.parametrize(
        ("conditions", "via", "meets"),
        [
            ({}, "s3", True),
            ({"kms:ViaService": ("s3.us-gov-west-1.amazonaws.com",)}, "s3", True),
            ({"kms:ViaService": ("s3.us-gov-west-1.amazonaws.com",)}, "dynamodb", False),
            ({"kms:ViaService": ("s3.us-gov-west-1.amazonaws.com",)}, "", False),
            ({"kms:EncryptionContext:muster:package": ("false",)}, "", True),
            ({"kms:EncryptionContext:muster:package": ("false",)}, "dynamodb", False),
        ],
    )
    def test_a_key_is_used_through_the_service_that_the_grant_names(
        self, conditions: dict[str, tuple[str, ...]], via: str, meets: bool
    ) -> None:
        key = arn("kms", "key/LedgerKey")
        assert comparison.meets(grant("kms:Decrypt", key, conditions), need("kms:Decrypt", key, via)) is meets

    def test_of_two_equal_grants_the_second_is_said_to_repeat(self) -> None:
        first, second = grant("s3:GetObject", f"{BUCKET}/*", line=1), grant("s3:GetObject", f"{BUCKET}/a/*", line=2)
        assert list(comparison.repeated([first, second])) == [(second, first)]
        same = grant("s3:GetObject", f"{BUCKET}/*", line=3)
        assert list(comparison.repeated([first, same])) == [(same, first)]


class TestRecording:
    @pytest.mark.parametrize(
        ("called", "kept"),
        [
            (f"{BUCKET}/specs/0a1b/spec.json", f"{BUCKET}/specs/*"),
            (BUCKET, BUCKET),
            (arn("sagemaker", f"training-job/{'0a' * 10}-train-{'1b' * 16}"), arn("sagemaker", "training-job/*-train-*")),
            (arn("sagemaker", "model-package/muster-cars/3"), arn("sagemaker", "model-package/muster-*/*")),
            (arn("sagemaker", "endpoint-config/muster-cars-1f"), arn("sagemaker", "endpoint-config/muster-*")),
            (arn("states", "execution:muster-pipeline:run-1"), arn("states", "execution:muster-pipeline:*")),
            (arn("logs", "log-group:/aws/lambda/muster-x:log-stream:a"), arn("logs", "log-group:/aws/lambda/muster-x:*")),
            ("arn:aws-us-gov:ecr:us-gov-west-1:414596584902:repository/sagemaker-xgboost", "arn:aws-us-gov:ecr:us-gov-west-1:*:repository/sagemaker-xgboost"),
            ("*", "*"),
        ],
    )  # fmt: skip
    def test_what_differs_from_run_to_run_is_left_out(self, called: str, kept: str) -> None:
        assert recording.pattern(called) == kept

    def test_names_that_aws_invented_become_logical_ids(self) -> None:
        # Given a rehearsal's bucket and key, and calls of a role, of a service and of a role of nobody's
        application = read()
        role = arn("iam", "role/muster/muster-snapshot-data")
        bucket, key = "muster-foundation-0ffe-databucket-z52b", "9d9484c2-9f6b-4cdd"
        record = Record(
            template="template.yaml",
            names=[("DataBucket", "AWS::S3::Bucket", bucket), ("DataKey", "AWS::KMS::Key", key)],
            allowed=[
                (role, "s3:GetObjectVersion", f"arn:aws-us-gov:s3:::{bucket}/raw/cars/1.csv", ""),
                (role, "kms:Decrypt", arn("kms", f"key/{key}"), "s3"),
                ("events.amazonaws.com", "lambda:InvokeFunction", arn("lambda", "function:x"), ""),
                (arn("iam", "role/somebody"), "s3:ListAllMyBuckets", "*", ""),
            ],
        )
        # When it is summed up ; Then the role's calls are kept, by logical id, and the key with the service that used it
        assert recording.summary(application, record) == {
            "snapshot-data": {
                "s3:GetObjectVersion": ["arn:aws-us-gov:s3:::DataBucket/raw/*"],
                "kms:Decrypt via s3": [arn("kms", "key/DataKey")],
            }
        }

    def test_the_union_of_records_has_both(self) -> None:
        first, second = {"a": {"x": ["1"]}}, {"a": {"x": ["2"], "y": ["3"]}}
        assert recording.merged(first, second) == {"a": {"x": ["1", "2"], "y": ["3"]}}
        assert [each.resource for each in recording.needs(second)] == ["2", "3"]


def actions(state: dict[str, Any]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for each in task_needs(HOST, {"Type": "Task", **state}):
        found.setdefault(each.action, set()).add(each.resource.split(":", 5)[-1])
    return found


class TestIntegrations:
    def test_a_job_that_is_waited_for(self) -> None:
        # Given a task that starts a job and waits for it ; When its needs are told
        needs = actions(
            {
                "Resource": "arn:aws-us-gov:states:::sagemaker:createTrainingJob.sync",
                "Parameters": {
                    "TrainingJobName.$": "States.Format('{}-train-{}', $.run, $.hash)",
                    "RoleArn": arn("iam", "role/JobRole"),
                    "Tags": [{"Key": "k", "Value.$": "$.run"}],
                },
            }
        )
        # Then they are the call, its tags, the role that it passes, the look, the stop, and the managed rule
        job, rule = {"training-job/*-train-*"}, {"rule/StepFunctionsGetEventsForSageMakerTrainingJobsRule"}
        assert needs == {
            "sagemaker:CreateTrainingJob": job,
            "sagemaker:AddTags": job,
            "iam:PassRole": {"role/JobRole"},
            "sagemaker:DescribeTrainingJob": job,
            "sagemaker:StopTrainingJob": job,
            "events:PutRule": rule,
            "events:PutTargets": rule,
            "events:DescribeRule": rule,
        }

    def test_an_execution_that_is_waited_for(self) -> None:
        machine = arn("states", "stateMachine:muster-training")
        needs = actions(
            {
                "Resource": "arn:aws-us-gov:states:::states:startExecution.sync:2",
                "Parameters": {"StateMachineArn": machine, "Input": {}},
            }
        )
        assert needs["states:StartExecution"] == {"stateMachine:muster-training"}
        assert needs["states:DescribeExecution"] == needs["states:StopExecution"] == {"execution:muster-training:*"}
        assert needs["events:PutRule"] == {"rule/StepFunctionsGetEventsForStepFunctionsExecutionRule"}

    def test_a_call_that_is_not_waited_for_needs_only_itself(self) -> None:
        needs = actions(
            {
                "Resource": "arn:aws-us-gov:states:::states:startExecution",
                "Parameters": {"StateMachineArn": arn("states", "stateMachine:muster-pipeline")},
            }
        )
        assert needs == {"states:StartExecution": {"stateMachine:muster-pipeline"}}

    def test_a_machine_that_is_known_at_run_time_is_a_machine_all_the_same(self) -> None:
        start = {
            "Resource": "arn:aws-us-gov:states:::states:startExecution",
            "Parameters": {"StateMachineArn.$": "$.a"},
        }
        assert actions(start) == {"states:StartExecution": {"stateMachine:*"}}

    def test_a_call_of_the_sdk_and_a_function(self) -> None:
        described = {
            "Resource": "arn:aws-us-gov:states:::aws-sdk:sagemaker:describeEndpoint",
            "Parameters": {"EndpointName.$": "$.e"},
        }
        assert actions(described) == {"sagemaker:DescribeEndpoint": {"endpoint/*"}}
        assert actions({"Resource": arn("lambda", "function:muster-x")}) == {
            "lambda:InvokeFunction": {"function:muster-x"}
        }


class TestCatalogue:
    def test_it_knows_actions_kinds_and_keys(self) -> None:
        assert catalogue.actions("kms:Decrypt") == ("kms:Decrypt",)
        assert catalogue.actions("KMS:Nothing") == catalogue.actions("nobody:Does") == ()
        assert catalogue.applies("sagemaker:DescribeEndpoint", arn("sagemaker", "endpoint/muster-*"))
        assert not catalogue.applies("sagemaker:DescribeEndpoint", arn("sagemaker", "model/muster-*"))
        assert "sagemaker:modelapprovalstatus" in catalogue.condition_keys("sagemaker:UpdateModelPackage")


def test_a_record_names_no_account_region_or_partition() -> None:
    written = recording.as_written(json.dumps(arn("sagemaker", "endpoint/muster-*")))
    assert written == '"arn:${AWS::Partition}:sagemaker:${AWS::Region}:${AWS::AccountId}:endpoint/${Prefix}-*"'


def test_who_cannot_tell_a_missing_object_need_not_list_the_bucket() -> None:
    # Given a function and a state machine that read objects of a bucket
    bucket = Resource(Path("t.yaml"), "Work", "AWS::S3::Bucket", {}, "Work", arn("s3", "Work"))
    application = cast(Any, SimpleNamespace(of=lambda _: [bucket]))
    needs = [
        Need("function", "s3:GetObject", f"{bucket.arn}/x", "code"),
        Need("machine", "s3:GetObject", f"{bucket.arn}/items", "a Map's items", looks=False),
        Need("machine", "s3:GetObject", f"{bucket.arn}/items", "seen in a rehearsal"),
    ]
    # When what S3 asks for besides is told ; Then it is the function's alone
    assert [(each.principal, each.action) for each in storage.implied(application, needs)] == [
        ("function", "s3:ListBucket")
    ]
