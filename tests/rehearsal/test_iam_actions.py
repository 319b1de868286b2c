"""What requests of every protocol need: recognised from what boto3 really sends."""

from __future__ import annotations

import io
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.awsrequest import AWSPreparedRequest
from botocore.config import Config

from rehearsal import Rehearsal
from rehearsal.iam import requests
from rehearsal.iam.actions import TABLES, needs_of
from rehearsal.iam.errors import RehearsalGap, UnknownOperation
from rehearsal.iam.keys import Need

GOV = "arn:aws-us-gov"
HERE = "us-gov-west-1:123456789012"
TRAINING_ROLE = f"{GOV}:iam::123456789012:role/Training"


class Sent(Exception):
    def __init__(self, request: AWSPreparedRequest) -> None:
        self.request = request


def sent_by(service: str, operation: str, params: dict[str, Any], **config: Any) -> dict[str, Any]:
    """Return the WSGI environment of the request that boto3 would send."""
    client = boto3.session.Session().client(
        service,
        region_name="us-gov-west-1",
        aws_access_key_id="ASIATEST",
        aws_secret_access_key="x",
        endpoint_url=config.pop("endpoint_url", "http://127.0.0.1:1"),
        config=Config(**config),
    )

    def stop(request: AWSPreparedRequest, **_: Any) -> None:
        raise Sent(request)

    client.meta.events.register("before-send", stop)
    with pytest.raises(Sent) as caught:
        getattr(client, operation)(**params)
    request = caught.value.request
    url = urlsplit(request.url)
    body = request.body.read() if hasattr(request.body, "read") else request.body or b""
    body = body.encode() if isinstance(body, str) else body
    headers = {name: v.decode() if isinstance(v, bytes) else v for name, v in request.headers.items()}
    environ: dict[str, Any] = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}
    for name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        environ[name] = environ.pop(f"HTTP_{name}", "")
    environ |= {
        "REQUEST_METHOD": request.method,
        "PATH_INFO": url.path,
        "RAW_URI": f"{url.path}?{url.query}" if url.query else url.path,
        "QUERY_STRING": url.query,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "1",
        "HTTP_HOST": url.netloc,
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "CONTENT_LENGTH": str(len(body)),
    }
    return environ


def needs(rehearsal: Rehearsal, service: str, operation: str, params: dict[str, Any], **config: Any) -> list[Need]:
    environ = sent_by(service, operation, params, **config)
    signed = requests.credential(environ)
    assert signed is not None
    return needs_of(rehearsal.host, requests.parse(environ, signed))


def pairs(found: list[Need]) -> list[tuple[str, str]]:
    return [(need.action, need.resource) for need in found]


OBJECT = {"Bucket": "data", "Key": "a/b c+d.csv"}
OBJECT_ARN = f"{GOV}:s3:::data/a/b c+d.csv"

