"""Rollouts: requests that SageMaker takes, waits that end, verdicts from what serves, and the way back."""

import itertools
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.shapes import fragment_problems, problems
from muster import rollout
from muster.contracts.base import parse
from muster.contracts.deployment import DeploymentPlan, EndpointFacts, GoldenRecord, HistoryRecord
from muster.errors import ContractError, Refused
from muster.rollout import GoldenAnswer
from tests.unit import samples

OTHER_IMAGE = "sha256:" + "2" * 64


# -- the request -------------------------------------------------------------------------------------------------------
rollouts = st.one_of(
    st.fixed_dictionaries({"strategy": st.just("canary"), "canary_percent": st.integers(1, 50)}),
    st.fixed_dictionaries({"strategy": st.just("linear"), "step_percent": st.integers(10, 50)}),
    st.fixed_dictionaries({"strategy": st.just("all_at_once")}),
)


@given(rollouts, st.integers(0, 900), st.integers(0, 3600))
def test_every_accepted_rollout_is_a_valid_deployment_config(share, wait, termination):
    changes = {"canary_percent": None, **share, "wait_seconds": wait, "termination_wait_seconds": termination}
    spec = samples.spec(
        rollout__maximum_seconds=28800, **{f"rollout__{name}": value for name, value in changes.items()}
    )
    config = rollout.deployment_config(spec.rollout, ["muster-e-one", "muster-e-two"])
    assert fragment_problems("sagemaker", "DeploymentConfig", config) == []


def test_a_canary_and_a_linear_shift_as_sagemaker_spells_them():
    canary = rollout.deployment_config(samples.spec().rollout, ["a"])["BlueGreenUpdatePolicy"]
    assert canary["TrafficRoutingConfiguration"] == {
        "Type": "CANARY",
        "WaitIntervalInSeconds": 300,
        "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 10},
    }
    linear = samples.spec(rollout__strategy="linear", rollout__canary_percent=None, rollout__step_percent=50).rollout
    routing = rollout.deployment_config(linear, ["a"])["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]
    assert routing["LinearStepSize"] == {"Type": "CAPACITY_PERCENT", "Value": 50}


def test_the_way_back_has_no_alarm_that_could_undo_it():
    config = rollout.restoring_config()
    assert fragment_problems("sagemaker", "DeploymentConfig", config) == []
    assert "AutoRollbackConfiguration" not in config


@given(st.integers(600, 28800), st.integers(0, 7200))
def test_waits_cover_the_rollout_and_are_bounded(maximum, margin):
    steps = rollout.wait_steps(maximum, margin)
    # Then they cover it, and the last one is needed
    assert sum(steps) >= maximum + margin > sum(steps[:-1])
    # And they are few enough for the rendered workflow, and grow
    assert len(steps) <= rollout.MOST_STEPS
    assert list(steps) == sorted(steps)
    assert steps[:4] == (10, 20, 40, 80)


def test_waits_fit_what_the_workflows_are_rendered_for():
    limits = pytest.importorskip("state_machines.limits", reason="the workflows are not there")
    steps = rollout.wait_steps(limits.ROLLOUT_SECONDS)
    assert sum(steps) <= limits.ENDPOINT_WAIT_SECONDS
    assert len(steps) <= limits.ENDPOINT_LOOKS


def test_short_waits_and_none():
    assert rollout.wait_steps(15, 0) == (10, 20)
    with pytest.raises(ContractError, match="wait: found 0 seconds"):
        rollout.wait_steps(0, 0)


def test_alarms_watch_the_new_configuration_only():
    alarms = rollout.alarms(
        "muster", "muster-tumour", "muster-tumour-0123456789ab", samples.spec(), samples.SETTINGS.topic_arn
    )
    for alarm in alarms:
        assert problems("cloudwatch", "PutMetricAlarm", alarm) == []
        assert {"Name": "EndpointConfigName", "Value": "muster-tumour-0123456789ab"} in alarm["Dimensions"]
    errors, latency = alarms
    assert (errors["Threshold"], errors["ComparisonOperator"]) == (1.0, "GreaterThanOrEqualToThreshold")
    assert latency["Threshold"] == 500_000  # microseconds
    assert errors["AlarmName"] == "muster-muster-tumour-0123456789ab-error-count"


# -- the verdict -------------------------------------------------------------------------------------------------------
PLAN = parse(
    DeploymentPlan,
    {
        "status": "ready",
        "endpoint": "muster-tumour",
        "endpoint_exists": True,
        "config_name": "new",
        "previous_config": "old",
        "expected": {
            "config_name": "new",
            "image_digest": samples.IMAGE_DIGEST,
            "variant": "primary",
            "weight": 1.0,
            "instance_count": 2,
        },
    },
)
DESCRIBED = {
    "EndpointName": "muster-tumour",
    "EndpointStatus": "InService",
    "EndpointConfigName": "new",
    "ProductionVariants": [
        {
            "VariantName": "primary",
            "DeployedImages": [{"SpecifiedImage": samples.IMAGE, "ResolvedImage": samples.IMAGE}],
            "CurrentWeight": 1.0,
            "DesiredWeight": 1.0,
            "CurrentInstanceCount": 2,
        }
    ],
    "CreationTime": "not read",
}


def facts(**changes) -> EndpointFacts:
    return rollout.endpoint_facts(samples.bent(DESCRIBED, **changes))


def test_the_intended_configuration_serves():
    assert rollout.verify(PLAN, "deploy", facts()).verdict == "deployed"
    assert rollout.verify(PLAN, "rollback", facts()).verdict == "rolled_back"


def test_a_silent_rollback_is_no_success():
    # Given an update that "succeeded": InService, on the old configuration, without a reason
    found = rollout.verify(PLAN, "deploy", facts(EndpointConfigName="old"))
    assert found.verdict == "rolled_back"
    assert found.reasons == ("muster-tumour still serves the previous configuration old: SageMaker gives no reason",)


def test_a_rollback_with_its_reason():
    found = rollout.verify(PLAN, "deploy", facts(EndpointConfigName="old", FailureReason="alarm muster-x tripped"))
    assert found.reasons[0].endswith("alarm muster-x tripped")


def test_a_rollback_by_hand_that_changed_nothing_is_unhealthy():
    assert rollout.verify(PLAN, "rollback", facts(EndpointConfigName="old")).verdict == "unhealthy"


V = "ProductionVariants__0__"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"EndpointStatus": "Failed", "FailureReason": "no model"},
            "endpoint status: found Failed, wanted InService: no model",
        ),
        ({"EndpointStatus": "UpdateRollbackFailed"}, "endpoint status: found UpdateRollbackFailed"),
        ({"EndpointStatus": "Updating"}, "endpoint status: found Updating"),
        ({"EndpointConfigName": "third"}, "endpoint configuration: found third, wanted new"),
        ({f"{V}VariantName": "AllTraffic"}, "variant: found AllTraffic, wanted primary"),
        ({"ProductionVariants": []}, "variant: found none, wanted primary"),
        ({f"{V}DeployedImages__0__ResolvedImage": f"x@{OTHER_IMAGE}"}, f"image: found {OTHER_IMAGE}, wanted sha256:1"),
        ({f"{V}DeployedImages": []}, "image: found none"),
        ({f"{V}CurrentWeight": 0.5}, "weight of primary: found 0.5, wanted 1.0"),
        ({f"{V}CurrentInstanceCount": 1}, "instances of primary: found 1, wanted 2"),
    ],
)
def test_anything_else_than_intended_is_unhealthy_and_named(changes, reason):
    found = rollout.verify(PLAN, "deploy", facts(**changes))
    assert found.verdict == "unhealthy"
    assert reason in found.reasons[0]


