"""The stacks hold every rule of `hardening`, and every rule catches the fault that it is there for."""

import copy
import re
from collections.abc import Callable
from typing import Any

import hardening
import pytest
from hardening import Templates
from samtranslator.yaml_helper import yaml_parse
from translated import ROOT, STACKS, translate

Fault = Callable[[Templates], Any]
FILES = [ROOT / "template.yaml", *sorted((ROOT / "stacks").glob("*.yaml"))]


@pytest.fixture(scope="module")
def templates() -> Templates:
    return {stack: translate(stack) for stack in STACKS}


@pytest.mark.parametrize("rule", hardening.RULES, ids=lambda rule: rule.__name__)
def test_the_stacks_hold_the_rule(rule: Callable[[Templates], Any], templates: Templates) -> None:
    assert list(rule(templates)) == []


# ---- faults: each takes something away, or lets something in, that a rule is there for


def of(templates: Templates, place: str) -> dict[str, Any]:
    """Return the properties of ``<stack>.<logical id>``."""
    stack, logical_id = place.split(".")
    found: dict[str, Any] = templates[stack]["Resources"][logical_id]["Properties"]
    return found


def statement(templates: Templates, place: str, sid: str) -> dict[str, Any]:
    """Return a statement of a resource policy or managed policy."""
    properties = of(templates, place)
    document = properties.get("KeyPolicy") or properties.get("PolicyDocument") or {}
    found: dict[str, Any] = next(each for each in document["Statement"] if each["Sid"] == sid)
    return found


def trust(templates: Templates, place: str) -> dict[str, Any]:
    found: dict[str, Any] = of(templates, place)["AssumeRolePolicyDocument"]["Statement"][0]
    return found


def layer(templates: Templates) -> dict[str, Any]:
    kinds = "AWS::Lambda::LayerVersion"
    return next(each for each in templates["serving"]["Resources"].values() if each["Type"] == kinds)


