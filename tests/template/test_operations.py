"""Every alarm rings somebody who finds a page: alarms, templates and runbook agree, and the runbook's commands exist."""

import json
import re
import shlex
from collections.abc import Iterator
from typing import Any

import botocore.session
from botocore import xform_name
from translated import ROOT, STACKS, translate

from muster import operations, rollout
from muster.contracts.base import parse
from muster.contracts.spec import ModelSpec
from tests.unit import samples

RUNBOOK = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
MISSING = {"notBreaching": "is fine", "ignore": "keeps the state", "breaching": "rings"}
STATISTICS = {"Sum": "sum", "Maximum": "maximum", "SampleCount": "sample count"}
COMPARISONS = {"GreaterThanOrEqualToThreshold": "{:g} or more", "LessThanThreshold": "fewer than {:g}"}
# Unit of a metric of our own, as the table words it.
UNITS = {"ApprovalWaitUsed": " in percent", "LeaseOverdue": " in seconds"}


def _text(value: Any) -> str:
    """Return a property as text, with the prefix left out of names: it stands for the installation."""
    if isinstance(value, dict):
        ((kind, inner),) = value.items()
        return _text(inner) if kind == "Fn::Sub" else f"<{inner}>"
    return str(value).replace("${Prefix}-", "").replace("${Prefix}", "<Prefix>")


def _resources(kind: str) -> dict[str, dict[str, Any]]:
    return {
        f"{stack}.{name}": resource
        for stack in STACKS
        for name, resource in translate(stack)["Resources"].items()
        if resource["Type"] == kind
    }


ALARMS = {
    _text(each["Properties"]["AlarmName"]): each["Properties"] for each in _resources("AWS::CloudWatch::Alarm").values()
}
WORKFLOWS = sorted(path.name.removesuffix(".asl.json") for path in (ROOT / "state_machines").glob("*.asl.json"))
FUNCTIONS = sorted(path.parent.name.replace("_", "-") for path in (ROOT / "functions").glob("*/app.py"))
RULES = sorted(_text(each["Properties"]["Name"]) for each in _resources("AWS::Events::Rule").values())


def _called_by_workflows() -> set[str]:
    definitions = "".join(path.read_text() for path in (ROOT / "state_machines").glob("*.asl.json"))
    names = set(re.findall(r"\$\{(\w+)FunctionArn\}", definitions))
    return {re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower() for name in names}


CALLED = _called_by_workflows()
STANDS_FOR = {
    "WORKFLOW": WORKFLOWS,
    "EVENT-FUNCTION": sorted(set(FUNCTIONS) - CALLED),
    "FUNCTION": sorted(CALLED),
    "RULE": RULES,
}


# -- the runbook as data -----------------------------------------------------------------------------------------------
def anchors(text: str) -> set[str]:
    """Return the anchors of a document's headings, as GitHub makes them."""
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in re.findall(r"^#+ (.+)$", text, re.M)
    }


def rows(text: str) -> dict[str, tuple[str, ...]]:
    """Return the rows of the table of alarms: name -> metric, condition, missing data, anchor; one per alarm."""
    found = {}
    table = text.split("## The alarms")[1].split("###")[0]
    for line in re.findall(r"^\| `(.+?)` \| (.+) \|$", table, re.M):
        pattern, (metric, condition, missing, section) = line[0], line[1].split(" | ")
        link = re.fullmatch(r"\[.+\]\(#(.+)\)", section)
        assert link, section
        word = next((each for each in STANDS_FOR if pattern.startswith(f"{each}-")), None)
        names = [pattern.replace(word, name, 1) for name in STANDS_FOR[word]] if word else [pattern]
        found.update(dict.fromkeys(names, (metric, condition, missing, link[1])))
    return found


def row(alarm: dict[str, Any]) -> tuple[str, ...]:
    """Return the row that an alarm should have."""
    metric = f"`{alarm['Namespace']}` `{alarm['MetricName']}`{UNITS.get(alarm['MetricName'], '')}"
    times = f", {alarm['EvaluationPeriods']} times in a row" if alarm["EvaluationPeriods"] > 1 else ""
    condition = COMPARISONS[alarm["ComparisonOperator"]].format(alarm["Threshold"])
    minutes = f"{alarm['Period'] // 60} minutes"
    return (
        f"{metric}, {STATISTICS[alarm['Statistic']]}",
        f"{condition} in {minutes}{times}",
        MISSING[alarm["TreatMissingData"]],
        alarm["AlarmDescription"].rpartition("docs/runbook.md#")[2],
    )