CASES: list[tuple[str, str, dict[str, Any], list[tuple[str, str]]]] = [
    ("s3", "get_object", OBJECT, [("s3:GetObject", OBJECT_ARN)]),
    ("s3", "get_object", {**OBJECT, "VersionId": "v1"}, [("s3:GetObjectVersion", OBJECT_ARN)]),
    ("s3", "head_object", OBJECT, [("s3:GetObject", OBJECT_ARN)]),
    ("s3", "put_object", {**OBJECT, "Body": b"x"}, [("s3:PutObject", OBJECT_ARN)]),
    (
        "s3",
        "put_object",
        {**OBJECT, "Body": b"x", "ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": "2030-01-01"},
        [("s3:PutObject", OBJECT_ARN), ("s3:PutObjectRetention", OBJECT_ARN)],
    ),
    (
        "s3",
        "copy_object",
        {**OBJECT, "CopySource": {"Bucket": "src", "Key": "k 1", "VersionId": "v"}},
        [("s3:GetObjectVersion", f"{GOV}:s3:::src/k 1"), ("s3:PutObject", OBJECT_ARN)],
    ),
    ("s3", "delete_object", {**OBJECT, "VersionId": "v"}, [("s3:DeleteObjectVersion", OBJECT_ARN)]),
    (
        "s3",
        "delete_objects",
        {"Bucket": "data", "Delete": {"Objects": [{"Key": "a"}, {"Key": "b", "VersionId": "v"}]}},
        [("s3:DeleteObject", f"{GOV}:s3:::data/a"), ("s3:DeleteObjectVersion", f"{GOV}:s3:::data/b")],
    ),
    ("s3", "list_objects_v2", {"Bucket": "data", "Prefix": "a/"}, [("s3:ListBucket", f"{GOV}:s3:::data")]),
    ("s3", "list_object_versions", {"Bucket": "data"}, [("s3:ListBucketVersions", f"{GOV}:s3:::data")]),
    ("s3", "head_bucket", {"Bucket": "data"}, [("s3:ListBucket", f"{GOV}:s3:::data")]),
    ("s3", "get_bucket_encryption", {"Bucket": "data"}, [("s3:GetEncryptionConfiguration", f"{GOV}:s3:::data")]),
    ("s3", "list_buckets", {}, [("s3:ListAllMyBuckets", "*")]),
    (
        "s3",
        "put_object_retention",
        {**OBJECT, "Retention": {"Mode": "GOVERNANCE", "RetainUntilDate": "2030-01-01"}},
        [("s3:PutObjectRetention", OBJECT_ARN)],
    ),
    (
        "dynamodb",
        "query",
        {"TableName": "t", "IndexName": "by-run", "KeyConditionExpression": "pk = :p"},
        [("dynamodb:Query", f"{GOV}:dynamodb:{HERE}:table/t/index/by-run")],
    ),
    (
        "dynamodb",
        "transact_write_items",
        {
            "TransactItems": [
                {"Put": {"TableName": "t", "Item": {"pk": {"S": "a"}}}},
                {"ConditionCheck": {"TableName": "u", "Key": {"pk": {"S": "b"}}, "ConditionExpression": "x"}},
            ]
        },
        [
            ("dynamodb:PutItem", f"{GOV}:dynamodb:{HERE}:table/t"),
            ("dynamodb:ConditionCheckItem", f"{GOV}:dynamodb:{HERE}:table/u"),
        ],
    ),
    (
        "dynamodb",
        "batch_write_item",
        {"RequestItems": {"t": [{"PutRequest": {"Item": {"pk": {"S": "a"}}}}]}},
        [("dynamodb:BatchWriteItem", f"{GOV}:dynamodb:{HERE}:table/t")],
    ),
    (
        "lambda",
        "invoke",
        {"FunctionName": "judge", "Qualifier": "live", "Payload": b"{}"},
        [("lambda:InvokeFunction", f"{GOV}:lambda:{HERE}:function:judge:live")],
    ),
    (
        "lambda",
        "invoke",
        {"FunctionName": f"{GOV}:lambda:{HERE}:function:judge"},
        [("lambda:InvokeFunction", f"{GOV}:lambda:{HERE}:function:judge")],
    ),
    (
        "stepfunctions",
        "start_execution",
        {"stateMachineArn": f"{GOV}:states:{HERE}:stateMachine:pipeline:7"},
        [("states:StartExecution", f"{GOV}:states:{HERE}:stateMachine:pipeline")],
    ),
    (
        "stepfunctions",
        "describe_execution",
        {"executionArn": f"{GOV}:states:{HERE}:execution:pipeline:x"},
        [("states:DescribeExecution", f"{GOV}:states:{HERE}:execution:pipeline:x")],
    ),
    ("stepfunctions", "send_task_success", {"taskToken": "t", "output": "{}"}, [("states:SendTaskSuccess", "*")]),
    (
        "events",
        "put_events",
        {"Entries": [{"Source": "muster", "DetailType": "d", "Detail": "{}", "EventBusName": "own"}]},
        [("events:PutEvents", f"{GOV}:events:{HERE}:event-bus/own")],
    ),
    (
        "events",
        "put_targets",
        {"Rule": "r", "EventBusName": "own", "Targets": [{"Id": "1", "Arn": "arn:x", "RoleArn": TRAINING_ROLE}]},
        [("events:PutTargets", f"{GOV}:events:{HERE}:rule/own/r"), ("iam:PassRole", TRAINING_ROLE)],
    ),
    ("sns", "publish", {"TopicArn": f"{GOV}:sns:{HERE}:t", "Message": "m"}, [("sns:Publish", f"{GOV}:sns:{HERE}:t")]),
    (
        "sqs",
        "send_message_batch",
        {"QueueUrl": "http://127.0.0.1:1/123456789012/q", "Entries": [{"Id": "1", "MessageBody": "m"}]},
        [("sqs:SendMessage", f"{GOV}:sqs:{HERE}:q")],
    ),
    (
        "sagemaker",
        "describe_training_job",
        {"TrainingJobName": "Run-A1"},
        [("sagemaker:DescribeTrainingJob", f"{GOV}:sagemaker:{HERE}:training-job/run-a1")],
    ),
    (
        "sagemaker",
        "create_endpoint",
        {"EndpointName": "E", "EndpointConfigName": "C", "Tags": [{"Key": "k", "Value": "v"}]},
        [
            ("sagemaker:CreateEndpoint", f"{GOV}:sagemaker:{HERE}:endpoint/e"),
            ("sagemaker:CreateEndpoint", f"{GOV}:sagemaker:{HERE}:endpoint-config/c"),
            ("sagemaker:AddTags", f"{GOV}:sagemaker:{HERE}:endpoint/e"),
        ],
    ),
    (
        "sagemaker",
        "create_model_package",
        {"ModelPackageGroupName": "Cancer"},
        [
            ("sagemaker:CreateModelPackage", f"{GOV}:sagemaker:{HERE}:model-package-group/cancer"),
            ("sagemaker:CreateModelPackage", f"{GOV}:sagemaker:{HERE}:model-package/cancer/*"),
        ],
    ),
    (
        "sagemaker",
        "update_model_package",
        {"ModelPackageArn": f"{GOV}:sagemaker:{HERE}:model-package/Cancer/3", "ModelApprovalStatus": "Approved"},
        [("sagemaker:UpdateModelPackage", f"{GOV}:sagemaker:{HERE}:model-package/cancer/3")],
    ),
    (
        "sagemaker-runtime",
        "invoke_endpoint",
        {"EndpointName": "E", "Body": b"1,2"},
        [("sagemaker:InvokeEndpoint", f"{GOV}:sagemaker:{HERE}:endpoint/e")],
    ),
    ("cloudwatch", "put_metric_data", {"Namespace": "M", "MetricData": []}, [("cloudwatch:PutMetricData", "*")]),
    (
        "cloudwatch",
        "describe_alarms",
        {"AlarmNames": ["a", "b"]},
        [
            ("cloudwatch:DescribeAlarms", f"{GOV}:cloudwatch:{HERE}:alarm:a"),
            ("cloudwatch:DescribeAlarms", f"{GOV}:cloudwatch:{HERE}:alarm:b"),
        ],
    ),
    (
        "logs",
        "put_log_events",
        {"logGroupName": "/g", "logStreamName": "s", "logEvents": [{"timestamp": 1, "message": "m"}]},
        [("logs:PutLogEvents", f"{GOV}:logs:{HERE}:log-group:/g:log-stream:s")],
    ),
    (
        "ssm",
        "get_parameters",
        {"Names": ["/muster/a", "b"]},
        [
            ("ssm:GetParameters", f"{GOV}:ssm:{HERE}:parameter/muster/a"),
            ("ssm:GetParameters", f"{GOV}:ssm:{HERE}:parameter/b"),
        ],
    ),
    (
        "ecr",
        "batch_get_image",
        {"registryId": "414596584902", "repositoryName": "sagemaker-xgboost", "imageIds": [{"imageTag": "3.0-5"}]},
        [("ecr:BatchGetImage", f"{GOV}:ecr:us-gov-west-1:414596584902:repository/sagemaker-xgboost")],
    ),
    ("cloudtrail", "lookup_events", {}, [("cloudtrail:LookupEvents", "*")]),
    (
        "scheduler",
        "get_schedule",
        {"Name": "sweep"},
        [("scheduler:GetSchedule", f"{GOV}:scheduler:{HERE}:schedule/default/sweep")],
    ),
    (
        "sts",
        "assume_role",
        {"RoleArn": TRAINING_ROLE, "RoleSessionName": "ada", "SourceIdentity": "ada"},
        [("sts:AssumeRole", TRAINING_ROLE), ("sts:SetSourceIdentity", TRAINING_ROLE)],
    ),
    ("sts", "get_caller_identity", {}, []),
]


