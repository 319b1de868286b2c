"""Contracts: what they accept, and the one line that they answer to everything else."""

import math
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muster.contracts.base import Time, iso, parse
from muster.contracts.evaluation import EvaluationReport
from muster.contracts.pipeline import PipelineRequest, Run
from muster.contracts.policy import Policy
from muster.contracts.spec import ModelSpec, RolloutSpec
from muster.contracts.spec_terms import METRICS
from muster.errors import ContractError
from tests.unit import samples


def test_sample_spec_is_accepted_and_comes_back_unchanged():
    spec = samples.spec()
    assert parse(ModelSpec, spec.payload()) == spec


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"training__spott": {}}, "training.spott: found an unknown field, wanted 'spot' (or another of: entry_point,"),
        ({"colour": 1}, "colour: found an unknown field, wanted "),
        ({"training__entry_point": ...}, "training.entry_point: found nothing, wanted a value"),
        ({"training__volume_gb": "10"}, "training.volume_gb: found '10', wanted a whole number"),
        ({"training__spot": [1]}, "training.spot: found a list of 1, wanted a mapping"),
        ({"training__spot__enabled": "yes"}, "training.spot.enabled: found 'yes', wanted true or false"),
        ({"training__volume_gb": 0}, "training.volume_gb: found 0, wanted at least 1"),
        (
            {"problem_type": "clustering"},
            "problem_type: found 'clustering', wanted 'binary', 'multiclass' or 'regression'",
        ),
        ({"name": "Tumour"}, "name: found 'Tumour', wanted text of the form ^[a-z]"),
        ({"image__version": 1.7}, "image.version: found 1.7, wanted text"),
        ({"evaluation__gates": []}, "evaluation.gates: found a list of 0, wanted at least 1 entries"),
        ({"evaluation__gates__0__min": None}, "evaluation.gates[0]: found neither, wanted exactly 'min' for auc"),
        ({"evaluation__gates__0__max": 1.0}, "found min, max, wanted exactly 'min' for auc"),
        ({"evaluation__gates__0__metric": "rmse"}, "evaluation.gates[0]: found min, wanted exactly 'max' for rmse"),
        ({"evaluation__primary_metric": "r2"}, "found r2 in evaluation.primary_metric, wanted a metric for binary"),
        ({"classes": ["a"]}, "found 1 classes, wanted 2 different ones for binary"),
        (
            {"training__spot__max_wait_seconds": 60},
            "found spot.max_wait_seconds 60, wanted at least max_runtime_seconds",
        ),
        ({"rollout__step_percent": 20}, "found step_percent 20, wanted no value with strategy canary"),
        ({"rollout__canary_percent": None}, "found canary_percent None, wanted a value with strategy canary"),
        ({"rollout__maximum_seconds": 1200}, "wanted more than the rollout's waits: 2 x 300 + 600 = 1200"),
        (
            {"rollout__alarms__error_count__period_seconds": 45},
            "found error_count.period_seconds 45, wanted 10, 20, 30",
        ),
        ({"training__hyperparameters__sagemaker_program": "x"}, "names other than sagemaker_program"),
        ({"inference__environment": {"AWS_REGION": "x"}}, "names without the prefixes"),
        (
            {"training__hyperparameters": {f"h{n}": "x" * 2000 for n in range(5)}},
            "found 10050 bytes as JSON, wanted at most 8192",
        ),
        (
            {"inference__environment": {f"V{n}": "x" * 250 for n in range(17)}},
            "found 4427 bytes as JSON, wanted at most 4096",
        ),
        ({"inference__environment": {f"V{n}": "" for n in range(91)}}, "at most 90 variables"),
        ({"card__ai_rmf_functions": ["be good"]}, "NIST AI RMF subcategories such as 'GOVERN 1.6', not 'be good'"),
        ({"evaluation__slices__0__column": "diagnosis"}, "found diagnosis as a slice, wanted a column other"),
        ({"evaluation__confidence": math.nan}, "evaluation.confidence: found nan, wanted a finite number"),
        (
            {"preprocess__max_runtime_seconds": 86401},
            "preprocess.max_runtime_seconds: found 86401, wanted at most 86400",
        ),
        (
            {"training__hyperparameters__max_depth": [1]},
            "training.hyperparameters.max_depth: found a list of 1, wanted",
        ),
    ],
)
def test_bad_spec_ends_in_one_line_that_names_field_found_and_wanted(changes, line):
    with pytest.raises(ContractError) as caught:
        parse(ModelSpec, samples.bent(samples.SPEC, **changes), "models/tumour/model.yaml")
    message = str(caught.value)
    assert message.startswith("models/tumour/model.yaml: ")
    assert line in message
    assert "\n" not in message


