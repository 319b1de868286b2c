"""drift_report.json of every kind of run: it says what was found, is what its contract says, and tells no masked value."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muster.contracts.base import parse
from muster.contracts.drift_report import DriftReport
from muster_numerics.capture import Tally
from muster_numerics.decide import Rules, decide
from muster_numerics.redaction import Redaction
from muster_numerics.report_document import SUMMARY_BYTES, build, effects, summary
from tests.numerics import report_scenes as scenes
from tests.numerics.report_scenes import ATTRIBUTION, KEY, PLAN, QUALITY, WATCHED, Scene

DOCUMENTS = scenes.scenes()
KINDS = sorted(DOCUMENTS)


@pytest.mark.parametrize("kind", KINDS)
def test_every_document_is_what_its_contract_says_and_survives_json(kind):
    document = DOCUMENTS[kind]
    written = json.dumps(document, allow_nan=False)
    assert json.loads(written) == document
    assert parse(DriftReport, document).outcome == document["outcome"]


SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "drift_report.schema.json").read_text())


@pytest.mark.parametrize("kind", KINDS)
def test_every_document_is_what_the_published_schema_says(kind):
    jsonschema.Draft202012Validator(SCHEMA).validate(DOCUMENTS[kind])


def test_the_schema_refuses_what_is_no_report():
    validator = jsonschema.Draft202012Validator(SCHEMA)
    for wrong in ({"outcome": "fine"}, {"colour": 1}, {"columns": [{}]}, {"at": None}):
        assert list(validator.iter_errors(DOCUMENTS["none"] | wrong)), wrong


def test_the_same_run_writes_the_same_bytes():
    scene = Scene(shift=0.3)
    assert json.dumps(scene.document) == json.dumps(scene.document)


@pytest.mark.parametrize("kind", ["drift", "drift35", "warn", "none35"])
def test_columns_are_ordered_by_gravity_then_effect(kind):
    order = [
        ({"drift": 0, "warn": 1, "none": 2}[column["verdict"]], -column["effect"])
        for column in DOCUMENTS[kind]["columns"]
    ]
    assert order == sorted(order)
    assert len({column["name"] for column in DOCUMENTS[kind]["columns"]}) == len(order)


def test_effect_is_that_of_the_missing_rows_if_they_moved_more():
    area = next(column for column in DOCUMENTS["drift"]["columns"] if column["name"] == "area_3")
    sizes = area["effects"]
    assert area["effect"] == pytest.approx(sizes["missing_after"] - sizes["missing_before"])
    assert area["effect"] > sizes["ks"]


def test_counts_of_cells_are_those_of_the_rows():
    for column in DOCUMENTS["drift35"]["columns"]:
        for side in ("baseline", "window"):
            present = column[side]["rows"] - column[side]["missing"] - column[side]["unparsed"]
            assert sum(column["cells"][side]) == present
        edges, labels = column["cells"]["edges"], column["cells"]["labels"]
        bounds = len(edges) + 1 if edges is not None else len(labels) + 1
        assert len(column["cells"]["window"]) == len(column["cells"]["baseline"]) == bounds


def test_reasons_name_what_is_broken_first_then_columns_by_effect_then_quality():
    document = DOCUMENTS["drift"]
    assert document["reasons"][0].startswith("mean_0: distribution moved")
    assert document["reasons"][-2:] == [
        f"model quality: {QUALITY['reason']}",
        f"attribution: {ATTRIBUTION['reason']}",
    ]
    assert DOCUMENTS["broken"]["reasons"] == ["mean_0: the column is missing from 100.0% of the rows"]


def test_headlines_say_what_happened():
    heads = {kind: DOCUMENTS[kind]["headline"] for kind in KINDS}
    assert heads["none"] == "None of 6 columns differs from the baseline in 2,000 rows."
    assert heads["drift"].startswith("4 of 6 columns moved")
    assert heads["drift"].endswith("worse than when it was registered.")
    assert heads["broken"].startswith("The data of 1 column are broken")
    assert heads["insufficient"].startswith("No verdict")
    assert heads["inconclusive"].startswith("No verdict")


def test_nothing_decided_means_no_columns_but_all_counts():
    for kind in ("insufficient", "inconclusive"):
        assert DOCUMENTS[kind]["columns"] == []
        assert effects(DOCUMENTS[kind]) == {}
    data = DOCUMENTS["inconclusive"]["data"]
    assert data["poison"] == {"wrong_field_count": 310, "not_json": 22, "bad_payload": 4}
    assert data["poison_records"] == 336
    assert data["poison_share"] == pytest.approx(336 / 2336)
    assert DOCUMENTS["insufficient"]["data"]["gaps"]


def test_an_event_names_the_columns_that_moved_and_the_broken_ones():
    assert list(effects(DOCUMENTS["drift"])) == ["mean_0", "prediction", "area_3", "site"]
    told = effects(DOCUMENTS["broken"])
    assert told == {"mean_0": "the column is missing from 100.0% of the rows"}
    assert not effects(DOCUMENTS["none"])


@pytest.mark.parametrize(("verdict_scene", "outcome"), [(Scene(), "drift"), (Scene(rows=57), "none")])
def test_an_outcome_that_does_not_fit_the_verdict_is_refused(verdict_scene, outcome):
    with pytest.raises(ValueError, match=r"report: outcome: found '\w+' with verdict"):
        _ = replace(verdict_scene, outcome=outcome).document


# -- controlled fields -------------------------------------------------------------------------------------------------
def test_controlled_values_are_nowhere_in_the_document():
    document = DOCUMENTS["controlled"]
    plain = Scene(shift=0.3, changes={"missing": 0.09, "new": 0.02}).document
    text = json.dumps(document)
    for word in ("norwood", "sutton", "easton", "weston", "field hospital"):
        assert word not in text
        assert Redaction(frozenset(["site"]), KEY).word("site", word) in text
    masked = {column["name"]: column for column in document["columns"]}
    for column in plain["columns"]:
        told = masked[column["name"]]
        assert told["verdict"] == column["verdict"]
        if column["name"] in ("mean_0", "area_3"):
            values = [*column["cells"]["edges"], *(column[side][name] for side in ("baseline", "window") for name in ("mean", "deviation", "low", "high"))]  # fmt: skip
            assert not [value for value in values if repr(value) in text]
            assert told["cells"]["edges"] is None
            assert len(told["cells"]["window"]) == 10


def test_words_of_a_controlled_column_in_plain_are_refused_without_being_told():
    baseline, state, decision = Scene().parts()
    with pytest.raises(ValueError, match="words of a controlled column in plain") as refused:
        build(
            watched=WATCHED, plan=PLAN, at="2026-11-21T10:20:00.000Z", evidence_uri="s3://e/x/", outcome="none",
            decision=decision, state=state, baseline=baseline, tally=Tally(2_000, 2_000), rules=Rules(),
            controlled=("site",),
        )  # fmt: skip
    assert "norwood" not in str(refused.value)


def test_a_group_of_a_controlled_facet_in_plain_is_refused():
    with pytest.raises(ValueError, match="bias of site"):
        _ = Scene(controlled=("site",), more={"quality": QUALITY}).document
    group = Redaction(frozenset(["site"]), KEY).word("site", "norwood")
    hidden = QUALITY | {"bias": [QUALITY["bias"][0] | {"group": each} for each in (group, "(empty)", "(other values)")]}
    document = Scene(controlled=("site",), more={"quality": hidden}).document
    assert [each["group"] for each in document["quality"]["bias"]] == [group, "(empty)", "(other values)"]


# -- what other parts give ---------------------------------------------------------------------------------------------
def test_unknown_members_are_left_out_and_missing_ones_are_null():
    given_quality = {"status": "insufficient", "reason": "57 rows", "metrics": [{"name": "auc", "error": 0.1}], "x": 1}
    told = Scene(more={"quality": given_quality}).document["quality"]
    assert "x" not in told
    assert told["metrics"][0]["name"] == "auc"
    assert told["metrics"][0]["registered"] is None
    assert told["bias"] == []


def test_what_json_cannot_hold_becomes_null():
    metric = QUALITY["metrics"][0] | {
        "high": float("inf"),
        "registered": {"value": 0.9, "low": float("nan"), "high": 1.0},
    }
    told = Scene(more={"quality": QUALITY | {"metrics": [metric]}}).document["quality"]["metrics"][0]
    assert told["high"] is None
    assert told["registered"] == {"value": 0.9, "low": None, "high": 1.0}
    json.dumps(told, allow_nan=False)


# -- what later reports show -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", KINDS)
def test_a_summary_is_small_and_can_be_the_history_of_the_next(kind):
    told = summary(DOCUMENTS[kind])
    assert len(json.dumps(told, ensure_ascii=False).encode()) <= SUMMARY_BYTES
    assert told["outcome"] == DOCUMENTS[kind]["outcome"]
    following = Scene(more={"history": [told] * 60}).document
    assert len(following["history"]) == 48
    parse(DriftReport, following)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 300), st.text(min_size=1, max_size=64))
def test_a_summary_stays_small_whatever_columns_are_called(count, name):
    document = DOCUMENTS["none"]
    columns = [document["columns"][0] | {"name": f"{name}{number}", "verdict": "drift"} for number in range(count)]
    told = summary(document | {"columns": columns})
    assert len(json.dumps(told, ensure_ascii=False).encode(errors="replace")) <= SUMMARY_BYTES


def test_poison_is_counted_by_reason_the_most_frequent_first():
    document = Scene(poison=Counter({"not_json": 1, "no_input": 20})).document
    assert list(document["data"]["poison"]) == ["no_input", "not_json"]
    assert document["data"]["records"] == 2_021


def test_a_baseline_without_predictions_and_a_window_without_rows_are_told():
    baseline, state, _ = Scene(rows=0).parts()
    decision = decide(state, baseline, Rules())
    document = build(
        watched=WATCHED, plan=PLAN | {"files": 0, "bytes": 0}, at="2026-11-21T10:20:00.000Z", evidence_uri="s3://e/x/",
        outcome="insufficient", decision=decision, state=state, baseline=baseline, tally=Tally(), rules=Rules(),
    )  # fmt: skip
    assert document["data"]["poison_share"] == 0
    parse(DriftReport, document | {"evidence_uri": scenes.EVIDENCE})