@pytest.mark.parametrize(("service", "operation", "params", "expected"), CASES)
def test_an_operation_needs_its_actions_on_its_resources(
    rehearsal: Rehearsal, service: str, operation: str, params: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    assert pairs(needs(rehearsal, service, operation, params)) == expected


def test_a_training_job_passes_its_role_and_gives_its_condition_keys(rehearsal: Rehearsal) -> None:
    own, passed = needs(
        rehearsal,
        "sagemaker",
        "create_training_job",
        {
            "TrainingJobName": "j",
            "AlgorithmSpecification": {"TrainingInputMode": "File"},
            "RoleArn": TRAINING_ROLE,
            "OutputDataConfig": {"S3OutputPath": "s3://b/o", "KmsKeyId": "key-o"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5},
            "StoppingCondition": {"MaxRuntimeInSeconds": 600},
            "EnableNetworkIsolation": True,
            "VpcConfig": {"Subnets": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]},
        },
    )
    assert dict(own.context) == {
        "sagemaker:instancetypes": ("ml.m5.large",),
        "sagemaker:networkisolation": ("true",),
        "sagemaker:intercontainertrafficencryption": ("false",),
        "sagemaker:maxruntimeinseconds": ("600",),
        "sagemaker:outputkmskey": ("key-o",),
        "sagemaker:vpcsubnets": ("subnet-1", "subnet-2"),
        "sagemaker:vpcsecuritygroupids": ("sg-1",),
    }
    assert (passed.action, passed.resource, passed.implied) == ("iam:PassRole", TRAINING_ROLE, True)
    assert passed.context["iam:passedtoservice"] == ("sagemaker.amazonaws.com",)
    assert passed.context["iam:associatedresourcearn"] == (own.resource,)