def test_every_problem_is_named_at_once():
    data = samples.bent(samples.SPEC, target=1, name="No", training__volume_gb=0)
    with pytest.raises(ContractError) as caught:
        parse(ModelSpec, data)
    assert [part in str(caught.value) for part in ("target: ", "name: ", "training.volume_gb: ")] == [True] * 3


@pytest.mark.parametrize("data", [None, 7, "text", [], {"model": {1, 2}}, {"model": b"x"}])
def test_what_is_not_even_a_mapping_is_one_line_too(data):
    with pytest.raises(ContractError, match=r"^PipelineRequest: ") as caught:
        parse(PipelineRequest, data)
    assert "\n" not in str(caught.value)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=4),
        max_leaves=8,
    )
)
def test_no_data_escapes_as_another_error_or_as_several_lines(data):
    for contract in (PipelineRequest, ModelSpec, Run, Policy, EvaluationReport):
        with pytest.raises(ContractError) as caught:
            parse(contract, data)
        assert len(str(caught.value).splitlines()) == 1


def test_long_values_are_shortened_in_errors():
    with pytest.raises(ContractError) as caught:
        parse(PipelineRequest, {"model": "X" * 5000})
    assert len(str(caught.value)) < 300


def test_payload_spells_absent_members_as_null_and_times_with_z():
    run = samples.run(started_at="2026-11-21T13:00:00.5+01:00")
    assert run.payload()["started_at"] == "2026-11-21T12:00:00.500Z"
    assert PipelineRequest(model="m").payload() == {
        "model": "m",
        "spec_digest": None,
        "reason": None,
        "trigger": "manual",
    }


@pytest.mark.parametrize("value", ["yesterday", "2026-11-21T12:00:00", 5])
def test_times_need_a_zone(value):
    with pytest.raises(ContractError, match="started_at: found"):
        samples.run(started_at=value)


@given(st.datetimes(timezones=st.timezones()), st.datetimes(timezones=st.timezones()))
def test_iso_times_sort_as_text_like_times(one, other):
    # Given two moments of whole milliseconds in any zones, from years that have four digits in every zone
    one, other = (each.replace(microsecond=each.microsecond // 1000 * 1000) for each in (one, other))
    if 2 < one.year < 9998 and 2 < other.year < 9998:
        assert (iso(one) < iso(other)) == (one.astimezone(UTC) < other.astimezone(UTC))


def test_contracts_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        samples.run().model = "other"
    assert isinstance(samples.run().started_at, datetime)
    assert Time is not None


@pytest.mark.parametrize(
    ("strategy", "share", "shifts"),
    [("all_at_once", {}, 1), ("canary", {"canary_percent": 10}, 2), ("linear", {"step_percent": 30}, 4)],
)
def test_rollout_knows_its_waits(strategy, share, shifts):
    data = samples.bent(samples.SPEC["rollout"], strategy=strategy, **{"canary_percent": None, **share})
    rollout = parse(RolloutSpec, data)
    assert rollout.shifts == shifts
    assert rollout.waiting_seconds == shifts * 300 + 600


def test_every_problem_type_has_metrics_and_a_floor():
    floor = samples.policy().evaluation.required_gates
    for problem_type, metrics in METRICS.items():
        for gate in getattr(floor, problem_type):
            assert gate.metric in metrics


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"monitoring__facets": ["diagnosis"]}, "found diagnosis as a facet"),
        ({"monitoring__categorical": ["sample_id"]}, "found sample_id as categorical"),
        ({"monitoring__confirmation": {"drifting": 4, "among": 3}}, "found drifting 4, wanted at most among (3)"),
    ],
)
def test_a_spec_that_watches_carelessly_is_refused(changes, said):
    with pytest.raises(ContractError) as refused:
        samples.spec(**changes)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
