"""What cfn-lint and checkov do not hold of the templates: one rule per property, over the translated stacks.

A rule yields one line per fault: which resource, what was found, what is wanted. `test_hardening` holds the stacks against
all of them, and shows each to catch a fault that is put in.
"""

import json
from collections.abc import Iterator
from typing import Any

Templates = dict[str, dict[str, Any]]
Statement = dict[str, Any]

ACCOUNT = {"Ref": "AWS::AccountId"}
NO_VALUE = {"Ref": "AWS::NoValue"}
BOUNDARY = {"Fn::If": ["HasBoundary", {"Ref": "PermissionsBoundary"}, NO_VALUE]}
KEPT = {
    "AWS::KMS::Key",
    "AWS::S3::Bucket",
    "AWS::S3::BucketPolicy",
    "AWS::DynamoDB::Table",
    "AWS::Logs::LogGroup",
}
EXPIRING = {
    "WorkBucket": {"runs/", "monitoring/", "batches/", "transforms/"},
    "AccessLogBucket": {None},
}
"""By bucket the only prefixes below which objects expire; None: everywhere."""


def of_type(templates: Templates, *kinds: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield ``<stack>.<logical id>`` and resource of every resource of the types."""
    for stack, template in templates.items():
        for name, resource in template["Resources"].items():
            if resource["Type"] in kinds:
                yield f"{stack}.{name}", resource


def many(value: Any) -> list[Any]:
    """Return what a policy allows as one value or a list, as a list."""
    return value if isinstance(value, list) else [value]


def conditions(statement: Statement) -> dict[str, Any]:
    """Return condition key -> value over all operators of a statement."""
    return {key: value for operator in statement.get("Condition", {}).values() for key, value in operator.items()}


def services(statement: Statement) -> list[str]:
    """Return the service principals of a statement, their region left out."""
    principal = statement.get("Principal", {})
    found = many(principal.get("Service", [])) if isinstance(principal, dict) else []
    return [each if isinstance(each, str) else each["Fn::Sub"].replace(".${AWS::Region}", "") for each in found]


def policies(templates: Templates) -> Iterator[tuple[str, Statement]]:
    """Yield every statement of every resource policy: keys, buckets, topics and queues."""
    kinds = ("AWS::KMS::Key", "AWS::S3::BucketPolicy", "AWS::SNS::TopicPolicy", "AWS::SQS::QueuePolicy")
    for name, resource in of_type(templates, *kinds):
        document = resource["Properties"].get("KeyPolicy") or resource["Properties"]["PolicyDocument"]
        for statement in document["Statement"]:
            yield f"{name} {statement['Sid']}", statement


# ---- who may act


def roles_take_boundary_and_path(templates: Templates) -> Iterator[str]:
    """A customer's boundary and path hold for every role and policy; no policy is inline (NIST rules of AWS Guard)."""
    for name, resource in of_type(templates, "AWS::IAM::Role", "AWS::IAM::ManagedPolicy"):
        properties = resource["Properties"]
        if properties.get("Path") != {"Ref": "RolePath"}:
            yield f"{name}: found Path {properties.get('Path')}, wanted RolePath"
        if resource["Type"] == "AWS::IAM::Role":
            if properties.get("PermissionsBoundary") != BOUNDARY:
                yield f"{name}: found no PermissionsBoundary parameter"
            if properties.get("Policies"):
                yield f"{name}: found an inline policy, wanted a managed one"
    for name, _ in of_type(templates, "AWS::IAM::Policy", "AWS::IAM::RolePolicy", "AWS::IAM::User", "AWS::IAM::Group"):
        yield f"{name}: wanted roles and managed policies only"


def trusts_name_their_source(templates: Templates) -> Iterator[str]:
    """A service assumes a role for this account only, and for a named resource where it says which."""
    for name, role in of_type(templates, "AWS::IAM::Role"):
        for statement in role["Properties"]["AssumeRolePolicyDocument"]["Statement"]:
            held = conditions(statement)
            if held.get("aws:SourceAccount") != ACCOUNT:
                yield f"{name}: found no aws:SourceAccount in its trust policy"
            # Lambda's documents know aws:SourceArn for policies of functions only, not for their roles.
            if services(statement) != ["lambda.amazonaws.com"] and "aws:SourceArn" not in held:
                yield f"{name}: found no aws:SourceArn in its trust policy"


_RESOURCE_IN_CONTEXT = {"kms:EncryptionContext:aws:logs:arn", "kms:EncryptionContext:aws:sqs:arn"}


def services_name_their_source(templates: Templates) -> Iterator[str]:
    """What lets a service act on a key, bucket, topic, queue or function names account and resource."""
    for name, statement in policies(templates):
        if not services(statement):
            continue
        held = conditions(statement)
        # CloudWatch Logs and SQS name the log group and the queue in the encryption context; their KMS calls have no aws:SourceArn.
        missing = {"aws:SourceAccount", "aws:SourceArn"} - set(held)
        if missing and not _RESOURCE_IN_CONTEXT & set(held):
            yield f"{name}: found no {' and no '.join(sorted(missing))}"
    for name, permission in of_type(templates, "AWS::Lambda::Permission"):
        for key in ("SourceAccount", "SourceArn"):
            if key not in permission["Properties"]:
                yield f"{name}: found no {key}"


def nobody_is_everybody(templates: Templates) -> Iterator[str]:
    """``*`` is a principal of denials only."""
    for name, statement in policies(templates):
        principal = statement["Principal"]
        everybody = "*" in (many(principal) if not isinstance(principal, dict) else many(principal.get("AWS", [])))
        if everybody and statement["Effect"] == "Allow":
            yield f"{name}: found the principal *"


def keys_are_used_through_services(templates: Templates) -> Iterator[str]:
    """The account uses a key through the service that keeps the data, or for a named purpose; never directly."""
    bound = {"kms:ViaService", "kms:GrantIsForAWSResource", "kms:EncryptionContext:muster:package"}
    data = ("kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:CreateGrant")
    for name, statement in policies(templates):
        used = [action for action in many(statement["Action"]) if action in data]
        if used and not services(statement) and not bound & set(conditions(statement)):
            yield f"{name}: found {', '.join(used)} without kms:ViaService"


def passed_roles_are_named(templates: Templates) -> Iterator[str]:
    """iam:PassRole names one role and the service that gets it."""
    for name, policy in of_type(templates, "AWS::IAM::ManagedPolicy"):
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
            if "iam:PassRole" not in many(statement["Action"]) or statement["Effect"] != "Allow":
                continue
            if "iam:PassedToService" not in conditions(statement):
                yield f"{name}: found iam:PassRole without iam:PassedToService"
            if "*" in json.dumps(statement["Resource"]):
                yield f"{name}: found iam:PassRole on {statement['Resource']}, wanted one role"


# ---- what is kept


def state_outlives_its_stack(templates: Templates) -> Iterator[str]:
    """Keys, data, records and logs stay when a stack is deleted or a property would replace them."""
    for name, resource in of_type(templates, *KEPT):
        if resource.get("DeletionPolicy") not in ("Retain", "RetainExceptOnCreate"):
            yield f"{name}: found DeletionPolicy {resource.get('DeletionPolicy')}, wanted RetainExceptOnCreate"
        if resource.get("UpdateReplacePolicy") != "Retain":
            yield f"{name}: found UpdateReplacePolicy {resource.get('UpdateReplacePolicy')}, wanted Retain"
    for name, layer in of_type(templates, "AWS::Lambda::LayerVersion"):
        if layer.get("DeletionPolicy") != "Retain":
            yield f"{name}: found no RetentionPolicy Retain; a rolled back deployment needs the old version"


def nothing_pinned_expires(templates: Templates) -> Iterator[str]:
    """No lifecycle rule ends or moves what a manifest names; outputs of jobs and access logs alone expire."""
    ending = ("Expiration", "Transition")
    for name, bucket in of_type(templates, "AWS::S3::Bucket"):
        logical_id = name.split(".")[1]
        for rule in bucket["Properties"].get("LifecycleConfiguration", {}).get("Rules", []):
            ends = [key for key in rule if any(word in key for word in ending)]
            if ends and rule.get("Prefix") not in EXPIRING.get(logical_id, ()):
                yield f"{name}: found {', '.join(ends)} in lifecycle rule {rule['Id']}"


def buckets_are_logged_and_tls_only(templates: Templates) -> Iterator[str]:
    """Every bucket denies plain HTTP; every one but that of the access logs logs its access below the prefix."""
    denied = {
        (name.split(".")[0], resource["Properties"]["Bucket"]["Ref"])
        for name, resource in of_type(templates, "AWS::S3::BucketPolicy")
        if any(_denies_plain(each, "s3:*") for each in resource["Properties"]["PolicyDocument"]["Statement"])
    }
    for name, bucket in of_type(templates, "AWS::S3::Bucket"):
        if tuple(name.split(".")) not in denied:
            yield f"{name}: found no policy that denies aws:SecureTransport false"
        prefix = bucket["Properties"].get("LoggingConfiguration", {}).get("LogFilePrefix", {})
        if not name.endswith(".AccessLogBucket") and not str(prefix.get("Fn::Sub")).startswith("${Prefix}/"):
            yield f"{name}: found no access log below the prefix"


def messages_are_tls_only(templates: Templates) -> Iterator[str]:
    """Every topic and queue has a policy that denies plain HTTP."""
    held: set[tuple[str, str]] = set()
    for kind, place, action in (
        ("AWS::SNS::TopicPolicy", "Topics", "sns:Publish"),
        ("AWS::SQS::QueuePolicy", "Queues", "sqs:*"),
    ):
        for name, policy in of_type(templates, kind):
            if any(_denies_plain(each, action) for each in policy["Properties"]["PolicyDocument"]["Statement"]):
                held |= {(name.split(".")[0], target["Ref"]) for target in policy["Properties"][place]}
    for name, _ in of_type(templates, "AWS::SNS::Topic", "AWS::SQS::Queue"):
        if tuple(name.split(".")) not in held:
            yield f"{name}: found no policy that denies aws:SecureTransport false"


def _denies_plain(statement: Statement, action: str) -> bool:
    plain = conditions(statement).get("aws:SecureTransport") == "false"
    return statement["Effect"] == "Deny" and statement["Principal"] == "*" and statement["Action"] == action and plain


def what_is_kept_has_our_key(templates: Templates) -> Iterator[str]:
    """Bus, schedules and log groups are under customer managed keys too; the rest of the kinds checkov holds."""
    wanted = {
        "AWS::Events::EventBus": ("KmsKeyIdentifier", "LedgerKeyArn"),
        "AWS::Scheduler::Schedule": ("KmsKeyArn", "LedgerKeyArn"),
        "AWS::Logs::LogGroup": ("KmsKeyId", "LogsKeyArn"),
        "AWS::SNS::Topic": ("KmsMasterKeyId", "LedgerKeyArn"),
        "AWS::SQS::Queue": ("KmsMasterKeyId", "LedgerKeyArn"),
        "AWS::Lambda::Function": ("KmsKeyArn", "LedgerKeyArn"),
    }
    for kind, (key, parameter) in wanted.items():
        for name, resource in of_type(templates, kind):
            if resource["Properties"].get(key) != {"Ref": parameter}:
                yield f"{name}: found {key} {resource['Properties'].get(key)}, wanted {parameter}"


# ---- what is seen, and what is not lost


def machines_log_without_payloads(templates: Templates) -> Iterator[str]:
    """Every state machine logs every event without its data."""
    for name, machine in of_type(templates, "AWS::StepFunctions::StateMachine"):
        logging = machine["Properties"].get("LoggingConfiguration", {})
        if logging.get("Level") != "ALL" or logging.get("IncludeExecutionData") is not False:
            yield f"{name}: found logging {logging}, wanted Level ALL and IncludeExecutionData false"


def what_runs_has_its_own_log_group(templates: Templates) -> Iterator[str]:
    """A function or state machine without a group of ours would get one that never expires and has no key."""
    groups = {
        group["Properties"]["LogGroupName"]["Fn::Sub"]: group["Properties"].get("RetentionInDays")
        for _, group in of_type(templates, "AWS::Logs::LogGroup")
    }
    for kind, key, place in (
        ("AWS::Lambda::Function", "FunctionName", "/aws/lambda/"),
        ("AWS::StepFunctions::StateMachine", "StateMachineName", "/aws/vendedlogs/states/"),
    ):
        for name, resource in of_type(templates, kind):
            group = place + resource["Properties"][key]["Fn::Sub"]
            if group not in groups:
                yield f"{name}: found no log group {group}"
    for group, retention in groups.items():
        if retention != {"Ref": "LogRetentionDays"}:
            yield f"{group}: found retention {retention}, wanted LogRetentionDays"


def every_hop_has_a_dead_letter_queue(templates: Templates) -> Iterator[str]:
    """What is delivered later or again goes to a queue when it cannot be: rules, schedules, bus, subscriptions."""
    for name, rule in of_type(templates, "AWS::Events::Rule"):
        for target in rule["Properties"]["Targets"]:
            yield from (f"{name}: found no {key}" for key in ("DeadLetterConfig", "RetryPolicy") if key not in target)
    for name, schedule in of_type(templates, "AWS::Scheduler::Schedule"):
        target = schedule["Properties"]["Target"]
        yield from (f"{name}: found no {key}" for key in ("DeadLetterConfig", "RetryPolicy") if key not in target)
    for kind, key in (("AWS::Events::EventBus", "DeadLetterConfig"), ("AWS::SNS::Subscription", "RedrivePolicy")):
        for name, resource in of_type(templates, kind):
            if key not in resource["Properties"]:
                yield f"{name}: found no {key}"


def functions_can_use_fips(templates: Templates) -> Iterator[str]:
    """The parameter decides for every function whether it calls FIPS endpoints."""
    for name, function in of_type(templates, "AWS::Lambda::Function"):
        variables = function["Properties"].get("Environment", {}).get("Variables", {})
        if variables.get("AWS_USE_FIPS_ENDPOINT") != {"Ref": "FipsEndpoints"}:
            yield f"{name}: found no AWS_USE_FIPS_ENDPOINT"


# ---- two installations in an account

NAMES = (
    "FunctionName",
    "GroupName",
    "LayerName",
    "LogGroupName",
    "Name",
    "QueueName",
    "RoleName",
    "StateMachineName",
    "TopicName",
    "AlarmName",
    "DashboardName",
    "BucketName",
    "TableName",
    "ManagedPolicyName",
)
BEGINNINGS = ("${Prefix}-", "/${Prefix}/", "/aws/lambda/${Prefix}-", "/aws/vendedlogs/states/${Prefix}-")


def names_begin_with_the_prefix(templates: Templates) -> Iterator[str]:
    """A name that is fixed is the prefix or begins with it, so that two installations differ in every one."""
    for stack, template in templates.items():
        own = template["Resources"]
        for logical_id, resource in own.items():
            for key in NAMES:
                name = resource.get("Properties", {}).get(key, {"Ref": "Prefix"})
                refers = name.get("Ref") == "Prefix" or name.get("Ref") in own if isinstance(name, dict) else False
                text = name.get("Fn::Sub", "") if isinstance(name, dict) else name
                if not refers and not str(text).startswith(BEGINNINGS):
                    yield f"{stack}.{logical_id}: found {key} {name}, wanted one that begins with the prefix"


RULES = (
    roles_take_boundary_and_path,
    trusts_name_their_source,
    services_name_their_source,
    nobody_is_everybody,
    keys_are_used_through_services,
    passed_roles_are_named,
    state_outlives_its_stack,
    nothing_pinned_expires,
    buckets_are_logged_and_tls_only,
    messages_are_tls_only,
    what_is_kept_has_our_key,
    machines_log_without_payloads,
    what_runs_has_its_own_log_group,
    every_hop_has_a_dead_letter_queue,
    functions_can_use_fips,
    names_begin_with_the_prefix,
)