def commands(text: str) -> Iterator[list[str]]:
    """Yield the words of every ``aws`` command, in blocks and in running text."""
    for found in re.finditer(r"(?<![\w/-])aws [a-z0-9-]+ [a-z0-9-]+[^\n`|]*", text):
        line = re.sub(r'"\{.*\}"', "JSON", found[0].split("   #")[0].rstrip()).removesuffix(")")
        line = re.sub(r"\$\([^)]*\)", "VALUE", line)
        yield shlex.split(line, comments=True)


# -- alarms ------------------------------------------------------------------------------------------------------------
def test_an_alarm_tells_the_topic_in_one_sentence_and_names_its_page() -> None:
    for name, alarm in ALARMS.items():
        assert alarm["AlarmActions"] == [{"Ref": "NotificationsTopicArn"}], name
        assert re.fullmatch(r"[A-Z][^.]+\. Runbook: docs/runbook\.md#[a-z-]+", alarm["AlarmDescription"]), name
        assert alarm["AlarmDescription"].rpartition("#")[2] in anchors(RUNBOOK), name
        assert re.fullmatch(r"[a-z_]+(-[a-z]+)*", name), name


def test_the_runbook_lists_exactly_these_alarms_with_their_thresholds() -> None:
    # Given the table of the runbook, without the alarms that `deployment` makes
    listed = {name: each for name, each in rows(RUNBOOK).items() if not name.startswith("ENDPOINT-")}
    # Then it says of each alarm what the template says
    assert listed == {name: row(alarm) for name, alarm in ALARMS.items()}


def test_a_changed_threshold_and_an_alarm_without_a_page_would_be_noticed() -> None:
    changed = RUNBOOK.replace("| 50 or more in 15 minutes |", "| 60 or more in 15 minutes |")
    assert rows(changed)["approval-waiting"] != row(ALARMS["approval-waiting"])
    assert "dead-letters" not in anchors(RUNBOOK.replace("### Dead letters", "### Letters"))


def test_everything_that_can_fail_has_its_alarms() -> None:
    # Given every workflow, function, rule and schedule of the templates ; Then none is without an alarm
    wanted = {f"{each}-{how}" for each in WORKFLOWS for how in ("failed", "timed-out")}
    wanted |= {f"{each}-{how}" for each in STANDS_FOR["EVENT-FUNCTION"] for how in ("failed", "throttled")}
    wanted |= {f"{each}-failing" for each in CALLED} | {f"{each}-undelivered" for each in (*RULES, "schedules")}
    assert wanted <= set(ALARMS)


def test_every_group_of_schedules_is_watched() -> None:
    groups = {_text(each["Properties"]["Name"]) for each in _resources("AWS::Scheduler::ScheduleGroup").values()}
    watched = {
        _text(each["Dimensions"][0]["Value"]) for each in ALARMS.values() if each["Namespace"] == "AWS/Scheduler"
    }
    assert groups <= watched


def test_an_alarm_watches_what_the_stacks_declare() -> None:
    # Given the names that the stacks give ; Then each dimension of an AWS metric is one of them
    def names(kind: str, property_: str) -> set[str]:
        return {_text(each["Properties"][property_]) for each in _resources(kind).values()}

    machine = "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:stateMachine:"
    declared = {
        "FunctionName": names("AWS::Lambda::Function", "FunctionName"),
        "StateMachineArn": {machine + name for name in names("AWS::StepFunctions::StateMachine", "StateMachineName")},
        "QueueName": names("AWS::SQS::Queue", "QueueName"),
        "RuleName": set(RULES),
        "EventBusName": names("AWS::Events::EventBus", "Name"),
        "ScheduleGroup": names("AWS::Scheduler::ScheduleGroup", "Name"),
        "service": {"<Prefix>"},  # POWERTOOLS_SERVICE_NAME
    }
    for name, alarm in ALARMS.items():
        for dimension in alarm["Dimensions"]:
            assert _text(dimension["Value"]) in declared[dimension["Name"]], f"{name}: {dimension}"


def test_a_rule_on_the_own_bus_is_watched_with_both_dimensions() -> None:
    # A metric with RuleName alone is one of the default bus (EventBridge User Guide, "Monitoring Amazon EventBridge")
    for rule in _resources("AWS::Events::Rule").values():
        properties = rule["Properties"]
        dimensions = {each["Name"] for each in ALARMS[f"{_text(properties['Name'])}-undelivered"]["Dimensions"]}
        assert dimensions == ({"RuleName", "EventBusName"} if "EventBusName" in properties else {"RuleName"})


