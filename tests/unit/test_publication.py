"""policy.yaml against specs: a spec may tighten the floor, never loosen it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muster import publication
from muster.contracts.policy import Policy
from muster.errors import PolicyViolation
from tests.unit import samples


def test_the_sample_spec_is_not_looser_than_the_platforms_floor():
    publication.check(samples.spec(), samples.policy())


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            {"preprocess__instance_type": "ml.p4d.24xlarge"},
            "preprocess.instance_type: spec has ml.p4d.24xlarge, policy allows",
        ),
        (
            {"training__instance_type": "ml.p4d.24xlarge"},
            "training.instance_type: spec has ml.p4d.24xlarge, policy allows",
        ),
        ({"evaluation__instance_type": "ml.p3.2xlarge"}, "evaluation.instance_type: spec has ml.p3.2xlarge"),
        ({"inference__instance_type": "ml.p3.2xlarge"}, "inference.instance_type: spec has ml.p3.2xlarge"),
        ({"inference__instance_count": 1}, "inference.instance_count: spec has 1, policy wants at least 2"),
        ({"inference__instance_count": 50}, "inference.instance_count: spec has 50, policy allows at most 20"),
        ({"training__instance_count": 9}, "training.instance_count: spec has 9, policy allows at most 4"),
        ({"training__volume_gb": 900}, "training.volume_gb: spec has 900, policy allows at most 200"),
        (
            {"preprocess__max_runtime_seconds": 20000},
            "preprocess.max_runtime_seconds: spec has 20000, policy allows at most 14400",
        ),
        ({"evaluation__max_runtime_seconds": 20000}, "evaluation.max_runtime_seconds: spec has 20000"),
        (
            {"training__spot__max_wait_seconds": 200000},
            "training.spot.max_wait_seconds: spec has 200000, policy allows at most 172800",
        ),
        ({"evaluation__confidence": 0.8}, "evaluation.confidence: spec has 0.8, policy wants at least 0.9"),
        ({"evaluation__significance": 0.2}, "evaluation.significance: spec has 0.2, policy allows at most 0.05"),
        (
            {"evaluation__non_inferiority_margin": 0.3},
            "evaluation.non_inferiority_margin: spec has 0.3, policy allows at most 0.05",
        ),
        (
            {"evaluation__slices__0__min_rows": 5},
            "evaluation.slices[scanner].min_rows: spec has 5, policy wants at least 20",
        ),
        (
            {"evaluation__slices__0__min_rows": 5000},
            "evaluation.slices[scanner].min_rows: spec has 5000, policy allows at most 200",
        ),
        (
            {"evaluation__bias_groups__0__max_difference": 0.9},
            "evaluation.bias_groups[age_band].max_difference: spec has 0.9",
        ),
        ({"evaluation__gates__0__min": 0.5}, "evaluation.gates[auc].min: spec has 0.5, policy wants at least 0.7"),
        (
            {"evaluation__gates__0__bound": "value"},
            "evaluation.gates[auc].bound: spec has value, policy wants interval",
        ),
        (
            {"evaluation__gates": [{"metric": "recall", "min": 0.9}]},
            "evaluation.gates[auc]: spec has no such gate, policy wants auc of at least 0.7",
        ),
        ({"approval__wait_seconds": 2000000}, "approval.wait_seconds: spec has 2000000, policy allows at most 1209600"),
        (
            {"rollout__strategy": "all_at_once", "rollout__canary_percent": None},
            "rollout.strategy: spec has all_at_once, policy allows canary, linear",
        ),
        ({"rollout__canary_percent": 50}, "rollout.canary_percent: spec has 50, policy allows at most 25"),
        ({"rollout__wait_seconds": 10}, "rollout.wait_seconds: spec has 10, policy wants at least 60"),
        (
            {"rollout__termination_wait_seconds": 0},
            "rollout.termination_wait_seconds: spec has 0, policy wants at least 300",
        ),
        ({"rollout__maximum_seconds": 28800}, "rollout.maximum_seconds: spec has 28800, policy allows at most 14400"),
        (
            {"rollout__alarms__error_count__threshold": 99},
            "rollout.alarms.error_count.threshold: spec has 99, policy allows at most 5",
        ),
        (
            {"rollout__alarms__latency_p99_ms__period_seconds": 600},
            "rollout.alarms.latency_p99_ms.period_seconds: spec has 600",
        ),
        (
            {"rollout__alarms__error_count__period_seconds": 300, "rollout__wait_seconds": 60},
            "a shift would be over before its alarm",
        ),
        ({"retraining__cooldown_seconds": 0}, "retraining.cooldown_seconds: spec has 0, policy wants at least 3600"),
        ({"retraining__daily_budget": 99}, "retraining.daily_budget: spec has 99, policy allows at most 4"),
    ],
)
def test_a_looser_spec_is_refused_with_the_field_and_both_values(changes, line):
    with pytest.raises(PolicyViolation) as caught:
        publication.check(samples.spec(**changes), samples.policy())
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)


def test_capture_waits_until_it_is_said_which_fields_are_controlled():
    spec = samples.spec(capture__enabled=True, capture__controlled_fields=None)

    publication.check(spec, samples.policy())  # published earlier: it runs, and captures nothing
    assert not spec.capture.active
    with pytest.raises(PolicyViolation, match=r"capture.controlled_fields: found nothing, wanted the columns"):
        publication.check_new(spec, samples.policy())


def test_capture_is_refused_where_the_platform_forbids_it():
    spec = samples.spec(capture__enabled=True)
    assert publication.problems(spec, samples.policy()) == []
    assert publication.problems(spec, samples.policy(capture__allowed=False)) == [
        "capture.enabled: spec has true, policy allows false only"
    ]


def test_a_metric_where_less_is_better_has_its_floor_the_other_way_round():
    policy = samples.policy(evaluation__required_gates__regression=[{"metric": "rmse", "max": 10.0}])
    regression = {
        "problem_type": "regression",
        "classes": ...,
        "evaluation__primary_metric": "rmse",
        "evaluation__slices": [],
        "evaluation__bias_groups": [],
    }
    strict = samples.spec(**regression, evaluation__gates=[{"metric": "rmse", "max": 9.0}])
    loose = samples.spec(**regression, evaluation__gates=[{"metric": "rmse", "max": 11.0}])
    assert publication.problems(strict, policy) == []
    assert publication.problems(loose, policy) == [
        "evaluation.gates[rmse].max: spec has 11.0, policy allows at most 10.0"
    ]


def test_every_problem_is_named_at_once():
    spec = samples.spec(evaluation__confidence=0.8, retraining__daily_budget=99)
    assert len(publication.problems(spec, samples.policy())) == 2


# What the floor bounds from below and from above: field of the spec, and how much of it is stricter.
_STRICTER = {
    "evaluation__confidence": st.floats(0.90, 0.99),
    "evaluation__significance": st.floats(0.001, 0.05),
    "evaluation__non_inferiority_margin": st.floats(0, 0.05),
    "evaluation__gates__0__min": st.floats(0.70, 0.999),
    "rollout__wait_seconds": st.integers(60, 600),
    "rollout__termination_wait_seconds": st.integers(300, 900),
    "rollout__canary_percent": st.integers(1, 25),
    "retraining__cooldown_seconds": st.integers(3600, 10**6),
    "retraining__daily_budget": st.integers(0, 4),
    "inference__instance_count": st.integers(2, 20),
}


@given(st.fixed_dictionaries(_STRICTER))
def test_tightening_is_always_allowed(changes):
    publication.check(samples.spec(**changes), samples.policy())


def test_the_floor_itself_stays_within_what_the_workflows_are_rendered_for():
    limits = pytest.importorskip("state_machines.limits", reason="the workflows are not there")
    from muster.contracts import spec_terms as contract

    assert contract.MAX_PROCESSING_SECONDS == limits.PROCESSING_SECONDS
    assert contract.MAX_TRAINING_SECONDS == limits.TRAINING_SECONDS
    assert contract.MAX_APPROVAL_SECONDS == limits.APPROVAL_SECONDS
    assert contract.MAX_ROLLOUT_SECONDS == limits.ROLLOUT_SECONDS
    policy: Policy = samples.policy()
    assert policy.max_runtime_seconds.processing <= limits.PROCESSING_SECONDS
    assert policy.max_runtime_seconds.training_wait <= limits.TRAINING_SECONDS
    assert policy.approval.max_wait_seconds <= limits.APPROVAL_SECONDS
    assert policy.rollout.max_maximum_seconds <= limits.ROLLOUT_SECONDS


def test_policy_and_jobs_are_reachable_from_inside_the_package():
    package = samples.ROOT / "layers" / "muster" / "muster"
    assert (package / "policy.yaml").resolve() == samples.ROOT / "policy.yaml"
    assert (package / "jobs").resolve() == samples.ROOT / "jobs"
