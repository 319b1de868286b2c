"""The middleware: who is let through, who is refused and in which words, and what is recorded."""

from __future__ import annotations

import json
import statistics
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from rehearsal import Rehearsal, patching
from rehearsal.iam import AccessDenied, UnsupportedPolicy
from rehearsal.iam.middleware import Middleware

GOV = "arn:aws-us-gov"
HERE = "us-gov-west-1:123456789012"
LAMBDA = "lambda.amazonaws.com"


def allow(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def trust(principal: dict[str, Any], action: Any = "sts:AssumeRole", **more: Any) -> str:
    return document({"Effect": "Allow", "Principal": principal, "Action": action, **more})


@pytest.fixture
def make(rehearsal: Rehearsal) -> Callable[..., str]:
    """Return a function that makes a role with these statements and returns its ARN."""

    def role(*statements: dict[str, Any], trusts: str = "", **more: Any) -> str:
        iam = rehearsal.client("iam")
        name = f"iam-{uuid.uuid4().hex[:12]}"
        arn: str = iam.create_role(
            RoleName=name, AssumeRolePolicyDocument=trusts or trust({"Service": LAMBDA}), **more
        )["Role"]["Arn"]  # fmt: skip
        if statements:
            iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=document(*statements))
        return arn

    return role


@pytest.fixture
def acting(rehearsal: Rehearsal, make: Callable[..., str]) -> Callable[..., Any]:
    """Return a function that gives a client of a service for a new role with these statements."""

    def client(service: str, *statements: dict[str, Any]) -> Any:
        return rehearsal.client(service, rehearsal.host.iam.assume(make(*statements), LAMBDA, "fn"))

    return client


@pytest.fixture
def bucket(rehearsal: Rehearsal) -> str:
    name = f"iam-{uuid.uuid4().hex[:12]}"
    place = {"LocationConstraint": rehearsal.host.region}
    rehearsal.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration=place)
    return name


@pytest.fixture
def key(rehearsal: Rehearsal) -> str:
    """Return the ARN of a key that leaves the decision to IAM, for use through S3, SNS, SQS and DynamoDB only."""
    services = [f"{name}.us-gov-west-1.amazonaws.com" for name in ("s3", "sns", "sqs", "dynamodb", "lambda")]
    policy = document(
        {
            "Effect": "Allow",
            "Principal": {"AWS": f"{GOV}:iam::123456789012:root"},
            "Action": "kms:*",
            "Resource": "*",
            "Condition": {"StringEquals": {"kms:ViaService": services}},
        }
    )
    arn: str = rehearsal.client("kms").create_key(Policy=policy)["KeyMetadata"]["Arn"]
    return arn


def refused(call: Callable[[], Any]) -> tuple[str, int, str]:
    """Return code, status and message of the refusal of a call."""
    with pytest.raises(ClientError) as caught:
        call()
    error = caught.value.response
    return error["Error"]["Code"], error["ResponseMetadata"]["HTTPStatusCode"], error["Error"]["Message"]


# ---- the shapes of a refusal

SHAPES: list[tuple[str, Callable[[Any], Any], str, int, str, str]] = [
    ("stepfunctions", lambda c: c.list_state_machines(), "AccessDeniedException", 400, "states:ListStateMachines", "*"),
    (
        "dynamodb",
        lambda c: c.get_item(TableName="t-1", Key={"a": {"S": "1"}}),
        "AccessDeniedException",
        400,
        "dynamodb:GetItem",
        f"{GOV}:dynamodb:{HERE}:table/t-1",
    ),
    (
        "lambda",
        lambda c: c.invoke(FunctionName="f"),
        "AccessDeniedException",
        403,
        "lambda:InvokeFunction",
        f"{GOV}:lambda:{HERE}:function:f",
    ),
    (
        "sagemaker-runtime",
        lambda c: c.invoke_endpoint(EndpointName="E", Body=b"1"),
        "AccessDeniedException",
        403,
        "sagemaker:InvokeEndpoint",
        f"{GOV}:sagemaker:{HERE}:endpoint/e",
    ),
    (
        "sns",
        lambda c: c.publish(TopicArn=f"{GOV}:sns:{HERE}:t", Message="m"),
        "AuthorizationError",
        403,
        "SNS:Publish",
        f"{GOV}:sns:{HERE}:t",
    ),
    (
        "sqs",
        lambda c: c.send_message(QueueUrl="http://127.0.0.1/123456789012/q", MessageBody="m"),
        "AccessDenied",
        403,
        "sqs:sendmessage",
        f"{GOV}:sqs:{HERE}:q",
    ),
    ("sts", lambda c: c.get_access_key_info(AccessKeyId="ASIAXXXXXXXXXXXXXXXX"), "AccessDenied", 403, "", ""),
    ("cloudtrail", lambda c: c.lookup_events(), "AccessDeniedException", 400, "cloudtrail:LookupEvents", "*"),
]


