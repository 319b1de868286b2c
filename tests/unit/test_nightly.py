"""Nightly evaluation: what is asked, what an answer is, when figures are worse, what is concluded and announced."""

import csv
import io
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.shapes import problems
from muster import nightly
from muster.contracts.base import parse
from muster.contracts.evaluation import Difference as Paired
from muster.contracts.evaluation import Estimate
from muster.contracts.nightly import Answers, AnswersDifference, Asked, AskedHoldout, NightlyFigure, NightlyRecord
from muster.contracts.spec_monitoring import NightlySpec
from muster.contracts.spec_terms import LOWER_IS_BETTER, METRICS
from muster.errors import ContractError, DataRefused
from muster.plans import nightly as plans
from tests.state_machines.scenes_nightly import asked, planned
from tests.state_machines.scenes_nightly import nightly as subject
from tests.unit import samples
from tests.unit.samples import NOW, PACKAGE
from tests.unit.test_plans import processing_request

ALL_METRICS = sorted({metric for each in METRICS.values() for metric in each})
SMALL = st.floats(-1e3, 1e3, allow_nan=False)


def _asked(**rows: int) -> dict[Any, AskedHoldout]:
    return {kind: AskedHoldout(digest="8" * 64, uri="s3://records/h/", rows=count) for kind, count in rows.items()}


# -- what is asked -----------------------------------------------------------------------------------------------------
@given(reference=st.integers(1, 500), recent=st.integers(1, 500), each=st.integers(1, 100))
def test_every_row_is_asked_once_in_its_order(reference: int, recent: int, each: int) -> None:
    sent = nightly.requests(_asked(recent=recent, reference=reference), each)
    rows = [(one.kind, row) for one in sent for row in range(one.start, one.end)]
    assert rows == [("reference", row) for row in range(reference)] + [("recent", row) for row in range(recent)]
    assert all(1 <= one.end - one.start <= each for one in sent)


def test_holdouts_that_take_too_long_are_refused_before_anything_is_asked() -> None:
    spec = NightlySpec()
    nightly.check_length(9_000, spec, 5.0)
    with pytest.raises(
        ContractError, match="found 9001 requests of 20 rows, which take 1800 s at 5 a second; wanted at most"
    ):
        nightly.check_length(9_001, spec, 5.0)


def test_a_turn_ends_before_its_function_does() -> None:
    # A request that begins at the last moment and hangs: four tries of 120 s, each after at most 20 s of waiting.
    assert nightly.TURN_SECONDS + 4 * (120 + 20) <= 900
    assert sum(nightly.PAUSES) <= 20


def test_the_scoring_job_is_the_evaluations_on_the_packages_image() -> None:
    job = planned()["evaluate"]
    assert problems("sagemaker", "CreateProcessingJob", processing_request(job)) == []
    mounted = {each["S3Input"]["LocalPath"].rpartition("/")[2]: each["S3Input"]["S3Uri"] for each in job["inputs"]}
    found = subject()
    assert (mounted["candidate"], mounted["champion"]) == (found.predictions, found.champion)
    assert job["outputs"][0]["S3Output"]["S3Uri"] == found.report
    assert "--champion" in job["arguments"]


def test_the_floor_bounds_the_rate_of_a_spec_that_was_published_before_it() -> None:
    fast = samples.spec(monitoring={"nightly": {"requests_per_second": 100, "rows_per_request": 20}})
    floor = samples.policy()
    live, evidence = _live_and_evidence()
    found = plans.subject(
        "a" * 20, live, evidence, fast, floor, samples.SETTINGS, holdouts=_asked(reference=130), paired=True
    )
    assert found.requests_per_second == floor.monitoring.max_requests_per_second < 100
    assert found.requests == 7


def _live_and_evidence() -> tuple[Any, Any]:
    from types import SimpleNamespace

    from muster.contracts.deployment import HistoryRecord

    live = HistoryRecord(
        workflow="deployment",
        at=NOW,
        execution_arn="arn",
        endpoint="muster-tumour",
        config_name="config",
        package_arn=PACKAGE,
        evidence_digest="e" * 64,
        outcome="deployed",
    )
    code = SimpleNamespace(spec_uri="s3://records/spec.json", spec_digest="5" * 64)
    figures = SimpleNamespace(evaluation_uri="s3://evidence/evaluation.json", evaluation_digest="6" * 64)
    return live, SimpleNamespace(code=code, evaluation=figures)


