"""Templates are created as they stand: every resource type, nested applications, changes in place, errors."""

from __future__ import annotations

import json
import re
import shutil
import time
from pathlib import Path

import pytest
from moto.s3.models import s3_backends

from rehearsal import Rehearsal
from rehearsal.host import ACCOUNT, PARTITION, REGION, Host
from rehearsal.template import KINDS, Stack, TemplateError, deploy, plan

HERE = Path(__file__).parent / "templates"


@pytest.fixture(scope="module")
def host(rehearsal: Rehearsal) -> Host:
    return rehearsal.host


@pytest.fixture(scope="module")
def everything(host: Host) -> Stack:
    """One resource of each type."""
    ec2 = host.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
    return deploy(host, HERE / "everything.yaml", {"Vpc": vpc, "Subnet": subnet}, "everything")


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """A copy of the application with nested ones, to be changed."""
    shutil.copytree(HERE / "app", tmp_path / "app")
    return tmp_path / "app" / "template.yaml"


def text(tmp_path: Path, body: str, name: str = "template.yaml") -> Path:
    path = tmp_path / name
    path.write_text(body)
    return path


# ---- every type


def test_every_known_type_is_created_by_a_test(everything: Stack) -> None:
    # Given the two test applications, then together they have every type that the rehearsal knows
    app = plan(HERE / "app" / "template.yaml", {"Prefix": "x"}, region=REGION).kinds()
    assert app | {resource.type for resource in everything.resources.values()} == set(KINDS)