@pytest.mark.parametrize(("service", "call", "code", "status", "action", "resource"), SHAPES)
def test_a_refusal_has_the_shape_and_the_words_of_its_service(
    acting: Callable[..., Any],
    service: str,
    call: Callable[[Any], Any],
    code: str,
    status: int,
    action: str,
    resource: str,
) -> None:
    # Given a role that may do nothing; when it calls the service
    client = acting(service)
    got_code, got_status, message = refused(lambda: call(client))
    # Then it is refused as AWS does it
    assert (got_code, got_status) == (code, status)
    assert "is not authorized to perform: " in message
    if action:
        assert message.startswith(f"User: {GOV}:sts::123456789012:assumed-role/iam-")
        assert message.endswith(
            f"/fn is not authorized to perform: {action} on resource: {resource} "
            f"because no identity-based policy allows the {action} action"
        )


def test_s3_refuses_in_xml_with_the_arn_in_quotes_and_takes_in_the_body(
    acting: Callable[..., Any], bucket: str
) -> None:
    code, status, message = refused(lambda: acting("s3").put_object(Bucket=bucket, Key="k", Body=b"x" * 300_000))
    assert (code, status) == ("AccessDenied", 403)
    assert message.endswith(
        f'is not authorized to perform: s3:PutObject on resource: "{GOV}:s3:::{bucket}/k" '
        "because no identity-based policy allows the s3:PutObject action"
    )


def test_an_unknown_key_and_a_wrong_token_are_refused(rehearsal: Rehearsal, make: Callable[..., str]) -> None:
    good = rehearsal.host.iam.assume(make(allow("*")), LAMBDA, "fn")
    unknown = {**good, "AWS_ACCESS_KEY_ID": "ASIA" + "Z" * 16}
    invalid = "The security token included in the request is invalid."
    expected = {
        "stepfunctions": ("UnrecognizedClientException", 400, invalid),
        "sts": ("InvalidClientTokenId", 403, invalid),
        "s3": ("InvalidAccessKeyId", 403, "The AWS Access Key Id you provided does not exist in our records."),
    }
    calls = {"stepfunctions": "list_state_machines", "sts": "get_caller_identity", "s3": "list_buckets"}
    for service, answer in expected.items():
        assert refused(getattr(rehearsal.client(service, unknown), calls[service])) == answer
    stranger = boto3.client(
        "sts",
        region_name="us-gov-west-1",
        endpoint_url=rehearsal.endpoint,
        aws_access_key_id=good["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key="x",
        aws_session_token="another",
    )
    assert refused(stranger.get_caller_identity)[0] == "InvalidClientTokenId"


def test_an_unsigned_request_is_refused(rehearsal: Rehearsal) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"{rehearsal.endpoint}/some-bucket/key")
    assert caught.value.code == 403
    caught.value.close()


def test_what_the_rehearsal_does_not_know_is_a_loud_error(rehearsal: Rehearsal, acting: Callable[..., Any]) -> None:
    before = len(rehearsal.host.iam.gaps)
    code, status, message = refused(acting("iam", allow("*")).list_users)
    assert (code, status) == ("RehearsalGap", 501)
    assert "iam ListUsers" in message
    assert rehearsal.host.iam.gaps[before:] == [message]
    odd = acting("sqs", allow("sqs:*", Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}))
    assert "aws:sourceip" in refused(lambda: odd.get_queue_url(QueueName="q"))[2]


# ---- what is allowed


