"""Services whose operations need one action each, on the resource that the request names."""

from __future__ import annotations

from rehearsal.iam.keys import Need, Values
from rehearsal.iam.tables.rules import Ask, Rule, Table, at, prefixed, table

ANY = at("*")


def _unqualified(member: str) -> Rule:
    """Need the action on a state machine; a version or alias after its name is a condition key, not the resource."""

    def rule(ask: Ask) -> list[Need]:
        parts = str(ask.params[member]).split(":")
        qualifier = {"states:statemachinequalifier": (parts[7],)} if len(parts) > 7 else {}
        return [ask.need(":".join(parts[:7]), qualifier)]

    return rule


STEPFUNCTIONS: Table = table(
    ("StartExecution StartSyncExecution ListExecutions", _unqualified("stateMachineArn")),
    ("DescribeStateMachine UpdateStateMachine DeleteStateMachine", _unqualified("stateMachineArn")),
    ("PublishStateMachineVersion ListStateMachineVersions ListStateMachineAliases", _unqualified("stateMachineArn")),
    ("DescribeExecution GetExecutionHistory StopExecution RedriveExecution", at("{executionArn}")),
    ("DescribeStateMachineForExecution ListMapRuns", at("{executionArn}")),
    ("DescribeMapRun UpdateMapRun", at("{mapRunArn}")),
    ("SendTaskSuccess SendTaskFailure SendTaskHeartbeat", ANY),
    ("ListStateMachines ListActivities ValidateStateMachineDefinition TestState", ANY),
    ("CreateStateMachine", at("stateMachine:{name}")),
    ("TagResource UntagResource ListTagsForResource", at("{resourceArn}")),
)


def _lambda_function(ask: Ask) -> list[Need]:
    action = {"Invoke": "lambda:InvokeFunction", "InvokeAsync": "lambda:InvokeFunction"}.get(ask.request.operation)
    return [ask.need(function_arn(ask, str(ask.params["FunctionName"]), ask.params.get("Qualifier")), action=action)]


def function_arn(ask: Ask, name: str, qualifier: str | None = None) -> str:
    """Return the ARN for any way of naming a function: name, ``name:alias``, partial or full ARN."""
    tail = name.split(":function:", 1)[-1] if ":function:" in name else name
    arn = ":".join(name.split(":")[:6]) + f":{tail}" if name.startswith("arn:") else ask.arn(f"function:{tail}")
    return f"{arn}:{qualifier}" if qualifier and ":" not in tail else arn


LAMBDA: Table = table(
    ("Invoke InvokeAsync GetFunction GetFunctionConfiguration GetPolicy UpdateFunctionCode", _lambda_function),
    ("UpdateFunctionConfiguration DeleteFunction PublishVersion ListVersionsByFunction", _lambda_function),
    ("AddPermission RemovePermission GetFunctionConcurrency PutFunctionConcurrency", _lambda_function),
    ("CreateFunction GetAlias CreateAlias UpdateAlias ListAliases GetFunctionEventInvokeConfig", _lambda_function),
    ("PutFunctionEventInvokeConfig GetFunctionCodeSigningConfig", _lambda_function),
    ("GetLayerVersion", at("layer:{LayerName}:{VersionNumber}")),
    ("ListFunctions ListLayers ListEventSourceMappings GetAccountSettings", ANY),
    ("ListTags TagResource UntagResource", at("{Resource}")),
)


def _log_group(ask: Ask) -> list[Need]:
    name = ask.params.get("logGroupName") or str(ask.params.get("logGroupIdentifier", "*")).rpartition("log-group:")[2]
    return [ask.need(ask.arn(f"log-group:{name.removesuffix(':*')}:log-stream:"))]


LOGS: Table = table(
    (
        "CreateLogStream PutLogEvents GetLogEvents DeleteLogStream",
        at("log-group:{logGroupName}:log-stream:{logStreamName}"),
    ),
    ("CreateLogGroup DeleteLogGroup PutRetentionPolicy DescribeLogStreams FilterLogEvents", _log_group),
    ("StartQuery DescribeSubscriptionFilters DescribeMetricFilters AssociateKmsKey PutMetricFilter", _log_group),
    ("DescribeLogGroups GetQueryResults StopQuery DescribeResourcePolicies DescribeQueries", ANY),
    ("ListTagsForResource TagResource", at("{resourceArn}")),
)


def _alarm_context(ask: Ask) -> Values:
    return prefixed("cloudwatch", alarmactions=ask.params.get("AlarmActions"))


def _namespace(ask: Ask) -> Values:
    return prefixed("cloudwatch", namespace=ask.params.get("Namespace"))


