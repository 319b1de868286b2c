"""What an operation does with the caller's rights besides itself: pass a role, tag what it creates, use a key."""

from __future__ import annotations

from collections.abc import Sequence

from rehearsal.iam.errors import RehearsalGap
from rehearsal.iam.key_use import key_use
from rehearsal.iam.keys import Need
from rehearsal.iam.tables.rules import Ask, members

#: (service, operation) -> (path of the member that holds a role, service that it is passed to). [] means each item.
_PASSED_ROLES: dict[tuple[str, str], tuple[str, str]] = {
    ("sagemaker", "CreateTrainingJob"): ("RoleArn", "sagemaker.amazonaws.com"),
    ("sagemaker", "CreateProcessingJob"): ("RoleArn", "sagemaker.amazonaws.com"),
    ("sagemaker", "CreateModel"): ("ExecutionRoleArn", "sagemaker.amazonaws.com"),
    ("sagemaker", "CreateEndpointConfig"): ("ExecutionRoleArn", "sagemaker.amazonaws.com"),
    ("sagemaker", "CreateHyperParameterTuningJob"): ("TrainingJobDefinition.RoleArn", "sagemaker.amazonaws.com"),
    ("sagemaker", "CreatePipeline"): ("RoleArn", "sagemaker.amazonaws.com"),
    ("sagemaker", "UpdatePipeline"): ("RoleArn", "sagemaker.amazonaws.com"),
    ("sagemaker", "CreateMonitoringSchedule"): (
        "MonitoringScheduleConfig.MonitoringJobDefinition.RoleArn",
        "sagemaker.amazonaws.com",
    ),
    ("stepfunctions", "CreateStateMachine"): ("roleArn", "states.amazonaws.com"),
    ("stepfunctions", "UpdateStateMachine"): ("roleArn", "states.amazonaws.com"),
    ("lambda", "CreateFunction"): ("Role", "lambda.amazonaws.com"),
    ("lambda", "UpdateFunctionConfiguration"): ("Role", "lambda.amazonaws.com"),
    ("events", "PutRule"): ("RoleArn", "events.amazonaws.com"),
    ("events", "PutTargets"): ("Targets[].RoleArn", "events.amazonaws.com"),
    ("scheduler", "CreateSchedule"): ("Target.RoleArn", "scheduler.amazonaws.com"),
    ("scheduler", "UpdateSchedule"): ("Target.RoleArn", "scheduler.amazonaws.com"),
}
_ROLE_MEMBERS = frozenset(["RoleArn", "roleArn", "ExecutionRoleArn", "Role", "role"])
_NO_PASS = frozenset([("sts", "AssumeRole"), ("iam", "GetRole")])

#: (service, operation) -> the action that tags given at creation need.
_TAG_ON_CREATE = {
    ("cloudwatch", "PutMetricAlarm"): "cloudwatch:TagResource",
    ("stepfunctions", "CreateStateMachine"): "states:TagResource",
    ("events", "PutRule"): "events:TagResource",
    ("sqs", "CreateQueue"): "sqs:TagQueue",
    ("sns", "CreateTopic"): "sns:TagResource",
    ("lambda", "CreateFunction"): "lambda:TagResource",
    ("logs", "CreateLogGroup"): "logs:TagResource",
    ("ssm", "PutParameter"): "ssm:AddTagsToResource",
}


def implied_needs(ask: Ask, own: Sequence[Need]) -> list[Need]:
    """Return what a request needs besides its `own` actions."""
    place = own[0].resource if own else "*"
    return [*_passed_roles(ask, place), *_tagging(ask, place), *key_use(ask)]


def _passed_roles(ask: Ask, resource: str) -> list[Need]:
    key = (ask.request.service, ask.request.operation)
    found = _PASSED_ROLES.get(key)
    if found is None:
        strange = _ROLE_MEMBERS & set(ask.params)
        if strange and key not in _NO_PASS:
            raise RehearsalGap(f"{ask.action} is given a role in {sorted(strange)[0]}: to which service is not known")
        return []
    path, service = found
    context = {"iam:passedtoservice": (service,), "iam:associatedresourcearn": (resource,)}
    return [Need("iam:PassRole", role, context, implied=True) for role in members(ask.params, path)]


def _tagging(ask: Ask, resource: str) -> list[Need]:
    action = _TAG_ON_CREATE.get((ask.request.service, ask.request.operation))
    if action is None or not (ask.params.get("Tags") or ask.params.get("tags")):
        return []
    return [ask.need(resource, action=action, implied=True)]