def test_what_is_allowed_passes_and_is_recorded(rehearsal: Rehearsal, make: Callable[..., str], bucket: str) -> None:
    # Given a role that may write one prefix
    role = make(allow("s3:PutObject", f"{GOV}:s3:::{bucket}/mine/*"))
    s3 = rehearsal.client("s3", rehearsal.host.iam.assume(role, LAMBDA, "fn"))
    # When it writes there and elsewhere
    s3.put_object(Bucket=bucket, Key="mine/a", Body=b"1")
    refused(lambda: s3.put_object(Bucket=bucket, Key="other/a", Body=b"1"))
    # Then both are recorded by role, action and resource
    calls = [(c.action, c.resource, c.allowed) for c in rehearsal.host.iam.calls() if c.principal == role]
    assert calls == [
        ("s3:PutObject", f"{GOV}:s3:::{bucket}/mine/a", True),
        ("s3:PutObject", f"{GOV}:s3:::{bucket}/other/a", False),
    ]
    assert [c.resource for c in rehearsal.host.iam.denied() if c.principal == role] == [f"{GOV}:s3:::{bucket}/other/a"]


def test_a_missing_object_is_not_found_only_for_who_may_list(acting: Callable[..., Any], bucket: str) -> None:
    objects, whole = f"{GOV}:s3:::{bucket}/*", f"{GOV}:s3:::{bucket}"
    blind = acting("s3", allow("s3:GetObject", objects))
    code, status, message = refused(lambda: blind.get_object(Bucket=bucket, Key="none"))
    assert (code, status) == ("AccessDenied", 403)
    assert f'perform: s3:ListBucket on resource: "{whole}" because no identity-based' in message
    assert refused(lambda: blind.head_object(Bucket=bucket, Key="none"))[1] == 403
    seeing = acting("s3", allow("s3:GetObject", objects), allow("s3:ListBucket", whole))
    assert refused(lambda: seeing.get_object(Bucket=bucket, Key="none"))[0] == "NoSuchKey"
    assert refused(lambda: seeing.head_object(Bucket=bucket, Key="none"))[1] == 404


def test_a_bucket_policy_can_deny_and_sees_encrypted_transport(
    rehearsal: Rehearsal, acting: Callable[..., Any], bucket: str
) -> None:
    policy = document(
        {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [f"{GOV}:s3:::{bucket}", f"{GOV}:s3:::{bucket}/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        },
        {"Effect": "Deny", "Principal": "*", "Action": "s3:DeleteObject*", "Resource": f"{GOV}:s3:::{bucket}/*"},
    )
    rehearsal.client("s3").put_bucket_policy(Bucket=bucket, Policy=policy)
    s3 = acting("s3", allow("s3:*"))
    s3.put_object(Bucket=bucket, Key="k", Body=b"1")
    message = refused(lambda: s3.delete_object(Bucket=bucket, Key="k"))[2]
    assert message.endswith("with an explicit deny in a resource-based policy")


def test_managed_policies_and_permissions_boundaries_count(
    rehearsal: Rehearsal, make: Callable[..., str], bucket: str
) -> None:
    iam = rehearsal.client("iam")
    suffix = uuid.uuid4().hex[:8]
    listing = iam.create_policy(PolicyName=f"list-{suffix}", PolicyDocument=document(allow("s3:ListBucket")))
    limit = iam.create_policy(PolicyName=f"limit-{suffix}", PolicyDocument=document(allow("sqs:*")))["Policy"]["Arn"]
    free, limited = make(), make(PermissionsBoundary=limit)
    for role in (free, limited):
        iam.attach_role_policy(RoleName=role.rsplit("/", 1)[1], PolicyArn=listing["Policy"]["Arn"])
    s3 = rehearsal.client("s3", rehearsal.host.iam.assume(free, LAMBDA, "fn"))
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
    s3 = rehearsal.client("s3", rehearsal.host.iam.assume(limited, LAMBDA, "fn"))
    message = refused(lambda: s3.list_objects_v2(Bucket=bucket))[2]
    assert message.endswith("because no permissions boundary allows the s3:ListBucket action")


# ---- implied permissions


def test_an_encrypted_bucket_needs_its_key_through_s3(
    rehearsal: Rehearsal, acting: Callable[..., Any], bucket: str, key: str
) -> None:
    # Given a bucket that encrypts with a key of ours
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}}
    rehearsal.client("s3").put_bucket_encryption(
        Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [{**rule, "BucketKeyEnabled": True}]}
    )
    objects = allow("s3:*Object", f"{GOV}:s3:::{bucket}/*")
    # When roles without, with half and with all of the key's permissions write, read and copy
    without, writer = acting("s3", objects), acting("s3", objects, allow("kms:GenerateDataKey", key))
    both = acting("s3", objects, allow(["kms:GenerateDataKey", "kms:Decrypt"], key))
    put: dict[str, Any] = {"Bucket": bucket, "Key": "k", "Body": b"1"}
    copy: dict[str, Any] = {"Bucket": bucket, "Key": "l", "CopySource": {"Bucket": bucket, "Key": "k"}}
    # Then what is missing is named
    code, _, message = refused(lambda: without.put_object(**put))
    assert code == "AccessDenied"
    assert f"perform: kms:GenerateDataKey on resource: {key} because no identity-based policy" in message
    writer.put_object(**put)
    assert "perform: kms:Decrypt on resource" in refused(lambda: writer.get_object(Bucket=bucket, Key="k"))[2]
    assert "perform: kms:Decrypt on resource" in refused(lambda: writer.copy_object(**copy))[2]
    both.copy_object(**copy)
    assert both.get_object(Bucket=bucket, Key="l")["Body"].read() == b"1"
    uses = [c for c in rehearsal.host.iam.calls() if c.resource == key and c.allowed]
    assert {c.action for c in uses} == {"kms:GenerateDataKey", "kms:Decrypt"}
    assert all(c.implied for c in uses)