def test_an_approval_gives_its_status_and_metadata(rehearsal: Rehearsal) -> None:
    (need,) = needs(
        rehearsal,
        "sagemaker",
        "update_model_package",
        {
            "ModelPackageArn": f"{GOV}:sagemaker:{HERE}:model-package/g/1",
            "ModelApprovalStatus": "Approved",
            "CustomerMetadataProperties": {"Digest": "sha256:1"},
        },
    )
    assert need.context["sagemaker:modelapprovalstatus"] == ("Approved",)
    assert need.context["sagemaker:customermetadataproperties/digest"] == ("sha256:1",)


def test_items_give_their_partition_key(rehearsal: Rehearsal) -> None:
    # Given a table
    rehearsal.client("dynamodb").create_table(
        TableName="iam-leading",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
        BillingMode="PAY_PER_REQUEST",
    )
    key = {"pk": {"S": "endpoint#a"}, "sk": {"S": "lease"}}
    # When items are read, written and queried
    got = needs(rehearsal, "dynamodb", "get_item", {"TableName": "iam-leading", "Key": key})
    queried = needs(
        rehearsal,
        "dynamodb",
        "query",
        {
            "TableName": "iam-leading",
            "KeyConditionExpression": "#p = :v AND begins_with(sk, :s)",
            "ExpressionAttributeNames": {"#p": "pk"},
            "ExpressionAttributeValues": {":v": {"S": "endpoint#a"}, ":s": {"S": "l"}},
        },
    )
    batch = {"RequestItems": {"iam-leading": {"Keys": [key, {**key, "pk": {"S": "b"}}]}}}
    fetched = needs(rehearsal, "dynamodb", "batch_get_item", batch)
    # Then each need names the partition keys that it touches
    assert got[0].context["dynamodb:leadingkeys"] == ("endpoint#a",)
    assert queried[0].context["dynamodb:leadingkeys"] == ("endpoint#a",)
    assert fetched[0].context["dynamodb:leadingkeys"] == ("endpoint#a", "b")


def test_a_bucket_in_the_host_name_is_recognised(rehearsal: Rehearsal) -> None:
    config = {"endpoint_url": "https://s3.us-gov-west-1.amazonaws.com", "s3": {"addressing_style": "virtual"}}
    found = needs(rehearsal, "s3", "get_object", OBJECT, **config)
    assert pairs(found) == [("s3:GetObject", OBJECT_ARN)]


def test_listing_gives_its_prefix_only_when_it_has_one(rehearsal: Rehearsal) -> None:
    with_prefix = needs(rehearsal, "s3", "list_objects_v2", {"Bucket": "data", "Prefix": "a/"})
    without = needs(rehearsal, "s3", "list_objects_v2", {"Bucket": "data"})
    assert with_prefix[0].context["s3:prefix"] == ("a/",)
    assert "s3:prefix" not in without[0].context


def test_an_operation_that_no_table_has_is_an_error_that_names_it(rehearsal: Rehearsal) -> None:
    with pytest.raises(UnknownOperation, match="sagemaker CreateDomain"):
        needs(
            rehearsal,
            "sagemaker",
            "create_domain",
            {
                "DomainName": "d",
                "AuthMode": "IAM",
                "DefaultUserSettings": {"ExecutionRole": TRAINING_ROLE},
                "SubnetIds": ["s"],
                "VpcId": "v",
            },
        )


def test_a_role_that_is_passed_in_a_way_nobody_knows_is_an_error(rehearsal: Rehearsal) -> None:
    asked = {"TableArn": f"{GOV}:dynamodb:{HERE}:table/t", "S3Bucket": "b"}
    with pytest.raises(RehearsalGap, match="PartiQL"):
        needs(rehearsal, "dynamodb", "execute_statement", {"Statement": "SELECT * FROM t"})
    assert pairs(needs(rehearsal, "dynamodb", "export_table_to_point_in_time", asked))


def test_tables_name_only_operations_that_the_services_have() -> None:
    session = boto3.session.Session()
    for service, rules in TABLES.items():
        known = set(session.client(service, region_name="us-gov-west-1").meta.service_model.operation_names)
        if service == "sagemaker-runtime":
            continue  # shares SageMaker's table
        known |= {"InvokeEndpoint", "InvokeEndpointAsync"} if service == "sagemaker" else set()
        assert set(rules) <= known, (service, set(rules) - known)