def test_a_tag_that_was_resolved_counts_by_its_digest():
    tagged = {f"{V}DeployedImages__0__SpecifiedImage": "x/y:3.0-5"}
    assert rollout.verify(PLAN, "deploy", facts(**tagged)).verdict == "deployed"


def test_golden_records_can_fail_what_serves():
    assert rollout.verify(PLAN, "deploy", facts(), ["golden record a: found HTTP status 500"]).verdict == "unhealthy"


def test_restoring_wants_the_previous_configuration():
    old = facts(EndpointConfigName="old", **{f"{V}DeployedImages__0__ResolvedImage": f"x@{OTHER_IMAGE}"})
    assert rollout.verify(PLAN, "restore", old).verdict == "rolled_back"
    assert rollout.verify(PLAN, "restore", facts()).verdict == "unhealthy"
    assert rollout.verify(PLAN, "restore", old, ["golden record a: …"]).verdict == "unhealthy"


@given(
    status=st.sampled_from(["InService", "Failed", "Updating", "RollingBack", "UpdateRollbackFailed"]),
    config=st.sampled_from(["new", "old", "third", None]),
    image=st.sampled_from([samples.IMAGE_DIGEST, OTHER_IMAGE]),
    weight=st.sampled_from([0.0, 0.5, 1.0, None]),
    instances=st.integers(0, 3),
)
def test_only_what_is_wholly_as_intended_is_deployed(status, config, image, weight, instances):
    shown = facts(
        EndpointStatus=status,
        EndpointConfigName=config,
        **{f"{V}DeployedImages__0__ResolvedImage": f"x@{image}", f"{V}CurrentWeight": weight},
        **{f"{V}CurrentInstanceCount": instances},
    )
    intended = (status, config, image, weight) == ("InService", "new", samples.IMAGE_DIGEST, 1.0) and instances >= 2
    assert (rollout.verify(PLAN, "deploy", shown).verdict == "deployed") == intended


# -- golden records ----------------------------------------------------------------------------------------------------
def golden(body, status=200, kind="binary", classes=2, **record):
    record = parse(GoldenRecord, {"name": "a", "input": "1,2", **record})
    return rollout.golden_problems([GoldenAnswer(record, status, body)], kind, classes)