def test_a_key_for_use_through_s3_cannot_be_used_directly(acting: Callable[..., Any], key: str) -> None:
    kms = acting("kms", allow("kms:*", key))
    code, status, message = refused(lambda: kms.generate_data_key(KeyId=key, KeySpec="AES_256"))
    assert (code, status) == ("AccessDeniedException", 400)
    assert message.endswith("because no resource-based policy allows the kms:GenerateDataKey action")


def test_encrypted_tables_topics_and_queues_need_their_key(
    rehearsal: Rehearsal, acting: Callable[..., Any], key: str
) -> None:
    name = f"iam-{uuid.uuid4().hex[:8]}"
    rehearsal.client("dynamodb").create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        SSESpecification={"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key},
    )
    topic = rehearsal.client("sns").create_topic(Name=name, Attributes={"KmsMasterKeyId": key})["TopicArn"]
    queue = rehearsal.client("sqs").create_queue(QueueName=name, Attributes={"KmsMasterKeyId": key})["QueueUrl"]
    uses: list[tuple[str, Callable[[Any], Any]]] = [
        ("dynamodb", lambda c: c.put_item(TableName=name, Item={"pk": {"S": "a"}})),
        ("sns", lambda c: c.publish(TopicArn=topic, Message="m")),
        ("sqs", lambda c: c.send_message(QueueUrl=queue, MessageBody="m")),
        ("sqs", lambda c: c.receive_message(QueueUrl=queue)),
    ]
    for service, use in uses:
        bare = acting(service, allow([f"{service}:*"]))
        assert " kms:" in refused(lambda use=use, bare=bare: use(bare))[2]
        use(acting(service, allow([f"{service}:*"]), allow(["kms:Decrypt", "kms:GenerateDataKey"], key)))


def test_a_role_is_passed_only_to_the_service_it_may_be_passed_to(
    rehearsal: Rehearsal, acting: Callable[..., Any], make: Callable[..., str]
) -> None:
    target = make(trusts=trust({"Service": "states.amazonaws.com"}))
    to_states = {"StringEquals": {"iam:PassedToService": "states.amazonaws.com"}}
    to_lambda = {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}
    definition = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}})

    def create(client: Any) -> Any:
        return client.create_state_machine(name=f"iam-{uuid.uuid4().hex[:8]}", definition=definition, roleArn=target)

    wrong = acting("stepfunctions", allow("states:*"), allow("iam:PassRole", target, Condition=to_lambda))
    assert f"iam:PassRole on resource: {target} because no identity-based" in refused(lambda: create(wrong))[2]
    right = acting("stepfunctions", allow("states:*"), allow("iam:PassRole", target, Condition=to_states))
    assert create(right)["stateMachineArn"]


# ---- sessions