CLOUDWATCH: Table = table(
    ("PutMetricData", at("*", context=_namespace)),
    ("GetMetricData GetMetricStatistics ListMetrics ListDashboards GetMetricWidgetImage", ANY),
    ("PutMetricAlarm", at("alarm:{AlarmName}", context=_alarm_context)),
    ("PutCompositeAlarm SetAlarmState", at("alarm:{AlarmName}")),
    ("DescribeAlarmHistory", at("alarm:{AlarmName=*}")),
    ("DescribeAlarms DeleteAlarms EnableAlarmActions DisableAlarmActions", at("alarm:{AlarmNames=*}")),
    ("DescribeAlarmsForMetric", at("alarm:*")),
    ("PutDashboard GetDashboard", at("dashboard/{DashboardName}")),
    ("DeleteDashboards", at("dashboard/{DashboardNames}")),
    ("TagResource UntagResource ListTagsForResource", at("{ResourceARN}")),
)


def _parameters(ask: Ask) -> list[Need]:
    names = ask.params.get("Names") or [ask.params.get("Name") or ask.params.get("Path")]
    return [ask.need(n if n.startswith("arn:") else ask.arn(f"parameter/{n.lstrip('/')}")) for n in names]


SSM: Table = table(
    ("GetParameter GetParameters GetParametersByPath PutParameter DeleteParameter DeleteParameters", _parameters),
    ("GetParameterHistory LabelParameterVersion", _parameters),
    ("DescribeParameters", ANY),
)


def _repositories(ask: Ask) -> list[Need]:
    """Need the action on a repository of the registry that the request names, which may be AWS's own."""
    registry = ask.params.get("registryId") or ask.host.account
    names = ask.params.get("repositoryNames") or [ask.params.get("repositoryName", "*")]
    region = ask.request.region
    return [ask.need(ask.host.arn("ecr", f"repository/{n}", region=region, account=registry)) for n in names]


ECR: Table = table(
    ("BatchGetImage DescribeImages ListImages BatchCheckLayerAvailability GetDownloadUrlForLayer", _repositories),
    ("DescribeRepositories CreateRepository DeleteRepository DescribeImageScanFindings PutImage", _repositories),
    ("GetAuthorizationToken DescribeRegistry", ANY),
)

SCHEDULER: Table = table(
    ("CreateSchedule GetSchedule UpdateSchedule DeleteSchedule", at("schedule/{GroupName=default}/{Name}")),
    ("CreateScheduleGroup GetScheduleGroup DeleteScheduleGroup", at("schedule-group/{Name}")),
    ("ListSchedules ListScheduleGroups", ANY),
    ("TagResource UntagResource ListTagsForResource", at("{ResourceArn}")),
)

CLOUDTRAIL: Table = table(
    ("LookupEvents DescribeTrails ListTrails", ANY),
    ("GetTrail GetTrailStatus GetEventSelectors", at("trail/{Name}")),
)

SECRETSMANAGER: Table = table(
    ("GetSecretValue DescribeSecret PutSecretValue DeleteSecret", at("secret:{SecretId}-??????")),
    ("CreateSecret", at("secret:{Name}-??????")),
    ("ListSecrets", ANY),
)

CLOUDFORMATION: Table = table(
    ("DescribeStacks DescribeStackResources DescribeStackEvents", at("stack/{StackName}/*")),
    ("DescribeStackResource ListStackResources GetTemplate", at("stack/{StackName}/*")),
    ("ListStacks ListExports", ANY),
)

IAM: Table = table(
    ("GetRole ListRolePolicies GetRolePolicy ListAttachedRolePolicies ListRoleTags", at("role/{RoleName}")),
    ("GetPolicy GetPolicyVersion ListPolicyVersions", at("{PolicyArn}")),
    ("ListRoles ListPolicies ListAccountAliases GetAccountSummary", ANY),
)

TAGGING: Table = table(("GetResources GetTagKeys GetTagValues", ANY))
XRAY: Table = table(
    ("PutTraceSegments PutTelemetryRecords GetSamplingRules GetSamplingTargets GetTraceSummaries BatchGetTraces", ANY)
)
SAGEMAKER_METRICS: Table = table(
    ("BatchPutMetrics", at("experiment-trial-component/{TrialComponentName}")),
)  # fmt: skip
EC2: Table = table(
    ("DescribeSubnets DescribeSecurityGroups DescribeVpcs DescribeNetworkInterfaces DescribeDhcpOptions", ANY),
    ("DescribeVpcEndpoints DescribeAvailabilityZones DescribeRegions", ANY),
)