@pytest.mark.parametrize(
    ("found", "problem"),
    [
        (golden("0.5"), None),
        (golden("0.5\n"), None),
        (golden("0.97", low=[0.5]), None),
        (golden("0.1,0.2,0.7", kind="multiclass", classes=3), None),
        (golden("-1e9", kind="regression"), None),
        (golden("0.2", low=[0.5]), "found 0.2, wanted 0.5 to 1"),
        (golden("1.2"), "found 1.2, wanted 0 to 1"),
        (golden("nan"), "found nan, wanted 0 to 1"),
        (golden("inf", kind="regression"), "found inf"),
        (golden("oops"), "found 'oops', wanted 1 number(s)"),
        (golden(""), "found '', wanted 1 number(s)"),
        (golden("0.1,0.9"), "found 2 numbers, wanted 1"),
        (golden("0.5", status=500), "found HTTP status 500, wanted 200"),
        (golden("0.5", low=[0.1, 0.2]), "found 2 low and 1 high bounds, wanted 1 of each"),
    ],
)
def test_golden_records_want_sane_answers(found, problem):
    assert found == [] if problem is None else (len(found) == 1 and problem in found[0])


def test_golden_records_are_read_line_by_line():
    text = (
        '{"name": "a", "body": "1,2"}\n\n'
        '{"content_type": "text/csv", "body": "3,4", "expect": {"low": 0.5, "high": 1}}\n'
        '{"body": "5,6", "expect": {"high": [0.1, 0.2, 0.9]}}\n'
    )
    read = rollout.read_golden_records(text)
    assert [(each.name, each.input, each.low, each.high) for each in read] == [
        ("a", "1,2", None, None),
        ("line 3", "3,4", (0.5,), (1.0,)),
        ("line 4", "5,6", None, (0.1, 0.2, 0.9)),
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "golden.jsonl: found no record"),
        ("nonsense", "golden.jsonl line 1: found no JSON"),
        ('{"body": "1"}\n{"name": "b"}', "golden.jsonl line 2: body: found nothing, wanted a value"),
        ('{"body": "1", "expect": {"low": "x"}}', "golden.jsonl line 1: expect.low"),
    ],
)
def test_bad_golden_records_are_named_by_line(text, line):
    with pytest.raises(ContractError) as caught:
        rollout.read_golden_records(text)
    assert line in str(caught.value)


# -- the way back ------------------------------------------------------------------------------------------------------
_minutes = itertools.count()


def record(config, outcome="deployed", workflow="deployment", previous=None, minute=None):
    return HistoryRecord(
        workflow=workflow,
        at=samples.NOW + timedelta(minutes=next(_minutes) if minute is None else minute),
        execution_arn="e",
        endpoint="muster-tumour",
        config_name=config,
        outcome=outcome,
        previous_config=previous,
    )


def last_good(history, live, unfit=()):
    return rollout.choose_last_good(
        history, live, lambda each: "no longer approved" if each.config_name in unfit else None
    ).config_name


def test_the_newest_good_one_before_the_live_one():
    a, b, c = record("a"), record("b", previous="a"), record("c", previous="b")
    assert last_good([c, a, b], c) == "b"
    assert last_good([a, b, c], c, unfit={"b"}) == "a"


def test_a_deployment_that_was_rolled_back_was_never_good():
    a, bad, c = record("a"), record("bad", "rolled_back", previous="a"), record("c", previous="a")
    assert last_good([a, bad, c], c) == "a"


def test_nobody_goes_back_to_what_was_rolled_back_from():
    # Given b deployed after a, a person who went back to a, and c deployed since
    a, b = record("a"), record("b", previous="a")
    back = record("a", "rolled_back", "rollback", previous="b")
    c = record("c", previous="a")
    assert last_good([a, b, back, c], c) == "a"
    # And going back once more from a does not lead to b either
    with pytest.raises(Refused, match="nothing good was deployed before it"):
        last_good([a, b, back], back)


def test_what_came_after_the_live_one_is_not_the_way_back():
    # Given c deployed after b, and a person who set the endpoint to b by hand since
    a, b, c = record("a"), record("b", previous="a"), record("c", previous="b")
    assert last_good([a, b, c], b) == "a"


def test_without_a_good_one_every_candidate_is_named():
    a, b, c = record("a"), record("b"), record("c")
    with pytest.raises(Refused) as caught:
        last_good([a, b, c], c, unfit={"a", "b"})
    assert "found no last known good before c" in str(caught.value)
    assert "b: no longer approved; a: no longer approved" in str(caught.value)


@given(
    st.lists(
        st.tuples(st.sampled_from("abcdef"), st.sampled_from(["deployed", "rolled_back", "failed"]), st.booleans()),
        min_size=1,
        max_size=10,
    ),
    st.sets(st.sampled_from("abcdef")),
)
def test_what_is_chosen_was_deployed_is_not_live_and_nothing_speaks_against_it(steps, unfit):
    history = [
        record(name + str(index), outcome, "rollback" if by_hand else "deployment", minute=index)
        for index, (name, outcome, by_hand) in enumerate(steps)
    ]
    unfit_configs = {each.config_name for each in history if each.config_name[0] in unfit}
    live = history[-1]
    try:
        chosen = last_good(history, live, unfit_configs)
    except Refused:
        return
    assert chosen != live.config_name
    assert chosen not in unfit_configs
    assert any(each.config_name == chosen and each.outcome == "deployed" for each in history)