FAULTS: dict[str, tuple[Callable[[Templates], Any], Fault]] = {
    "a role without the boundary": (
        hardening.roles_take_boundary_and_path,
        lambda t: of(t, "access.JobRole").pop("PermissionsBoundary"),
    ),
    "a policy at another path": (
        hardening.roles_take_boundary_and_path,
        lambda t: of(t, "access.JobPolicy").update(Path="/"),
    ),
    "an inline policy": (
        hardening.roles_take_boundary_and_path,
        lambda t: of(t, "access.JobRole").update(Policies=[{"PolicyName": "more"}]),
    ),
    "Lambda for any account": (
        hardening.trusts_name_their_source,
        lambda t: trust(t, "serving.PlanRollbackRole").pop("Condition"),
    ),
    "Step Functions for any machine": (
        hardening.trusts_name_their_source,
        lambda t: trust(t, "serving.RollbackWorkflowRole")["Condition"].pop("ArnLike"),
    ),
    "any bucket's access logs": (
        hardening.services_name_their_source,
        lambda t: statement(t, "foundation.AccessLogBucketPolicy", "AccessLogs")["Condition"].pop("ArnLike"),
    ),
    "alarms of any account": (
        hardening.services_name_their_source,
        lambda t: statement(t, "foundation.NotificationsTopicPolicy", "Alarms")["Condition"].pop("StringEquals"),
    ),
    "any rule invokes a function": (
        hardening.services_name_their_source,
        lambda t: of(t, "registry.PackageAnsweredPermission").pop("SourceArn"),
    ),
    "any log group uses the key": (
        hardening.services_name_their_source,
        lambda t: statement(t, "keys.LogsKey", "LogGroupsOfMuster").pop("Condition"),
    ),
    "a public queue": (
        hardening.nobody_is_everybody,
        lambda t: statement(t, "foundation.DeadLetterQueuePolicy", "UndeliveredEvents").update(Principal="*"),
    ),
    "a public key": (
        hardening.nobody_is_everybody,
        lambda t: statement(t, "keys.DataKey", "UsedThroughStorage").update(Principal={"AWS": "*"}),
    ),
    "a key used directly": (
        hardening.keys_are_used_through_services,
        lambda t: statement(t, "keys.DataKey", "UsedThroughStorage").pop("Condition"),
    ),
    "a role passed to any service": (
        hardening.passed_roles_are_named,
        lambda t: statement(t, "training.TrainingWorkflowPolicy", "PassRole").pop("Condition"),
    ),
    "any role passed": (
        hardening.passed_roles_are_named,
        lambda t: statement(t, "training.TrainingWorkflowPolicy", "PassRole").update(Resource="*"),
    ),
    "evidence deleted with its stack": (
        hardening.state_outlives_its_stack,
        lambda t: t["foundation"]["Resources"]["EvidenceBucket"].pop("DeletionPolicy"),
    ),
    "a ledger lost to a replacement": (
        hardening.state_outlives_its_stack,
        lambda t: t["foundation"]["Resources"]["LedgerTable"].update(UpdateReplacePolicy="Delete"),
    ),
    "a layer version deleted": (
        hardening.state_outlives_its_stack,
        lambda t: layer(t).pop("DeletionPolicy"),
    ),
    "snapshots expire": (
        hardening.nothing_pinned_expires,
        lambda t: of(t, "foundation.RecordsBucket")["LifecycleConfiguration"]["Rules"][0].update(ExpirationInDays=365),
    ),
    "versions of data expire": (
        hardening.nothing_pinned_expires,
        lambda t: of(t, "foundation.DataBucket")["LifecycleConfiguration"]["Rules"][0].update(
            NoncurrentVersionExpiration={"NoncurrentDays": 30}
        ),
    ),
    "all of the work bucket expires": (
        hardening.nothing_pinned_expires,
        lambda t: of(t, "foundation.WorkBucket")["LifecycleConfiguration"]["Rules"][0].pop("Prefix"),
    ),
    "plain HTTP to a bucket": (
        hardening.buckets_are_logged_and_tls_only,
        lambda t: t["foundation"]["Resources"].pop("CaptureBucketPolicy"),
    ),
    "a bucket without access logs": (
        hardening.buckets_are_logged_and_tls_only,
        lambda t: of(t, "foundation.CaptureBucket").pop("LoggingConfiguration"),
    ),
    "plain HTTP to a queue": (
        hardening.messages_are_tls_only,
        lambda t: statement(t, "foundation.DeadLetterQueuePolicy", "TlsOnly").update(Effect="Allow"),
    ),
    "a bus without our key": (
        hardening.what_is_kept_has_our_key,
        lambda t: of(t, "foundation.EventBus").pop("KmsKeyIdentifier"),
    ),
    "payloads in the log": (
        hardening.machines_log_without_payloads,
        lambda t: of(t, "pipeline.PipelineStateMachine")["LoggingConfiguration"].update(IncludeExecutionData=True),
    ),
    "a function that makes its own log group": (
        hardening.what_runs_has_its_own_log_group,
        lambda t: t["registry"]["Resources"].pop("RegisterModelLogs"),
    ),
    "logs kept for a month": (
        hardening.what_runs_has_its_own_log_group,
        lambda t: of(t, "registry.RegisterModelLogs").update(RetentionInDays=30),
    ),
    "a rule that loses events": (
        hardening.every_hop_has_a_dead_letter_queue,
        lambda t: of(t, "serving.ModelApprovedRule")["Targets"][0].pop("DeadLetterConfig"),
    ),
    "a schedule that loses calls": (
        hardening.every_hop_has_a_dead_letter_queue,
        lambda t: of(t, "monitoring.ReconcileSchedule")["Target"].pop("DeadLetterConfig"),
    ),
    "mail that is lost": (
        hardening.every_hop_has_a_dead_letter_queue,
        lambda t: of(t, "foundation.NotificationsSubscription").pop("RedrivePolicy"),
    ),
    "a function that cannot use FIPS": (
        hardening.functions_can_use_fips,
        lambda t: of(t, "foundation.ExplainFailureFunction")["Environment"]["Variables"].pop("AWS_USE_FIPS_ENDPOINT"),
    ),
    "a name that two installations share": (
        hardening.names_begin_with_the_prefix,
        lambda t: of(t, "foundation.NotificationsTopic").update(TopicName="notifications"),
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_rule_catches(fault: str, templates: Templates) -> None:
    # Given the stacks with one fault ; When the rule looks ; Then it finds that fault and nothing else
    rule, spoil = FAULTS[fault]
    spoilt = copy.deepcopy(templates)
    spoil(spoilt)
    assert len(list(rule(spoilt))) == 1


def test_every_rule_is_shown_to_catch_something() -> None:
    assert {rule for rule, _ in FAULTS.values()} == set(hardening.RULES)


# ---- what no translated stack shows


def test_names_of_two_installations_cannot_begin_alike() -> None:
    # Given that policies and rules of an installation match "<prefix>-*" ; When two prefixes are allowed and differ
    # Then neither's names match the other's, because no prefix has a hyphen
    pattern = yaml_parse((ROOT / "template.yaml").read_text())["Parameters"]["Prefix"]["AllowedPattern"]
    assert re.fullmatch(pattern, "muster")
    for wrong in ("muster-dev", "Muster", "m", "muster_dev", "1muster", "a" * 17):
        assert not re.fullmatch(pattern, wrong), wrong


@pytest.mark.parametrize("name", ["Data", "Models", "Evidence", "Ledger", "Logs"])
def test_a_key_is_created_unless_one_is_brought(name: str, templates: Templates) -> None:
    keys = templates["keys"]
    assert keys["Resources"][f"{name}Key"]["Condition"] == f"Makes{name}Key"
    assert keys["Conditions"][f"Makes{name}Key"] == {"Fn::Equals": [{"Ref": f"{name}KeyArn"}, ""]}
    own_or_brought = [f"Makes{name}Key", {"Fn::GetAtt": [f"{name}Key", "Arn"]}, {"Ref": f"{name}KeyArn"}]
    assert keys["Outputs"][f"{name}KeyArn"]["Value"] == {"Fn::If": own_or_brought}


def test_every_stack_uses_the_parameters_that_it_declares() -> None:
    # Given the text of a stack ; When a parameter is declared ; Then something refers to it
    for path in FILES[1:]:
        text = path.read_text()
        for name in yaml_parse(text)["Parameters"]:
            assert re.search(rf"(!Ref |\$\{{){name}\b", text), f"{path.name}: {name}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_template_can_be_read_in_one_sitting(path: Any) -> None:
    assert len(path.read_text().splitlines()) < 400