def test_a_service_assumes_a_role_only_as_its_trust_policy_says(rehearsal: Rehearsal, make: Callable[..., str]) -> None:
    iam = rehearsal.host.iam
    rule = f"{GOV}:events:{HERE}:rule/r"
    condition = {"StringEquals": {"aws:SourceAccount": "123456789012"}, "ArnEquals": {"aws:SourceArn": rule}}
    role = make(trusts=trust({"Service": "events.amazonaws.com"}, Condition=condition))
    assert iam.assume(role, "events.amazonaws.com", "s", source_arn=rule)["AWS_ACCESS_KEY_ID"].startswith("ASIA")
    for service, arn in (("events.amazonaws.com", f"{rule}2"), ("events.amazonaws.com", None), (LAMBDA, rule)):
        with pytest.raises(AccessDenied, match=rf"^User: {service} is not authorized to perform: sts:AssumeRole on"):
            iam.assume(role, service, "s", source_arn=arn)
    with pytest.raises(AccessDenied, match="Role does not exist"):
        iam.assume(f"{role}-none", "events.amazonaws.com", "s")


def test_a_person_acts_under_their_own_name(rehearsal: Rehearsal, make: Callable[..., str]) -> None:
    root = {"AWS": f"{GOV}:iam::123456789012:root"}
    role = make(allow("sts:GetCallerIdentity"), trusts=trust(root, ["sts:AssumeRole", "sts:SetSourceIdentity"]))
    name = role.rsplit("/", 1)[1]
    who = rehearsal.client("sts", rehearsal.person("ada", name)).get_caller_identity()
    assert who["Arn"] == f"{GOV}:sts::123456789012:assumed-role/{name}/ada"
    assert who["UserId"].endswith(":ada")
    silent = make(trusts=trust(root))  # does not let anybody set a source identity
    with pytest.raises(AccessDenied, match="sts:SetSourceIdentity"):
        rehearsal.person("ada", silent.rsplit("/", 1)[1])


def test_a_source_identity_goes_along_a_chain_of_roles(rehearsal: Rehearsal, make: Callable[..., str]) -> None:
    # Given a person's role, and a second role that trusts the account
    root = {"AWS": f"{GOV}:iam::123456789012:root"}
    both = ["sts:AssumeRole", "sts:SetSourceIdentity"]
    second = make(allow("*"), trusts=trust(root, both))
    first = make(allow("sts:*", second), trusts=trust(root, both))
    outsider = make(trusts=trust(root, both))
    ada = rehearsal.client("sts", rehearsal.person("ada", first.rsplit("/", 1)[1]))
    # When the person assumes the second role
    answer = ada.assume_role(RoleArn=second, RoleSessionName="work")
    # Then the session is known by the rehearsal and still is Ada's
    assert answer["SourceIdentity"] == "ada"
    session = rehearsal.host.iam.session(answer["Credentials"]["AccessKeyId"])
    assert (session.role_arn, session.name, session.source_identity) == (second, "work", "ada")
    # And it cannot become another's, nor can a role that may not assume it
    code, _, message = refused(lambda: ada.assume_role(RoleArn=second, RoleSessionName="w2", SourceIdentity="bob"))
    assert (code, "source identity of a session cannot be changed" in message) == ("AccessDenied", True)
    bob = rehearsal.client("sts", rehearsal.person("bob", outsider.rsplit("/", 1)[1]))
    assert refused(lambda: bob.assume_role(RoleArn=second, RoleSessionName="w3")) == (
        "AccessDenied",
        403,
        f"User: {GOV}:sts::123456789012:assumed-role/{outsider.rsplit('/', 1)[1]}/bob is not authorized to perform: "
        f"sts:AssumeRole on resource: {second}",
    )


def test_the_rehearsal_itself_may_do_anything_and_is_not_recorded(rehearsal: Rehearsal) -> None:
    before = len(rehearsal.host.iam.calls())
    assert rehearsal.client("sts").get_caller_identity()["Arn"] == f"{GOV}:iam::123456789012:root"
    rehearsal.client("iam").list_users()
    assert len(rehearsal.host.iam.calls()) == before


