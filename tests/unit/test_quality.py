"""When a model in production is worse than it was registered."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from muster import quality
from muster.captures import CapturedFile
from muster.contracts.quality import Figure, LiveBias, Registered
from muster.contracts.spec_monitoring import QualitySpec
from muster.contracts.spec_terms import LOWER_IS_BETTER, METRICS
from tests.unit import samples

END = datetime(2026, 11, 21, 12, tzinfo=UTC)
NUMBERS = st.floats(0, 1)
EVERY = st.sampled_from(sorted({name for names in METRICS.values() for name in names}))


@st.composite
def intervals(draw):
    low, value, high = sorted(draw(st.tuples(NUMBERS, NUMBERS, NUMBERS)))
    return low, value, high


def live(low: float, value: float, high: float) -> Figure:
    return Figure(value=value, low=low, high=high)


def before(low: float, value: float, high: float) -> Registered:
    return Registered(value=value, low=low, high=high)


# -- which answers -----------------------------------------------------------------------------------------------------
@given(st.integers(0, 2160), st.integers(1, 720), st.integers(0, 4000))
def test_a_stretch_is_old_enough_and_this_model_s_own(delay, length, served):
    spec, since = QualitySpec(delay_hours=delay, window_hours=length), END - timedelta(hours=served)
    found = quality.stretch(END, spec, since)
    if found is None:
        assert served <= delay
    else:
        assert found.end == END - timedelta(hours=delay)
        assert found.start >= since
        assert found.end - found.start <= timedelta(hours=length)


def file(number: int, size: int) -> CapturedFile:
    return CapturedFile(f"s3://muster-capture/e/{number:04}", f"v{number}", size, END, END)


@settings(deadline=None)
@given(st.lists(st.integers(1, 100), max_size=40), st.integers(0, 2000), st.randoms(use_true_random=False))
def test_files_are_chosen_by_their_keys_alone(sizes, most, chance):
    files = [file(number, size) for number, size in enumerate(sizes)]
    found = quality.chosen(files, most)
    assert found == sorted(found, key=lambda each: each.uri)
    assert bool(found) == bool(files)
    assert sum(each.bytes for each in found) <= most or len(found) == 1
    chance.shuffle(files)
    assert quality.chosen(files, most) == found
    if sum(sizes) <= most:
        assert len(found) == len(files)


def test_the_sample_of_files_is_none_of_times():
    files = [file(number, 10) for number in range(1000)]
    places = [int(each.uri[-4:]) for each in quality.chosen(files, 2000)]
    assert len(places) == 200
    assert sum(place < 500 for place in places) == pytest.approx(100, abs=25)


# -- metrics -----------------------------------------------------------------------------------------------------------
def test_the_primary_metric_and_those_of_the_gates_are_judged():
    gates = [{"metric": "recall", "min": 0.8}, {"metric": "auc", "min": 0.9}, {"metric": "brier", "max": 0.2}]
    assert quality.judged_metrics(samples.spec(evaluation__gates=gates)) == ("auc", "recall", "brier")


@given(EVERY, intervals(), intervals())
def test_worse_means_that_the_intervals_do_not_touch_on_the_wrong_side(metric, mine, theirs):
    found = quality.compare(metric, live(*mine), before(*theirs))
    wrong = mine[0] > theirs[2] if metric in LOWER_IS_BETTER else mine[2] < theirs[0]
    assert (found.verdict == "worse") == wrong
    assert found.verdict in ("worse", "fine")


@given(EVERY, intervals(), intervals())
def test_not_both_can_be_worse_than_the_other(metric, one, other):
    first, second = (quality.compare(metric, live(*a), before(*b)).verdict for a, b in ((one, other), (other, one)))
    assert (first, second) != ("worse", "worse")


@given(EVERY, intervals(), intervals(), NUMBERS)
def test_a_wider_interval_is_never_surer(metric, mine, theirs, by):
    assume(quality.compare(metric, live(*mine), before(*theirs)).verdict == "fine")
    wider = live(mine[0] - by, mine[1], mine[2] + by)
    assert quality.compare(metric, wider, before(*theirs)).verdict == "fine"


def test_what_is_not_defined_is_not_judged():
    nothing = Figure(value=None, low=None, high=None, reason="all rows are of one class")
    found = quality.compare("auc", nothing, before(0.9, 0.95, 0.97))
    assert (found.verdict, found.reason) == ("not_judged", "auc is not defined: all rows are of one class")
    found = quality.compare("auc", live(0.1, 0.2, 0.3), None)
    assert (found.verdict, found.reason) == ("not_judged", "auc has no registered value with an interval")


def test_registered_figures_are_the_candidate_s_on_the_reference_holdout():
    report = samples.report()
    assert quality.registered(report, "auc", 0.95) == before(0.975, 0.985, 0.995)
    assert quality.registered(report, "auc", 0.9) == before(0.975, 0.985, 0.995)
    assert quality.registered(report, "brier", 0.95) is None
    gone = samples.report(candidate__reference__overall__auc={"value": None, "low": None, "high": None})
    assert quality.registered(gone, "auc", 0.95) is None
    endless = samples.report(candidate__reference__overall__auc={"value": 0.9, "low": float("nan"), "high": 1.0})
    assert quality.registered(endless, "auc", 0.95) is None


def test_registered_intervals_are_widened_to_the_confidence_of_the_live_ones():
    wider = quality.registered(samples.report(), "auc", 0.99)
    assert wider is not None
    assert wider.low == pytest.approx(0.985 - 0.01 * 2.5758 / 1.9600, abs=1e-5)
    assert wider.high == pytest.approx(0.985 + 0.01 * 2.5758 / 1.9600, abs=1e-5)
    # And they stay within what the metric can be
    report = samples.report(candidate__reference__overall__auc={"value": 0.999, "low": 0.99, "high": 1.0})
    assert quality.registered(report, "auc", 0.9999).high == 1.0
    report = samples.report(candidate__reference__overall__brier={"value": 0.01, "low": 0.001, "high": 0.02})
    assert quality.registered(report, "brier", 0.9999).low == 0.0


@pytest.mark.parametrize(
    ("tests", "own", "wanted"), [(1, 0.9, 0.98), (2, 0.95, 0.99), (4, 0.95, 0.995), (0, 0.95, 0.98), (1, 0.999, 0.999)]
)
def test_false_alarms_are_shared_by_the_metrics(tests, own, wanted):
    assert quality.judged_confidence(tests, own) == pytest.approx(wanted)


# -- bias --------------------------------------------------------------------------------------------------------------
def bias(low: float, value: float, high: float, limit: float | None = 0.1, **members) -> LiveBias:
    return LiveBias(
        **{
            "column": "site",
            "measure": "true_positive_rate",
            "group": "north",
            "rows": 90,
            "value": value,
            "low": low,
            "high": high,
            "limit": limit,
            "verdict": "not_judged",
            "reason": "why",
            **members,
        }
    )


@pytest.mark.parametrize(
    ("ends", "limit", "verdict"),
    [
        ((0.11, 0.2, 0.3), 0.1, "beyond"),
        ((-0.3, -0.2, -0.11), 0.1, "beyond"),
        ((0.05, 0.2, 0.3), 0.1, "fine"),
        ((-0.3, 0.0, 0.3), 0.1, "fine"),
        ((0.11, 0.2, 0.3), None, "not_judged"),
    ],
)
def test_a_difference_is_beyond_its_bound_with_its_whole_interval(ends, limit, verdict):
    assert quality.beyond(bias(*ends, limit)).verdict == verdict


def test_a_group_that_is_too_small_keeps_its_reason():
    small = bias(0, 0, 0).model_copy(update={"value": None, "low": None, "high": None})
    assert quality.beyond(small) == small


def test_a_bound_is_on_the_figure_that_it_was_declared_for():
    recall, accuracy = (
        samples.spec(evaluation__bias_groups=[{"column": "site", "metric": metric, "max_difference": 0.2}])
        for metric in ("recall", "accuracy")
    )
    for spec, wanted in ((recall, (0.2, None, None)), (accuracy, (None, None, 0.2))):
        (group,) = spec.evaluation.bias_groups
        found = (
            quality.bounded(group, "true_positive_rate", None),
            quality.bounded(group, "positive_proportion", None),
            quality.bounded(group, "metric", "accuracy"),
        )
        assert found == wanted
    assert quality.bounded(None, "true_positive_rate", None) is None


# -- the verdict -------------------------------------------------------------------------------------------------------
GOOD = quality.compare("auc", live(0.9, 0.95, 0.97), before(0.93, 0.95, 0.97))
WORSE = quality.compare("recall", live(0.5, 0.6, 0.7), before(0.8, 0.9, 0.95))
UNJUDGED = quality.compare("f1", live(0.5, 0.6, 0.7), None)
OVER = quality.beyond(bias(0.2, 0.3, 0.4))


@pytest.mark.parametrize(
    ("metrics", "groups", "status", "first"),
    [
        ([GOOD], [], "measured", "auc 0.95 (0.9 to 0.97): not shown to be worse than registered 0.95 (0.93 to 0.97)"),
        ([GOOD, WORSE], [], "regressed", "recall 0.6 (0.5 to 0.7): worse than registered 0.9 (0.8 to 0.95)"),
        (
            [GOOD],
            [OVER],
            "regressed",
            "true positive rate of site=north against the rest: difference 0.3 (0.2 to 0.4): ",
        ),
        ([UNJUDGED], [], "insufficient", "none of the spec's metrics can be judged on 90 rows"),
        ([], [], "insufficient", "none of the spec's metrics can be judged on 90 rows"),
        ([UNJUDGED], [OVER], "regressed", "true positive rate of site=north"),
        ([GOOD, UNJUDGED], [], "measured", "f1 has no registered value with an interval"),
    ],
)
def test_verdicts_say_the_decisive_reason_first(metrics, groups, status, first):
    found, reasons = quality.conclude(metrics, groups, 90)
    assert found == status
    assert reasons[0].startswith(first)


def test_what_has_regressed_is_named_without_groups():
    assert quality.regressions([GOOD, WORSE], [OVER, OVER]) == ("recall", "true_positive_rate of site")


@pytest.mark.parametrize(("bad", "records", "said"), [(5, 95, False), (6, 94, True), (0, 0, False), (1, 0, True)])
def test_poison_above_the_spec_s_share_is_no_basis(bad, records, said):
    found = quality.poisoned("label records", {"not_json": bad}, records, 0.05)
    assert (found is not None) == said
