"""The judgement: gates, not inferior, better; and the reports that deserve no judgement."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muster import gates
from muster.contracts.base import parse
from muster.contracts.evaluation import EvaluationReport
from muster.errors import HoldoutMissing, HoldoutOverlap, ReportInvalid
from tests.unit import samples

GATE = "candidate__reference__overall__auc"
SLICE = "candidate__reference__slices__scanner=new"
BIAS = "candidate__reference__bias__age_band"
PAIRED = "comparison__reference__overall__auc"
BETTER = "comparison__recent__overall__auc"


def judge(base=samples.REPORT, serving=False, policy=None, spec=None, **changes):
    report = parse(EvaluationReport, samples.bent(base, **changes))
    return gates.judge(report, spec or samples.spec(), policy or samples.policy(), serving)


# -- without a champion ------------------------------------------------------------------------------------------------
def test_a_candidate_that_meets_its_gates_passes_when_nothing_serves():
    verdict = judge()
    assert verdict.verdict == "passed"
    assert verdict.reasons[-1] == "no champion serves: the gates decide alone"
    assert "reference: auc 0.985, low end of its 95 % interval 0.975: meets at least 0.95" in verdict.reasons


def test_the_unfavourable_end_of_the_interval_is_judged_not_the_estimate():
    # Given an estimate above the gate, and an interval that reaches below it
    verdict = judge(**{GATE: {"value": 0.96, "low": 0.94, "high": 0.98}})
    # Then the gate is missed, and that is the first reason
    assert verdict.verdict == "failed_gate"
    assert verdict.reasons[0] == "reference: auc 0.96, low end of its 95 % interval 0.94: misses at least 0.95"


def test_a_gate_on_the_value_judges_the_estimate():
    spec = samples.spec(evaluation__gates=[{"metric": "auc", "min": 0.95, "bound": "value"}])
    assert judge(spec=spec, **{GATE: {"value": 0.96, "low": None, "high": None}}).verdict == "passed"


def test_a_slice_may_fail_what_all_rows_pass():
    verdict = judge(**{f"{SLICE}__metrics__auc": {"value": 0.91, "low": 0.89, "high": 0.93}})
    assert verdict.verdict == "failed_gate"
    assert verdict.reasons[0].startswith("reference, slice scanner=new: auc 0.91")


def test_a_small_slice_is_not_judged_and_said_so():
    verdict = judge(**{f"{SLICE}__rows": 29, f"{SLICE}__metrics": {}})
    assert verdict.verdict == "passed"
    assert "reference, slice scanner=new: not judged: 29 rows, 30 wanted" in verdict.reasons


def test_a_small_slice_fails_where_the_policy_says_so():
    verdict = judge(policy=samples.policy(evaluation__small_groups="fail"), **{f"{SLICE}__rows": 29})
    assert verdict.verdict == "failed_gate"
    assert "policy.yaml fails a candidate for it" in verdict.reasons[0]


def test_the_policys_least_rows_hold_against_a_spec_published_before():
    policy = samples.policy(evaluation__min_rows=50)
    assert "reference, slice scanner=new: not judged: 40 rows, 50 wanted" in judge(policy=policy).reasons


def test_the_difference_between_groups_is_judged_by_its_high_end():
    verdict = judge(**{f"{BIAS}__difference": {"value": 0.1, "low": 0.0, "high": 0.21}})
    assert verdict.verdict == "failed_gate"
    assert verdict.reasons[0] == (
        "reference, recall between groups of age_band: difference 0.1, "
        "high end of its interval 0.21: misses at most 0.2"
    )


def test_one_group_alone_has_no_difference():
    verdict = judge(**{f"{BIAS}__groups__old__rows": 3, f"{BIAS}__difference": None})
    assert verdict.verdict == "passed"
    assert "reference, group age_band=old: not judged: 3 rows, 30 wanted" in verdict.reasons


def test_a_metric_where_less_is_better_is_judged_by_its_high_end():
    spec = samples.spec(
        evaluation__gates=[{"metric": "brier", "max": 0.1}], evaluation__slices=[], evaluation__bias_groups=[]
    )
    overall = {"auc": {"value": 0.9, "low": 0.8, "high": 0.95}, "brier": {"value": 0.08, "low": 0.01, "high": 0.12}}
    verdict = judge(spec=spec, candidate__reference__overall=overall)
    assert verdict.reasons[0] == "reference: brier 0.08, high end of its 95 % interval 0.12: misses at most 0.1"


def test_gates_hold_on_the_recent_holdout_too():
    # Given a challenger that is better than the champion on recent rows, and still bad there
    changes = {"candidate__recent__overall__auc": {"value": 0.8, "low": 0.75, "high": 0.85}}
    assert judge(samples.CONTEST, serving=True, **changes).verdict == "failed_gate"


def test_figures_that_round_to_the_bound_are_written_out():
    verdict = judge(**{GATE: {"value": 0.96, "low": 0.949999, "high": 0.97}})
    assert "interval 0.949999: misses at least 0.95" in verdict.reasons[0]


# -- against the champion ----------------------------------------------------------------------------------------------
def test_a_challenger_not_worse_on_the_reference_and_better_on_the_recent_holdout_passes():
    verdict = judge(samples.CONTEST, serving=True)
    assert verdict.verdict == "passed"
    assert any("0.988 against 0.968, difference +0.02" in each and "better at 0.05" in each for each in verdict.reasons)


def test_a_challenger_that_only_ties_leaves_the_champion():
    changes = {BETTER: {"difference": 0.001, "low": -0.01, "high": 0.012, "p_better": 0.4}}
    verdict = judge(samples.CONTEST, serving=True, **changes)
    assert verdict.verdict == "kept_champion"
    assert "not shown to be better at 0.05" in verdict.reasons[0]


def test_a_challenger_that_may_be_worse_on_the_reference_set_leaves_the_champion():
    verdict = judge(samples.CONTEST, serving=True, **{PAIRED: {"difference": -0.01, "low": -0.021, "high": 0.001}})
    assert verdict.verdict == "kept_champion"
    assert "low end of its interval -0.021: may be worse by the margin of 0.02" in verdict.reasons[0]


def test_a_challenger_that_may_be_worse_on_one_slice_leaves_the_champion():
    changes = {"comparison__reference__slices__scanner=old__auc": {"difference": -0.03, "low": -0.05, "high": -0.01}}
    verdict = judge(samples.CONTEST, serving=True, **changes)
    assert verdict.verdict == "kept_champion"
    assert verdict.reasons[0].startswith("reference, slice scanner=old: auc against the champion")


def test_missing_its_gates_is_told_before_the_contest():
    verdict = judge(samples.CONTEST, serving=True, **{GATE: {"value": 0.9, "low": 0.8, "high": 0.92}})
    assert verdict.verdict == "failed_gate"


def test_the_score_that_is_shown_is_of_the_holdout_that_decides():
    alone, contest = gates.primary_score(samples.report()), gates.primary_score(samples.report(samples.CONTEST))
    assert (alone.metric, alone.candidate, alone.champion) == ("auc", 0.985, None)
    assert (contest.candidate, contest.champion) == (0.988, 0.968)


# -- no judgement ------------------------------------------------------------------------------------------------------
def test_a_champion_without_recent_holdout_is_an_error_that_says_what_to_do():
    with pytest.raises(HoldoutMissing, match=r"found no recent holdout, wanted one .*muster data put --holdout recent"):
        judge(serving=True)


def test_no_reference_holdout_is_an_error():
    with pytest.raises(HoldoutMissing, match="found no reference holdout"):
        judge(holdouts={}, candidate={})


@pytest.mark.parametrize("kind", ["reference", "recent"])
def test_rows_that_were_trained_on_are_an_error_on_every_holdout(kind):
    with pytest.raises(HoldoutOverlap, match=f"found 3 of 130 rows of the {kind} holdout in the training snapshot"):
        judge(samples.CONTEST, serving=True, **{f"holdouts__{kind}__overlap_rows": 3})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({GATE: ...}, "reference: auc: value: found nothing, wanted a number"),
        ({f"{GATE}__low": None}, "reference: auc: low: found nothing"),
        ({f"{GATE}__low": math.nan}, "reference: auc: low: found nan, wanted a finite number"),
        ({f"{GATE}__value": math.inf}, "reference: auc: value: found inf"),
        ({f"{SLICE}__metrics": {}}, "reference, slice scanner=new: auc: value: found nothing"),
        ({"candidate__reference__slices": {}}, "found no slice of column scanner"),
        ({"candidate__reference__bias": {}}, "recall between groups of age_band: found nothing"),
        ({f"{BIAS}__metric": "auc"}, "recall between groups of age_band: found auc, wanted recall"),
        ({f"{BIAS}__difference": None}, "value: found nothing"),
        ({"problem_type": "regression"}, "problem_type: found regression, wanted binary"),
        ({"primary_metric": "f1"}, "primary_metric: found f1, wanted auc"),
        ({"confidence": 0.5}, "confidence: found 0.5, wanted 0.95"),
        ({"candidate": {}}, "found no figures on the reference holdout"),
        ({"comparison": samples.CONTEST["comparison"]}, "found a comparison with a champion, wanted none"),
    ],
)
def test_a_report_that_lacks_or_mistakes_something_is_an_error_and_no_verdict(changes, message):
    with pytest.raises(ReportInvalid) as caught:
        judge(**changes)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"comparison": None}, "found no comparison with the champion"),
        ({"champion": None}, "found no comparison with the champion"),
        ({"comparison__recent": ...}, "found nothing on the recent holdout"),
        ({f"{PAIRED}__low": math.nan}, "reference: auc against the champion: low: found nan"),
        ({"comparison__reference__slices": {}}, "reference, slice scanner=new: auc against the champion: difference"),
        ({f"{BETTER}__p_better": None}, "recent: auc against the champion: p_better: found nothing"),
        ({f"{BETTER}__p_better": 1.2}, "found p_better 1.2"),
        # A probability of being better instead of a p-value would keep every good challenger out.
        ({f"{BETTER}__p_better": 0.997}, "wanted a p-value that agrees with it (small means better)"),
        ({"champion__recent": ...}, "recent: champion's auc: found nothing"),
    ],
)
def test_a_contest_that_was_not_measured_is_an_error_and_no_verdict(changes, message):
    with pytest.raises(ReportInvalid) as caught:
        judge(samples.CONTEST, serving=True, **changes)
    assert message in str(caught.value)


# -- properties --------------------------------------------------------------------------------------------------------
share = st.floats(0, 1)


@given(low=share, gate=st.floats(0.7, 0.999))
def test_a_gate_is_met_exactly_from_its_bound_on(low, gate):
    spec = samples.spec(evaluation__gates=[{"metric": "auc", "min": gate}])
    verdict = judge(spec=spec, **{GATE: {"value": 1.0, "low": low, "high": 1.0}})
    assert (verdict.verdict == "passed") == (low >= gate)


@given(low=st.floats(-0.2, 0.2), p_value=share, difference=st.floats(-0.2, 0.2))
def test_the_champion_goes_only_for_a_challenger_that_is_not_worse_and_better(low, p_value, difference):
    changes = {
        PAIRED: {"difference": low + 0.01, "low": low, "high": low + 0.02},
        BETTER: {"difference": difference, "low": -0.5, "high": 0.5, "p_better": p_value},
    }
    verdict = judge(samples.CONTEST, serving=True, **changes)
    earned = low > -0.02 and difference > 0 and p_value < 0.05
    assert verdict.verdict == ("passed" if earned else "kept_champion")


@given(worse=st.floats(0, 0.5))
def test_a_worse_figure_never_turns_a_failure_into_a_pass(worse):
    before = {"value": 0.96, "low": 0.94, "high": 0.98}
    after = {name: value - worse for name, value in before.items()}
    assert judge(**{GATE: before}).verdict == judge(**{GATE: after}).verdict == "failed_gate"