def test_the_caller_of_the_request_in_hand_is_known(
    rehearsal: Rehearsal, make: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from moto.sqs.models import SQSBackend

    seen: list[Any] = []
    plain = SQSBackend.list_queues
    monkeypatch.setattr(
        SQSBackend, "list_queues", lambda self, prefix: seen.append(rehearsal.host.iam.caller()) or plain(self, prefix)
    )
    role = make(allow("sqs:*"))
    rehearsal.client("sqs", rehearsal.host.iam.assume(role, LAMBDA, "fn")).list_queues()
    rehearsal.client("sqs").list_queues()
    assert [each and each.role_arn for each in seen] == [role, None]
    assert rehearsal.host.iam.caller() is None


# ---- checks without a request


def test_integrations_can_demand_a_permission(rehearsal: Rehearsal, make: Callable[..., str], key: str) -> None:
    iam = rehearsal.host.iam
    rule = f"{GOV}:events:{HERE}:rule/StepFunctionsGetEventsForSageMakerTrainingJobsRule"
    role = make(allow(["events:PutRule", "events:PutTargets"], rule), allow("kms:Decrypt", key))
    iam.require(role, "events:PutRule", rule)
    with pytest.raises(AccessDenied, match="events:DescribeRule on resource") as caught:
        iam.require(role, "events:DescribeRule", rule)
    assert (caught.value.action, caught.value.resource) == ("events:DescribeRule", rule)
    assert iam.allows(role, "events:PutTargets", rule)
    assert not iam.allows(role, "events:DeleteRule", rule)
    iam.require_key(role, key, "lambda")
    with pytest.raises(AccessDenied, match="resource-based policy allows the kms:Decrypt"):
        iam.require_key(role, key, "secretsmanager")


def test_a_service_needs_the_policy_of_the_resource(rehearsal: Rehearsal) -> None:
    name = f"iam-{uuid.uuid4().hex[:8]}"
    arn, topic = f"{GOV}:sqs:{HERE}:{name}", f"{GOV}:sns:{HERE}:t"
    url = rehearsal.client("sqs").create_queue(QueueName=name)["QueueUrl"]
    with pytest.raises(AccessDenied, match="because no resource-based policy allows the sqs:SendMessage action"):
        rehearsal.host.iam.require_service("sns.amazonaws.com", "sqs:SendMessage", arn, topic)
    statement = {
        **allow("sqs:SendMessage", arn),
        "Principal": {"Service": "sns.amazonaws.com"},
        "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
    }
    rehearsal.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": document(statement)})
    rehearsal.host.iam.require_service("sns.amazonaws.com", "sqs:SendMessage", arn, topic)


def test_a_topic_delivers_only_to_a_queue_that_lets_it(rehearsal: Rehearsal) -> None:
    sns, sqs, received = rehearsal.client("sns"), rehearsal.client("sqs"), []
    topic = sns.create_topic(Name=f"iam-{uuid.uuid4().hex[:8]}")["TopicArn"]
    statement = {"Principal": {"Service": "sns.amazonaws.com"}, "Condition": {"ArnEquals": {"aws:SourceArn": topic}}}
    for is_open in (False, True):
        name = f"iam-{uuid.uuid4().hex[:8]}"
        arn = f"{GOV}:sqs:{HERE}:{name}"
        policy = {"Policy": document({**allow("sqs:SendMessage", arn), **statement})} if is_open else {}
        url = sqs.create_queue(QueueName=name, Attributes=policy)["QueueUrl"]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
        sns.publish(TopicArn=topic, Message="m")
        received.append(len(sqs.receive_message(QueueUrl=url).get("Messages", [])))
    assert received == [0, 1]


def test_an_alarm_on_an_encrypted_topic_needs_its_key(rehearsal: Rehearsal, key: str) -> None:
    name = f"iam-{uuid.uuid4().hex[:8]}"
    topic = rehearsal.client("sns").create_topic(Name=name, Attributes={"KmsMasterKeyId": key})["TopicArn"]
    with pytest.raises(AccessDenied, match="resource-based policy allows the kms:GenerateDataKey"):
        rehearsal.host.iam.require_service("cloudwatch.amazonaws.com", "sns:Publish", topic)


def test_only_alarms_pass_the_default_policy_of_a_topic(rehearsal: Rehearsal, acting: Callable[..., Any]) -> None:
    topic = rehearsal.client("sns").create_topic(Name=f"iam-{uuid.uuid4().hex[:8]}")["TopicArn"]
    rehearsal.host.iam.require_service("cloudwatch.amazonaws.com", "sns:Publish", topic)
    with pytest.raises(AccessDenied):
        rehearsal.host.iam.require_service("events.amazonaws.com", "sns:Publish", topic)
    assert refused(lambda: acting("sns").publish(TopicArn=topic, Message="m"))[0] == "AuthorizationError"


def test_a_broken_policy_is_named(rehearsal: Rehearsal, make: Callable[..., str]) -> None:
    role = make(allow("s3:GetObject", f"{GOV}:s3:::b/${{aws:username}}/*"))
    with pytest.raises(UnsupportedPolicy, match="policy variables"):
        rehearsal.host.iam.require(role, "s3:GetObject", f"{GOV}:s3:::b/k")


# ---- cost and contract


@pytest.fixture
def request_environ(rehearsal: Rehearsal, make: Callable[..., str]) -> Iterator[Callable[[], dict[str, Any]]]:
    """Return a function that makes the environment of a GetItem by a role with five policies."""
    import io

    role = make(*[allow(f"svc{n}:*", f"{GOV}:svc{n}:::x/*") for n in range(4)], allow("dynamodb:GetItem", "*"))
    keys = rehearsal.host.iam.assume(role, LAMBDA, "fn")
    body = json.dumps({"TableName": "t-1", "Key": {"pk": {"S": "a"}}}).encode()
    scope = f"{keys['AWS_ACCESS_KEY_ID']}/20260101/us-gov-west-1/dynamodb/aws4_request"

    def environ() -> dict[str, Any]:
        return {
            "REQUEST_METHOD": "POST",
            "PATH_INFO": "/",
            "QUERY_STRING": "",
            "CONTENT_TYPE": "application/x-amz-json-1.0",
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_AUTHORIZATION": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0",
            "HTTP_X_AMZ_SECURITY_TOKEN": keys["AWS_SESSION_TOKEN"],
            "HTTP_X_AMZ_TARGET": "DynamoDB_20120810.GetItem",
            "wsgi.input": io.BytesIO(body),
        }

    return environ


def test_a_check_costs_less_than_a_millisecond(
    rehearsal: Rehearsal, request_environ: Callable[[], dict[str, Any]]
) -> None:
    answered: list[Any] = []
    middleware = Middleware(lambda *_: answered.append(1) or [], rehearsal.host, [])
    times = []
    for _ in range(200):
        environ = request_environ()
        begin = time.thread_time()  # of this thread: other work on the machine does not count
        middleware(environ, lambda *_: None)
        times.append(time.thread_time() - begin)
    assert len(answered) == 200
    assert statistics.median(times) < 0.001


def test_moto_keeps_policies_where_they_are_read() -> None:
    """The names in moto that `sources` and `key_use` read; each is a contract with moto==5.2.5."""
    from moto.awslambda.policy import Policy as FunctionPolicy
    from moto.core.parse import PROTOCOL_PARSERS
    from moto.core.routing import PROTOCOL_ROUTERS
    from moto.dynamodb.models import Table
    from moto.events.models import EventBus
    from moto.iam.models import PolicyVersion, Role
    from moto.kms.utils import KEY_ID_LEN
    from moto.s3.models import FakeBucket, FakeKey
    from moto.sagemaker.models import FakeEndpointConfig
    from moto.sns.models import Topic
    from moto.sqs.models import Queue

    def names(*functions: Any) -> set[str]:
        return {name for function in functions for name in function.__code__.co_names}

    assert {"policies", "managed_policies", "permissions_boundary_arn"} <= names(Role.__init__)
    assert {"assume_role_policy_document", "tags"} <= names(Role.__init__)
    assert {"is_default", "document"} <= names(PolicyVersion.__init__)
    assert {"policy", "encryption", "keys"} <= names(FakeBucket.__init__)
    stored = patching.original(FakeKey, "__init__")  # rehearsal.s3 has put its own in the place
    assert {"encryption", "kms_key_id", "bucket_key_enabled"} <= names(stored)
    assert "statements" in names(FunctionPolicy.__init__)
    assert isinstance(Topic.policy, property)
    assert isinstance(Queue.policy, property)
    assert "KMS_ATTRIBUTES" in vars(Queue)
    assert isinstance(EventBus.policy, property)
    assert {"sse_specification", "schema", "global_indexes", "indexes"} <= names(Table.__init__)
    assert "kms_key_id" in names(FakeEndpointConfig.__init__)
    assert KEY_ID_LEN == 36
    assert set(PROTOCOL_PARSERS) >= {"query", "rest-json", "rest-xml"}
    assert set(PROTOCOL_ROUTERS) >= {"rest-json", "rest-xml"}