# -- rows and answers --------------------------------------------------------------------------------------------------
@given(
    rows=st.lists(
        st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\0")), min_size=2, max_size=2), min_size=1
    )
)
def test_fields_are_sent_as_they_stand_in_the_holdout(rows: list[list[str]]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(
        [["row_id", "a", "b"], *([str(at), *row] for at, row in enumerate(rows))]
    )
    ids, found = nightly.read_rows(text.getvalue().encode("utf-8-sig"), "features.csv")
    assert (ids, found) == ([str(at) for at in range(len(rows))], rows)
    assert list(csv.reader(io.StringIO(nightly.body_of(found), newline=""))) == rows


def test_a_ragged_holdout_is_refused() -> None:
    with pytest.raises(DataRefused, match=r"features.csv: found lines of another length than the header's 2 fields"):
        nightly.read_rows(b"row_id,a\n1,2\n3\n", "features.csv")


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("0.5\n", "found 1 lines for 2 rows"),
        ("0.5\n0.5\n0.5\n", "found 3 lines for 2 rows"),
        ("0.5\nsecret\n", "found a line that is no number"),
        ("0.5\n0.5,0.5\n", "found a line without 1 numbers"),
        ("0.5\nnan\n", "not finite"),
        ("0.5\n1.5\n", "outside of 0 to 1"),
    ],
)
def test_an_answer_that_is_none_is_told_without_quoting_it(body: str, why: str) -> None:
    with pytest.raises(DataRefused, match=why) as refused:
        nightly.read_answer(body, 2, subject())
    assert "secret" not in str(refused.value)


def test_answers_are_written_as_a_prediction_job_writes_them() -> None:
    holdouts = {kind: each.payload() for kind, each in _asked(reference=2, recent=1).items()}
    found = nightly.predictions_of(
        subject(holdouts=holdouts),
        {"recent": ["r1"], "reference": ["a", "b"]},
        [Answers(first=0, end=1, lines=((0.1,), (1 / 3,))), Answers(first=1, end=2, lines=((0.5,),))],
    )
    assert found["reference"] == "row_id,prediction_0\na,0.1\nb,0.3333333333333333\n"
    assert found["recent"] == "row_id,prediction_0\nr1,0.5\n"


def test_the_difference_is_by_row_and_forgives_the_last_digit_of_a_float32() -> None:
    ours, theirs = "row_id,p\na,0.10000001\nb,0.9\nc,0.2\n", "row_id,p\nb,0.6\na,0.1\nc,0.2\n"
    found = nightly.difference([ours], [theirs])
    assert (found.rows, found.differing) == (3, 1)
    assert found.largest == pytest.approx(0.3)


# -- the comparison ----------------------------------------------------------------------------------------------------
def _estimate(value: float | None, low: float | None = None, high: float | None = None) -> Estimate:
    return Estimate(value=value, low=low, high=high)


@given(metric=st.sampled_from(ALL_METRICS), value=SMALL, spread=st.floats(0, 10))
def test_the_same_figure_is_never_worse(metric: Any, value: float, spread: float) -> None:
    same = _estimate(value, value - spread, value + spread)
    assert nightly.judge("reference", metric, same, same, None).verdict == "fine"
    assert nightly.judge("reference", metric, same, same, Paired(difference=0, low=0, high=0)).verdict == "fine"


@given(metric=st.sampled_from(ALL_METRICS), now=SMALL, then=SMALL, left=st.floats(0, 10), right=st.floats(0, 10))
def test_by_intervals_worse_is_wholly_on_the_wrong_side(
    metric: Any, now: float, then: float, left: float, right: float
) -> None:
    tonight, registered = _estimate(now, now - left, now + right), _estimate(then, then - right, then + left)
    found = nightly.judge("reference", metric, tonight, registered, None).verdict
    # The mirror of a metric of which less is better is one of which more is.
    sign = -1 if metric in LOWER_IS_BETTER else 1
    mine = max(sign * (now - left), sign * (now + right))
    theirs = min(sign * (then - right), sign * (then + left))
    assert (found == "worse") == (mine < theirs)
    back = nightly.judge("reference", metric, registered, tonight, None).verdict
    assert not (found == "worse" and back == "worse")


@given(gap=SMALL, left=st.floats(0, 100), right=st.floats(0, 100), then=SMALL)
def test_by_rows_worse_is_sure_and_matters(gap: float, left: float, right: float, then: float) -> None:
    paired = Paired(difference=gap, low=gap - left, high=gap + right)
    figure = nightly.judge("recent", "rmse", _estimate(then), _estimate(then), paired)
    assert (figure.verdict == "worse") == (gap + right < 0 and -gap > 1e-3 * abs(then))
    if gap > 0:
        assert figure.verdict == "fine"


def test_more_loss_is_never_less_worse() -> None:
    verdicts = [
        nightly.judge(
            "reference",
            "auc",
            _estimate(0.9 - loss),
            _estimate(0.9),
            Paired(difference=-loss, low=-loss - 0.01, high=-loss + 0.01),
        ).verdict
        for loss in (0.0, 0.005, 0.009, 0.011, 0.02, 0.5)
    ]
    assert verdicts == ["fine", "fine", "fine", "worse", "worse", "worse"]


def test_what_is_not_defined_any_more_is_worse_and_what_never_was_is_not_judged() -> None:
    assert nightly.judge("reference", "precision", _estimate(None), _estimate(0.9, 0.8, 1), None).verdict == "worse"
    assert nightly.judge("reference", "log_loss", _estimate(math.inf), _estimate(0.9, 0.8, 1), None).verdict == "worse"
    assert nightly.judge("reference", "precision", _estimate(0.5, 0, 1), _estimate(None), None).verdict == "not_judged"
    assert nightly.judge("reference", "auc", _estimate(0.5), _estimate(0.9, 0.8, 1), None).verdict == "not_judged"