def test_bucket_has_all_that_was_asked_for(host: Host, everything: Stack) -> None:
    # Given the created bucket, when it is asked, then it tells what the template says
    s3, name = host.client("s3"), {"Bucket": "everything-bucket"}
    assert s3.get_bucket_versioning(**name)["Status"] == "Enabled"
    rule = s3.get_bucket_encryption(**name)["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert rule["BucketKeyEnabled"] is True
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    assert all(s3.get_public_access_block(**name)["PublicAccessBlockConfiguration"].values())
    lock = s3.get_object_lock_configuration(**name)["ObjectLockConfiguration"]
    retention = lock["Rule"]["DefaultRetention"]
    assert (retention["Mode"], retention["Days"]) == ("GOVERNANCE", 7)
    rules = {rule["ID"]: rule for rule in s3.get_bucket_lifecycle_configuration(**name)["Rules"]}
    assert rules["old"]["Expiration"]["Days"] == 365
    assert rules["old"]["NoncurrentVersionExpiration"]["NoncurrentDays"] == 30
    assert rules["parts"]["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"] == 7
    assert rules["parts"]["Transitions"][0] == {"Days": 60, "StorageClass": "STANDARD_IA"}
    logging = s3.get_bucket_logging(**name)["LoggingEnabled"]
    assert logging == {"TargetBucket": everything.resources["LogBucket"].physical_id, "TargetPrefix": "bucket/"}
    # moto sends events to EventBridge by this setting, but does not tell it
    bucket = s3_backends[ACCOUNT][PARTITION].buckets["everything-bucket"]
    assert bucket.notification_configuration.event_bridge is not None
    assert s3.get_bucket_tagging(**name)["TagSet"] == [{"Key": "tier", "Value": "raw"}]
    owner = s3.get_bucket_ownership_controls(Bucket=everything.resources["LogBucket"].physical_id)
    assert owner["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    policy = s3.get_bucket_policy(Bucket=everything.resources["LogBucket"].physical_id)["Policy"]
    assert json.loads(policy)["Version"] == "2012-10-17"
    assert everything.outputs["BucketArn"] == f"arn:{PARTITION}:s3:::everything-bucket"


def test_table_has_all_that_was_asked_for(host: Host, everything: Stack) -> None:
    dynamodb, name = host.client("dynamodb"), {"TableName": "everything-table"}
    table = dynamodb.describe_table(**name)["Table"]
    assert table["SSEDescription"]["KMSMasterKeyArn"] == everything.resources["Key"].attributes["Arn"]
    assert table["DeletionProtectionEnabled"] is True
    assert table["GlobalSecondaryIndexes"][0]["IndexName"] == "by-sk"
    backups = dynamodb.describe_continuous_backups(**name)["ContinuousBackupsDescription"]
    assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
    lifetime = dynamodb.describe_time_to_live(**name)["TimeToLiveDescription"]
    assert (lifetime["AttributeName"], lifetime["TimeToLiveStatus"]) == ("expires", "ENABLED")
    assert everything.outputs["StreamArn"] == table["LatestStreamArn"]


def test_key_queue_and_topic_have_all_that_was_asked_for(host: Host, everything: Stack) -> None:
    key = everything.resources["Key"].physical_id
    assert host.client("kms").get_key_rotation_status(KeyId=key)["KeyRotationEnabled"] is True
    assert host.client("kms").describe_key(KeyId="alias/everything")["KeyMetadata"]["KeyId"] == key
    sqs = host.client("sqs")
    queue = sqs.get_queue_attributes(QueueUrl=everything.outputs["QueueUrl"], AttributeNames=["All"])["Attributes"]
    assert queue["VisibilityTimeout"] == "120"
    assert queue["KmsMasterKeyId"] == key
    dead = everything.resources["DeadLetters"].attributes["Arn"]
    assert json.loads(queue["RedrivePolicy"]) == {"deadLetterTargetArn": dead, "maxReceiveCount": 3}
    assert json.loads(queue["Policy"])["Statement"][0]["Action"] == "sqs:SendMessage"
    sns, topic = host.client("sns"), everything.resources["Topic"].physical_id
    attributes = sns.get_topic_attributes(TopicArn=topic)["Attributes"]
    assert attributes["KmsMasterKeyId"] == key
    assert json.loads(attributes["Policy"])["Statement"][0]["Sid"] == "events"
    protocols = {each["Protocol"] for each in sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]}
    assert protocols == {"sqs", "email"}


def test_role_has_its_path_boundary_and_policies(host: Host, everything: Stack) -> None:
    iam = host.client("iam")
    role = iam.get_role(RoleName="everything-role")["Role"]
    assert role["Arn"] == f"arn:{PARTITION}:iam::{ACCOUNT}:role/muster/everything-role"
    assert role["PermissionsBoundary"]["PermissionsBoundaryArn"] == everything.resources["Boundary"].physical_id
    assert sorted(iam.list_role_policies(RoleName="everything-role")["PolicyNames"]) == ["inline", "queues"]


def test_function_and_what_belongs_to_it(host: Host, everything: Stack) -> None:
    client, name = host.client("lambda"), {"FunctionName": "everything-function"}
    told = client.get_function_configuration(**name)
    dead = everything.resources["DeadLetters"].attributes["Arn"]
    assert told["DeadLetterConfig"] == {"TargetArn": dead}
    assert told["LoggingConfig"]["LogGroup"] == "/everything"
    assert told["TracingConfig"] == {"Mode": "Active"}
    assert told["KMSKeyArn"] == everything.resources["Key"].attributes["Arn"]
    config = client.get_function_event_invoke_config(**name)
    assert config["MaximumRetryAttempts"] == 1
    assert config["DestinationConfig"]["OnFailure"]["Destination"] == dead
    statement = json.loads(client.get_policy(**name)["Policy"])["Statement"][0]
    assert statement["Principal"] == {"Service": "events.amazonaws.com"}
    mapping = client.list_event_source_mappings(**name)["EventSourceMappings"][0]
    assert mapping["BatchSize"] == 5
    assert everything.outputs["AliasArn"].endswith(":function:everything-function:live")
    answer = client.invoke(FunctionName=everything.outputs["AliasArn"], Payload=b"[1]")
    assert json.loads(answer["Payload"].read()) == [1]


def test_rules_schedules_alarms_and_the_rest(host: Host, everything: Stack) -> None:
    events = host.client("events")
    rule = events.describe_rule(Name="everything-rule", EventBusName="everything-bus")
    assert json.loads(rule["EventPattern"]) == {"source": ["muster"], "detail-type": ["DriftDetected"]}
    target = events.list_targets_by_rule(Rule="everything-rule", EventBusName="everything-bus")["Targets"][0]
    assert target["RetryPolicy"]["MaximumRetryAttempts"] == 3
    schedule = host.client("scheduler").get_schedule(Name="everything-schedule", GroupName="everything-group")
    assert (schedule["State"], schedule["ScheduleExpression"]) == ("DISABLED", "rate(1 hour)")
    cloudwatch = host.client("cloudwatch")
    alarm = cloudwatch.describe_alarms(AlarmNames=["everything-alarm"])["MetricAlarms"][0]
    assert (alarm["Threshold"], alarm["TreatMissingData"]) == (1.0, "notBreaching")
    assert cloudwatch.get_dashboard(DashboardName="everything")["DashboardBody"] == '{"widgets": []}'
    assert host.client("ssm").get_parameter(Name="/everything/settings")["Parameter"]["Value"] == "{}"
    groups = host.client("sagemaker").list_model_package_groups()["ModelPackageGroupSummaryList"]
    assert "everything-models" in {group["ModelPackageGroupName"] for group in groups}
    group = host.client("logs").describe_log_groups(logGroupNamePrefix="/everything")["logGroups"][0]
    assert group["retentionInDays"] == 365


def test_network_has_only_the_given_egress(host: Host, everything: Stack) -> None:
    ec2 = host.client("ec2")
    group = ec2.describe_security_groups(GroupIds=[everything.resources["Security"].physical_id])["SecurityGroups"][0]
    assert sorted(rule["FromPort"] for rule in group["IpPermissionsEgress"]) == [443, 8443]
    assert group["IpPermissions"][0]["UserIdGroupPairs"][0]["GroupId"] == group["GroupId"]
    endpoint = everything.resources["Endpoint"].physical_id
    assert ec2.describe_vpc_endpoints(VpcEndpointIds=[endpoint])["VpcEndpoints"][0]["VpcEndpointType"] == "Interface"


# ---- a SAM application


def test_nested_applications_work_together(host: Host, app: Path) -> None:
    # Given an application of three templates, when it is deployed
    stack = deploy(host, app, {"Prefix": "nested"}, "nested")
    # Then outputs have gone from one nested application to the other
    assert stack.outputs["TableName"] == "nested-table"
    function = stack.outputs["GreetFunction"]
    told = host.client("lambda").get_function_configuration(FunctionName=function)
    assert told["Environment"]["Variables"] == {"TABLE": "nested-table"}
    assert told["VpcConfig"]["SubnetIds"] == ["subnet-1", "subnet-2"]
    # And the rendered state machine runs the function with its layer
    sfn = host.client("stepfunctions")
    machine = sfn.describe_state_machine(stateMachineArn=stack.outputs["MachineArn"])
    assert machine["name"] == "nested-greeting"
    assert f"arn:{PARTITION}:states:::lambda:invoke" in machine["definition"]
    answer = host.client("lambda").invoke(FunctionName=function, Payload=b'{"name": "you"}')
    expected = {"text": "hello, you", "table": "nested-table", "function": "nested-greet"}
    assert json.loads(answer["Payload"].read()) == expected
    # And names that the template does not give are CloudFormation's
    assert re.fullmatch(r"nested-Work-[0-9A-F]{12}-RefuseFunct[A-Za-z]*-[A-Z2-7]{12}", stack.outputs["RefuseFunction"])
    assert stack.physical("AWS::Logs::LogGroup") == {"Logs": "/nested/logs", "Vended": "/aws/vendedlogs/states/nested"}


def test_deploying_again_changes_functions_layers_and_state_machines_in_place(host: Host, app: Path) -> None:
    # Given a deployed application
    first = deploy(host, app, {"Prefix": "again"}, "again")
    # When nothing has changed, then nothing is done
    begun = time.monotonic()
    assert deploy(host, app, {"Prefix": "again"}, "again").outputs == first.outputs
    assert time.monotonic() - begun < 1
    # When code, layer and state machine change
    root = app.parent
    words = root / "layers" / "shared" / "common" / "words.py"
    words.write_text('HELLO = "good morning"\n')
    machine = root / "state_machines" / "greeting.asl.json"
    machine.write_text(machine.read_text().replace('"TimeoutSeconds": 60', '"TimeoutSeconds": 61'))
    second = deploy(host, app, {"Prefix": "again"}, "again")
    # Then the same function and state machine do something else
    assert second.outputs == first.outputs
    answer = host.client("lambda").invoke(FunctionName="again-greet", Payload=b'{"name": "you"}')
    assert json.loads(answer["Payload"].read())["text"] == "good morning, you"
    told = host.client("stepfunctions").describe_state_machine(stateMachineArn=second.outputs["MachineArn"])
    assert json.loads(told["definition"])["States"]["Greet"]["TimeoutSeconds"] == 61


def test_what_an_api_can_put_again_is_changed_in_place(host: Host, tmp_path: Path) -> None:
    # Given a deployed template
    body = """
Resources:
  Policy:
    Type: AWS::IAM::ManagedPolicy
    Properties:
      ManagedPolicyName: put-policy
      PolicyDocument: {Version: 2012-10-17, Statement: [{Effect: Allow, Action: "sqs:ONE", Resource: "*"}]}
  Queue: {Type: AWS::SQS::Queue}
  Queues:
    Type: AWS::SQS::QueuePolicy
    Properties:
      Queues: [!Ref Queue]
      PolicyDocument: {Version: 2012-10-17, Statement: [{Sid: ONE, Effect: Allow, Principal: "*", Action: "sqs:SendMessage", Resource: "*"}]}
  Rule:
    Type: AWS::Events::Rule
    Properties: {Name: put-rule, EventPattern: {source: [ONE]}, Targets: [{Id: ONE, Arn: !GetAtt Queue.Arn}]}
  Parameter: {Type: AWS::SSM::Parameter, Properties: {Name: /put, Type: String, Value: ONE}}
  Alarm:
    Type: AWS::CloudWatch::Alarm
    Properties: {AlarmName: put-alarm, AlarmDescription: ONE, Namespace: n, MetricName: m, Statistic: Sum, Period: 60,
      EvaluationPeriods: 1, Threshold: 1, ComparisonOperator: GreaterThanThreshold}
  Schedule:
    Type: AWS::Scheduler::Schedule
    Properties: {Name: put-schedule, Description: ONE, ScheduleExpression: rate(1 day), State: DISABLED,
      FlexibleTimeWindow: {Mode: "OFF"}, Target: {Arn: !GetAtt Queue.Arn, RoleArn: !GetAtt Role.Arn}}
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: 2012-10-17
        Statement: [{Effect: Allow, Principal: {Service: scheduler.amazonaws.com}, Action: sts:AssumeRole}]
"""
    first = deploy(host, text(tmp_path, body), {}, "put")
    # When all of it changes
    second = deploy(host, text(tmp_path, body.replace("ONE", "TWO")), {}, "put")
    # Then the same resources have the new content, and nothing of the old
    assert second.resources["Policy"].physical_id == first.resources["Policy"].physical_id
    iam, policy = host.client("iam"), first.resources["Policy"].physical_id
    (version,) = iam.list_policy_versions(PolicyArn=policy)["Versions"]
    told = [iam.get_policy_version(PolicyArn=policy, VersionId=version["VersionId"])["PolicyVersion"]["Document"]]
    attributes = host.client("sqs").get_queue_attributes(
        QueueUrl=second.resources["Queue"].physical_id, AttributeNames=["Policy"]
    )
    told += [attributes["Attributes"]["Policy"]]
    events = host.client("events")
    told += [
        events.describe_rule(Name="put-rule")["EventPattern"],
        events.list_targets_by_rule(Rule="put-rule")["Targets"],
    ]
    told += [host.client("ssm").get_parameter(Name="/put")["Parameter"]["Value"]]
    told += [host.client("cloudwatch").describe_alarms(AlarmNames=["put-alarm"])["MetricAlarms"][0]["AlarmDescription"]]
    told += [host.client("scheduler").get_schedule(Name="put-schedule")["Description"]]
    assert ["TWO" in str(each) and "ONE" not in str(each) for each in told] == [True] * len(told)


def test_other_changes_are_refused(host: Host, app: Path) -> None:
    # Given a deployed application, when a table changes, or a resource goes
    deploy(host, app, {"Prefix": "fixed"}, "fixed")
    storage = app.parent / "stacks" / "storage.yaml"
    original = storage.read_text()
    storage.write_text(original.replace("AttributeName: pk", "AttributeName: id"))
    with pytest.raises(TemplateError, match=r"storage.yaml: Table: AWS::DynamoDB::Table has changed and cannot be"):
        deploy(host, app, {"Prefix": "fixed"}, "fixed")
    storage.write_text(original.split("  Logs:")[0] + "Outputs:\n  TableName: {Value: !Ref Table}\n")
    with pytest.raises(TemplateError, match=r"storage.yaml: Logs: is no longer in the template"):
        deploy(host, app, {"Prefix": "fixed"}, "fixed")


# ---- errors name file, resource and property


@pytest.mark.parametrize(
    ("resource", "message"),
    [
        ("Type: AWS::SQS::Queue\n    Properties: {VisibilityTimeout: many}",
         "template.yaml: R.Properties.VisibilityTimeout: is 'many', wanted 0..43200"),
        ("Type: AWS::Logs::LogGroup\n    Properties: {RetentionInDays: x}",
         'template.yaml: R.Properties.RetentionInDays.retentionInDays: is "x", wanted a number'),
        ("Type: AWS::Scheduler::Schedule\n    Properties: {ScheduleExpression: rate(1 hour), "
         "FlexibleTimeWindow: {Mode: SOMETIMES}, Target: {Arn: a, RoleArn: b}}",
         "template.yaml: R.Properties.FlexibleTimeWindow.Mode: is 'SOMETIMES', wanted one of OFF, FLEXIBLE"),
        ("Type: AWS::Scheduler::Schedule\n    Properties: {ScheduleExpression: rate(1 hour), "
         "FlexibleTimeWindow: {Mode: 'OFF'}, Target: {Arn: a, RoleArn: b, Speed: 3}}",
         "template.yaml: R.Properties.Target.Speed: is unknown; known are Arn, "),
        ("Type: AWS::Lambda::Function\n    Properties: {Handler: a.b, Runtime: python3.12, Code: {ZipFile: x}, "
         "Role: 'arn:aws-us-gov:iam::123456789012:role/nobody'}",
         "template.yaml: R.Properties: CreateFunction is refused: InvalidParameterValueException: The role defined"),
        ("Type: AWS::Lambda::Function\n    Properties: {Role: r, Code: {ImageUri: x}}",
         "template.yaml: R.Properties.Code.ImageUri: is not handled in the rehearsal"),
    ],
)  # fmt: skip
def test_what_the_api_refuses_names_the_property(host: Host, tmp_path: Path, resource: str, message: str) -> None:
    template = text(tmp_path, f"Resources:\n  R:\n    {resource}\n")
    with pytest.raises(TemplateError) as caught:
        deploy(host, template, {}, "refused")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_bucket_whose_logs_could_not_be_delivered_is_refused(host: Host, tmp_path: Path) -> None:
    # Given a bucket that logs into one without a policy
    template = text(
        tmp_path,
        """
Resources:
  Logs: {Type: AWS::S3::Bucket}
  Data: {Type: AWS::S3::Bucket, Properties: {LoggingConfiguration: {DestinationBucketName: !Ref Logs}}}
""",
    )
    # Then deploying says so
    with pytest.raises(TemplateError, match=r"Data.Properties.LoggingConfiguration.*no log would be delivered"):
        deploy(host, template, {}, "unlogged")


def test_state_machine_with_a_gap_in_its_substitutions_is_refused(host: Host, app: Path) -> None:
    work = app.parent / "stacks" / "work.yaml"
    work.write_text(work.read_text().replace("        Partition: !Ref AWS::Partition\n", ""))
    with pytest.raises(TemplateError, match=r"work.yaml: Greeting.*uses \$\{Partition\}, which DefinitionSubst"):
        deploy(host, app, {"Prefix": "gap"}, "gap")


def test_pins_that_differ_from_what_is_installed_are_refused_before_anything_is_created(host: Host, app: Path) -> None:
    # Given a layer that wants another version than the installed one
    (app.parent / "layers" / "shared" / "requirements.txt").write_text("boto3==1.0.0 \\\n    --hash=sha256:abc\n")
    # When the application is deployed
    with pytest.raises(TemplateError) as caught:
        deploy(host, app, {"Prefix": "pins"}, "pins")
    # Then one line says so, and there is no table
    assert "requirements.txt" in str(caught.value)
    assert "boto3==1.0.0 is wanted" in str(caught.value)
    assert "pins-table" not in host.client("dynamodb").list_tables()["TableNames"]


def test_moto_has_the_symbols_that_are_replaced() -> None:
    from rehearsal.template import patches

    patches.install()