def test_the_figures_that_alarms_watch_are_those_that_the_sweep_emits() -> None:
    source = (ROOT / "functions" / "reconcile" / "app.py").read_text()
    own = {name for name, each in ALARMS.items() if each["Namespace"] == operations.NAMESPACE}
    of_runs = {name for name in own if ALARMS[name]["MetricName"].startswith(("Monitoring", "Nightly", "Batch"))}
    watched = {ALARMS[name]["MetricName"] for name in own - of_runs}
    assert watched == set(re.findall(r'add_metric\("(\w+)"', source))
    # And what comes with runs is emitted by them
    runs = (*ROOT.glob("layers/muster/muster/**/*.py"), *ROOT.glob("functions/*/app.py"))
    emitted = set(re.findall(r'"((?:Monitoring|Nightly|Batch)[A-Z]\w+)"', "".join(each.read_text() for each in runs)))
    assert {ALARMS[name]["MetricName"] for name in of_runs} <= emitted


def test_silence_rings_only_where_the_schedule_is_on() -> None:
    alarms = {name: each.get("Condition") for name, each in _resources("AWS::CloudWatch::Alarm").items()}
    assert {name for name, condition in alarms.items() if condition} == {
        "operations.SweepSilent",
        "watch.MonitoringSilent",
    }
    assert {alarms["operations.SweepSilent"], alarms["watch.MonitoringSilent"]} == {"SchedulesOn"}


def test_the_alarms_of_an_endpoint_have_their_pages() -> None:
    # Given the alarms that `deployment` makes ; Then description and table lead to the same sections
    spec = parse(ModelSpec, samples.SPEC)
    made = rollout.alarms("muster", "muster-tumour", "muster-tumour-0123456789ab", spec, "arn:topic")
    listed = rows(RUNBOOK)
    for alarm in made:
        kind = alarm["AlarmName"].rpartition("0123456789ab-")[2]
        metric, _, missing, anchor = listed[f"ENDPOINT-CONFIG-{kind}"]
        assert alarm["AlarmDescription"].endswith(f" Runbook: docs/runbook.md#{anchor}")
        assert metric.startswith(f"`{alarm['Namespace']}` `{alarm['MetricName']}`")
        assert missing == MISSING[alarm["TreatMissingData"]]


# -- the runbook -------------------------------------------------------------------------------------------------------
def test_every_section_of_an_alarm_says_what_it_means_where_to_look_and_what_to_do() -> None:
    wanted = {anchor for *_, anchor in rows(RUNBOOK).values()}
    alarms, _ = RUNBOOK.split("## The alarms")[1].split("## What else can happen")
    sections = {next(iter(anchors("### " + each))): each for each in alarms.split("\n### ")[1:]}
    assert set(sections) == wanted
    for anchor, text in sections.items():
        assert re.search(r"\*\*Means\*\*.*\*\*First look\*\*.*\*\*Do\*\*", text, re.S), anchor


def test_every_link_inside_the_runbook_leads_somewhere() -> None:
    assert set(re.findall(r"\]\(#([^)]+)\)", RUNBOOK)) <= anchors(RUNBOOK)


def test_every_aws_command_is_one() -> None:
    # Given every aws command of the runbook ; When its options are compared with the operation ; Then all exist
    session, seen = botocore.session.Session(), 0
    known = {"--query", "--output", "--max-items", "--cli-binary-format"}
    for _, service, operation, *words in commands(RUNBOOK):
        model = session.get_service_model("s3" if service == "s3api" else service)
        names = {xform_name(each, "-"): each for each in model.operation_names}
        if operation == "wait":
            assert words[0] == "table-exists"
            continue
        assert operation in names, f"aws {service} {operation}"
        shape = model.operation_model(names[operation]).input_shape
        members = {f"--{xform_name(each, '-')}" for each in (shape.members if shape else ())}
        members |= {f"--no-{each[2:]}" for each in members}
        options = {each for each in words if each.startswith("--")}
        assert options <= members | known, f"aws {service} {operation}: {sorted(options - members - known)}"
        seen += 1
    assert seen > 40


def test_a_misspelt_command_would_be_noticed() -> None:
    (words,) = commands("then `aws sagemaker describe-endpont --name X` says it")
    assert words == ["aws", "sagemaker", "describe-endpont", "--name", "X"]
    model = botocore.session.Session().get_service_model("sagemaker")
    assert "describe-endpont" not in {xform_name(each, "-") for each in model.operation_names}


def test_no_command_names_a_partition_or_an_account() -> None:
    assert not re.findall(r"arn:aws|\b\d{12}\b|us-gov-\w+-\d", RUNBOOK)
    assert json.dumps(ALARMS).count("arn:aws") == 0