def test_other_predictions_than_the_registered_ones_are_not_compared_with() -> None:
    # Given tonight's report, whose "champion" are the registered predictions, when they give other figures than then
    registered = samples.report()
    tonight = samples.report(samples.CONTEST)
    assert not nightly.rests_on_registered(tonight, registered)  # other holdouts
    same = samples.report(
        {
            **samples.REPORT,
            "champion": samples.REPORT["candidate"],
            "comparison": {"reference": samples.CONTEST["comparison"]["reference"]},
        }
    )
    assert nightly.rests_on_registered(same, registered)
    other = same.model_copy(update={"champion": {"reference": tonight.champion["reference"]}})  # type: ignore[index]
    assert not nightly.rests_on_registered(other, registered)
    # Then intervals are compared, not rows.
    spec = samples.spec()
    assert all(each.difference is None for each in nightly.compare(other, registered, spec))
    assert {each.metric for each in nightly.compare(same, registered, spec) if each.difference} == {"auc"}


# -- the conclusion ----------------------------------------------------------------------------------------------------
def _figure(verdict: str, metric: str = "auc") -> NightlyFigure:
    nothing = {"value": None, "low": None, "high": None}
    facts = {"holdout": "reference", "metric": metric, "tonight": nothing, "registered": nothing, "difference": None}
    return parse(NightlyFigure, {**facts, "verdict": verdict, "reason": f"{metric} is {verdict}"})


ALL_THE_SAME = AnswersDifference(rows=260, differing=0, largest=0.0)


def test_what_is_worse_comes_first() -> None:
    found = nightly.conclude(
        subject(),
        parse(Asked, asked()),
        [_figure("fine", "recall"), _figure("worse")],
        AnswersDifference(rows=9, differing=4, largest=0.5),
    )
    assert (found.outcome, found.metrics) == ("regressed", ("auc",))
    assert found.reasons[0] == "auc is worse"
    assert "4 of 9 answers are not what the registered model predicted, by up to 0.5" in found.reasons


def test_as_good_with_other_answers_says_so() -> None:
    found = nightly.conclude(
        subject(),
        parse(Asked, asked(config_name="other")),
        [_figure("fine")],
        AnswersDifference(rows=9, differing=1, largest=0.1),
    )
    assert (found.outcome, found.headline) == ("unchanged", "As good as registered, but not the same answers")
    assert "changed it past Muster" in found.reasons[0]


def test_all_well_says_why() -> None:
    found = nightly.conclude(subject(), parse(Asked, asked()), [_figure("fine")], ALL_THE_SAME)
    assert (found.outcome, found.headline) == ("unchanged", "As good as registered")
    assert found.reasons == ("all 260 answers are what the registered model predicted", "auc is fine")


@pytest.mark.parametrize("status", ["unavailable", "changing"])
def test_no_answers_are_no_verdict_on_the_model(status: str) -> None:
    found = nightly.conclude(subject(), parse(Asked, asked(status, reason="no one there")), [], None)
    assert (found.outcome, found.reasons, found.metrics) == (status, ("no one there",), ())


@pytest.mark.parametrize(
    ("found", "live", "leased", "status"),
    [
        ("planned", "planned", False, "answered"),
        ("planned", "planned", True, "answered"),  # a deployment that has not begun to switch
        ("other", "planned", False, "answered"),  # a swap past Muster: it is judged
        ("other", "planned", True, "changing"),  # SageMaker is done, the ledger is about to hear of it
        ("other", "other", False, "changing"),  # the ledger has just heard of it
        ("other", None, False, "changing"),
    ],
)
def test_a_rollout_of_musters_own_is_no_swap(found: str, live: str | None, leased: bool, status: str) -> None:
    answers = parse(Asked, asked(config_name=found))
    assert nightly.settled(answers, subject(config_name="planned"), live, leased=leased).status == status


def _night(outcome: str, package: str = PACKAGE) -> NightlyRecord:
    facts = {
        "run": "a" * 20,
        "at": "2026-11-20T07:20:00Z",
        "model": "tumour",
        "report_uri": "s3://evidence/report.html",
    }
    return parse(NightlyRecord, {**facts, "package_arn": package, "outcome": outcome})


@pytest.mark.parametrize(
    ("outcome", "before", "announced"),
    [
        ("regressed", [], True),
        ("regressed", [_night("unchanged"), _night("regressed")], True),
        ("regressed", [_night("regressed"), _night("unchanged")], False),
        ("regressed", [_night("unavailable"), _night("changing"), _night("regressed")], False),
        ("regressed", [_night("regressed", "another/1")], True),
        ("unchanged", [], False),
        ("unavailable", [_night("unchanged")], False),
    ],
)
def test_only_the_first_of_successive_worse_nights_is_announced(
    outcome: Any, before: list[NightlyRecord], announced: bool
) -> None:
    found = nightly.Conclusion(outcome, "headline", ("reason",))
    assert nightly.announces(found, PACKAGE, before) is announced
